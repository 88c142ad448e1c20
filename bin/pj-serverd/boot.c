/* What must exist before the loop runs: directories, secrets, the first app, the file that tells where we listen. */
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/file.h"
#include "base/log.h"
#include "passwords.h"
#include "server.h"
#include "store/app.h"
#include "store/meta.h"

#define NOFILE_WANTED 65536
#define FIRST_APP "default"

int
boot_dirs(const struct server *s, struct err *e)
{
	const char *dirs[] = { s->conf.paths.etc, s->conf.paths.state, s->conf.paths.run };

	for (size_t i = 0; i < sizeof dirs / sizeof dirs[0]; i++)
		if (file_mkdirs(dirs[i], e) != 0)
			return -1;
	return 0;
}

static int
from_hex(const char *hex, unsigned char *out, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		unsigned v;

		if (sscanf(hex + 2 * i, "%2x", &v) != 1)
			return -1;
		out[i] = (unsigned char)v;
	}
	return 0;
}

static int
token_secret(struct server *s, struct err *e)
{
	struct buf hex = BUF_INIT;
	int rc = meta_get(s->db, "token_secret", &hex, e);

	if (rc != 0 && e->code == ERR_NOTFOUND) {
		char fresh[2 * sizeof s->token_secret + 1];

		err_clear(e);
		rc = passwords_random(fresh, sizeof s->token_secret, e);
		if (rc == 0)
			rc = meta_set(s->db, "token_secret", fresh, e);
		buf_adds(&hex, fresh);
	}
	if (rc == 0 && (hex.len != 2 * sizeof s->token_secret ||
	    from_hex(buf_str(&hex), s->token_secret, sizeof s->token_secret) != 0))
		rc = err_set(e, ERR_IO, "%s/server.db: meta.token_secret is damaged; delete that row: "
		    "every OpenAPI token ends then", s->conf.paths.state);
	buf_fini(&hex);
	return rc;
}

int
boot_secrets(struct server *s, struct err *e)
{
	char path[4096];

	if (s->conf.peer.key_file[0] != '\0') {
		if (file_path(path, sizeof path, e, "%s", s->conf.peer.key_file) != 0)
			return -1;
	} else if (file_path(path, sizeof path, e, "%s/peer.key", s->conf.paths.etc) != 0) {
		return -1;
	}
	if (peer_key_load(&s->peer_key, path, e) != 0)
		return -1;
	return token_secret(s, e);
}

static bool
any_app(const struct app *a, void *arg)
{
	(void)a;
	*(bool *)arg = true;
	return false;
}

/* The file is written before the row: after a crash between the two, the next start takes the password from it. */
static int
first_password(const char *path, char password[65], struct err *e)
{
	struct buf text = BUF_INIT;
	char fresh[34];
	int made;

	if (passwords_random(fresh, 16, e) != 0)
		return -1;
	snprintf(password, 65, "%s", fresh);
	fresh[32] = '\n';
	made = file_create_once(path, fresh, 33, 0600, e);
	if (made < 0)
		return -1;
	if (made == 0)
		return 0;
	if (file_read(path, 4096, &text, e) != 0) {
		buf_fini(&text);
		return -1;
	}
	text.len = strcspn(buf_str(&text), "\r\n");
	if (text.len == 0 || text.len > 64) {
		buf_fini(&text);
		return err_set(e, ERR_CONFIG, "%s holds no password of 1 to 64 characters; remove the file to get a new one",
		    path);
	}
	snprintf(password, 65, "%.*s", (int)text.len, buf_str(&text));
	buf_fini(&text);
	return 0;
}

int
boot_first_app(struct server *s, struct err *e)
{
	char path[4096], password[65];
	bool found = false;
	int64_t id;

	if (app_each(s->db, any_app, &found, e) != 0)
		return -1;
	if (found)
		return 0;
	if (file_path(path, sizeof path, e, "%s/" FIRST_APP ".password", s->conf.paths.etc) != 0 ||
	    first_password(path, password, e) != 0)
		return -1;
	if (app_add(s->db, FIRST_APP, password, clock_wall_ms(), &id, e) != 0)
		return -1;
	log_info("first_app", "name=" FIRST_APP " password_file=%s", log_q(path));
	return 0;
}

static int
addr_path(const struct server *s, char *path, size_t size, struct err *e)
{
	return file_path(path, size, e, "%s/server.addr", s->conf.paths.run);
}

int
boot_write_addr(const struct server *s, struct err *e)
{
	char path[4096], text[700];
	int n = snprintf(text, sizeof text, "http=%s\nremote=%s\n", http_server_addr(s->http, LISTEN_HTTP),
	    http_server_addr(s->http, LISTEN_REMOTE));

	if (addr_path(s, path, sizeof path, e) != 0)
		return -1;
	return file_replace_fast(path, text, (size_t)n, 0644, e);
}

void
boot_remove_addr(const struct server *s)
{
	char path[4096];

	if (addr_path(s, path, sizeof path, NULL) == 0)
		unlink(path);
}

void
boot_raise_nofile(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) != 0 || r.rlim_cur >= NOFILE_WANTED)
		return;
	r.rlim_cur = r.rlim_max == RLIM_INFINITY || r.rlim_max > NOFILE_WANTED ? NOFILE_WANTED : r.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &r) != 0)
		log_warn("nofile", "wanted=%d error=%m", NOFILE_WANTED);
}

bool
boot_is_loopback(const char *addr)
{
	return strncmp(addr, "127.", 4) == 0 || strncmp(addr, "[::1]", 5) == 0 || strncmp(addr, "localhost:", 10) == 0;
}
