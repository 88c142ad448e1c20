#include "net/peer.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define KEY_BYTES 32
#define MAC_BYTES 32
#define KEY_FILE_MAX 4096

static const char digits[] = "0123456789abcdef";

static void
put_hex(char *out, const unsigned char *in, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		*out++ = digits[in[i] >> 4];
		*out++ = digits[in[i] & 15];
	}
	*out = '\0';
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Exactly n bytes from 2n digits; -1 when there are fewer. */
static int
get_hex(unsigned char *out, const char *in, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		int hi = hex_value(in[2 * i]), lo = hi >= 0 ? hex_value(in[2 * i + 1]) : -1;

		if (lo < 0)
			return -1;
		out[i] = (unsigned char)(hi * 16 + lo);
	}
	return 0;
}

/* --- the key ------------------------------------------------------------------- */

/* 1: there is no such file. */
static int
read_key(struct peer_key *k, const char *path, struct err *e)
{
	struct buf text = BUF_INIT;
	struct stat st;
	int rc;

	if (stat(path, &st) < 0)
		return errno == ENOENT ? 1 : err_sys(e, ERR_CONFIG, errno, "cannot read the peer key %s", path);
	if (!S_ISREG(st.st_mode))
		return err_set(e, ERR_CONFIG, "the peer key %s is not a file", path);
	if ((st.st_mode & 077) != 0)
		return err_set(e, ERR_CONFIG, "the peer key %s can be read by others (mode %03o): chmod 600 it, and make a"
		    " new one if it may have been seen", path, (unsigned)(st.st_mode & 0777));
	rc = file_read(path, KEY_FILE_MAX, &text, e);
	if (rc < 0 && e != NULL)
		e->code = ERR_CONFIG;
	if (rc == 0 && (get_hex(k->bytes, buf_str(&text), KEY_BYTES) < 0 ||
	    text.data[2 * KEY_BYTES + strspn(text.data + 2 * KEY_BYTES, " \r\n")] != '\0'))
		rc = err_set(e, ERR_CONFIG, "the peer key %s is not one line of %d hexadecimal digits", path, 2 * KEY_BYTES);
	if (text.data != NULL)
		OPENSSL_cleanse(text.data, text.cap);
	buf_fini(&text);
	return rc;
}

static int
make_key(const char *path, struct err *e)
{
	unsigned char bytes[KEY_BYTES];
	char text[2 * KEY_BYTES + 2], dir[4096];
	const char *slash = strrchr(path, '/');
	int rc;

	if (RAND_bytes(bytes, sizeof bytes) != 1)
		return err_set(e, ERR_OS, "no random bytes for the peer key %s", path);
	put_hex(text, bytes, sizeof bytes);
	strcat(text, "\n");
	if (slash != NULL && slash != path &&
	    (file_path(dir, sizeof dir, e, "%.*s", (int)(slash - path), path) < 0 || file_mkdirs(dir, e) < 0))
		return -1;
	rc = file_create_once(path, text, strlen(text), 0600, e);
	OPENSSL_cleanse(bytes, sizeof bytes);
	OPENSSL_cleanse(text, sizeof text);
	return rc < 0 ? -1 : 0;
}

int
peer_key_load(struct peer_key *k, const char *path, struct err *e)
{
	int rc = read_key(k, path, e);

	if (rc <= 0)
		return rc;
	if (make_key(path, e) < 0)
		return -1;
	/* Another program may have been first: the key is what the file has. */
	rc = read_key(k, path, e);
	return rc > 0 ? err_set(e, ERR_CONFIG, "the peer key %s was removed while it was made", path) : rc;
}

/* --- signatures -------------------------------------------------------------------- */

/* A context that has the key already: to look the algorithms up and to digest the key takes longer than the sum itself, so
 * that the last key's is kept and copied. */
static EVP_MAC_CTX *
new_hmac(const struct peer_key *k)
{
	static EVP_MAC *hmac;
	static EVP_MAC_CTX *keyed;
	static struct peer_key key;
	char sha256[] = "SHA256";
	OSSL_PARAM params[] = { OSSL_PARAM_construct_utf8_string("digest", sha256, 0), OSSL_PARAM_construct_end() };

	if (keyed != NULL && CRYPTO_memcmp(key.bytes, k->bytes, sizeof key.bytes) == 0)
		return EVP_MAC_CTX_dup(keyed);
	EVP_MAC_CTX_free(keyed);
	if (hmac == NULL)
		hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	keyed = hmac != NULL ? EVP_MAC_CTX_new(hmac) : NULL;
	if (keyed != NULL && EVP_MAC_init(keyed, k->bytes, sizeof k->bytes, params) != 1) {
		EVP_MAC_CTX_free(keyed);
		keyed = NULL;
	}
	key = *k;
	return keyed != NULL ? EVP_MAC_CTX_dup(keyed) : NULL;
}

