/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/clock.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec t;

	(void)clock_gettime(id, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

int64_t as_mono_ns(void)
{
	return read_clock(CLOCK_BOOTTIME);
}

int64_t as_wall_ns(void)
{
	return read_clock(CLOCK_REALTIME);
}

void as_time_format(int64_t wall_ns, char out[AS_TIME_SIZE])
{
	const time_t s = (time_t)(wall_ns / 1000000000);
	struct tm tm;
	size_t n;

	(void)gmtime_r(&s, &tm);
	n = strftime(out, AS_TIME_SIZE, "%Y-%m-%dT%H:%M:%S", &tm);
	(void)snprintf(out + n, AS_TIME_SIZE - n, ".%06dZ", (int)(wall_ns % 1000000000 / 1000));
}
