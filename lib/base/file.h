/* Files: whole reads, durable replacement, locks, directories. */
#ifndef PJ_BASE_FILE_H
#define PJ_BASE_FILE_H

#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends the whole file; ERR_NOTFOUND, ERR_TOOBIG over max_bytes, ERR_IO. */
int file_read(const char *path, size_t max_bytes, struct buf *out, struct err *e);
/* Replaces path by new contents: temporary beside it, fsync, rename, fsync of the directory. */
int file_replace(const char *path, const void *data, size_t len, mode_t mode, struct err *e);
/* The same without the fsyncs: for status files, which a power loss may take. */
int file_replace_fast(const char *path, const void *data, size_t len, mode_t mode, struct err *e);
/* Creates path with O_EXCL; 1 when it was there already (untouched), 0 made, -1 error. fsynced. */
int file_create_once(const char *path, const void *data, size_t len, mode_t mode, struct err *e);
/* Makes the directory and its parents (0700 for those it makes). */
int file_mkdirs(const char *path, struct err *e);
int file_sync_dir(const char *path, struct err *e);
/* Opens and locks path (made when missing) with flock; ERR_BUSY when another process holds it, its pid in the message
 * where it wrote one. Returns the descriptor (close-on-exec): keep it for life. Writes our pid into it. */
int file_lock(const char *path, struct err *e);
int file_write_all(int fd, const void *data, size_t len); /* 0, or -1 with errno; goes on after EINTR */
/* snprintf into path[size]; ERR_TOOBIG names the path when it does not fit. */
int file_path(char *path, size_t size, struct err *e, const char *fmt, ...) __attribute__((format(printf, 4, 5)));

#endif
