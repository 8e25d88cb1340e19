/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/survey.h"

#include "core/io/case.h"
#include "core/io/cell.h"
#include "core/io/survey_notes.h"
#include "core/text/words.h"

#include <stdlib.h>
#include <string.h>

static void counts_add(struct io_counts *c, const char *name)
{
	struct io_count *count = as_map_find(&c->index, name);

	if (count != NULL) {
		count->n++;
		return;
	}
	if (c->n == IO_DISTINCT_MAX) {
		c->full = true;
		return;
	}
	if (c->n == c->cap) {
		c->cap = c->cap ? 2 * c->cap : 16;
		c->v = as_realloc(c->v, c->cap, sizeof(struct io_count *));
	}
	count = as_malloc(sizeof *count);
	*count = (struct io_count){ as_strdup(name), 1 };
	c->v[c->n++] = count;
	as_map_put(&c->index, name, count);
}

static void counts_free(struct io_counts *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free(c->v[i]->name);
		free(c->v[i]);
	}
	free(c->v);
	as_map_free(&c->index);
	*c = (struct io_counts){ 0 };
}

static void add_range(double v, bool first, double *min, double *max, double *sum)
{
	*min = first || v < *min ? v : *min;
	*max = first || v > *max ? v : *max;
	*sum += v;
}

static void add_bad(struct io_survey *s, const struct as_err *e)
{
	if (s->bad < IO_BAD_NAMED) {
		s->bad_named[s->bad] = as_strdup(e->msg);
	}
	s->bad++;
}

static void add_cell(struct io_survey_column *c, const char *cell, const char *target)
{
	size_t n;
	const char *s = io_cell_trim(cell, &n);
	char *value = as_strndup(s, n);
	double v;

	if (io_cell_number(value, &v)) {
		add_range(v, c->numbers == 0, &c->min, &c->max, &c->sum);
		c->numbers++;
	}
	c->targets += target != NULL && strcmp(value, target) == 0;
	c->present++;
	counts_add(&c->values, value);
	free(value);
}

static int add_text(struct io_survey_part *p, const struct io_task *t, const struct io_part *part,
		    struct as_err *e)
{
	struct tx_words w;
	int rc;

	TRY(tx_words_read(&w, part->data.data, part->data.len, 0, t->hyper.text_words, e));
	for (size_t i = 0; i < w.n; i++) {
		counts_add(&p->seen, w.folded + w.word[i].at);
	}
	p->words += w.n;
	p->words_max = w.n > p->words_max ? w.n : p->words_max;
out:
	tx_words_free(&w);
	return rc;
}

static int add_sheet(struct io_survey_part *p, const struct io_task *t, const struct io_part *part,
		     struct as_err *e)
{
	const char delimiter = strcmp(part->type, "text/csv") == 0 ? ',' : '\t';
	struct io_csv *c = NULL;
	struct io_row row;
	bool more = true;
	size_t rows = 0;
	size_t cells;
	int rc;

	TRY(io_csv_open_mem(&c, part->data.data, part->data.len, part->path, delimiter, e));
	for (;;) {
		TRY(io_csv_next(c, &row, &more, e));
		if (!more) {
			break;
		}
		rows++;
	}
	cells = rows * io_csv_header(c)->n;
	if (cells > t->hyper.table_cells) {
		rc = as_fail(e, AS_EFORMAT, "%s: cells: %zu, the limit is %u (table_cells)",
			     part->path, cells, t->hyper.table_cells);
		goto out;
	}
	p->rows += rows;
	p->cells_max = cells > p->cells_max ? cells : p->cells_max;
out:
	io_csv_close(c);
	return rc;
}

/* One part of one row: its binding alone, so that a fault of one part hides no other. */
static int add_part(struct io_survey *s, const struct io_task *t, const struct io_binding *b,
		    uint32_t spec, const struct io_row *row, const char *path, struct as_err *e)
{
	struct io_binding one = { .id = b->id, .target = b->target, .group = -1, .split = -1 };
	struct io_survey_part *p = &s->part[spec];
	struct io_case c;
	int rc;

	one.column[spec] = b->column[spec];
	TRY(io_case_make(t, &one, row, path, &c, e));
	p->present += c.parts > 0;
	p->pages += c.parts;
	p->pages_max = c.parts > p->pages_max ? c.parts : p->pages_max;
	for (size_t i = 0; i < c.parts; i++) {
		p->bytes += c.part[i].data.len;
		rc = AS_OK;
		if (io_part_is_text(&t->part[spec])) {
			rc = add_text(p, t, &c.part[i], e);
		} else if (t->part[spec].sheet) {
			rc = add_sheet(p, t, &c.part[i], e);
		}
		if (rc != AS_OK) {
			rc = as_wrap(e, "%s:%zu: case %s, part %s", path, row->line, c.id,
				     t->part[spec].name);
			break;
		}
	}
	for (size_t i = 0; i < p->columns; i++) {
		const char *cell = row->cell[b->column[spec][i]];

		if (!io_task_missing(t, cell)) {
			add_cell(&p->column[i], cell, c.target);
		}
	}
out:
	io_case_free(&c);
	return rc;
}

