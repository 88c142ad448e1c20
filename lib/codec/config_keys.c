#include "codec/config_keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define S(n) INT64_C(n) * 1000
#define DAYS(n) S(n) * 86400
#define MIB (INT64_C(1) << 20)
#define PIB (INT64_C(1) << 50)
#define AT(member) offsetof(struct config, member)

#define TEXT(n, m, flags, dflt, choices, help) { n, CONFIG_TEXT, flags, dflt, AT(m), 0, 0, choices, help }
#define LIST(n, m, flags, dflt, help) { n, CONFIG_LIST, flags, dflt, AT(m), 0, 0, NULL, help }
#define ADDR(n, m, flags, dflt, help) { n, CONFIG_ADDRESS, flags, dflt, AT(m), 0, 0, NULL, help }
#define BOOL(n, m, flags, dflt, help) { n, CONFIG_BOOL, flags, dflt, AT(m), 0, 0, NULL, help }
#define COUNT(n, m, flags, dflt, least, most, help) { n, CONFIG_COUNT, flags, dflt, AT(m), least, most, NULL, help }
#define DUR(n, m, flags, dflt, least, most, help) { n, CONFIG_DURATION, flags, dflt, AT(m), least, most, NULL, help }
#define SIZE(n, m, flags, dflt, least, help) { n, CONFIG_SIZE, flags, dflt, AT(m), least, 4 * PIB, NULL, help }

#define RELOAD CONFIG_RELOADABLE
#define OPTIONAL (CONFIG_MAY_BE_EMPTY | CONFIG_PORT_OPTIONAL)

