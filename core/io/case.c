/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/case.h"

#include "core/io/cell.h"
#include "core/io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where a row came from, for messages. */
struct origin {
	const char *path;
	size_t line;
	const char *id;
};

static struct io_part *add_part(struct io_case *c, uint32_t spec, uint32_t page, const char *type)
{
	struct io_part *p;

	c->part = as_realloc(c->part, c->parts + 1, sizeof *c->part);
	p = &c->part[c->parts++];
	*p = (struct io_part){ .spec = spec, .page = page, .type = type };
	as_buf_put(&p->data, "", 0); /* so that an empty part is a C string too */
	return p;
}

static const char *file_type(const struct io_part_spec *spec, const char *file)
{
	const size_t n = strlen(file);

	if (strcmp(spec->modality, "text") == 0) {
		return "text/plain; charset=utf-8";
	}
	if (strcmp(spec->modality, "table") != 0) {
		return "application/octet-stream";
	}
	return n > 4 && strcmp(file + n - 4, ".tsv") == 0 ? "text/tab-separated-values"
							  : "text/csv";
}

static int wrap(const struct origin *o, const char *column, struct as_err *e)
{
	return as_wrap(e, "%s:%zu: case %s, column %s", o->path, o->line, o->id, column);
}

static int read_part(const struct io_task *t, struct io_case *c, uint32_t spec, uint32_t page,
		     const char *file, struct as_err *e)
{
	struct io_part *p = add_part(c, spec, page, file_type(&t->part[spec], file));

	p->path = as_strdup(file);
	return io_read_file(file, IO_PART_BYTES_MAX, &p->data, e);
}

/* Paths separated by ';', each a page. */
static int make_files(const struct io_task *t, struct io_case *c, uint32_t spec, const char *cell,
		      const struct origin *o, struct as_err *e)
{
	const struct io_part_spec *part = &t->part[spec];
	const char *at = cell;
	const char *item;
	struct as_buf name = { 0 };
	struct as_buf file = { 0 };
	uint32_t page = 0;
	size_t n;
	int rc = AS_OK;

	while (io_cell_next(&at, ';', &item, &n)) {
		if (page == part->repeat) {
			rc = as_fail(e, AS_EFORMAT, "repeat: more than %u file%s for part %s",
				     part->repeat, part->repeat == 1 ? "" : "s", part->name);
			goto out;
		}
		as_buf_clear(&name);
		as_buf_clear(&file);
		as_buf_put(&name, item, n);
		io_path_beside(o->path, name.data, &file);
		TRY(read_part(t, c, spec, page++, file.data, e));
	}
out:
	as_buf_free(&name);
	as_buf_free(&file);
	return rc == AS_OK ? rc : wrap(o, part->column[0].name, e);
}

static void make_text(const struct io_task *t, struct io_case *c, uint32_t spec,
		      const struct io_row *row, const int *column)
{
	struct io_part *p = add_part(c, spec, 0, "text/plain; charset=utf-8");

	for (size_t i = 0; i < t->part[spec].columns; i++) {
		const char *cell = row->cell[column[i]];

		if (!io_task_missing(t, cell)) {
			as_buf_puts(&p->data, p->data.len > 0 ? "\n" : "");
			as_buf_puts(&p->data, cell);
		}
	}
}

static void make_record(const struct io_task *t, struct io_case *c, uint32_t spec,
			const struct io_row *row, const int *column)
{
	const struct io_part_spec *part = &t->part[spec];
	struct as_buf *b = &add_part(c, spec, 0, "text/csv")->data;

	for (size_t i = 0; i < part->columns; i++) {
		as_buf_puts(b, i > 0 ? "," : "");
		io_csv_put(b, part->column[i].name, strlen(part->column[i].name), ',');
	}
	as_buf_puts(b, "\n");
	for (size_t i = 0; i < part->columns; i++) {
		const char *cell = row->cell[column[i]];

		as_buf_puts(b, i > 0 ? "," : "");
		io_csv_put(b, cell, strlen(cell), ',');
	}
	as_buf_puts(b, "\n");
}

static int make_part(const struct io_task *t, struct io_case *c, uint32_t spec,
		     const struct io_row *row, const int *column, const struct origin *o,
		     struct as_err *e)
{
	const struct io_part_spec *part = &t->part[spec];
	bool present = false;

	for (size_t i = 0; i < part->columns; i++) {
		present = present || !io_task_missing(t, row->cell[column[i]]);
	}
	if (!present) {
		return AS_OK;
	}
	if (io_part_is_file(part)) {
		return make_files(t, c, spec, row->cell[column[0]], o, e);
	}
	if (io_part_is_text(part)) {
		make_text(t, c, spec, row, column);
	} else {
		make_record(t, c, spec, row, column);
	}
	return AS_OK;
}

static int set_id(struct io_case *c, const struct io_row *row, int column, const char *path,
		  struct as_err *e)
{
	size_t n;
	const char *s;

