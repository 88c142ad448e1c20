/* What became of one time of a job, or what will: read from the database, in words. */
#ifndef PJ_CTL_EXPLAIN_H
#define PJ_CTL_EXPLAIN_H

#include "ctl.h"
#include "job/verify.h"

struct explain {
	struct ctl *c;
	struct db *db;
	struct job job;      /* as it is now */
	struct job version;  /* as it was at the time in question */
	struct tz *tz;       /* of version */
	struct sched *sched; /* of version: a cron expression's; NULL */
	struct sched *chain; /* of version: one whose times follow from each other; NULL */
	int64_t at_ms, now_ms;
	bool mute;           /* the server was asked, and did not answer */

	/* the answer */
	const char *verdict; /* one word, for scripts */
	int64_t instance;    /* 0: none */
	char reason[32];     /* of what was left out, and what a waiting one waits for; "" none */
	struct buf text;     /* for people */
};

/* The time at_ms. */
int explain_time(struct explain *x, struct err *e);
/* A reading of the clock, as seconds since it read 1970, that the clock jumps over; at_ms is the end of the gap. */
int explain_gap(struct explain *x, int64_t local_sec, struct err *e);
/* The job has no time that comes next: why not. */
bool explain_has_no_next(const struct explain *x);
int explain_no_time(struct explain *x);
/* What of the job is not at its end, behind one of these. */
int explain_live(struct explain *x, struct err *e);

/* What its files share. */
/* The time in the job's zone between two texts. */
void explain_say(struct explain *x, const char *before, int64_t at_ms, const char *behind);
/* The first number of the first row, ?1 the job, ?2 arg; 0: no row. */
int explain_number(struct explain *x, const char *sql, int64_t arg, int64_t *out, struct err *e);
/* The instance, what it waits for, its attempts and alarms: it is the answer. */
int explain_instance(struct explain *x, int64_t id, struct err *e);

#endif
