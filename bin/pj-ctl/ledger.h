/* Is server.db sound: as a file, and as the record of what was to run? */
#ifndef PJ_CTL_LEDGER_H
#define PJ_CTL_LEDGER_H

#include "base/err.h"
#include "store/db.h"

typedef void (*ledger_fn)(const char *rule, const char *finding, void *arg);

/* Calls fn for every finding, at most LEDGER_MOST a rule (then one that says so); *n counts them. */
#define LEDGER_MOST 100
int ledger_check(struct db *db, ledger_fn fn, void *arg, int *n, struct err *e);
/* The same for the database at `path`, opened read only. */
int ledger_check_file(const char *path, ledger_fn fn, void *arg, int *n, struct err *e);

#endif
