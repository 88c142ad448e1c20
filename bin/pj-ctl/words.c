#include "words.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/limits.h"
#include "base/opt.h"
#include "codec/spool.h"

void
words_quote(struct buf *out, const char *word)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-+=./:,@%^";

	if (word[0] != '\0' && word[strspn(word, plain)] == '\0') {
		buf_adds(out, word);
		return;
	}
	buf_addc(out, '\'');
	for (; *word != '\0'; word++)
		if (*word == '\'')
			buf_adds(out, "'\\''");
		else
			buf_addc(out, *word);
	buf_addc(out, '\'');
}

void
words_quote_all(struct buf *out, const struct json_t *array)
{
	for (size_t i = 0; i < js_len(array); i++) {
		const char *word = js_text(js_at(array, i));

		if (i > 0)
			buf_addc(out, ' ');
		words_quote(out, word != NULL ? word : "?");
	}
}

int
words_check(const char *text, struct err *e)
{
	struct buf same = BUF_INIT;
	size_t len = strlen(text);
	int rc = 0;

	spool_to_utf8(&same, text, len);
	if (!buf_ok(&same))
		rc = err_set(e, ERR_NOMEM, "out of memory");
	else if (same.len != len || memcmp(buf_str(&same), text, len) != 0)
		rc = err_set(e, ERR_DATA, "`%.200s' is not UTF-8, and cannot be sent as it is", buf_str(&same));
	buf_fini(&same);
	return rc;
}

int
words_check_id(const char *text, struct err *e)
{
	struct err why = ERR_INIT;
	int64_t id;

	if (opt_i64(text, 1, INT64_MAX, &id, &why) != 0)
		return err_set(e, ERR_USAGE, "`%.100s' is no id of an instance; pj-ctl instance ls shows them", text);
	return 0;
}

static int
read_stdin(size_t most, struct buf *out, struct err *e)
{
	for (;;) {
		char *to = buf_room(out, 16384);
		ssize_t n;

		if (to == NULL)
			return err_set(e, ERR_NOMEM, "out of memory reading standard input");
		n = read(STDIN_FILENO, to, 16384);
		if (n < 0 && errno != EINTR)
			return err_sys(e, ERR_IO, errno, "standard input");
		if (n == 0)
			break;
		if (n > 0)
			out->len += (size_t)n;
		if (out->len > most)
			return err_set(e, ERR_TOOBIG, "standard input has over %zu bytes", most);
	}
	buf_addc(out, '\0'); /* buf_room leaves no NUL behind the bytes */
	out->len -= out->len > 0;
	if (memchr(buf_str(out), '\0', out->len) != NULL)
		return err_set(e, ERR_DATA, "standard input has a NUL byte; only text can be a parameter");
	return buf_ok(out) ? 0 : err_set(e, ERR_NOMEM, "out of memory reading standard input");
}

int
words_text(const char *value, struct buf *out, struct err *e)
{
	if (strcmp(value, "-") == 0)
		return read_stdin(LIMIT_TEXT, out, e) == 0 ? words_check(buf_str(out), e) : -1;
	buf_adds(out, value);
	if (out->len > LIMIT_TEXT)
		return err_set(e, ERR_TOOBIG, "over %d bytes; put such a text into a file and name the file",
		    LIMIT_TEXT);
	return buf_ok(out) ? words_check(buf_str(out), e) : err_set(e, ERR_NOMEM, "out of memory");
}

int
words_secret(const char *path, struct buf *out, struct err *e)
{
	int rc = strcmp(path, "-") == 0 ? read_stdin(4096, out, e) : file_read(path, 4096, out, e);

	if (rc != 0)
		return err_prefix(e, "password file");
	out->len = strcspn(buf_str(out), "\r\n");
	if (out->len == 0)
		return err_set(e, ERR_USAGE, "password file %s: its first line is empty; the password stands there",
		    path);
	out->data[out->len] = '\0';
	return 0;
}
