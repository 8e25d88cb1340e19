/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/clock.h"
#include "core/base/log.h"
#include "tests/support/check.h"

#include <unistd.h>

static size_t logged(enum as_level at, enum as_level level, const char *value, char *out, size_t n)
{
	int fd[2];
	struct as_log l = { .level = at, .who = "test" };
	ssize_t got;

	cr_assert(eq(int, pipe(fd), 0));
	l.fd = fd[1];
	as_log(&l, level, "SOME-ID", "value=%s", value);
	(void)close(fd[1]);
	got = read(fd[0], out, n - 1);
	(void)close(fd[0]);
	cr_assert(ge(i64, got, 0));
	out[got] = '\0';
	return (size_t)got;
}

Test(base_log, a_line_has_time_program_level_id_and_values)
{
	char line[2048];

	(void)logged(AS_INFO, AS_WARN, "7", line, sizeof line);
	cr_assert(ne(ptr, strstr(line, "Z test warn SOME-ID value=7\n"), NULL), "%s", line);
}

Test(base_log, lower_levels_are_dropped)
{
	char line[2048];

	cr_assert(eq(sz, logged(AS_WARN, AS_INFO, "7", line, sizeof line), 0));
}

Test(base_log, nobody_can_forge_a_line)
{
	char line[2048];

	(void)logged(AS_INFO, AS_INFO, "a\nforged \x1b[31m", line, sizeof line);
	cr_assert(ne(ptr, strstr(line, "value=a?forged ?[31m\n"), NULL), "%s", line);
}

Test(base_log, a_long_line_is_cut_and_ended)
{
	char line[4096];
	char value[3000];
	size_t n;

	memset(value, 'x', sizeof value - 1);
	value[sizeof value - 1] = '\0';
	n = logged(AS_INFO, AS_INFO, value, line, sizeof line);
	cr_assert(lt(sz, n, 1025));
	cr_assert(eq(chr, line[n - 1], '\n'));
}

Test(base_log, levels_have_names_and_others_are_refused)
{
	struct as_err e = { 0 };
	enum as_level l;

	ok(as_level_parse("error", &l, &e));
	cr_assert(eq(int, (int)l, AS_ERROR));
	fails(as_level_parse("loud", &l, &e), AS_ECONFIG, "got \"loud\"");
}

Test(base_clock, times_are_written_as_rfc_3339)
{
	char out[AS_TIME_SIZE];

	as_time_format(1500000000123456789, out);
	same(out, "2017-07-14T02:40:00.123456Z");
}

Test(base_clock, monotonic_time_does_not_go_back)
{
	const int64_t a = as_mono_ns();

	cr_assert(ge(i64, as_mono_ns(), a));
	cr_assert(lt(i64, 1500000000000000000, as_wall_ns()));
}
