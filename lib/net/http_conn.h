/* Inside of http_server: its listeners (ports) and their connections. */
#ifndef PJ_NET_HTTP_CONN_H
#define PJ_NET_HTTP_CONN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "net/http_listen.h"
#include "net/http_parse.h"
#include "net/http_req.h"
#include "net/http_server.h"
#include "net/loop.h"

/* What a connection is doing. All but HANDLING (its time is the handler's) have a time limit. */
enum conn_state { CONN_IDLE, CONN_READING, CONN_WRITING, CONN_DRAINING, CONN_HANDLING };
enum { CONN_TIMED_STATES = CONN_HANDLING };

struct http_conn {
	struct http_conn *prev, *next; /* of its state's list, oldest deadline first */
	struct http_port *li;
	struct loop_watch *watch;
	int fd;
	enum conn_state state;
	int64_t deadline;
	struct buf in;             /* a request from its first byte, or read ahead */
	struct http_parse parse;
	struct http_req *req;      /* being handled */
	struct buf out[2];         /* reply: head, body */
	size_t sent;
	struct http_source source; /* of the reply's rest; fill NULL: none */
	int64_t source_at;
	bool keep_alive, refused, foreign;
	bool ahead;                /* `in` holds bytes that were not looked at as a request yet */
	char peer[64];
	uid_t uid;
};

struct http_conn_list {
	struct http_conn *first, *last;
};

struct http_port {
	struct http_server *s;
	struct http_listener conf;  /* addr and hosts are ours */
	char bound[HTTP_ADDR_SIZE];
	bool is_unix;
	dev_t dev;                  /* of a Unix socket's file, to remove only our own */
	ino_t ino;
	int fd, port;
	struct loop_watch *watch;
	struct loop_timer *pause;
	int n_conns;
	bool full, paused;          /* not accepting, and why */
	bool said_short;            /* out of descriptors is logged once */
};

struct http_server {
	struct loop *loop;
	struct loop_timer *timer;
	int64_t timer_due;          /* INT64_MAX: not set */
	struct http_port **li;
	int n_li;
	bool closing;
	struct http_conn_list lists[CONN_HANDLING + 1];
	struct http_req *reqs;
	int64_t refusals_second;    /* of the refusals that were counted; a few of each second are logged */
	int refusals;
};

/* Takes a connected socket, also when it fails for lack of memory (which is logged). */
void http_conn_new(struct http_port *li, int fd);
/* Closes; a request that waits for its reply hears of it. */
void http_conn_close(struct http_conn *c);
/* Closes and frees what the server still has, calling nobody. */
void http_conn_free_all(struct http_server *s);
/* Ends the connections whose state's time is over. Returns when the next one's is: monotonic ms, INT64_MAX none. */
int64_t http_conn_expire(struct http_server *s, int64_t now_ms);
/* In http_server.c: a connection of this port has gone; a deadline was set. */
void http_server_conn_gone(struct http_port *li);
void http_server_wake_at(struct http_server *s, int64_t mono_ms);

#endif
