/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/table/cells.h"

#include "core/base/buf.h"
#include "core/base/map.h"
#include "core/io/cell.h"
#include "core/text/fold.h"
#include "core/text/utf8.h"
#include "core/text/words.h"
#include "encoders/chunks.h"
#include "encoders/label.h"
#include "encoders/table/sheet.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* An unknown column's number x is read as sign(x) log(1 + |x|), between -LOG_MAX and
 * LOG_MAX. */
static const float LOG_MAX = 12.0F;
/* The encoding of a value beyond the training range goes on in a straight line, so far. */
static const double BEYOND = 1.0;

/* One cell and where it is. */
struct cell {
	uint32_t row, col;
	const char *column; /* name */
	const char *label;  /* name of the row, "" in a record */
	const char *value;
};

/* A part on its way to tokens. */
struct reader {
	const struct enc_table_stats *stats;
	const struct io_hyper *hyper;
	size_t known; /* columns of all parts */
	size_t part;
	struct enc_cells *out;
	struct cell *cell; /* [n] */
	size_t n;
	float *other_edge; /* [table_bins + 1] of unknown columns */
};

void enc_encode_number(const float *edge, size_t edges, double x, float *v, size_t bins)
{
	memset(v, 0, bins * sizeof *v);
	for (size_t t = 0; t + 1 < edges; t++) {
		const double from = (double)edge[t];
		const double to = (double)edge[t + 1];
		const double low = t == 0 ? -BEYOND : 0.0;
		const double high = t + 2 == edges ? 1.0 + BEYOND : 1.0;

		v[t] = (float)fmin(high, fmax(low, (x - from) / (to - from)));
	}
}

static uint32_t hash_name(const struct reader *r, const char *name, uint64_t salt)
{
	const uint64_t hash = as_hash(name, strlen(name), salt);

	return (uint32_t)(2 * r->known + 1 + hash % ENC_NAME_BUCKETS);
}

static void put_number(struct reader *r, size_t token, const struct enc_column *c, double x)
{
	struct enc_cell_numbers *to = &r->out->numbers;
	const size_t bins = r->hyper->table_bins;
	float *v = to->e + to->n * bins;

	to->token[to->n] = (uint32_t)token;
	if (c != NULL) {
		to->set[to->n] = (uint32_t)enc_table_stats_number(r->stats, r->part, c);
		enc_encode_number(c->edge, c->edges, x, v, bins);
	} else {
		to->set[to->n] = (uint32_t)r->known;
		enc_encode_number(r->other_edge, bins + 1, copysign(log1p(fabs(x)), x), v, bins);
	}
	to->n++;
}

/* "column=value", folded, signs and blanks kept: + is another value than -. */
static void fold_value(const char *column, const char *value, struct as_buf *out)
{
	struct tx_fold fold = { .out = out };
	size_t n;
	const char *s = io_cell_trim(value, &n);
	uint64_t replaced = 0;
	size_t at = 0;

	as_buf_puts(out, column);
	as_buf_puts(out, "=");
	while (at < n) {
		tx_fold_put(&fold, tx_utf8_next(s, n, &at, &replaced));
	}
	tx_fold_end(&fold);
}

static uint32_t *words_room(struct enc_cell_words *w, size_t n)
{
	if (w->ids_cap - w->ids_n < n) {
		w->ids_cap = 2 * w->ids_cap + n;
		w->ids = as_realloc(w->ids, w->ids_cap, sizeof *w->ids);
	}
	return w->ids + w->ids_n;
}

