/* driver [-runs=N] [-seed=S] PATH...: runs a fuzz target without libFuzzer: on every file named or in a directory named, then
 * on N mutations of them, the same ones for the same seed. What it was at is written to standard error as hexadecimal when
 * the target dies. Not as keen as libFuzzer, which sees what the target reaches, but it needs no clang. */
#include "fuzz.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"

#define INPUT_MAX 65536
#define SEEDS_MAX 1024

void __sanitizer_set_death_callback(void (*fn)(void)) __attribute__((weak));

static struct buf seeds[SEEDS_MAX];
static size_t n_seeds;
static uint8_t input[INPUT_MAX];
static size_t input_len;
static uint64_t state;

static void
dying(void)
{
	static const char hex[] = "0123456789abcdef";
	static char line[2 * INPUT_MAX + 1];

	for (size_t i = 0; i < input_len; i++) {
		line[2 * i] = hex[input[i] >> 4];
		line[2 * i + 1] = hex[input[i] & 15];
	}
	line[2 * input_len] = '\n';
	if (write(2, "input: ", 7) < 0 || write(2, line, 2 * input_len + 1) < 0)
		_exit(71);
}

static void
on_signal(int sig)
{
	dying();
	signal(sig, SIG_DFL);
	raise(sig);
}

static size_t
draw(size_t most) /* 0 to most - 1 */
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (size_t)((state * 0x2545f4914f6cdd1dULL >> 11) % most);
}

static void
load(const char *path, bool top)
{
	struct err e = ERR_INIT;
	struct stat st;
	struct dirent **names;
	char below[4096];
	int n;

	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode) && top) {
		n = scandir(path, &names, NULL, alphasort);
		for (int i = 0; i < n; i++) {
			snprintf(below, sizeof below, "%s/%s", path, names[i]->d_name);
			load(below, false);
			free(names[i]);
		}
		if (n >= 0)
			free(names);
	} else if (S_ISREG(st.st_mode) && n_seeds < SEEDS_MAX) {
		if (file_read(path, INPUT_MAX, &seeds[n_seeds], &e) != 0) {
			fprintf(stderr, "driver: %s\n", e.msg);
			exit(66);
		}
		n_seeds++;
	}
}

static void
take_seed(const struct buf *seed)
{
	input_len = seed->len;
	if (seed->len > 0)
		memcpy(input, seed->data, seed->len);
}

/* Replaces `cut` bytes at `at` by n others. */
static void
put(size_t at, size_t cut, const uint8_t *bytes, size_t n)
{
	uint8_t copy[256];

	if (n > sizeof copy || input_len - cut + n > INPUT_MAX)
		return;
	memcpy(copy, bytes, n); /* they may be the input's own */
	memmove(input + at + n, input + at + cut, input_len - at - cut);
	memcpy(input + at, copy, n);
	input_len += n - cut;
}

static void
mutate(void)
{
	static const char marks[] = "0123456789*?-/,#LWH~|{}[]\":.=\\\n @+\xff\x80";
	size_t at = draw(input_len + 1), left = input_len - at, n = draw(left < 32 ? left + 1 : 32);
	uint8_t byte = (uint8_t)(draw(2) ? marks[draw(sizeof marks)] : (char)draw(256));
	const struct buf *other = &seeds[draw(n_seeds)];

	switch (draw(6)) {
	case 0:
		if (left > 0)
			input[at] = (uint8_t)(input[at] ^ 1U << draw(8));
		break;
	case 1:
		put(at, left > 0 ? 1 : 0, &byte, 1);
		break;
	case 2:
		put(at, 0, &byte, 1);
		break;
	case 3:
		put(at, n, &byte, 0);
		break;
	case 4:
		put(draw(input_len + 1), 0, input + at, n);
		break;
	case 5:
		if (other->len > 0) {
			size_t from = draw(other->len), len = draw(other->len - from + 1);

			put(at, n, (const uint8_t *)other->data + from, len < 64 ? len : 64);
		}
		break;
	}
}

int
main(int argc, char **argv)
{
	unsigned long runs = 0;

	state = 88172645463325252ULL;
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "-runs=", 6) == 0)
			runs = strtoul(argv[i] + 6, NULL, 10);
		else if (strncmp(argv[i], "-seed=", 6) == 0)
			state ^= strtoul(argv[i] + 6, NULL, 10) * 0x9e3779b97f4a7c15ULL;
		else
			load(argv[i], true);
	}
	if (n_seeds == 0) {
		fprintf(stderr, "driver: no files to start from\n");
		return 66;
	}
	for (int sig = 1; sig < 32; sig++)
		if (sig == SIGABRT || sig == SIGSEGV || sig == SIGBUS || sig == SIGFPE || sig == SIGALRM)
			signal(sig, on_signal);
	if (__sanitizer_set_death_callback != NULL)
		__sanitizer_set_death_callback(dying);
	for (size_t i = 0; i < n_seeds + runs; i++) {
		take_seed(&seeds[i < n_seeds ? i : draw(n_seeds)]);
		for (size_t k = i < n_seeds ? 0 : 1 + draw(6); k > 0; k--)
			mutate();
		alarm(20); /* a target that does not come back dies, and shows its input */
		LLVMFuzzerTestOneInput(input, input_len);
	}
	for (size_t i = 0; i < n_seeds; i++)
		buf_fini(&seeds[i]);
	printf("%zu files, %lu mutations\n", n_seeds, runs);
	return 0;
}
