/* SPDX-License-Identifier: Apache-2.0 */
#include "train/columns.h"

#include "core/base/map.h"
#include "core/io/cell.h"
#include "core/text/words.h"
#include "encoders/image/pixels.h"
#include "encoders/image/scatter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct column {
	bool number;
	size_t present, numbers;
	double sum, square;
	uint32_t at; /* numbers: feature of the value, the next is "missing" */
};

struct columns {
	const struct tr_data *d;
	struct column *column[IO_PARTS_MAX]; /* [columns of the part], of record parts */
	struct as_map values;                /* "part/column=value" -> its feature, owned */
	uint32_t features;
	struct column texture[ENC_SCATTER_N];
	struct as_buf key;
	bool dictionary; /* second pass over the training cases: values become features */
	struct tr_sparse *x;
};

/* One cell of a record; cell NULL where it is absent. */
typedef void (*on_cell)(struct columns *k, uint32_t part, size_t col, const char *cell);

static bool is_record(const struct tr_data *d, size_t part)
{
	return io_part_is_record(&d->task->part[part]) && d->enc.of[part] != TR_FROZEN;
}

static bool is_words(const struct tr_data *d, size_t part)
{
	return io_part_is_text(&d->task->part[part]) && d->enc.of[part] != TR_FROZEN;
}

static bool is_texture(const struct tr_data *d, size_t part)
{
	return strcmp(d->task->part[part].modality, "image") == 0 &&
	       d->task->hyper.image_texture == 1 && d->enc.of[part] != TR_FROZEN;
}

uint32_t tr_parts_of(const struct tr_data *d, unsigned of)
{
	uint32_t parts = 0;

	for (size_t m = 0; m < d->task->parts; m++) {
		const bool some = ((of & TR_OF_RECORD) != 0 && is_record(d, m)) ||
				  ((of & TR_OF_WORDS) != 0 && is_words(d, m)) ||
				  ((of & TR_OF_TEXTURE) != 0 && is_texture(d, m));

		parts |= some ? 1U << m : 0;
	}
	return parts;
}

static int each_cell(struct columns *k, const struct tr_page *p, on_cell fn, struct as_err *e)
{
	const struct io_part_spec *part = &k->d->task->part[p->part];
	struct io_csv *csv = NULL;
	struct io_row row;
	bool more;
	int rc;

	TRY(io_csv_open_mem(&csv, p->raw.data, p->raw.len, part->name, ',', e));
	TRY(io_csv_next(csv, &row, &more, e));
	for (size_t i = 0; more && i < part->columns; i++) {
		const int at = io_csv_column(csv, part->column[i].name);
		const char *cell = at >= 0 ? row.cell[at] : "";

		fn(k, p->part, i, io_task_missing(k->d->task, cell) ? NULL : cell);
	}
out:
	io_csv_close(csv);
	return rc;
}

/* Every record column of a case; those of an absent part are absent. */
static int each_record(struct columns *k, const struct tr_case *c, on_cell fn, struct as_err *e)
{
	int rc = AS_OK;

	for (size_t i = 0; rc == AS_OK && i < c->pages; i++) {
		if (is_record(k->d, c->page[i].part)) {
			rc = each_cell(k, &c->page[i], fn, e);
		}
	}
	for (uint32_t m = 0; m < k->d->task->parts; m++) {
		const bool absent = (c->parts >> m & 1U) == 0;

		for (size_t i = 0; absent && is_record(k->d, m) && i < k->d->task->part[m].columns;
		     i++) {
			fn(k, m, i, NULL);
		}
	}
	return rc;
}

static void count(struct columns *k, uint32_t part, size_t col, const char *cell)
{
	struct column *c = &k->column[part][col];
	double v;

	if (cell == NULL) {
		return;
	}
	c->present++;
	if (io_cell_number(cell, &v)) {
		c->numbers++;
		c->sum += v;
		c->square += v * v;
	}
}