static int put_words(struct reader *r, size_t token, const struct cell *cell, struct as_err *e)
{
	struct enc_cell_words *to = &r->out->words;
	const uint32_t buckets = r->hyper->text_buckets;
	const uint64_t column = as_hash(cell->column, strlen(cell->column), 0);
	struct as_buf whole = { 0 };
	struct tx_words w = { 0 };
	uint32_t *ids = words_room(to, 2);
	int rc;

	fold_value(cell->column, cell->value, &whole);
	ids[0] = (uint32_t)(as_hash(whole.data, whole.len, column) % buckets);
	ids[1] = (uint32_t)(as_hash(whole.data, whole.len, ~column) % buckets);
	to->ids_n += 2;
	to->token[to->n] = (uint32_t)token;
	to->start[2 * to->n + 1] = (uint32_t)to->ids_n;
	TRY(tx_words_read(&w, cell->value, strlen(cell->value), 0, r->hyper->text_words, e));
	for (size_t i = 0; i < w.n; i++) {
		ids = words_room(to, TX_IDS_MAX);
		to->ids_n += tx_hash_word(w.folded + w.word[i].at, w.word[i].size, column, buckets,
					  ids, TX_IDS_MAX);
	}
	to->start[2 * to->n + 2] = (uint32_t)to->ids_n;
	to->n++;
out:
	tx_words_free(&w);
	as_buf_free(&whole);
	return rc;
}

/* Token i is what its cell holds. */
static int put_token(struct reader *r, size_t i, const char **limit, struct as_err *e)
{
	const struct cell *cell = &r->cell[i];
	const struct enc_column *c = enc_table_stats_find(r->stats, r->part, cell->column);
	struct enc_cells *out = r->out;
	const bool may_number = c == NULL || c->cell == IO_NUMBER;
	uint32_t *name = &out->name[i * out->names];
	const bool absent = io_task_missing(r->stats->task, cell->value);
	double x;

	*name = c != NULL ? (uint32_t)enc_table_stats_number(r->stats, r->part, c)
			  : hash_name(r, cell->column, 0);
	out->missing[i] = (uint32_t)(c != NULL ? r->known + *name : 2 * r->known);
	if (out->names > 1) {
		name[1] = hash_name(r, cell->label, 1);
	}
	if (!absent && may_number && io_cell_number(cell->value, &x)) {
		put_number(r, i, c, x);
	} else if (absent || (c != NULL && may_number)) {
		*name = out->missing[i];
	} else if (put_words(r, i, cell, e) != AS_OK) {
		*limit = "text_words";
		return as_wrap(e, "text_words: column \"%s\"", cell->column);
	}
	return AS_OK;
}

/* The columns of a record that training knows and the part does not give are absent cells,
 * so that leaving a column out and leaving its cell empty are the same. */
