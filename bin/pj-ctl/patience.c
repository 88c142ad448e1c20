#include "patience.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/file.h"

static char text[512];
static size_t text_len;
static volatile sig_atomic_t said;

static void
say(int signo)
{
	(void)signo;
	if (said)
		return;
	said = 1;
	(void)file_write_all(STDERR_FILENO, text, text_len);
}

static void
arm(int64_t ms)
{
	struct itimerval t = { .it_value = { (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000) } };

	setitimer(ITIMER_REAL, &t, NULL);
}

void
patience_begin(const char *where, int64_t quiet_ms, int64_t total_ms)
{
	struct sigaction sa = { .sa_handler = say, .sa_flags = SA_RESTART };
	int n = snprintf(text, sizeof text, "pj-ctl: no answer yet from %.300s; it is waited for, %lld s at most\n", where,
	    (long long)(total_ms + 999) / 1000);

	text_len = n < 0 ? 0 : (size_t)n < sizeof text ? (size_t)n : sizeof text - 1;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGALRM, &sa, NULL);
	arm(quiet_ms);
}

void
patience_end(int answered)
{
	arm(0);
	if (answered)
		said = 0;
}
