/* Apps: tenants, each with a password. Stored is scrypt of the password's lower-case hex MD5, because that is what
 * PowerJob's clients send (protocol.md 1.3). */
#ifndef PJ_STORE_APP_H
#define PJ_STORE_APP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "store/db.h"

struct app {
	int64_t id, password_gen, created_ms, modified_ms;
	char name[LIMIT_NAME + 1];
	char password[256]; /* the stored hash */
};

/* ERR_NOTFOUND, ERR_CONFLICT (name taken), ERR_USAGE (empty, too long, white space or control characters in the name). */
int app_add(struct db *db, const char *name, const char *password, int64_t at_ms, int64_t *id, struct err *e);
int app_get(struct db *db, int64_t id, struct app *out, struct err *e);
/* The generation of its password alone: a token's check is part of every call. ERR_NOTFOUND. */
int app_password_gen(struct db *db, int64_t id, int64_t *gen, struct err *e);
int app_find(struct db *db, const char *name, struct app *out, struct err *e);
int app_set_password(struct db *db, int64_t id, const char *password, int64_t at_ms, struct err *e);
/* ERR_CONFLICT while it has jobs that are not deleted, or live instances. */
int app_remove(struct db *db, int64_t id, struct err *e);
int app_each(struct db *db, bool (*fn)(const struct app *a, void *arg), void *arg, struct err *e);
/* md5hex: 32 hex digits (any case). 0 right, 1 wrong, -1. Takes about 10 ms: cache the answer, not the password. */
int app_check_md5(const struct app *a, const char *md5hex, struct err *e);
void app_md5hex(const char *password, char out[33]);

#endif
