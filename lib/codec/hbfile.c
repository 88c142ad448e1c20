#include "codec/hbfile.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/file.h"
#include "codec/kv.h"

#define FILE_MAX 8192

int
hbfile_init(struct hbfile *h, const char *program, int64_t every_ms, struct err *e)
{
	memset(h, 0, sizeof *h);
	snprintf(h->program, sizeof h->program, "%s", program);
	snprintf(h->release, sizeof h->release, "%s", PJ_VERSION);
	snprintf(h->boot_id, sizeof h->boot_id, "%s", clock_boot_id());
	snprintf(h->state, sizeof h->state, "starting");
	h->every_ms = every_ms;
	if (proc_self(&h->id) < 0)
		return err_set(e, ERR_OS, "cannot read /proc/self/stat: is /proc mounted?");
	return 0;
}

int
hbfile_write(const char *path, struct hbfile *h, struct err *e)
{
	struct buf b = BUF_INIT;
	int rc;

	h->at_ms = clock_wall_ms();
	h->beat_boot_ms = clock_boot_ms();
	kv_put_i64(&b, "pj_heartbeat", HBFILE_VERSION);
	kv_put(&b, "program", h->program);
	kv_put(&b, "release", h->release);
	kv_put_i64(&b, "pid", h->id.pid);
	kv_put_i64(&b, "start", (int64_t)h->id.start);
	kv_put(&b, "boot", h->boot_id);
	kv_put_i64(&b, "at", h->at_ms);
	kv_put_i64(&b, "beat", h->beat_boot_ms);
	kv_put_i64(&b, "every", h->every_ms);
	kv_put(&b, "state", h->state);
	kv_put(&b, "assignment", h->assignment);
	kv_put(&b, "supervised", h->supervised ? "yes" : "no");
	kv_put(&b, "note", h->note);
	rc = buf_ok(&b) ? file_replace_fast(path, b.data, b.len, 0600, e) :
	    err_set(e, ERR_NOMEM, "out of memory writing %s", path);
	buf_fini(&b);
	return rc;
}

static void
copy(char *to, size_t size, const struct kv *kv, const char *key)
{
	const char *v = kv_get(kv, key);

	snprintf(to, size, "%s", v != NULL ? v : "");
}

int
hbfile_read(const char *path, struct hbfile *out, struct err *e)
{
	struct buf b = BUF_INIT;
	struct kv kv;
	int64_t version;

	memset(out, 0, sizeof *out);
	if (file_read(path, FILE_MAX, &b, e) < 0 || kv_parse(&kv, buf_str(&b), b.len, e) < 0) {
		buf_fini(&b);
		return e != NULL && e->code == ERR_DATA ? err_prefix(e, "%s", path) : -1;
	}
	buf_fini(&b);
	version = kv_get_i64(&kv, "pj_heartbeat", 0);
	if (version != HBFILE_VERSION) {
		kv_fini(&kv);
		return err_set(e, ERR_DATA, "%s: a heartbeat file of version %" PRId64 ", this program reads %d", path, version,
		    HBFILE_VERSION);
	}
	copy(out->program, sizeof out->program, &kv, "program");
	copy(out->release, sizeof out->release, &kv, "release");
	copy(out->boot_id, sizeof out->boot_id, &kv, "boot");
	copy(out->state, sizeof out->state, &kv, "state");
	copy(out->assignment, sizeof out->assignment, &kv, "assignment");
	copy(out->note, sizeof out->note, &kv, "note");
	out->id.pid = (pid_t)kv_get_i64(&kv, "pid", 0);
	out->id.start = (uint64_t)kv_get_i64(&kv, "start", 0);
	out->at_ms = kv_get_i64(&kv, "at", 0);
	out->beat_boot_ms = kv_get_i64(&kv, "beat", 0);
	out->every_ms = kv_get_i64(&kv, "every", 0);
	out->supervised = kv_get(&kv, "supervised") != NULL && strcmp(kv_get(&kv, "supervised"), "yes") == 0;
	kv_fini(&kv);
	return 0;
}

bool
hbfile_alive(const struct hbfile *h)
{
	return strcmp(h->boot_id, clock_boot_id()) == 0 && proc_alive(h->id);
}

int64_t
hbfile_age_ms(const struct hbfile *h)
{
	return strcmp(h->boot_id, clock_boot_id()) == 0 ? clock_boot_ms() - h->beat_boot_ms : INT64_MAX;
}

void
hbfile_assignment(char out[160], const char *app, const char *config_text)
{
	uint64_t digest = UINT64_C(14695981039346656037); /* FNV-1a */

	for (const char *s = PJ_VERSION; *s != '\0'; s++)
		digest = (digest ^ (unsigned char)*s) * UINT64_C(1099511628211);
	for (; *config_text != '\0'; config_text++)
		digest = (digest ^ (unsigned char)*config_text) * UINT64_C(1099511628211);
	snprintf(out, 160, "%.140s %016" PRIx64, app, digest);
}
