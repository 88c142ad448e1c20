#include "spec.h"

#include <stdlib.h>
#include <string.h>

#define MOST (INT64_C(1) << 53) /* ms or bytes: far beyond use, and far from overflow */

/* The values of all pairs of this key, and `spare` empty places; NULL when out of memory. */
static char **
list_of(const struct kv *kv, const char *key, size_t spare, bool *has_nul)
{
	char **list = calloc(kv->n + spare + 1, sizeof *list);
	const struct kv_pair *p;
	size_t from = 0, n = 0;

	while (list != NULL && (p = kv_next(kv, key, &from)) != NULL) {
		/* execve takes char *const *, and changes nothing. */
		memcpy(&list[n++], &p->value, sizeof list[0]);
		if (strlen(p->value) != p->len)
			*has_nul = true;
	}
	return list;
}

static void
take_texts(struct spec *s, const struct kv *kv)
{
	const struct kv_pair *input;
	const char *full = kv_get(kv, "log_full");
	size_t from = 0;

	s->slot = kv_get(kv, "slot");
	s->spool = kv_get(kv, "spool");
	s->bell = kv_get(kv, "bell");
	s->cwd = kv_get(kv, "cwd");
	s->log_block = full != NULL && strcmp(full, "block") == 0;
	input = kv_next(kv, "input", &from);
	s->input = input != NULL ? input->value : NULL;
	s->input_len = input != NULL ? input->len : 0;
}

static int
check(const struct spec *s, bool has_nul, struct err *e)
{
	if (s->argv == NULL || s->envp == NULL)
		return err_set(e, ERR_NOMEM, "out of memory");
	if (s->slot == NULL || s->slot[0] != '/')
		return err_set(e, ERR_DATA, "the run has no slot file, or not as an absolute path");
	if (s->spool == NULL || s->spool[0] != '/')
		return err_set(e, ERR_DATA, "the run has no spool file, or not as an absolute path");
	if (s->seq < 1)
		return err_set(e, ERR_DATA, "the run has no seq of 1 and up");
	if (s->argv[0] == NULL || s->argv[0][0] == '\0')
		return err_set(e, ERR_DATA, "the run has no program");
	if (has_nul)
		return err_set(e, ERR_DATA, "an argument or variable has a NUL in it");
	if (s->timeout_ms < 0 || s->grace_ms < 0 || s->log_max < 0 || s->timeout_ms > MOST || s->grace_ms > MOST ||
	    s->log_max > MOST)
		return err_set(e, ERR_DATA, "a time or size of the run is negative or too large");
	return 0;
}

int
spec_from_record(struct spec *s, struct kv *record, struct err *e)
{
	bool has_nul = false;

	*s = (struct spec){
		.seq = kv_get_i64(record, "seq", 0),
		.instance_id = kv_get_i64(record, "instance", 0),
		.attempt = kv_get_i64(record, "attempt", 0),
		.timeout_ms = kv_get_i64(record, "timeout_ms", 0),
		.grace_ms = kv_get_i64(record, "grace_ms", SPEC_GRACE_MS),
		.log_max = kv_get_i64(record, "log_max", 0),
		.argv = list_of(record, "arg", 0, &has_nul),
		.envp = list_of(record, "env", 1, &has_nul),
	};
	take_texts(s, record);
	if (check(s, has_nul, e) < 0) {
		spec_fini(s);
		return -1;
	}
	s->kv = *record;
	*record = (struct kv){ 0 };
	return 0;
}

void
spec_fini(struct spec *s)
{
	free(s->argv);
	free(s->envp);
	kv_fini(&s->kv);
	*s = (struct spec){ 0 };
}

void
spec_add_env(struct spec *s, char *entry)
{
	size_t n = 0;

	while (s->envp[n] != NULL)
		n++;
	s->envp[n] = entry;
}