static void add_absent(struct reader *r, const struct enc_sheet *sheet)
{
	const size_t n = r->stats->part[r->part].n;
	bool *seen = as_calloc(n + 1, sizeof *seen);

	for (size_t col = 0; col < sheet->cols; col++) {
		const struct enc_column *c =
		    enc_table_stats_find(r->stats, r->part, enc_sheet_name(sheet, col));

		if (c != NULL) {
			seen[c->index] = true;
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (!seen[i]) {
			r->cell[r->n] = (struct cell){
				.col = (uint32_t)r->n,
				.column = r->stats->part[r->part].column[i]->name,
				.label = "",
				.value = "",
			};
			r->n++;
		}
	}
	free(seen);
}

/* Cells in reading order. numbers: room for the rows' own names, where they have none. */
static void list_cells(struct reader *r, const struct enc_sheet *sheet, struct as_buf *numbers)
{
	const size_t first = sheet->named ? 1 : 0;
	const bool record = io_part_is_record(&r->stats->task->part[sheet->part]);
	enum { NUMBER_SIZE = 24 };

	r->cell = as_calloc(sheet->rows * sheet->cols + r->stats->part[r->part].n, sizeof *r->cell);
	(void)as_buf_reserve(numbers, sheet->rows * NUMBER_SIZE);
	for (size_t row = 0; row < sheet->rows; row++) {
		const char *label = "";

		if (sheet->named) {
			label = enc_sheet_cell(sheet, row, 0);
		} else if (!record) {
			label = numbers->data + numbers->len;
			as_buf_printf(numbers, "%zu%c", row, '\0');
		}
		for (size_t col = first; col < sheet->cols; col++) {
			r->cell[r->n++] =
			    (struct cell){ (uint32_t)row, (uint32_t)col, enc_sheet_name(sheet, col),
					   label, enc_sheet_cell(sheet, row, col) };
		}
	}
	if (record) {
		add_absent(r, sheet);
	}
}

/* A row of features is as many neighbouring cells as enc_chunk_first says. */
static void put_places(const struct reader *r, uint32_t page, struct enc_input *in)
{
	struct as_buf line = { 0 };

	in->rows = enc_chunk_rows(r->n);
	in->place = as_calloc(in->rows, sizeof *in->place);
	for (size_t row = 0; row < in->rows; row++) {
		const size_t first = enc_chunk_first(r->n, row);
		const size_t end = enc_chunk_first(r->n, row + 1);

		as_buf_clear(&line);
		for (size_t i = first; i < end && line.len < sizeof in->place->label; i++) {
			const struct cell *c = &r->cell[i];
			size_t n;
			const char *value = io_cell_trim(c->value, &n);

			as_buf_printf(&line, "%s%s%s%s = ", i > first ? "; " : "", c->label,
				      c->label[0] != '\0' ? " / " : "", c->column);
			as_buf_put(&line, value, n);
		}
		in->place[row].page = page;
		in->place[row].a = r->cell[first].row;
		in->place[row].b = r->cell[first].col;
		enc_label_put(&in->place[row], line.data, line.len);
	}
	as_buf_free(&line);
}

static void cells_alloc(struct enc_cells *c, size_t n, size_t names, size_t bins)
{
	c->n = n;
	c->names = names;
	c->name = as_calloc(n * names, sizeof *c->name);
	c->missing = as_calloc(n, sizeof *c->missing);
	c->words.token = as_calloc(n, sizeof *c->words.token);
	c->words.start = as_calloc(2 * n + 1, sizeof *c->words.start);
	c->numbers.token = as_calloc(n, sizeof *c->numbers.token);
	c->numbers.set = as_calloc(n, sizeof *c->numbers.set);
	c->numbers.e = as_calloc(n * bins, sizeof *c->numbers.e);
}

static float *make_other_edges(size_t bins)
{
	float *edge = as_calloc(bins + 1, sizeof *edge);

	for (size_t t = 0; t <= bins; t++) {
		edge[t] = LOG_MAX * (2.0F * (float)t / (float)bins - 1.0F);
	}
	return edge;
}

int enc_cells_read(struct enc_input *in, const struct enc_table_stats *stats,
		   const struct assay_item *item, const struct enc_table_most *most,
		   struct as_err *e)
{
	struct enc_sheet sheet = { 0 };
	struct as_buf numbers = { 0 };
	struct reader r = { .stats = stats,
			    .hyper = &stats->task->hyper,
			    .known = enc_table_stats_columns(stats),
			    .out = as_calloc(1, sizeof *r.out) };
	int rc;

	*in = (struct enc_input){ .data = r.out };
	TRY(enc_sheet_read(&sheet, stats->task, item, most, &in->limit, e));
	r.part = sheet.part;
	r.other_edge = make_other_edges(r.hyper->table_bins);
	list_cells(&r, &sheet, &numbers);
	cells_alloc(r.out, r.n, io_part_is_record(&stats->task->part[r.part]) ? 1 : 2,
		    r.hyper->table_bins);
	for (size_t i = 0; i < r.n; i++) {
		TRY(put_token(&r, i, &in->limit, e));
	}
	in->replaced = sheet.replaced;
	put_places(&r, item->page, in);
out:
	free(r.other_edge);
	free(r.cell);
	as_buf_free(&numbers);
	enc_sheet_free(&sheet);
	return rc;
}

void enc_cells_free(struct enc_input *in)
{
	struct enc_cells *c = in->data;

	if (c != NULL) {
		free(c->name);
		free(c->missing);
		free(c->words.token);
		free(c->words.start);
		free(c->words.ids);
		free(c->numbers.token);
		free(c->numbers.set);
		free(c->numbers.e);
	}
	free(c);
	free(in->place);
	*in = (struct enc_input){ 0 };
}
