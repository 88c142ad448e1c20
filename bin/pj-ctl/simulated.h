/* What a server's jobs would do: they are copied from its database into a store in memory and simulated (job/sim.h). */
#ifndef PJ_CTL_SIMULATED_H
#define PJ_CTL_SIMULATED_H

#include "job/sim.h"

struct simulated_job { /* of the same place as sim_job() */
	int64_t id;       /* in the server's database */
	char *app, *name;
	int64_t samples, median_ms, p95_ms; /* of its recorded runs; 0 samples: none */
};

struct simulated {
	struct db *db;
	struct sim *sim;
	struct simulated_job *jobs;
	int64_t n_jobs;
	struct tz *tz; /* the server's zone */
};

/* Reads the enabled jobs of the database at `path` (opened read only; app NULL: of all apps). conf->run_ms is for jobs
 * without recorded runs; conf->tz becomes the server's zone, as the database says, and lives as long as s. simulated_fini
 * also after an error. */
int simulated_init(struct simulated *s, const char *path, const char *app, struct sim_conf *conf, struct err *e);
void simulated_fini(struct simulated *s);

#endif
