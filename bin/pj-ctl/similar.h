/* Names that are like a name that was not found. */
#ifndef PJ_CTL_SIMILAR_H
#define PJ_CTL_SIMILAR_H

#include <stdbool.h>

#define SIMILAR_MAX 3

struct similar {
	const char *wanted;
	int n;
	int distance[SIMILAR_MAX];
	char name[SIMILAR_MAX][256];
};

void similar_init(struct similar *s, const char *wanted);
void similar_offer(struct similar *s, const char *name); /* keeps it when it is one of the nearest */
/* Letters to change, add, drop or swap between two names, case aside. */
int similar_distance(const char *a, const char *b);

#endif
