#include "net/http_parse.h"

#include <string.h>
#include <strings.h>

#include "base/limits.h"

void
http_parse_init(struct http_parse *p)
{
	memset(p, 0, sizeof *p);
}

bool
http_parse_has_head(const struct http_parse *p)
{
	return p->state > HTTP_PARSE_FIELDS;
}

const char *
http_parse_field(const struct http_parse *p, const struct buf *in, const char *name)
{
	for (uint32_t i = 0; i < p->n_fields; i++)
		if (strcasecmp(in->data + p->fields[i][0], name) == 0)
			return in->data + p->fields[i][1];
	return NULL;
}

static bool
is_token_char(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	    (c != '\0' && strchr("!#$%&'*+-.^_`|~", c) != NULL);
}

static size_t
token_length(const char *s)
{
	size_t n = 0;

	while (is_token_char((unsigned char)s[n]))
		n++;
	return n;
}

/* Takes one line, NUL-ended in place without its end. 1 and *line; 0 not whole yet; -1 has a NUL or control byte. */
static int
next_line(struct http_parse *p, struct buf *in, char **line, struct err *e)
{
	char *start = in->data + p->at;
	char *nl = memchr(in->data + p->scanned, '\n', in->len - p->scanned);
	size_t len;

	if (nl == NULL) {
		p->scanned = (uint32_t)in->len;
		return 0;
	}
	len = (size_t)(nl - start);
	if (len > 0 && start[len - 1] == '\r')
		len--;
	start[len] = '\0';
	p->at = p->scanned = (uint32_t)(nl + 1 - in->data);
	for (size_t i = 0; i < len; i++)
		if (((unsigned char)start[i] < ' ' && start[i] != '\t') || start[i] == 127)
			return err_set(e, ERR_DATA, "the request has a control byte in its head");
	*line = start;
	return 1;
}

static int
take_version(struct http_parse *p, const char *version, struct err *e)
{
	if (strncmp(version, "HTTP/1.", 7) != 0 || version[7] < '0' || version[7] > '9' || version[8] != '\0')
		return err_set(e, ERR_DATA, "the request is not HTTP/1.1");
	p->http10 = version[7] == '0';
	p->keep_alive = !p->http10;
	return 0;
}

static int
take_request_line(struct http_parse *p, struct buf *in, char *line, struct err *e)
{
	size_t method_len = token_length(line);
	char *target = line + method_len + 1, *version;

	if (method_len == 0 || method_len > 16 || line[method_len] != ' ')
		return err_set(e, ERR_DATA, "the request line has no method");
	version = strchr(target, ' ');
	if (version == NULL || version == target || strchr(target, '\t') != NULL)
		return err_set(e, ERR_DATA, "the request line is not METHOD TARGET HTTP/1.1");
	*version++ = '\0';
	if (take_version(p, version, e) < 0)
		return -1;
	if (target[0] != '/' && strcmp(target, "*") != 0 && strncasecmp(target, "http://", 7) != 0)
		return err_set(e, ERR_DATA, "the request target does not begin with '/'");
	line[method_len] = '\0';
	p->method = (uint32_t)(line - in->data);
	p->target = (uint32_t)(target - in->data);
	p->state = HTTP_PARSE_FIELDS;
	return 0;
}

static int
take_length(struct http_parse *p, const char *value, struct err *e)
{
	size_t digits = strspn(value, "0123456789");
	uint64_t n = 0;

	if (p->has_length)
		return err_set(e, ERR_DATA, "the request has two Content-Length headers");
	if (digits == 0 || value[digits] != '\0')
		return err_set(e, ERR_DATA, "the request's Content-Length is not a number");
	for (size_t i = 0; i < digits && n <= LIMIT_HTTP_BODY; i++)
		n = n * 10 + (uint64_t)(value[i] - '0');
	if (n > LIMIT_HTTP_BODY)
		return err_set(e, ERR_TOOBIG, "the request body is larger than %d bytes", LIMIT_HTTP_BODY);
	p->has_length = true;
	p->left = (uint32_t)n;
	return 0;
}

