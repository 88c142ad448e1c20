#include "passwords.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEPT 256
#define TRIES_A_SECOND 20 /* of 10 ms: guessing never takes more than a fifth of the loop */

struct kept {
	unsigned char key[32]; /* all zero: empty */
	bool right;
};

#define TOKENS 64

struct kept_token {
	char text[TOKEN_SIZE]; /* NUL behind it; empty: none */
	struct token token;
};

struct passwords {
	unsigned char secret[32];
	struct kept_token tokens[TOKENS];
	struct kept kept[KEPT];
	int64_t second;
	int tries;
};

struct passwords *
passwords_new(struct err *e)
{
	struct passwords *p = calloc(1, sizeof *p);

	if (p == NULL) {
		err_set(e, ERR_NOMEM, "out of memory");
		return NULL;
	}
	if (RAND_bytes(p->secret, sizeof p->secret) != 1) {
		err_set(e, ERR_OS, "no random numbers from the system");
		free(p);
		return NULL;
	}
	return p;
}

void
passwords_free(struct passwords *p)
{
	if (p == NULL)
		return;
	OPENSSL_cleanse(p, sizeof *p);
	free(p);
}

int
passwords_random(char *out, size_t bytes, struct err *e)
{
	unsigned char raw[64];

	if (bytes > sizeof raw || RAND_bytes(raw, (int)bytes) != 1)
		return err_set(e, ERR_OS, "no random numbers from the system");
	for (size_t i = 0; i < bytes; i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
	return 0;
}

static int
mac(const unsigned char secret[32], const char *text, size_t len, unsigned char out[32])
{
	unsigned n = 32;

	return HMAC(EVP_sha256(), secret, 32, (const unsigned char *)text, len, out, &n) != NULL && n == 32 ? 0 : -1;
}

int
passwords_check(struct passwords *p, const struct app *a, const char *md5hex, int64_t mono_ms, struct err *e)
{
	char text[sizeof a->password + 64];
	unsigned char key[32];
	struct kept *k;
	int n, rc;

	/* The stored hash has a salt of its own: an old entry never answers for a new password. */
	n = snprintf(text, sizeof text, "%s %.40s", a->password, md5hex);
	for (char *c = text; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'F')
			*c = (char)(*c - 'A' + 'a');
	if (mac(p->secret, text, (size_t)n, key) != 0)
		return err_set(e, ERR_NOMEM, "out of memory");
	k = &p->kept[key[0]];
	if (CRYPTO_memcmp(k->key, key, sizeof key) == 0)
		return k->right ? 0 : 1;
	if (p->second != mono_ms / 1000) {
		p->second = mono_ms / 1000;
		p->tries = 0;
	}
	if (p->tries >= TRIES_A_SECOND)
		return err_set(e, ERR_BUSY, "too many passwords are tried; try again in a second");
	rc = app_check_md5(a, md5hex, e);
	if (rc < 0)
		return -1;
	if (rc != 0)
		p->tries++;
	memcpy(k->key, key, sizeof key);
	k->right = rc == 0;
	return rc;
}

/* --- tokens ---------------------------------------------------------------------------------------------------- */

static void
sign(const unsigned char secret[32], const char *text, size_t len, char hex[65])
{
	unsigned char sum[32];

	if (mac(secret, text, len, sum) != 0)
		abort(); /* a fixed algorithm on fixed sizes */
	for (int i = 0; i < 32; i++)
		snprintf(hex + 2 * i, 3, "%02x", sum[i]);
}

void
token_make(const unsigned char secret[32], const struct app *a, int64_t ends_at_ms, char out[TOKEN_SIZE])
{
	int n = snprintf(out, TOKEN_SIZE - 66, "pj1.%" PRId64 ".%" PRId64 ".%" PRId64, a->id, a->password_gen, ends_at_ms);

	out[n] = '.';
	sign(secret, out, (size_t)n, out + n + 1);
}

int
token_read(const unsigned char secret[32], const char *text, struct token *out, struct err *e)
{
	const char *dot = strrchr(text, '.');
	char hex[65];

	if (strncmp(text, "pj1.", 4) != 0 || dot == NULL || strlen(dot + 1) != 64 || dot - text >= TOKEN_SIZE - 66)
		return err_set(e, ERR_DATA, "it is no token of pj-serverd");
	sign(secret, text, (size_t)(dot - text), hex);
	if (CRYPTO_memcmp(hex, dot + 1, 64) != 0)
		return err_set(e, ERR_DATA, "its signature is wrong");
	if (sscanf(text, "pj1.%" SCNd64 ".%" SCNd64 ".%" SCNd64 ".", &out->app_id, &out->password_gen, &out->ends_at_ms) != 3)
		return err_set(e, ERR_DATA, "it cannot be read");
	return 0;
}

int
passwords_token(struct passwords *p, const unsigned char secret[32], const char *text, struct token *out, struct err *e)
{
	size_t len = strnlen(text, TOKEN_SIZE);
	/* Its last character but one is of the signature: as good as a hash. */
	struct kept_token *k = len < 2 ? p->tokens : &p->tokens[((unsigned char)text[len - 1] * 16 + (unsigned char)text[len - 2]) %
	    TOKENS];

	if (len < TOKEN_SIZE && k->text[len] == '\0' && k->text[0] != '\0' && CRYPTO_memcmp(k->text, text, len) == 0) {
		*out = k->token;
		return 0;
	}
	if (token_read(secret, text, out, e) < 0)
		return -1;
	memset(k->text, 0, sizeof k->text);
	memcpy(k->text, text, len);
	k->token = *out;
	return 0;
}
