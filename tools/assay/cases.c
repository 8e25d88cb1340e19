/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/assay/cases.h"

#include "core/io/file.h"

#include <inttypes.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
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
	cmd_say_replaced(command, d->replaced);
}

void cmd_say_replaced(const char *command, uint64_t bytes)
{
	if (bytes > 0) {
		fprintf(stderr,
			"assay %s: %" PRIu64 " bytes were not UTF-8 and are read as U+FFFD\n",
			command, bytes);
	}
}

int cmd_load(const char *command, struct io_task *task, const struct tr_data_how *how,
	     struct tr_pool *pool, struct tr_data *d, struct as_err *e)
{
	int rc;

	if (how->split != NULL && task->split == NULL) {
		return as_fail(e, AS_EUSAGE, "--split %s: the model's task has no split column",
			       how->split);
	}
	if (how->split == NULL) {
		free(task->group);
		free(task->split);
		task->group = task->split = NULL;
	}
	rc = tr_data_load(d, task, how, pool, e);
	if (rc == AS_OK || d->bad > 0) {
		cmd_say_data(command, d);
	}
	return rc == AS_OK && d->n == 0 ? as_fail(e, AS_EFORMAT, "%s: no case to score", how->path)
					: rc;
}

int cmd_load_unlabelled(const char *command, struct io_task *task, const char *path,
			const struct cmd_job *job, struct tr_pool *pool, struct tr_data *d,
			struct as_err *e)
{
	const struct tr_data_how how = { .path = path,
					 .split = task->split != NULL ? "train" : NULL,
					 .keep = true,
					 .skip_bad = job->skip_bad,
					 .unlabelled = true,
					 .origin = job->origin };
	const int rc = tr_data_load(d, task, &how, pool, e);

	for (size_t m = 0; rc == AS_OK && m < task->parts; m++) {
		if (d->absent[m]) {
			fprintf(stderr, "assay %s: %s has no part %s\n", command, path,
				task->part[m].name);
		}
	}
	if (rc == AS_OK || d->bad > 0) {
		cmd_say_data(command, d);
	}
	return rc;
}

static void say_labels(const char *command, const struct tr_data *d)
{
	for (size_t k = 0; k < d->task->labels; k++) {
		size_t n = 0;

		for (size_t i = 0; i < d->n; i++) {
			n += d->v[i].label[k] > 0.5F;
		}
		if (n == 0 && d->n > 0) {
			fprintf(stderr, "assay %s: column %s: no case has the label %s\n", command,
				d->task->target, d->task->label[k]);
		}
	}
}

int cmd_say_gaps(const char *command, const struct tr_data *d, struct as_err *e)
{
	size_t *all = as_malloc((d->n + 1) * sizeof *all);
	struct as_buf text = { 0 };
	struct json_t *doc = NULL;
	struct json_t *columns;
	const char *part;
	void *it = NULL;
	int rc;

	for (size_t i = 0; i < d->n; i++) {
		all[i] = i;
	}
	say_labels(command, d);
	TRY(tr_statistics(d, all, d->n, &text, e));
	TRY(io_json_parse(text.data, text.len, "statistics", &doc, e));
	while (io_json_next(io_json_find(doc, "table"), &it, &part, &columns)) {
		for (size_t i = 0; i < io_json_len(columns); i++) {
			const struct json_t *c = io_json_at(columns, i);

			if (io_json_find_u64(c, "present", 1) == 0) {
				fprintf(stderr,
					"assay %s: part %s: column %s has no value in any case\n",
					command, part, io_json_find_str(c, "name", "?"));
			}
		}
	}
out:
	io_json_free(doc);
	as_buf_free(&text);
	free(all);
	return rc;
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