static int
take_encoding(struct http_parse *p, const char *value, struct err *e)
{
	if (p->chunked || p->http10 || strcasecmp(value, "chunked") != 0)
		return err_set(e, ERR_DATA, "the request's Transfer-Encoding is not just chunked");
	p->chunked = true;
	return 0;
}

static int
take_connection(struct http_parse *p, const char *value, struct err *e)
{
	while (*value != '\0') {
		size_t n = token_length(value);

		if (n == 5 && strncasecmp(value, "close", 5) == 0)
			p->keep_alive = false;
		if (n == 10 && strncasecmp(value, "keep-alive", 10) == 0 && p->http10)
			p->keep_alive = true;
		value += n > 0 ? n : 1;
	}
	return 0;
}

static int
take_host(struct http_parse *p, const char *value, struct err *e)
{
	if (p->has_host)
		return err_set(e, ERR_DATA, "the request has two Host headers");
	p->has_host = true;
	return 0;
}

static int
take_expect(struct http_parse *p, const char *value, struct err *e)
{
	if (strcasecmp(value, "100-continue") == 0)
		p->expect_continue = !p->http10;
	return 0;
}

/* The fields that say where the request ends and what becomes of the connection. */
static const struct {
	const char *name;
	int (*take)(struct http_parse *p, const char *value, struct err *e);
} framing[] = {
	{ "Content-Length", take_length },
	{ "Transfer-Encoding", take_encoding },
	{ "Connection", take_connection },
	{ "Host", take_host },
	{ "Expect", take_expect },
};

static int
take_field(struct http_parse *p, struct buf *in, char *line, struct err *e)
{
	size_t n = token_length(line), end;
	char *value;

	if (n == 0 || line[n] != ':')
		return err_set(e, ERR_DATA, "the request has a header line that is not `Name: value`");
	if (p->n_fields == HTTP_FIELDS_MAX)
		return err_set(e, ERR_TOOBIG, "the request has more than %d headers", HTTP_FIELDS_MAX);
	line[n] = '\0';
	value = line + n + 1;
	value += strspn(value, " \t");
	for (end = strlen(value); end > 0 && (value[end - 1] == ' ' || value[end - 1] == '\t'); end--)
		value[end - 1] = '\0';
	p->fields[p->n_fields][0] = (uint32_t)(line - in->data);
	p->fields[p->n_fields++][1] = (uint32_t)(value - in->data);
	for (size_t i = 0; i < sizeof framing / sizeof framing[0]; i++)
		if (strcasecmp(line, framing[i].name) == 0)
			return framing[i].take(p, value, e);
	return 0;
}

static int
end_fields(struct http_parse *p, struct err *e)
{
	if (p->chunked && p->has_length)
		return err_set(e, ERR_DATA, "the request has both Content-Length and Transfer-Encoding");
	if (!p->http10 && !p->has_host)
		return err_set(e, ERR_DATA, "the request has no Host header");
	p->body_at = p->at;
	p->state = p->chunked ? HTTP_PARSE_SIZE : p->left > 0 ? HTTP_PARSE_BODY : HTTP_PARSE_DONE;
	return 0;
}

static int
feed_head(struct http_parse *p, struct buf *in, struct err *e)
{
	char *line;
	int rc = next_line(p, in, &line, e);

	if (rc < 0)
		return -1;
	if ((rc == 0 ? in->len : p->at) > LIMIT_HTTP_HEADERS)
		return err_set(e, ERR_TOOBIG, "the request's head is larger than %d bytes", LIMIT_HTTP_HEADERS);
	if (rc == 0)
		return 0;
	if (p->state == HTTP_PARSE_LINE) {
		if (*line == '\0') /* an empty line before a request: some clients end a body so */
			return 1;
		return take_request_line(p, in, line, e) < 0 ? -1 : 1;
	}
	if (*line == '\0')
		return end_fields(p, e) < 0 ? -1 : 1;
	return take_field(p, in, line, e) < 0 ? -1 : 1;
}

static int
feed_body(struct http_parse *p, struct buf *in)
{
	size_t n = in->len - p->at;

	if (n > p->left)
		n = p->left;
	p->at += (uint32_t)n;
	p->body_len += (uint32_t)n;
	p->left -= (uint32_t)n;
	if (p->left > 0)
		return 0;
	p->state = HTTP_PARSE_DONE;
	return 1;
}

