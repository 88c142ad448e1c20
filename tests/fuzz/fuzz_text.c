/* Durations and instants as text: what is read and printed is read as the same. */
#include "fuzz.h"

#include "time/dur.h"
#include "time/stamp.h"

static const struct tz *
zone(unsigned n)
{
	static struct tz *known[3];
	static const char *const names[3] = { "UTC", "Europe/Berlin", "Australia/Lord_Howe" };

	n %= 3;
	if (known[n] == NULL)
		known[n] = tz_open(names[n], NULL);
	return known[n];
}

static void
check_duration(const char *text)
{
	struct err e = ERR_INIT;
	char printed[DUR_SIZE], again[DUR_SIZE];
	int64_t ms = dur_parse_ms(text, &e);

	if (ms < 0) {
		fuzz_check_error(&e);
		return;
	}
	CHECK(ms <= DUR_MAX_MS);
	dur_print(printed, ms);
	CHECK(dur_parse_ms(printed, &e) == ms);
	CHECK(strcmp(dur_print(again, -ms) + (ms != 0), printed) == 0);
}

static void
check_stamp(const char *text, const struct tz *z)
{
	struct err e = ERR_INIT;
	char printed[STAMP_SIZE];
	int64_t both[2], again;
	int n = stamp_parse_both(text, z, both, &e);

	if (n < 0) {
		fuzz_check_error(&e);
		return;
	}
	CHECK(n == 1 || both[0] < both[1]);
	for (int i = 0; i < n; i++) {
		stamp_print(printed, both[i], z);
		CHECK(strlen(printed) < STAMP_SIZE);
		CHECK(stamp_parse_ms(printed, z, &again, &e) == 0);
		CHECK(again == both[i]);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct tz *z = zone((unsigned)fuzz_take(&data, &size, 1));
	char *text = fuzz_text(data, size);
	char printed[STAMP_SIZE], length[DUR_SIZE];

	check_duration(text);
	check_stamp(text, z);
	if (size >= 8) { /* any number can be printed */
		int64_t any = (int64_t)fuzz_take(&data, &size, 8);

		check_stamp(stamp_print(printed, any, z), z);
		CHECK(strlen(dur_print(length, any)) < DUR_SIZE);
	}
	free(text);
	return 0;
}
