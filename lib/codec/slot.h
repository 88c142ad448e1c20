/* The slot file: one per unit of concurrency of a worker host, SLOT_SIZE bytes of text, rewritten in place by the
 * pj-run that holds its record lock (fcntl F_SETLK on the first byte: released by the kernel when it dies).
 * pj-slot(5) is its manual page. libc only.
 *
 *   pj-slot 1\n
 *   sum=<8 hex digits: CRC-32 of the record>\n
 *   len=<decimal: bytes of the record>\n
 *   <record: kv lines>
 *   <newlines up to SLOT_SIZE>
 *
 * Keys: seq state instance attempt boot run_pid run_start job_pid job_start started_at finished_at heartbeat end exit
 * signal user_us system_us max_rss_kib log_length log_dropped context result. Unknown ones are skipped by a reader.
 * A reader that sees a wrong sum has met a write in progress: it reads again (slot_read does, up to 50 times). */
#ifndef PJ_CODEC_SLOT_H
#define PJ_CODEC_SLOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/limits.h"
#include "base/proc.h"

enum slot_state {
	SLOT_EMPTY = 0, /* never used, or a fresh file of zero length */
	SLOT_CLAIMED,   /* a pj-run holds it; the program is not started yet */
	SLOT_RUNNING,   /* the program was started: `job` is set before its first instruction */
	SLOT_FINISHED,  /* result is here; no process of the run is left */
};

enum slot_end {
	SLOT_END_NONE = 0,
	SLOT_END_EXIT,    /* the program ended by itself: exit_code, or signal */
	SLOT_END_STOPPED, /* ended by a written stop (SIGTERM to pj-run) */
	SLOT_END_TIMEOUT, /* ended by its time limit */
	SLOT_END_FAILED,  /* could not be started: `result` says why */
};

struct slot {
	int64_t seq;         /* this use of the slot: 1 and up; given by pj-workerd, never reused for a slot */
	enum slot_state state;
	int64_t instance_id;
	int64_t attempt;
	char boot_id[40];
	struct proc_id run;  /* the pj-run */
	struct proc_id job;  /* the program: leader of its session */
	int64_t started_at_ms, finished_at_ms; /* wall */
	int64_t heartbeat_boot_ms;             /* CLOCK_BOOTTIME of the last write */
	enum slot_end end;
	int exit_code;       /* -1 none */
	int signal;          /* 0 none */
	int64_t user_us, system_us, max_rss_kib; /* of the program and its waited-for children */
	int64_t log_length;  /* bytes in the spool file */
	int64_t log_dropped; /* bytes not kept because of the cap or a full disk */
	char wf_context[4096];               /* kv lines `KEY=VALUE` set by `pj-run context set`; "" none */
	char result[LIMIT_RESULT + 4];       /* UTF-8, NUL behind; "..." behind a cut one */
};

const char *slot_state_name(enum slot_state s);
const char *slot_end_name(enum slot_end s);

/* An empty record. The pages of the two long texts are not touched but for their first byte. */
void slot_clear(struct slot *s);
/* Opens (creates 0600, SLOT_SIZE long) without locking; -1 and err. */
int slot_open(const char *path, struct err *e);
/* Reads a consistent record; an empty or all-blank file is SLOT_EMPTY with seq 0. ERR_DATA: damaged beyond 50 tries,
 * or a newer version than 1 (named). ERR_IO. */
int slot_read(int fd, struct slot *out, struct err *e);
/* Writes the whole record in place, no sync; a result that does not fit escaped is cut. In such an order that a kill in
 * the middle leaves the old record or the new one whole, as long as the old one fits the first 4,096 bytes. */
int slot_write(int fd, const struct slot *s, struct err *e);
/* Takes the record lock for the calling process; waits up to wait_ms. ERR_BUSY names the holder's pid. The lock goes
 * when this process closes any descriptor of the file, or dies. */
int slot_lock(int fd, int wait_ms, struct err *e);
/* The pid of another process that holds the lock, 0 nobody, -1 errno (ESRCH: held from another pid namespace). */
pid_t slot_holder(int fd);

#endif
