#include "similar.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define LONGEST 64 /* bytes of a name that are looked at */

void
similar_init(struct similar *s, const char *wanted)
{
	memset(s, 0, sizeof *s);
	s->wanted = wanted;
}

static int
smallest(int a, int b, int c)
{
	int m = a < b ? a : b;

	return m < c ? m : c;
}

/* Optimal string alignment: three rows of the matrix. */
int
similar_distance(const char *a, const char *b)
{
	int rows[3][LONGEST + 1];
	int *before = rows[0], *last = rows[1], *row = rows[2];
	int la = (int)strnlen(a, LONGEST), lb = (int)strnlen(b, LONGEST);

	memset(rows, 0, sizeof rows);
	for (int j = 0; j <= lb; j++)
		last[j] = j;
	for (int i = 1; i <= la; i++) {
		int ca = tolower((unsigned char)a[i - 1]), *spare = before;

		row[0] = i;
		for (int j = 1; j <= lb; j++) {
			int cb = tolower((unsigned char)b[j - 1]);

			row[j] = smallest(row[j - 1] + 1, last[j] + 1, last[j - 1] + (ca != cb));
			if (i > 1 && j > 1 && ca == tolower((unsigned char)b[j - 2]) &&
			    cb == tolower((unsigned char)a[i - 2]) && before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		before = last;
		last = row;
		row = spare;
	}
	return last[lb];
}

void
similar_offer(struct similar *s, const char *name)
{
	int d = similar_distance(s->wanted, name), at;
	int most = (int)strnlen(s->wanted, LONGEST) / 3;

	if (strncasecmp(name, s->wanted, strlen(s->wanted)) == 0)
		d = 1; /* the beginning of a name */
	if (d > (most > 0 ? most : 1))
		return;
	for (at = s->n; at > 0 && s->distance[at - 1] > d; at--)
		continue;
	if (at == SIMILAR_MAX)
		return;
	if (s->n < SIMILAR_MAX)
		s->n++;
	for (int i = s->n - 1; i > at; i--) {
		s->distance[i] = s->distance[i - 1];
		memcpy(s->name[i], s->name[i - 1], sizeof s->name[i]);
	}
	s->distance[at] = d;
	snprintf(s->name[at], sizeof s->name[at], "%s", name);
}