static int
sign(const struct peer_key *k, const char *method, const char *path, const char *ms, const void *body, size_t len,
    unsigned char mac[MAC_BYTES])
{
	const char *const parts[] = { method, "\n", path, "\n", ms, "\n" };
	EVP_MAC_CTX *ctx = new_hmac(k);
	size_t n = 0;
	int ok = ctx != NULL;

	for (size_t i = 0; ok && i < sizeof parts / sizeof parts[0]; i++)
		ok = EVP_MAC_update(ctx, (const unsigned char *)parts[i], strlen(parts[i]));
	if (ok && len > 0)
		ok = EVP_MAC_update(ctx, body, len);
	ok = ok && EVP_MAC_final(ctx, mac, &n, MAC_BYTES) && n == MAC_BYTES;
	EVP_MAC_CTX_free(ctx);
	return ok ? 0 : -1;
}

void
peer_sign(const struct peer_key *k, const char *method, const char *path, int64_t at_ms, const void *body, size_t len,
    char out[160])
{
	unsigned char mac[MAC_BYTES] = { 0 };
	char ms[24], hex[2 * MAC_BYTES + 1];

	snprintf(ms, sizeof ms, "%lld", (long long)at_ms);
	if (sign(k, method, path, ms, body, len, mac) < 0)
		memset(mac, 0, sizeof mac); /* out of memory: the peer refuses it, and it is sent again */
	put_hex(hex, mac, sizeof mac);
	snprintf(out, 160, PEER_HEADER ": 1 %s %s", ms, hex);
}

/* Takes "1 <ms> <hex>" apart; ms as it is written, since that is what was signed. */
static int
parse_header(const char *header, char ms[24], int64_t *at_ms, unsigned char mac[MAC_BYTES], struct err *e)
{
	size_t n;

	if (strncmp(header, "1 ", 2) != 0)
		return err_set(e, ERR_AUTH, PEER_HEADER " is not of version 1");
	header += 2;
	n = strspn(header, "0123456789");
	if (n == 0 || n > 18 || header[n] != ' ')
		return err_set(e, ERR_AUTH, PEER_HEADER " has no time in ms");
	memcpy(ms, header, n);
	ms[n] = '\0';
	*at_ms = strtoll(ms, NULL, 10);
	header += n + 1;
	if (get_hex(mac, header, MAC_BYTES) < 0 || header[2 * MAC_BYTES] != '\0')
		return err_set(e, ERR_AUTH, PEER_HEADER " has no signature of %d hexadecimal digits", 2 * MAC_BYTES);
	return 0;
}

int
peer_verify(const struct peer_key *k, const char *header, const char *method, const char *path, int64_t now_ms,
    int64_t max_skew_ms, const void *body, size_t len, bool *is_signed, struct err *e)
{
	unsigned char theirs[MAC_BYTES], ours[MAC_BYTES];
	int64_t at_ms = 0, skew;
	char ms[24];

	*is_signed = false;
	if (header == NULL)
		return 0;
	if (parse_header(header, ms, &at_ms, theirs, e) < 0)
		return -1;
	if (sign(k, method, path, ms, body, len, ours) < 0)
		return err_set(e, ERR_NOMEM, "out of memory for a signature");
	if (CRYPTO_memcmp(ours, theirs, sizeof ours) != 0)
		return err_set(e, ERR_AUTH, "the signature is wrong: the peer has another key (etc/peer.key must be the same"
		    " on all hosts), or the message was changed");
	skew = at_ms - now_ms;
	if (skew > max_skew_ms || skew < -max_skew_ms)
		return err_set(e, ERR_AUTH, "the peer's clock is %lld ms %s ours (allowed: %lld ms): set the clocks right",
		    (long long)(skew < 0 ? -skew : skew), skew < 0 ? "behind" : "ahead of", (long long)max_skew_ms);
	*is_signed = true;
	return 0;
}
