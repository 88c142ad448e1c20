#include "store/app.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* About 10 ms and 4 MB a password. The parameters stand in each stored hash, so they may grow later. */
#define SCRYPT_N 4096
#define SCRYPT_R 8
#define SCRYPT_P 1
#define SALT_BYTES 16
#define HASH_BYTES 32
#define SCRYPT_MEMORY (64 * 1024 * 1024)

static void
to_hex(const unsigned char *in, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", in[i]);
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int
from_hex(const char *in, unsigned char *out, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int hi = hex_digit(in[2 * i]), lo = hi < 0 ? -1 : hex_digit(in[2 * i + 1]);

		if (lo < 0)
			return -1;
		out[i] = (unsigned char)(hi << 4 | lo);
	}
	return in[2 * n] == '\0' ? 0 : -1;
}

void
app_md5hex(const char *password, char out[33])
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	if (EVP_Digest(password, strlen(password), md, &n, EVP_md5(), NULL) != 1 || n != 16)
		abort(); /* no libcrypto without MD5 is supported: PowerJob's clients send nothing else */
	to_hex(md, 16, out);
	OPENSSL_cleanse(md, sizeof md);
}

static int
make_hash(const char *password, char *out, size_t size, struct err *e)
{
	unsigned char salt[SALT_BYTES], hash[HASH_BYTES];
	char md5[33], salt_hex[2 * SALT_BYTES + 1], hash_hex[2 * HASH_BYTES + 1];
	int ok;

	if (password == NULL || password[0] == '\0')
		return err_set(e, ERR_USAGE, "the password must not be empty");
	if (strlen(password) > LIMIT_NAME)
		return err_set(e, ERR_USAGE, "the password is longer than %d bytes", LIMIT_NAME);
	if (RAND_bytes(salt, sizeof salt) != 1)
		return err_set(e, ERR_OS, "no random bytes for a salt");
	app_md5hex(password, md5);
	ok = EVP_PBE_scrypt(md5, 32, salt, sizeof salt, SCRYPT_N, SCRYPT_R, SCRYPT_P, SCRYPT_MEMORY, hash, sizeof hash);
	OPENSSL_cleanse(md5, sizeof md5);
	if (ok != 1)
		return err_set(e, ERR_NOMEM, "scrypt failed: out of memory");
	to_hex(salt, sizeof salt, salt_hex);
	to_hex(hash, sizeof hash, hash_hex);
	snprintf(out, size, "scrypt$%d$%d$%d$%s$%s", SCRYPT_N, SCRYPT_R, SCRYPT_P, salt_hex, hash_hex);
	return 0;
}

int
app_check_md5(const struct app *a, const char *md5hex, struct err *e)
{
	unsigned char salt[SALT_BYTES], want[HASH_BYTES], got[HASH_BYTES], md5[16];
	char salt_hex[2 * SALT_BYTES + 1], hash_hex[2 * HASH_BYTES + 1], lower[33];
	unsigned int n, r, p;

	if (sscanf(a->password, "scrypt$%7u$%3u$%3u$%32[0-9a-f]$%64[0-9a-f]", &n, &r, &p, salt_hex, hash_hex) != 5 ||
	    from_hex(salt_hex, salt, sizeof salt) < 0 || from_hex(hash_hex, want, sizeof want) < 0)
		return err_set(e, ERR_DATA, "app %s: its stored password hash is damaged; set a new one: pj-ctl app passwd %s",
		    a->name, a->name);
	if (md5hex == NULL || from_hex(md5hex, md5, sizeof md5) < 0)
		return 1;
	to_hex(md5, sizeof md5, lower);
	if (EVP_PBE_scrypt(lower, 32, salt, sizeof salt, n, r, p, SCRYPT_MEMORY, got, sizeof got) != 1)
		return err_set(e, ERR_NOMEM, "scrypt failed: out of memory");
	return CRYPTO_memcmp(got, want, sizeof got) == 0 ? 0 : 1;
}

