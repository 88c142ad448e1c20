/* pj.ini: a configuration that is taken is printed as a pj.ini that reads back the same. */
#include "fuzz.h"

#include <sys/mman.h>
#include <unistd.h>

#include "codec/config.h"

static int
load(struct config *c, const char *text, size_t len, struct err *e)
{
	static int fd = -1;
	char path[64];

	if (fd < 0)
		fd = memfd_create("ini", MFD_CLOEXEC);
	CHECK(fd >= 0 && ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0);
	CHECK(write(fd, text, len) == (ssize_t)len && lseek(fd, 0, SEEK_SET) == 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return config_load(c, &(struct config_opts){ .root = "/nonexistent", .file = path }, e);
}

static void
reload(const struct config *c, bool only_changed, const struct buf *all)
{
	struct buf text = BUF_INIT, again = BUF_INIT;
	struct config copy;
	struct err e = ERR_INIT;

	config_print(c, only_changed, &text);
	if (load(&copy, buf_str(&text), text.len, &e) != 0) {
		fprintf(stderr, "%s\n%s\n", e.msg, buf_str(&text));
		FAIL("it reads what it prints");
	}
	config_print(&copy, false, &again);
	fuzz_check_same(all, &again);
	config_fini(&copy);
	buf_fini(&text);
	buf_fini(&again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config c;
	struct err e = ERR_INIT;
	struct buf all = BUF_INIT;
	char *text = fuzz_text(data, size);

	unsetenv("PJ_CONFIG");
	unsetenv("PJ_ROOT");
	if (load(&c, text, size, &e) == 0) {
		config_print(&c, false, &all);
		reload(&c, false, &all);
		reload(&c, true, &all);
		config_fini(&c);
	} else {
		fuzz_check_error(&e);
	}
	buf_fini(&all);
	free(text);
	return 0;
}
