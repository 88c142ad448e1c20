/* Passwords and tokens of apps. Checking a password costs 10 ms by design: what was found is kept, keyed by a hash under a
 * key of this process, so that neither passwords nor their MD5 stay in memory. */
#ifndef PJ_SERVERD_PASSWORDS_H
#define PJ_SERVERD_PASSWORDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "store/app.h"

struct passwords *passwords_new(struct err *e);
void passwords_free(struct passwords *p);
/* 0 right; 1 wrong; -1 (ERR_BUSY: too many wrong ones were tried within this second). */
int passwords_check(struct passwords *p, const struct app *a, const char *md5hex, int64_t mono_ms, struct err *e);

/* 2 * bytes hex digits and a NUL into out; bytes up to 64. */
int passwords_random(char *out, size_t bytes, struct err *e);

/* A token names the app, the generation of its password and its end, and is signed with the server's secret:
 * `pj1.APP.GENERATION.END.HMAC`. Opaque to clients. */
#define TOKEN_SIZE 160
void token_make(const unsigned char secret[32], const struct app *a, int64_t ends_at_ms, char out[TOKEN_SIZE]);
struct token {
	int64_t app_id, password_gen, ends_at_ms;
};
/* 0, or -1 with ERR_DATA: no token of this server. The end and the generation are for the caller to check. */
int token_read(const unsigned char secret[32], const char *text, struct token *out, struct err *e);
/* The same for a secret that stays: what was read is kept. */
int passwords_token(struct passwords *p, const unsigned char secret[32], const char *text, struct token *out,
    struct err *e);

#endif