static int
check_name(const char *name, struct err *e)
{
	if (name == NULL || name[0] == '\0')
		return err_set(e, ERR_USAGE, "the name of an app must not be empty");
	if (strlen(name) > LIMIT_NAME)
		return err_set(e, ERR_USAGE, "the name of the app is longer than %d bytes: %.40s...", LIMIT_NAME, name);
	for (const char *c = name; *c != '\0'; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return err_set(e, ERR_USAGE, "the name of an app must not have blanks or control characters: %.80s", name);
	return 0;
}

int
app_add(struct db *db, const char *name, const char *password, int64_t at_ms, int64_t *id, struct err *e)
{
	char hash[sizeof ((struct app *)NULL)->password];
	struct stmt *s;
	struct err why = ERR_INIT;

	if (check_name(name, e) < 0 || make_hash(password, hash, sizeof hash, e) < 0)
		return -1;
	s = db_stmt(db, "INSERT INTO app(name, password, created_ms, modified_ms) VALUES(?1, ?2, ?3, ?3)", e);
	if (s == NULL)
		return -1;
	stmt_text(s, 1, name);
	stmt_text(s, 2, hash);
	stmt_i64(s, 3, at_ms);
	if (stmt_run(s, &why) < 0) {
		if (why.code == ERR_CONFLICT)
			return err_set(e, ERR_CONFLICT, "an app named %s is there already", name);
		return err_set(e, why.code, "%s", why.msg);
	}
	*id = db_last_rowid(db);
	return 0;
}

#define COLUMNS "id, password_gen, created_ms, modified_ms, name, password"

static void
from_row(struct stmt *s, struct app *out)
{
	out->id = stmt_col_i64(s, 0);
	out->password_gen = stmt_col_i64(s, 1);
	out->created_ms = stmt_col_i64(s, 2);
	out->modified_ms = stmt_col_i64(s, 3);
	snprintf(out->name, sizeof out->name, "%s", stmt_col_text(s, 4));
	snprintf(out->password, sizeof out->password, "%s", stmt_col_text(s, 5));
}

int
app_get(struct db *db, int64_t id, struct app *out, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT " COLUMNS " FROM app WHERE id = ?", e);
	int r;

	stmt_i64(s, 1, id);
	r = stmt_step(s, e);
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no app with id %lld", (long long)id);
	if (r < 0)
		return -1;
	from_row(s, out);
	stmt_reset(s);
	return 0;
}

int
app_password_gen(struct db *db, int64_t id, int64_t *gen, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT password_gen FROM app WHERE id = ?", e);
	int r;

	stmt_i64(s, 1, id);
	r = stmt_step(s, e);
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no app with id %lld", (long long)id);
	if (r < 0)
		return -1;
	*gen = stmt_col_i64(s, 0);
	stmt_reset(s);
	return 0;
}

int
app_find(struct db *db, const char *name, struct app *out, struct err *e)
{
	struct stmt *s = db_stmt(db, "SELECT " COLUMNS " FROM app WHERE name = ?", e);
	int r;

	stmt_text(s, 1, name);
	r = stmt_step(s, e);
	if (r == 0)
		return err_set(e, ERR_NOTFOUND, "no app named %.*s; see pj-ctl app ls", LIMIT_NAME, name);
	if (r < 0)
		return -1;
	from_row(s, out);
	stmt_reset(s);
	return 0;
}

int
app_set_password(struct db *db, int64_t id, const char *password, int64_t at_ms, struct err *e)
{
	char hash[sizeof ((struct app *)NULL)->password];
	struct stmt *s;

	if (make_hash(password, hash, sizeof hash, e) < 0)
		return -1;
	s = db_stmt(db, "UPDATE app SET password = ?2, password_gen = password_gen + 1, modified_ms = ?3 WHERE id = ?1", e);
	stmt_i64(s, 1, id);
	stmt_text(s, 2, hash);
	stmt_i64(s, 3, at_ms);
	if (stmt_run(s, e) < 0)
		return -1;
	return db_changes(db) == 1 ? 0 : err_set(e, ERR_NOTFOUND, "no app with id %lld", (long long)id);
}

static int
count(struct stmt *s, int64_t id, int64_t *out, struct err *e)
{
	stmt_i64(s, 1, id);
	if (stmt_step(s, e) != 1)
		return -1;
	*out = stmt_col_i64(s, 0);
	stmt_reset(s);
	return 0;
}

int
app_remove(struct db *db, int64_t id, struct err *e)
{
	struct app a;
	struct stmt *s;
	int64_t jobs, live;

	if (app_get(db, id, &a, e) < 0 ||
	    count(db_stmt(db, "SELECT count(*) FROM job WHERE app_id = ? AND status <> 99", e), id, &jobs, e) < 0 ||
	    count(db_stmt(db, "SELECT (SELECT count(*) FROM instance WHERE app_id = ?1 AND status = 1) +"
	    " (SELECT count(*) FROM instance WHERE status IN (2, 3) AND app_id = ?1)", e), id, &live, e) < 0)
		return -1;
	if (jobs > 0)
		return err_set(e, ERR_CONFLICT, "app %s has %lld jobs; remove them first: pj-ctl job rm", a.name, (long long)jobs);
	if (live > 0)
		return err_set(e, ERR_CONFLICT, "app %s has %lld instances that are not finished; stop them or wait", a.name,
		    (long long)live);
	s = db_stmt(db, "DELETE FROM app WHERE id = ?", e);
	stmt_i64(s, 1, id);
	return stmt_run(s, e);
}

int
app_each(struct db *db, bool (*fn)(const struct app *a, void *arg), void *arg, struct err *e)
{
	struct stmt *s = db_prepare(db, "SELECT " COLUMNS " FROM app ORDER BY id", e);
	bool go = true;
	int r = 0;

	while (go && (r = stmt_step(s, e)) == 1) {
		struct app a;

		from_row(s, &a);
		go = fn(&a, arg);
	}
	stmt_free(s);
	return r < 0 ? -1 : 0;
}