/* --- chunks: decoded in place, each moved behind the one before it ----------- */

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int
take_chunk_size(struct http_parse *p, const char *line, struct err *e)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; hex_value(line[i]) >= 0; i++) {
		n = n * 16 + (uint64_t)hex_value(line[i]);
		if (n > LIMIT_HTTP_BODY - p->body_len)
			return err_set(e, ERR_TOOBIG, "the request body is larger than %d bytes", LIMIT_HTTP_BODY);
	}
	if (i == 0 || (line[i] != '\0' && line[i] != ';' && line[i] != ' ' && line[i] != '\t'))
		return err_set(e, ERR_DATA, "the request has a malformed chunk size");
	p->left = (uint32_t)n;
	p->state = n > 0 ? HTTP_PARSE_CHUNK : HTTP_PARSE_TRAILER;
	return 1;
}

static int
feed_chunk(struct http_parse *p, struct buf *in)
{
	size_t n = in->len - p->at;

	if (n > p->left)
		n = p->left;
	memmove(in->data + p->body_at + p->body_len, in->data + p->at, n);
	p->at += (uint32_t)n;
	p->scanned = p->at;
	p->body_len += (uint32_t)n;
	p->left -= (uint32_t)n;
	if (p->left > 0)
		return 0;
	p->state = HTTP_PARSE_CHUNK_END;
	return 1;
}

static int
feed_chunk_line(struct http_parse *p, struct buf *in, struct err *e)
{
	uint32_t before = p->at;
	char *line;
	int rc = next_line(p, in, &line, e);

	if (rc < 0)
		return -1;
	if (p->state != HTTP_PARSE_CHUNK_END)
		p->spent += p->at - before;
	if ((rc == 0 ? in->len - p->at : p->at - before) > LIMIT_HTTP_HEADERS ||
	    (p->state == HTTP_PARSE_TRAILER && p->spent > LIMIT_HTTP_HEADERS))
		return err_set(e, ERR_TOOBIG, "the request has a chunk head or trailer over %d bytes", LIMIT_HTTP_HEADERS);
	if (rc == 0)
		return 0;
	if (p->state == HTTP_PARSE_SIZE) {
		p->spent = 0;
		return take_chunk_size(p, line, e);
	}
	if (p->state == HTTP_PARSE_CHUNK_END) {
		if (*line != '\0')
			return err_set(e, ERR_DATA, "the request has a chunk that is longer than its size");
		p->state = HTTP_PARSE_SIZE;
	} else if (*line == '\0') { /* trailer fields are read past */
		p->state = HTTP_PARSE_DONE;
	}
	return 1;
}

/* Drops what the decoded chunks left behind, so that small chunks do not grow the buffer. */
static void
close_gap(struct http_parse *p, struct buf *in)
{
	size_t end = p->body_at + p->body_len, rest = in->len - p->at;

	memmove(in->data + end, in->data + p->at, rest);
	in->len = end + rest;
	in->data[in->len] = '\0';
	p->scanned -= p->at - (uint32_t)end;
	p->at = (uint32_t)end;
}

int
http_parse_feed(struct http_parse *p, struct buf *in, struct err *e)
{
	int rc = 1;

	while (rc > 0 && p->state != HTTP_PARSE_DONE) {
		switch (p->state) {
		case HTTP_PARSE_LINE:
		case HTTP_PARSE_FIELDS:
			rc = p->at < in->len ? feed_head(p, in, e) : 0;
			break;
		case HTTP_PARSE_BODY:
			rc = feed_body(p, in);
			break;
		case HTTP_PARSE_CHUNK:
			rc = feed_chunk(p, in);
			break;
		case HTTP_PARSE_SIZE:
		case HTTP_PARSE_CHUNK_END:
		case HTTP_PARSE_TRAILER:
			rc = p->at < in->len ? feed_chunk_line(p, in, e) : 0;
			break;
		case HTTP_PARSE_DONE:
			break;
		}
	}
	if (rc >= 0 && p->chunked && http_parse_has_head(p))
		close_gap(p, in);
	return rc;
}