/* The feature of a value; NULL where it is none. */
static const uint32_t *value_of(struct columns *k, uint32_t part, size_t col, const char *cell)
{
	size_t n;
	const char *s = io_cell_trim(cell, &n);
	uint32_t *at;

	as_buf_clear(&k->key);
	as_buf_printf(&k->key, "%u/%zu=%.*s", part, col, (int)n, s);
	at = as_map_find(&k->values, k->key.data);
	if (at == NULL && k->dictionary) {
		at = as_malloc(sizeof *at);
		*at = k->features++;
		as_map_put(&k->values, k->key.data, at);
	}
	return at;
}

static void learn(struct columns *k, uint32_t part, size_t col, const char *cell)
{
	if (cell != NULL && !k->column[part][col].number) {
		(void)value_of(k, part, col, cell);
	}
}

static float standardised(const struct column *c, double v)
{
	const double mean = c->sum / (double)c->numbers;
	const double var = c->square / (double)c->numbers - mean * mean;

	return (float)((v - mean) / (var > 1e-12 ? sqrt(var) : 1));
}

static void emit(struct columns *k, uint32_t part, size_t col, const char *cell)
{
	const struct column *c = &k->column[part][col];
	double v;

	if (!c->number) {
		const uint32_t *at = cell != NULL ? value_of(k, part, col, cell) : NULL;

		if (at != NULL) {
			tr_sparse_put(k->x, *at, 1.0F);
		}
	} else if (cell != NULL && io_cell_number(cell, &v)) {
		tr_sparse_put(k->x, c->at, standardised(c, v));
	} else {
		tr_sparse_put(k->x, c->at + 1, 1.0F);
	}
}

/* What each column holds. */
static void settle(struct columns *k)
{
	for (size_t m = 0; m < k->d->task->parts; m++) {
		const struct io_part_spec *part = &k->d->task->part[m];

		for (size_t i = 0; k->column[m] != NULL && i < part->columns; i++) {
			struct column *c = &k->column[m][i];
			const enum io_cell cell = part->column[i].cell != IO_AUTO
						      ? part->column[i].cell
						      : io_column_type(c->present, c->numbers);

			c->number = cell == IO_NUMBER && c->numbers > 0;
			if (c->number) {
				c->at = k->features;
				k->features += 2;
			}
		}
	}
}

static int learn_records(struct columns *k, const size_t *train, size_t n, struct as_err *e)
{
	int rc = AS_OK;

	for (size_t m = 0; m < k->d->task->parts; m++) {
		if (is_record(k->d, m)) {
			k->column[m] =
			    as_calloc(k->d->task->part[m].columns + 1, sizeof **k->column);
		}
	}
	for (size_t i = 0; i < n; i++) {
		TRY(each_record(k, &k->d->v[train[i]], count, e));
	}
	settle(k);
	k->dictionary = true;
	for (size_t i = 0; i < n; i++) {
		TRY(each_record(k, &k->d->v[train[i]], learn, e));
	}
	k->dictionary = false;
out:
	return rc;
}