const struct config_key config_keys[] = {
	TEXT("root", root, 0, "", NULL, "directory of a whole installation; the defaults of paths.* are under it"),

	TEXT("paths.etc", paths.etc, CONFIG_PATH, "", NULL, "configuration: pj.ini, peer.key"),
	TEXT("paths.state", paths.state, CONFIG_PATH, "", NULL, "databases, logs of instances, heartbeat files, spool"),
	TEXT("paths.run", paths.run, CONFIG_PATH, "", NULL, "sockets and files that are gone after a boot"),
	TEXT("paths.log", paths.log, CONFIG_PATH, "", NULL, "where scripts send the daemons' own log"),

	ADDR("server.http", server.http, 0, "127.0.0.1:7700", "where clients and workers' discovery are served"),
	ADDR("server.remote", server.remote, 0, "127.0.0.1:10010", "where workers report"),
	ADDR("server.external", server.external, OPTIONAL, "", "what workers are told instead of server.remote"),
	BOOL("server.openapi_auth", server.openapi_auth, RELOAD, "yes", "OpenAPI requests need a token"),
	BOOL("server.accept_plain", server.accept_plain, RELOAD, "yes",
	    "take unsigned messages of workers: Java workers cannot sign"),
	COUNT("server.id", server.id, 0, "1", 0, 16383, "stands in instance ids; one value per server of a cluster"),
	DUR("server.worker_timeout", server.worker_timeout_ms, RELOAD, "60s", 100, DAYS(7),
	    "a worker that was silent for so long is not chosen"),
	DUR("server.report_timeout", server.report_timeout_ms, RELOAD, "60s", 100, DAYS(7),
	    "an attempt nobody has reported for so long is looked after"),
	DUR("server.start_grace", server.start_grace_ms, 0, "30s", 0, DAYS(1),
	    "for so long after a start no worker means wait"),
	DUR("server.dispatch_timeout", server.dispatch_timeout_ms, RELOAD, "5s", 100, DAYS(1),
	    "a worker answers a dispatch within"),
	DUR("server.token_lifetime", server.token_lifetime_ms, RELOAD, "7d", S(1), DAYS(3650),
	    "an OpenAPI token is good for"),
	DUR("server.keep_instances", server.keep_instances_ms, RELOAD, "30d", S(1), DAYS(36500),
	    "ended instances and their attempts are kept for"),
	DUR("server.keep_skipped", server.keep_skipped_ms, RELOAD, "90d", S(1), DAYS(36500),
	    "records of what did not run are kept for"),
	DUR("server.keep_logs", server.keep_logs_ms, RELOAD, "30d", S(1), DAYS(36500), "logs of instances are kept for"),
	SIZE("server.keep_logs_bytes", server.keep_logs_bytes, RELOAD, "4G", 4096,
	    "over this the oldest logs of instances go"),
	SIZE("server.log_max", server.log_max_bytes, RELOAD, "64M", 0, "most of one instance's log; 0: no limit"),

	TEXT("worker.app", worker.app, 0, "default", NULL, "the app that this worker works for"),
	LIST("worker.servers", worker.servers, CONFIG_ADDRESSES, "127.0.0.1:7700", "the servers' http addresses"),
	ADDR("worker.listen", worker.listen, 0, "127.0.0.1:27777", "where servers send dispatches"),
	ADDR("worker.external", worker.external, OPTIONAL, "", "what servers are told instead of worker.listen"),
	TEXT("worker.tags", worker.tags, 0, "", NULL, "words by which jobs choose workers"),
	COUNT("worker.slots", worker.slots, 0, "1024", 1, 65536, "most runs at once"),
	COUNT("worker.starts", worker.starts, RELOAD, "32", 1, 4096, "most starts in flight"),
	BOOL("worker.accept_plain", worker.accept_plain, RELOAD, "no", "take unsigned messages: needed with a Java server"),
	LIST("worker.allow", worker.allow, RELOAD, "exec, shell, file", "what jobs may start here"),
	LIST("worker.processors", worker.processors, RELOAD, "", "directories with the programs of file jobs"),
	DUR("worker.heartbeat", worker.heartbeat_ms, RELOAD, "10s", 100, DAYS(1), "between two heartbeats to the server"),
	DUR("worker.discover", worker.discover_ms, RELOAD, "10s", 100, DAYS(1), "between two looks for the app's server"),
	DUR("worker.report", worker.report_ms, RELOAD, "10s", 100, DAYS(1), "between two reports of a running instance"),
	DUR("worker.keep_spool", worker.keep_spool_ms, RELOAD, "3d", S(1), DAYS(36500), "shipped job logs are kept for"),
	SIZE("worker.keep_spool_bytes", worker.keep_spool_bytes, RELOAD, "1G", 4096, "over this the oldest shipped logs go"),
	SIZE("worker.log_max", worker.log_max_bytes, RELOAD, "64M", 0, "most of one attempt's log; 0: no limit"),
	TEXT("worker.log_full", worker.log_full, RELOAD, "drop", "drop|block",
	    "at log_max: drop what comes, or let the job wait"),
	DUR("worker.keep_tombstones", worker.keep_tombstones_ms, RELOAD, "1d", S(1), DAYS(3650),
	    "an ended assignment is remembered for"),
	DUR("worker.stop_grace", worker.stop_grace_ms, RELOAD, "5s", 0, DAYS(1), "between SIGTERM and SIGKILL to a job"),
	BOOL("worker.helpers", worker.helpers, 0, "yes", "start pj-discover, pj-health and pj-logship as children"),

	TEXT("peer.key_file", peer.key_file, 0, "", NULL, "the key that signs messages; empty: peer.key in paths.etc"),
	DUR("peer.max_skew", peer.max_skew_ms, RELOAD, "90m", S(1), DAYS(1), "clocks of two hosts may differ by"),

	TEXT("log.level", log.level, RELOAD, "info", "debug|info|warn|error", "the least that a daemon's log says"),
	{ NULL, CONFIG_TEXT, 0, NULL, 0, 0, 0, NULL, NULL },
};

/* --- names ----------------------------------------------------------------------------------------------------- */

const struct config_key *
config_keys_find(const char *name, int *index)
{
	const char *dot = strrchr(name, '.');
	size_t base = strlen(name);
	long n = 0;

	*index = 0;
	if (dot != NULL && dot[1] >= '1' && dot[1] <= '9' && dot[1 + strspn(dot + 1, "0123456789")] == '\0') {
		n = strtol(dot + 1, NULL, 10);
		base = (size_t)(dot - name);
	}
	for (const struct config_key *k = config_keys; k->name != NULL; k++) {
		if (strncmp(k->name, name, base) != 0 || k->name[base] != '\0' || (n > 0 && k->type != CONFIG_LIST))
			continue;
		*index = n > CONFIG_LIST_MAX ? CONFIG_LIST_MAX + 1 : (int)n;
		return k;
	}
	return NULL;
}