static int add_target(struct io_survey *s, const struct io_task *t, const struct io_case *c,
		      const char *path, struct as_err *e)
{
	float labels[IO_LABELS_MAX];
	double value = 0;

	if (c->target == NULL) {
		s->targetless++;
		return AS_OK;
	}
	if (io_case_target(t, c, labels, &value, e) != AS_OK) {
		return as_wrap(e, "%s", path);
	}
	for (size_t k = 0; k < t->labels; k++) {
		s->label[k] += labels[k] > 0;
	}
	if (t->kind == IO_VALUE) {
		add_range(value, s->labelled == 0, &s->min, &s->max, &s->sum);
	}
	s->labelled++;
	return AS_OK;
}

static void add_row(struct io_survey *s, const struct io_task *t, const struct io_binding *b,
		    const struct io_row *row, const char *path)
{
	const struct io_binding bare = { b->id, b->target, b->group, b->split, { NULL } };
	struct io_case c;
	struct as_err e;

	s->cases++;
	if (io_case_make(t, &bare, row, path, &c, &e) != AS_OK) { /* no id, or too long a one */
		add_bad(s, &e);
		io_case_free(&c);
		return;
	}
	counts_add(&s->ids, c.id);
	counts_add(&s->groups, c.group);
	if (b->split >= 0) {
		counts_add(&s->splits, c.split ? c.split : "");
	}
	if (add_target(s, t, &c, path, &e) != AS_OK) {
		add_bad(s, &e);
	}
	io_case_free(&c);
	for (uint32_t p = 0; p < t->parts; p++) {
		if (b->column[p] != NULL && add_part(s, t, b, p, row, path, &e) != AS_OK) {
			add_bad(s, &e);
		}
	}
}

static void open_columns(struct io_survey *s, const struct io_task *t, const struct io_binding *b)
{
	s->parts = t->parts;
	for (size_t p = 0; p < t->parts; p++) {
		struct io_survey_part *part = &s->part[p];

		if (b->column[p] == NULL || io_part_is_file(&t->part[p])) {
			continue;
		}
		part->columns = t->part[p].columns;
		part->column = as_calloc(part->columns, sizeof *part->column);
		for (size_t i = 0; i < part->columns; i++) {
			part->column[i].name = t->part[p].column[i].name;
		}
	}
}

static void close_columns(struct io_survey *s, const struct io_task *t)
{
	for (size_t p = 0; p < s->parts; p++) {
		for (size_t i = 0; i < s->part[p].columns; i++) {
			struct io_survey_column *c = &s->part[p].column[i];

			c->cell = t->part[p].column[i].cell;
			if (c->cell == IO_AUTO) {
				c->cell = io_column_type(c->present, c->numbers);
			}
		}
	}
}

int io_survey_read(struct io_survey *s, struct io_task *t, const char *path,
		   const bool without[IO_PARTS_MAX], struct as_err *e)
{
	struct io_csv *c = NULL;
	struct io_binding b = { .id = -1 };
	struct io_row row;
	bool more = true;
	int rc;

	*s = (struct io_survey){ 0 };
	TRY(io_csv_open(&c, path, t->delimiter, e));
	TRY(io_task_bind(t, io_csv_header(c), path, without, true, &b, e));
	open_columns(s, t, &b);
	for (;;) {
		TRY(io_csv_next(c, &row, &more, e));
		if (!more) {
			break;
		}
		add_row(s, t, &b, &row, path);
	}
	s->replaced = io_csv_replaced(c);
	close_columns(s, t);
	io_survey_notes(s, t, &b);
out:
	io_binding_free(&b);
	io_csv_close(c);
	return rc;
}

void io_survey_free(struct io_survey *s)
{
	for (size_t p = 0; p < s->parts; p++) {
		for (size_t i = 0; i < s->part[p].columns; i++) {
			counts_free(&s->part[p].column[i].values);
		}
		free(s->part[p].column);
		counts_free(&s->part[p].seen);
	}
	counts_free(&s->ids);
	counts_free(&s->groups);
	counts_free(&s->splits);
	for (size_t i = 0; i < IO_BAD_NAMED; i++) {
		free(s->bad_named[i]);
	}
	for (size_t i = 0; i < s->notes; i++) {
		free(s->note[i]);
	}
	*s = (struct io_survey){ 0 };
}
