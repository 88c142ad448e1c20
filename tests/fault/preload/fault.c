/* LD_PRELOAD: makes one program fail where it hurts.
 *
 *   FAULT_PROGRAM=name       only in the program of this name (others and their children run on)
 *   FAULT_KILL_AT=N          SIGKILL to itself just before the Nth watched call of the process
 *   FAULT_COUNT_FILE=path    the number of watched calls so far is kept there (4 bytes, native), to choose N from
 *   FAULT_NOSPACE_FLAG=path  while this file exists every write to a regular file fails with ENOSPC
 *
 * Watched: what makes state durable or tells it to someone: pwrite, write, writev, fdatasync, fsync, rename, unlink,
 * ftruncate, send, sendto, sendmsg, connect. Standard error is left alone. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

static struct {
	int on;
	unsigned kill_at;
	unsigned *count; /* shared file or own */
	unsigned own;
	const char *nospace_flag;
	pid_t pid;
} fault;

static void *
real(const char *name)
{
	void *fn = dlsym(RTLD_NEXT, name);

	if (fn == NULL)
		abort();
	return fn;
}

__attribute__((constructor)) static void
fault_init(void)
{
	const char *program = getenv("FAULT_PROGRAM"), *at = getenv("FAULT_KILL_AT"), *file = getenv("FAULT_COUNT_FILE");
	int fd;

	fault.count = &fault.own;
	if (program == NULL || strcmp(program, program_invocation_short_name) != 0)
		return;
	fault.on = 1;
	fault.pid = getpid();
	fault.kill_at = at != NULL ? (unsigned)strtoul(at, NULL, 10) : 0;
	fault.nospace_flag = getenv("FAULT_NOSPACE_FLAG");
	if (file == NULL)
		return;
	fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd >= 0 && ftruncate(fd, sizeof(unsigned)) == 0) {
		void *at_file = mmap(NULL, sizeof(unsigned), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		if (at_file != MAP_FAILED) {
			fault.count = at_file;
			*fault.count = 0;
		}
	}
	if (fd >= 0)
		close(fd);
}

static void
watched(void)
{
	if (!fault.on || getpid() != fault.pid)
		return;
	if (++*fault.count == fault.kill_at)
		kill(fault.pid, SIGKILL);
}

static int
no_space(int fd)
{
	struct stat st;

	if (!fault.on || fault.nospace_flag == NULL || fd == STDERR_FILENO || access(fault.nospace_flag, F_OK) != 0)
		return 0;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	errno = ENOSPC;
	return 1;
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	static ssize_t (*fn)(int, const void *, size_t, off64_t);

	if (fn == NULL)
		fn = (ssize_t(*)(int, const void *, size_t, off64_t))real("pwrite64");
	watched();
	return no_space(fd) ? -1 : fn(fd, data, len, at);
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	return pwrite64(fd, data, len, at);
}

ssize_t
write(int fd, const void *data, size_t len)
{
	static ssize_t (*fn)(int, const void *, size_t);

	if (fn == NULL)
		fn = (ssize_t(*)(int, const void *, size_t))real("write");
	if (fd != STDERR_FILENO)
		watched();
	return no_space(fd) ? -1 : fn(fd, data, len);
}

ssize_t
writev(int fd, const struct iovec *v, int n)
{
	static ssize_t (*fn)(int, const struct iovec *, int);

	if (fn == NULL)
		fn = (ssize_t(*)(int, const struct iovec *, int))real("writev");
	watched();
	return no_space(fd) ? -1 : fn(fd, v, n);
}

ssize_t
send(int fd, const void *data, size_t len, int flags)
{
	static ssize_t (*fn)(int, const void *, size_t, int);

	if (fn == NULL)
		fn = (ssize_t(*)(int, const void *, size_t, int))real("send");
	watched();
	return fn(fd, data, len, flags);
}

ssize_t
sendto(int fd, const void *data, size_t len, int flags, const struct sockaddr *to, socklen_t to_len)
{
	static ssize_t (*fn)(int, const void *, size_t, int, const struct sockaddr *, socklen_t);

	if (fn == NULL)
		fn = (ssize_t(*)(int, const void *, size_t, int, const struct sockaddr *, socklen_t))real("sendto");
	watched();
	return fn(fd, data, len, flags, to, to_len);
}

ssize_t
sendmsg(int fd, const struct msghdr *m, int flags)
{
	static ssize_t (*fn)(int, const struct msghdr *, int);

	if (fn == NULL)
		fn = (ssize_t(*)(int, const struct msghdr *, int))real("sendmsg");
	watched();
	return fn(fd, m, flags);
}

int
connect(int fd, const struct sockaddr *to, socklen_t to_len)
{
	static int (*fn)(int, const struct sockaddr *, socklen_t);

	if (fn == NULL)
		fn = (int (*)(int, const struct sockaddr *, socklen_t))real("connect");
	watched();
	return fn(fd, to, to_len);
}

#define ONE_FD(name)                             \
	int name(int fd)                         \
	{                                        \
		static int (*fn)(int);           \
                                                 \
		if (fn == NULL)                  \
			fn = (int (*)(int))real(#name); \
		watched();                       \
		return fn(fd);                   \
	}

ONE_FD(fsync)
ONE_FD(fdatasync)

int
ftruncate64(int fd, off64_t len)
{
	static int (*fn)(int, off64_t);

	if (fn == NULL)
		fn = (int (*)(int, off64_t))real("ftruncate64");
	watched();
	return fn(fd, len);
}

int
rename(const char *from, const char *to)
{
	static int (*fn)(const char *, const char *);

	if (fn == NULL)
		fn = (int (*)(const char *, const char *))real("rename");
	watched();
	return fn(from, to);
}

int
unlink(const char *path)
{
	static int (*fn)(const char *);

	if (fn == NULL)
		fn = (int (*)(const char *))real("unlink");
	watched();
	return fn(path);
}
