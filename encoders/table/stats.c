/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/table/stats.h"

#include "core/base/buf.h"
#include "core/io/cell.h"
#include "encoders/table/sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { SEED = 1 };

struct enc_column *enc_table_stats_put(struct enc_table_stats *s, size_t part, const char *name,
				       enum io_cell cell)
{
	const size_t i = s->part[part].n;
	struct enc_column *c;

	if (i == s->part[part].cap) {
		s->part[part].cap = i > 0 ? 2 * i : 16;
		s->part[part].column =
		    as_realloc(s->part[part].column, s->part[part].cap, sizeof(void *));
	}
	c = as_calloc(1, sizeof *c);
	*c = (struct enc_column){ .name = as_strdup(name), .index = i, .cell = cell };
	s->part[part].column[s->part[part].n++] = c;
	as_map_put(&s->part[part].index, name, c);
	return c;
}

void enc_table_stats_init(struct enc_table_stats *s, const struct io_task *task)
{
	*s = (struct enc_table_stats){ .task = task };
	as_rng_seed(&s->rng, SEED, 0);
	for (size_t i = 0; i < task->parts; i++) {
		const struct io_part_spec *p = &task->part[i];

		for (size_t c = 0; io_part_is_record(p) && c < p->columns; c++) {
			(void)enc_table_stats_put(s, i, p->column[c].name, p->column[c].cell);
		}
	}
}

void enc_table_stats_free(struct enc_table_stats *s)
{
	for (size_t i = 0; i < IO_PARTS_MAX; i++) {
		for (size_t c = 0; c < s->part[i].n; c++) {
			free(s->part[i].column[c]->name);
			free(s->part[i].column[c]->edge);
			free(s->part[i].column[c]->sample);
			free(s->part[i].column[c]);
		}
		free(s->part[i].column);
		as_map_free(&s->part[i].index);
	}
	*s = (struct enc_table_stats){ 0 };
}

/* Mean and squares by Welford (1962); a uniform sample by Vitter's algorithm R (1985). */
static void add_number(struct enc_table_stats *s, struct enc_column *c, double x)
{
	const double off = x - c->mean;

	c->min = c->numbers == 0 || x < c->min ? x : c->min;
	c->max = c->numbers == 0 || x > c->max ? x : c->max;
	c->numbers++;
	c->mean += off / (double)c->numbers;
	c->squares += off * (x - c->mean);
	if (c->samples == ENC_STATS_SAMPLE_MAX) {
		const uint64_t at = as_rng_below(&s->rng, c->numbers);

		if (at < ENC_STATS_SAMPLE_MAX) {
			c->sample[at] = x;
		}
		return;
	}
	if (c->samples == c->cap) {
		c->cap = c->cap > 0 ? 2 * c->cap : 64;
		c->sample = as_realloc(c->sample, c->cap, sizeof *c->sample);
	}
	c->sample[c->samples++] = x;
}

static void add_cell(struct enc_table_stats *s, struct enc_column *c, const char *cell)
{
	double x;

	if (io_task_missing(s->task, cell)) {
		c->absent++;
		return;
	}
	c->present++;
	if (c->cell != IO_WORDS && io_cell_number(cell, &x)) {
		add_number(s, c, x);
	}
}

int enc_table_stats_add(struct enc_table_stats *s, const struct assay_item *item, struct as_err *e)
{
	struct enc_sheet sheet;
	const char *limit;
	int rc;

	TRY(enc_sheet_read(&sheet, s->task, item, &enc_table_usual, &limit, e));
	for (size_t col = sheet.named ? 1 : 0; col < sheet.cols; col++) {
		const char *name = enc_sheet_name(&sheet, col);
		struct enc_column *c = as_map_find(&s->part[sheet.part].index, name);

		if (c == NULL && (io_part_is_record(&s->task->part[sheet.part]) ||
				  s->part[sheet.part].n == ENC_SHEET_COLUMNS_MAX)) {
			continue;
		}
		if (c == NULL) {
			c = enc_table_stats_put(s, sheet.part, name, IO_AUTO);
		}
		for (size_t row = 0; row < sheet.rows; row++) {
			add_cell(s, c, enc_sheet_cell(&sheet, row, col));
		}
	}
out:
	enc_sheet_free(&sheet);
	return rc;
}

static int ascending(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;

	return (x > y) - (x < y);
}

static void add_edge(struct enc_column *c, double x)
{
	if (isfinite((float)x) && (c->edges == 0 || (float)x > c->edge[c->edges - 1])) {
		c->edge[c->edges++] = (float)x;
	}
}

/* Borders of bins of equally many training values; a column of few values has a border at each, so
 * that all are told apart. */
static void put_edges(struct enc_column *c, size_t bins)
{
	size_t distinct = 0;

	c->edge = as_calloc(bins + 1, sizeof *c->edge);
	if (c->samples == 0) {
		return;
	}
	qsort(c->sample, c->samples, sizeof *c->sample, ascending);
	for (size_t i = 0; i < c->samples; i++) {
		distinct += i == 0 || c->sample[i] > c->sample[i - 1] ? 1 : 0;
	}
	if (distinct <= bins + 1) {
		for (size_t i = 0; i < c->samples; i++) {
			add_edge(c, c->sample[i]);
		}
		return;
	}
	for (size_t t = 0; t <= bins; t++) {
		add_edge(c, c->sample[t * (c->samples - 1) / bins]);
	}
}

void enc_table_stats_finish(struct enc_table_stats *s)
{
	for (size_t i = 0; i < s->task->parts; i++) {
		for (size_t k = 0; k < s->part[i].n; k++) {
			struct enc_column *c = s->part[i].column[k];

			if (c->cell == IO_AUTO) {
				c->cell = io_column_type(c->present, c->numbers);
			}
			if (c->cell == IO_NUMBER) {
				c->odd = c->present - c->numbers;
				c->sd =
				    sqrt(c->squares / (double)(c->numbers > 0 ? c->numbers : 1));
				put_edges(c, s->task->hyper.table_bins);
			}
			free(c->sample);
			c->sample = NULL;
			c->samples = 0;
			c->cap = 0;
		}
	}
}

const struct enc_column *enc_table_stats_find(const struct enc_table_stats *s, size_t part,
					      const char *name)
{
	return as_map_find(&s->part[part].index, name);
}

size_t enc_table_stats_number(const struct enc_table_stats *s, size_t part,
			      const struct enc_column *c)
{
	size_t first = 0;

	for (size_t i = 0; i < part; i++) {
		first += s->part[i].n;
	}
	return first + c->index;
}

size_t enc_table_stats_columns(const struct enc_table_stats *s)
{
	size_t n = 0;

	for (size_t i = 0; i < IO_PARTS_MAX; i++) {
		n += s->part[i].n;
	}
	return n;
}
