/* The socket on which the job's programs speak to their pj-run: SOCK_SEQPACKET in the abstract namespace, its name in
 * PJ_SOCKET as `@pj/<instance>.<attempt>.<random>`. Only our user and root are heard. One packet a request:
 *
 *   PJ1 result\n text=<text>\n                 -> PJ1 ok\n   or   PJ1 error\n text=<why>\n
 *   PJ1 log\n level=<DEBUG INFO WARN ERROR>\n text=<lines>\n
 *   PJ1 context\n key=<[A-Za-z0-9_.-]>\n value=<text>\n
 *
 * (the blanks behind \n only here; the lines are a record of codec/kv.h). `ok` means recorded. */
#ifndef PJ_RUN_SERVICE_H
#define PJ_RUN_SERVICE_H

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "codec/kv.h"

#define SERVICE_VERSION "PJ1"
#define SERVICE_PACKET_MAX (128 * 1024)
#define SERVICE_TEXT_MAX (32 * 1024) /* of one request, unescaped: the helper cuts longer logs */
#define SERVICE_CONNS 8
#define SERVICE_POLLS (SERVICE_CONNS + 1)

/* Does what `verb` asks; -1 and a message for the asker. */
typedef int (*service_fn)(const char *verb, const struct kv *request, void *arg, struct err *e);

struct service {
	char env[96];               /* PJ_SOCKET=@pj/... */
	int listener;               /* -1 none */
	int conn[SERVICE_CONNS];    /* -1 free */
	int oldest;                 /* whose place the next one takes when all are in use */
};

int service_open(struct service *s, int64_t instance_id, int64_t attempt, struct err *e);
void service_close(struct service *s);
/* Fills SERVICE_POLLS places. */
void service_polls(const struct service *s, struct pollfd *p);
/* Takes and answers what the polls have shown. */
void service_turn(struct service *s, const struct pollfd *p, service_fn fn, void *arg);

#endif