	if (column < 0) {
		(void)snprintf(c->id, sizeof c->id, "%zu", row->number);
		return AS_OK;
	}
	s = io_cell_trim(row->cell[column], &n);
	if (n == 0) {
		return as_fail(e, AS_EFORMAT, "%s:%zu: the case has no id", path, row->line);
	}
	if (n > IO_CASE_MAX) {
		return as_fail(e, AS_EFORMAT,
			       "%s:%zu: the case's id has %zu bytes, the limit is %d", path,
			       row->line, n, (int)IO_CASE_MAX);
	}
	(void)snprintf(c->id, sizeof c->id, "%.*s", (int)n, s);
	return AS_OK;
}

/* A copy of a cell without blanks around it, or NULL where it is absent. */
static char *present_cell(const struct io_task *t, const struct io_row *row, int column)
{
	size_t n;
	const char *s;

	if (column < 0 || io_task_missing(t, row->cell[column])) {
		return NULL;
	}
	s = io_cell_trim(row->cell[column], &n);
	return as_strndup(s, n);
}

int io_case_make(const struct io_task *t, const struct io_binding *b, const struct io_row *row,
		 const char *path, struct io_case *c, struct as_err *e)
{
	struct origin o = { path, row->line, c->id };
	int rc;

	*c = (struct io_case){ .line = row->line };
	TRY(set_id(c, row, b->id, path, e));
	c->target = present_cell(t, row, b->target);
	if (c->target == NULL && b->target >= 0 && t->kind == IO_MULTI) {
		c->target =
		    as_strdup(""); /* an empty cell is a case of no label, not an unknown one */
	}
	c->group = present_cell(t, row, b->group);
	if (c->group == NULL) {
		c->group = as_strdup(c->id);
	}
	c->split = present_cell(t, row, b->split);
	for (uint32_t p = 0; p < t->parts && rc == AS_OK; p++) {
		if (b->column[p] != NULL) {
			rc = make_part(t, c, p, row, b->column[p], &o, e);
		}
	}
out:
	return rc;
}

int io_case_add_file(const struct io_task *t, struct io_case *c, const char *part, const char *file,
		     struct as_err *e)
{
	const char *known[IO_PARTS_MAX];
	const int spec = io_task_part(t, part);
	uint32_t page = 0;
	const char *near;

	if (spec < 0) {
		for (size_t p = 0; p < t->parts; p++) {
			known[p] = t->part[p].name;
		}
		near = io_nearest(part, known, t->parts);
		return as_fail(e, AS_EUSAGE, "the task has no part \"%s\"%s%s%s", part,
			       near ? " (did you mean \"" : "", near ? near : "",
			       near ? "\"?)" : "");
	}
	for (size_t i = 0; i < c->parts; i++) {
		page += c->part[i].spec == (uint32_t)spec;
	}
	if (page == t->part[spec].repeat) {
		return as_fail(e, AS_EFORMAT, "repeat: more than %u file%s for part %s", page,
			       page == 1 ? "" : "s", part);
	}
	if (read_part(t, c, (uint32_t)spec, page, file, e) != AS_OK) {
		return as_wrap(e, "part %s", part);
	}
	return AS_OK;
}

void io_case_free(struct io_case *c)
{
	for (size_t i = 0; i < c->parts; i++) {
		as_buf_free(&c->part[i].data);
		free(c->part[i].path);
	}
	free(c->part);
	free(c->target);
	free(c->group);
	free(c->split);
	*c = (struct io_case){ 0 };
}

static int set_label(const struct io_task *t, const struct io_case *c, const char *s, size_t n,
		     float *labels, struct as_err *e)
{
	char *name = as_strndup(s, n);
	const int k = io_task_label(t, name);
	const char *near = io_nearest(name, (const char *const *)t->label, t->labels);
	int rc = AS_OK;

	if (k >= 0) {
		labels[k] = 1.0F;
	} else {
		rc = as_fail(
		    e, AS_EFORMAT,
		    "line %zu: case %s, column %s: \"%s\" is not one of the %zu labels%s%s%s",
		    c->line, c->id, t->target, name, t->labels, near ? " (did you mean \"" : "",
		    near ? near : "", near ? "\"?)" : "");
	}
	free(name);
	return rc;
}

int io_case_target(const struct io_task *t, const struct io_case *c, float *labels, double *value,
		   struct as_err *e)
{
	const char *at = c->target;
	const char *item;
	size_t n;
	int rc = AS_OK;

	if (at == NULL) {
		return as_fail(e, AS_EFORMAT, "line %zu: case %s, column %s: no target", c->line,
			       c->id, t->target);
	}
	if (t->kind == IO_VALUE) {
		return io_cell_number(at, value)
			   ? AS_OK
			   : as_fail(e, AS_EFORMAT,
				     "line %zu: case %s, column %s: \"%s\" is not a finite number",
				     c->line, c->id, t->target, at);
	}
	memset(labels, 0, t->labels * sizeof *labels);
	if (t->kind == IO_CLASS) {
		return set_label(t, c, at, strlen(at), labels, e);
	}
	while (rc == AS_OK && io_cell_next(&at, ';', &item, &n)) {
		rc = set_label(t, c, item, n, labels, e);
	}
	return rc;
}