static int ascending(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a;
	const uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* The buckets that the words of a page fall into, each once. */
static int put_words(struct columns *k, const struct tr_page *p, uint32_t first, struct as_err *e)
{
	struct tx_words w = { 0 };
	uint32_t *at = NULL;
	int rc;

	TRY(tx_words_read(&w, p->raw.data, p->raw.len, 0, k->d->task->hyper.text_words, e));
	at = as_malloc((w.n + 1) * sizeof *at);
	for (size_t i = 0; i < w.n; i++) {
		at[i] = (uint32_t)(as_hash(w.folded + w.word[i].at, w.word[i].size, p->part) %
				   TR_WORD_COLUMNS);
	}
	qsort(at, w.n, sizeof *at, ascending);
	for (size_t i = 0; i < w.n; i++) {
		if (i == 0 || at[i] != at[i - 1]) {
			tr_sparse_put(k->x, first + at[i], 1.0F);
		}
	}
out:
	free(at);
	tx_words_free(&w);
	return rc;
}

/* sum [ENC_SCATTER_N]: the mean texture of the case's pictures; 0 where there is none. */
static size_t mean_texture(const struct tr_data *d, const struct tr_case *c, double *sum)
{
	size_t n = 0;

	memset(sum, 0, ENC_SCATTER_N * sizeof *sum);
	for (size_t i = 0; i < c->pages; i++) {
		const struct enc_pixels *px = c->page[i].in.data;

		if (!is_texture(d, c->page[i].part)) {
			continue;
		}
		n++;
		for (size_t k = 0; k < ENC_SCATTER_N; k++) {
			sum[k] += (double)px->texture[k];
		}
	}
	for (size_t k = 0; n > 1 && k < ENC_SCATTER_N; k++) {
		sum[k] /= (double)n;
	}
	return n;
}

static void learn_textures(struct columns *k, const size_t *train, size_t n)
{
	double v[ENC_SCATTER_N];
	size_t there = 0;

	for (size_t i = 0; i < n; i++) {
		there += mean_texture(k->d, &k->d->v[train[i]], v) > 0;
		for (size_t j = 0; j < ENC_SCATTER_N; j++) { /* zeros where there is none */
			k->texture[j].sum += v[j];
			k->texture[j].square += v[j] * v[j];
		}
	}
	for (size_t j = 0; j < ENC_SCATTER_N; j++) {
		k->texture[j].numbers = there;
	}
}

static void put_texture(struct columns *k, const struct tr_case *c, uint32_t first)
{
	double v[ENC_SCATTER_N];

	if (mean_texture(k->d, c, v) == 0 || k->texture[0].numbers == 0) {
		return; /* no picture here, or none to learn from */
	}
	for (uint32_t j = 0; j < ENC_SCATTER_N; j++) {
		tr_sparse_put(k->x, first + j, standardised(&k->texture[j], v[j]));
	}
}

static int put_case(struct columns *k, const struct tr_case *c, unsigned of, struct as_err *e)
{
	const uint32_t words = (of & TR_OF_WORDS) != 0 ? TR_WORD_COLUMNS : 0;
	int rc = (of & TR_OF_RECORD) != 0 ? each_record(k, c, emit, e) : AS_OK;

	for (size_t i = 0; rc == AS_OK && words > 0 && i < c->pages; i++) {
		if (is_words(k->d, c->page[i].part)) {
			rc = put_words(k, &c->page[i], k->features, e);
		}
	}
	if ((of & TR_OF_TEXTURE) != 0) {
		put_texture(k, c, k->features + words);
	}
	tr_sparse_end_row(k->x);
	return rc == AS_OK ? rc : as_wrap(e, "%s:%zu: case %s", c->path, c->line, c->id);
}

int tr_columns(struct tr_sparse *x, const struct tr_data *d, unsigned of, const size_t *train,
	       size_t n, struct as_err *e)
{
	struct columns k = { .d = d, .x = x };
	int rc = AS_OK;

	*x = (struct tr_sparse){ 0 };
	if ((of & TR_OF_RECORD) != 0) {
		TRY(learn_records(&k, train, n, e));
	}
	if ((of & TR_OF_TEXTURE) != 0) {
		learn_textures(&k, train, n);
	}
	for (size_t i = 0; i < d->n; i++) {
		TRY(put_case(&k, &d->v[i], of, e));
	}
	x->cols = k.features + ((of & TR_OF_WORDS) != 0 ? TR_WORD_COLUMNS : 0) +
		  ((of & TR_OF_TEXTURE) != 0 ? ENC_SCATTER_N : 0);
out:
	for (size_t m = 0; m < IO_PARTS_MAX; m++) {
		free(k.column[m]);
	}
	for (size_t i = 0; i < k.values.cap; i++) {
		free(k.values.slot[i].key != NULL ? k.values.slot[i].value : NULL);
	}
	as_map_free(&k.values);
	as_buf_free(&k.key);
	return rc;
}
