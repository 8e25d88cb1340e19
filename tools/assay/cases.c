/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/assay/cases.h"

#include "core/io/file.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>

int cmd_without(const struct io_task *t, const struct cmd_list *names, bool without[IO_PARTS_MAX],
		struct as_err *e)
{
	const char *known[IO_PARTS_MAX];

	memset(without, 0, IO_PARTS_MAX * sizeof *without);
	for (size_t m = 0; m < t->parts; m++) {
		known[m] = t->part[m].name;
	}
	for (size_t i = 0; i < names->n; i++) {
		const int m = io_task_part(t, names->v[i]);
		const char *near = io_nearest(names->v[i], known, t->parts);

		if (m < 0) {
			return as_fail(e, AS_EUSAGE,
				       "--without %.60s: the task has no such part%s%s%s",
				       names->v[i], near ? " (did you mean " : "", near ? near : "",
				       near ? "?)" : "");
		}
		without[m] = true;
	}
	return AS_OK;
}

uint64_t cmd_threads(void)
{
	cpu_set_t set;
	int n;

	CPU_ZERO(&set);
	if (sched_getaffinity(0, sizeof set, &set) != 0) {
		return 1;
	}
	n = CPU_COUNT(&set);
	return n < 1 ? 1 : n > TR_THREADS_MAX ? TR_THREADS_MAX : (uint64_t)n;
}

void cmd_say_data(const char *command, const struct tr_data *d)
{
	for (size_t i = 0; i < TR_BAD_NAMED && d->bad_named[i] != NULL; i++) {
		fprintf(stderr, "assay %s: %s\n", command, d->bad_named[i]);
	}
	if (d->bad > TR_BAD_NAMED) {
		fprintf(stderr, "assay %s: and %zu more\n", command, d->bad - TR_BAD_NAMED);
	}
	fprintf(stderr, "assay %s: %zu cases of %zu rows", command, d->n, d->rows);
	if (d->targetless > 0) {
		fprintf(stderr, ", %zu without a target", d->targetless);
	}
	if (d->elsewhere > 0) {
		fprintf(stderr, ", %zu of another split", d->elsewhere);
	}
	if (d->bad > 0) {
		fprintf(stderr, ", %zu cannot be used", d->bad);
	}
	fprintf(stderr, "\n");
	if (d->replaced > 0) {
		fprintf(stderr,
			"assay %s: %" PRIu64 " bytes were not UTF-8 and are read as U+FFFD\n",
			command, d->replaced);
	}
}

int cmd_write(const char *path, const struct as_buf *b, struct as_err *e)
{
	if (strcmp(path, "-") != 0) {
		return io_write_file(path, b->data, b->len, 0644, e);
	}
	if (fwrite(b->data, 1, b->len, stdout) != b->len || fflush(stdout) != 0) {
		return as_fail(e, AS_EIO, "cannot write to standard output");
	}
	return AS_OK;
}
