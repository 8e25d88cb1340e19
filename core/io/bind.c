/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/case.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int column_of(const struct io_row *header, const char *name)
{
	for (size_t i = 0; i < header->n; i++) {
		if (strcmp(header->cell[i], name) == 0) {
			return (int)i;
		}
	}
	return -1;
}

static int no_column(const struct io_row *header, const char *path, const char *name,
		     const char *what, struct as_err *e)
{
	const char *near = io_nearest(name, (const char *const *)header->cell, header->n);

	return as_fail(e, AS_EFORMAT, "%s: no column \"%s\" (%s)%s%s%s", path, name, what,
		       near ? "; nearest: \"" : "", near ? near : "", near ? "\"" : "");
}

static int find_column(const struct io_row *header, const char *path, const char *name,
		       const char *what, bool needed, int *out, struct as_err *e)
{
	*out = name != NULL ? column_of(header, name) : -1;
	if (name != NULL && *out < 0 && needed) {
		return no_column(header, path, name, what, e);
	}
	return AS_OK;
}

static bool is_named(const struct io_task *t, const char *name)
{
	const char *const own[] = { t->id ? t->id : "case", t->target, t->group, t->split };

	for (size_t i = 0; i < 4; i++) {
		if (own[i] != NULL && strcmp(own[i], name) == 0) {
			return true;
		}
	}
	for (size_t p = 0; p < t->parts; p++) {
		for (size_t i = 0; i < t->part[p].columns; i++) {
			if (strcmp(t->part[p].column[i].name, name) == 0) {
				return true;
			}
		}
	}
	return false;
}

/* The columns of `columns = *`. */
static int fill_every(struct io_task *t, struct io_part_spec *part, const struct io_row *header,
		      const char *path, struct as_err *e)
{
	struct io_column *column = as_calloc(header->n, sizeof *column);
	size_t n = 0;

	for (size_t i = 0; i < header->n; i++) {
		if (!is_named(t, header->cell[i])) {
			column[n++].name = as_strdup(header->cell[i]);
		}
	}
	if (n == 0) {
		free(column);
		return as_fail(e, AS_EFORMAT, "%s: no column is left for part %s (columns = *)",
			       path, part->name);
	}
	part->column = column;
	part->columns = n;
	return AS_OK;
}

static int bind_part(struct io_task *t, struct io_part_spec *part, const struct io_row *header,
		     const char *path, int **out, struct as_err *e)
{
	int *column;
	int rc = AS_OK;

	if (part->every && part->columns == 0) {
		TRY(fill_every(t, part, header, path, e));
	}
	column = *out = as_calloc(part->columns, sizeof *column);
	for (size_t i = 0; i < part->columns && rc == AS_OK; i++) {
		column[i] = column_of(header, part->column[i].name);
		if (column[i] < 0) {
			char what[2 * IO_NAME_SIZE + 48];

			(void)snprintf(what, sizeof what,
				       "part %s; --without %s leaves the part out", part->name,
				       part->name);
			rc = no_column(header, path, part->column[i].name, what, e);
		}
	}
out:
	return rc;
}

int io_task_bind(struct io_task *t, const struct io_row *header, const char *path,
		 const bool without[IO_PARTS_MAX], bool need_target, struct io_binding *b,
		 struct as_err *e)
{
	int rc;

	*b = (struct io_binding){ .id = -1, .target = -1, .group = -1, .split = -1 };
	b->id = column_of(header, t->id ? t->id : "case");
	if (t->id != NULL && b->id < 0) {
		return no_column(header, path, t->id, "the task's id", e);
	}
	TRY(find_column(header, path, t->target, "the target", need_target, &b->target, e));
	TRY(find_column(header, path, t->group, "the task's group", need_target, &b->group, e));
	TRY(find_column(header, path, t->split, "the task's split", need_target, &b->split, e));
	for (size_t p = 0; p < t->parts && rc == AS_OK; p++) {
		if (without == NULL || !without[p]) {
			rc = bind_part(t, &t->part[p], header, path, &b->column[p], e);
		}
	}
out:
	return rc;
}

void io_binding_free(struct io_binding *b)
{
	for (size_t p = 0; p < IO_PARTS_MAX; p++) {
		free(b->column[p]);
	}
	*b = (struct io_binding){ .id = -1, .target = -1, .group = -1, .split = -1 };
}
