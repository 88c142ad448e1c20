#include "codec/b64.h"

#include <stdint.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void
b64url_put(struct buf *out, const void *data, size_t len)
{
	const unsigned char *in = data;
	char *at = buf_room(out, len / 3 * 4 + 4);
	size_t n = 0, i;

	if (at == NULL)
		return;
	for (i = 0; i + 2 < len; i += 3) {
		uint32_t v = (uint32_t)in[i] << 16 | (uint32_t)in[i + 1] << 8 | in[i + 2];

		at[n++] = alphabet[v >> 18];
		at[n++] = alphabet[v >> 12 & 63];
		at[n++] = alphabet[v >> 6 & 63];
		at[n++] = alphabet[v & 63];
	}
	if (i < len) {
		uint32_t v = (uint32_t)in[i] << 16 | (i + 1 < len ? (uint32_t)in[i + 1] << 8 : 0);

		at[n++] = alphabet[v >> 18];
		at[n++] = alphabet[v >> 12 & 63];
		if (i + 1 < len)
			at[n++] = alphabet[v >> 6 & 63];
	}
	at[n] = '\0';
	out->len += n;
}

static int
value_of(unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '-' ? 62 : c == '_' ? 63 : -1;
}

/* How many of text's characters are data: all, or all but the padding that the length calls for. */
static int
data_length(const char *text, size_t len, size_t *data_len, struct err *e)
{
	size_t pad = 0;

	while (pad < 2 && pad < len && text[len - 1 - pad] == '=')
		pad++;
	if (pad > 0 && len % 4 != 0)
		return err_set(e, ERR_DATA, "base64url: wrong padding at the end of %zu characters", len);
	*data_len = len - pad;
	if (*data_len % 4 == 1)
		return err_set(e, ERR_DATA, "base64url: %zu characters cannot be a whole number of bytes", len);
	return 0;
}

int
b64url_get(struct buf *out, const char *text, size_t len, struct err *e)
{
	size_t data_len = 0, i, start = out->len;
	uint32_t bits = 0;
	unsigned have = 0;
	int v;

	if (data_length(text, len, &data_len, e) < 0)
		return -1;
	if (buf_room(out, data_len / 4 * 3 + 3) == NULL)
		return err_set(e, ERR_NOMEM, "base64url: out of memory for %zu characters", len);
	for (i = 0; i < data_len && (v = value_of((unsigned char)text[i])) >= 0; i++) {
		bits = bits << 6 | (uint32_t)v;
		have += 6;
		if (have >= 8) {
			have -= 8;
			out->data[out->len++] = (char)(unsigned char)(bits >> have & 255);
		}
	}
	/* The last character's spare bits are zero in what an encoder writes: anything else is damage. */
	if (i == data_len && (bits & ((1U << have) - 1)) == 0) {
		out->data[out->len] = '\0';
		return 0;
	}
	out->len = start;
	out->data[start] = '\0';
	if (i == data_len)
		return err_set(e, ERR_DATA, "base64url: the last of %zu characters has bits left over", len);
	return err_set(e, ERR_DATA, "base64url: character %zu of %zu is not of A-Z a-z 0-9 - _", i + 1, len);
}