static size_t
section_length(const struct config_key *k)
{
	const char *dot = strchr(k->name, '.');

	return dot != NULL ? (size_t)(dot - k->name) : 0;
}

bool
config_keys_section(const char *section)
{
	size_t len = strlen(section);

	for (const struct config_key *k = config_keys; k->name != NULL; k++)
		if (len > 0 && section_length(k) == len && memcmp(k->name, section, len) == 0)
			return true;
	return false;
}

/* How many letters must be added, removed, changed or swapped with their neighbour; names over 63 letters are far from
 * everything. */
static unsigned
distance(const char *a, const char *b)
{
	unsigned row[3][64];
	size_t la = strlen(a), lb = strlen(b);

	if (la >= 64 || lb >= 64)
		return 99;
	for (unsigned j = 0; j <= lb; j++)
		row[0][j] = j;
	for (unsigned i = 1; i <= la; i++) {
		unsigned *now = row[i % 3], *up = row[(i + 2) % 3], *upup = row[(i + 1) % 3];

		now[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned best = up[j - 1] + (a[i - 1] != b[j - 1]);

			if (up[j] + 1 < best)
				best = up[j] + 1;
			if (now[j - 1] + 1 < best)
				best = now[j - 1] + 1;
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] && upup[j - 2] + 1 < best)
				best = upup[j - 2] + 1;
			now[j] = best;
		}
	}
	return row[la % 3][lb];
}

static const char *
last_part(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot != NULL ? dot + 1 : name;
}

const char *
config_keys_like(const char *name)
{
	const char *best = NULL;
	unsigned least = 4;

	for (const struct config_key *k = config_keys; k->name != NULL; k++) {
		unsigned d = distance(name, k->name);

		/* The right key in the wrong section is nearer than any misspelling of two letters. */
		if (d > 1 && strcmp(last_part(name), last_part(k->name)) == 0)
			d = 1;
		if (d < least && d < strlen(k->name) / 2) {
			least = d;
			best = k->name;
		}
	}
	return best;
}

const char *
config_keys_section_like(const char *section)
{
	static char name[32];
	unsigned least = 3;

	name[0] = '\0';
	for (const struct config_key *k = config_keys; k->name != NULL; k++) {
		char own[32];
		unsigned d;

		snprintf(own, sizeof own, "%.*s", (int)section_length(k), k->name);
		d = distance(section, own);
		if (own[0] == '\0' || d >= least)
			continue;
		least = d;
		memcpy(name, own, sizeof name);
	}
	return name[0] != '\0' ? name : NULL;
}

/* --- defaults -------------------------------------------------------------------------------------------------- */

int
config_keys_defaults(struct config *c, struct err *e)
{
	memset(c, 0, sizeof *c);
	for (const struct config_key *k = config_keys; k->name != NULL; k++)
		if (config_keys_set(c, k, 0, k->dflt, e) < 0) {
			err_prefix(e, "default of %s", k->name);
			config_fini(c);
			return -1;
		}
	return 0;
}

int
config_keys_paths(struct config *c, struct err *e)
{
	static const char *const debian[] = { "/etc/pj", "/var/lib/pj", "/run/pj", "/var/log/pj" };
	const char *const *place = debian;

	for (const struct config_key *k = config_keys; k->name != NULL; k++) {
		char **path = (char **)(void *)((char *)c + k->at);
		struct buf b = BUF_INIT;
		char *made;

		if ((k->flags & CONFIG_PATH) == 0)
			continue;
		if ((*path)[0] == '\0') {
			if (c->root[0] == '\0')
				buf_adds(&b, *place);
			else
				buf_addf(&b, "%s/%s", strcmp(c->root, "/") == 0 ? "" : c->root, config_keys_short(k));
			made = buf_take(&b, NULL);
			if (made == NULL)
				return err_set(e, ERR_NOMEM, "out of memory");
			free(*path);
			*path = made;
		}
		place++;
	}
	return 0;
}
