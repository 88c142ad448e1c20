/* One line an event on standard error: time, level, program, event, key=value... */
#ifndef PJ_BASE_LOG_H
#define PJ_BASE_LOG_H

enum log_level { LOG_DEBUG_ = 0, LOG_INFO_, LOG_WARN_, LOG_ERROR_ };

/* `program` is borrowed for life. Under systemd (JOURNAL_STREAM) lines start with <N> and no time. */
void log_init(const char *program, enum log_level least);
void log_set_level(enum log_level least);
int log_level_from_name(const char *name, enum log_level *out); /* debug info warn error; -1 unknown */

/* `event` is a fixed word or two (`worker_lost`); fmt gives `key=value` pairs, values from outside through log_q. */
void log_debug(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_info(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_warn(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void log_error(const char *event, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Quotes a value when it has blanks, quotes or control bytes; up to 4 results live at once (a ring of static buffers of
 * 600 bytes; longer values are cut with "..."). NULL becomes `-`. */
const char *log_q(const char *value);

#endif
