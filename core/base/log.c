/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/log.h"

#include "core/base/clock.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const level_names[] = { "debug", "info", "warn", "error" };

int as_level_parse(const char *s, enum as_level *level, struct as_err *e)
{
	for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
		if (strcmp(s, level_names[i]) == 0) {
			*level = (enum as_level)i;
			return AS_OK;
		}
	}
	return as_fail(e, AS_ECONFIG, "want debug, info, warn or error, got \"%s\"", s);
}

void as_log(const struct as_log *l, enum as_level level, const char *id, const char *fmt, ...)
{
	char line[1024];
	char time[AS_TIME_SIZE];
	size_t n;
	va_list args;

	if (level < l->level) {
		return;
	}
	as_time_format(as_wall_ns(), time);
	n = (size_t)snprintf(line, sizeof line, "%s %s %s %s ", time, l->who, level_names[level],
			     id);
	va_start(args, fmt);
	n += (size_t)vsnprintf(line + n, sizeof line - n, fmt, args);
	va_end(args);
	if (n > sizeof line - 2) {
		n = sizeof line - 2;
	}
	for (size_t i = 0; i < n; i++) {
		if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f) {
			line[i] = '?';
		}
	}
	line[n] = '\n';
	if (write(l->fd, line, n + 1) < 0) {
		return; /* nowhere left to say so */
	}
}
