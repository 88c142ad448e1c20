/* Heartbeat files: one per program of a worker host (state/hb/<program>.hb), kv lines, replaced as a whole by its owner.
 * They say what the process is, who it is (pid, start time, boot), what it works for, and when it last said so.
 * pj-heartbeat(5) is their manual page. The files of runs are slot files (codec/slot.h). libc only. */
#ifndef PJ_CODEC_HBFILE_H
#define PJ_CODEC_HBFILE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/proc.h"

#define HBFILE_VERSION 1

struct hbfile {
	char program[32];
	char release[32];       /* pj's version */
	struct proc_id id;
	char boot_id[40];
	int64_t at_ms;          /* wall: for people */
	int64_t beat_boot_ms;   /* CLOCK_BOOTTIME of this write: what ages are taken from */
	int64_t every_ms;       /* it promises to write again within this time */
	char state[16];         /* starting ok waiting failing stopping */
	char assignment[160];   /* what it works for: root and configuration, see hbfile_assignment */
	bool supervised;        /* started by pj-workerd, which may end it */
	char note[256];         /* one line for people */
};

/* Fills program, release, id, boot_id, state "starting". */
int hbfile_init(struct hbfile *h, const char *program, int64_t every_ms, struct err *e);
/* Stamps both times and replaces the file (no sync: a power loss may take it). */
int hbfile_write(const char *path, struct hbfile *h, struct err *e);
/* ERR_NOTFOUND no file; ERR_DATA malformed or of a newer version; ERR_IO. */
int hbfile_read(const char *path, struct hbfile *out, struct err *e);
/* Written in this boot by a process that is alive. */
bool hbfile_alive(const struct hbfile *h);
/* CLOCK_BOOTTIME age of the last write, ms; INT64_MAX when written in another boot. */
int64_t hbfile_age_ms(const struct hbfile *h);
/* The assignment of a helper: "<app> <16 hex digits>", the digits a digest of the printed configuration and the version:
 * a helper that was started for another configuration is told from one of ours. */
void hbfile_assignment(char out[160], const char *app, const char *config_text);

#endif
