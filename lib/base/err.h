/* Errors as values: a small closed set of codes, each with one HTTP status, one exit code and one answer to "try again?". */
#ifndef PJ_BASE_ERR_H
#define PJ_BASE_ERR_H

#include <stdbool.h>

enum err_code {
	ERR_NONE = 0,
	ERR_USAGE,       /* the caller asked wrongly             400  64 */
	ERR_DATA,        /* the data given is malformed          400  65 */
	ERR_NOTFOUND,    /* no such thing                        404  66 */
	ERR_CONFLICT,    /* the thing's state forbids it         409   1 */
	ERR_TOOBIG,      /* over a limit of limits.h             413  65 */
	ERR_AUTH,        /* who are you                          401  77 */
	ERR_FORBIDDEN,   /* you may not                          403  77 */
	ERR_UNAVAILABLE, /* the peer is not there; try again     503  69 */
	ERR_BUSY,        /* not now; try again                   503  75 */
	ERR_NOMEM,       /* out of memory; try again             503  71 */
	ERR_OS,          /* a system call failed                 500  71 */
	ERR_IO,          /* reading or writing storage failed    500  74 */
	ERR_PROTOCOL,    /* the peer answered nonsense           502  76 */
	ERR_CONFIG,      /* the configuration is wrong           500  78 */
	ERR_TIMEOUT,     /* no answer in time; outcome unknown   504 124 */
	ERR_INTERNAL,    /* a lie in our own code                500  70 */
	ERR_CODES_
};

#define ERR_MSG_SIZE 512

struct err {
	enum err_code code;
	char msg[ERR_MSG_SIZE]; /* one line for a person: what, where, what to do; UTF-8, no control characters */
};

#define ERR_INIT { ERR_NONE, "" }

/* Sets *e (which may be NULL) and returns -1, so that `return err_set(...)` reads well. What is quoted may be anything:
 * control characters and bytes that are no UTF-8 become question marks. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* As err_set, with ": strerror(errnum)" behind the message. */
int err_sys(struct err *e, enum err_code code, int errnum, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Puts "prefix: " before the message that is there; returns -1. */
int err_prefix(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void err_clear(struct err *e);

int err_http_status(enum err_code code); /* 200 for ERR_NONE */
int err_exit_code(enum err_code code);   /* 0 for ERR_NONE, else 1 or sysexits.h or 124 */
bool err_is_temporary(enum err_code code);
const char *err_name(enum err_code code); /* "notfound": the word in JSON errors; never NULL */
enum err_code err_from_name(const char *name); /* ERR_INTERNAL when unknown */

#endif
