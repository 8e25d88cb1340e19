/* SPDX-License-Identifier: Apache-2.0
 * failures.c - STATE/failures: how many daemons in a row ended because they could not write. Its
 * own write is not synced: what it counts is a disk that fails, not a machine that does. */
#include "daemon/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static FILE *open_file(const struct dm_daemon *d, const char *mode)
{
	struct as_buf path = { 0 };
	FILE *f;

	as_buf_printf(&path, "%s/failures", d->config.daemon.state);
	f = fopen(path.data, mode);
	as_buf_free(&path);
	return f;
}

unsigned dm_failures(const struct dm_daemon *d)
{
	FILE *f = open_file(d, "re");
	char text[16] = "";

	if (f != NULL) {
		if (fgets(text, sizeof text, f) == NULL) {
			text[0] = '\0';
		}
		(void)fclose(f);
	}
	return (unsigned)strtoul(text, NULL, 10);
}

void dm_failures_put(const struct dm_daemon *d, unsigned n)
{
	FILE *f = open_file(d, "we");
	const bool written = f != NULL && fprintf(f, "%u\n", n) > 0;

	if (f == NULL || fclose(f) != 0 || !written) {
		as_log(&d->log, AS_ERROR, "FAILURES", "file=%s/failures error=\"%s\"",
		       d->config.daemon.state, strerror(errno));
	}
}
