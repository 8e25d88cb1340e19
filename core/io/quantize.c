/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/quantize.h"

#include "core/tensor/q8.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { METAS_MAX = 64 };

/* The tensors of the new file; those that are new own their name and data. */
struct draft {
	struct io_tensor *t;
	size_t n;
	struct io_tensor *wide; /* int8 ones, which go last: floats keep their alignment */
	size_t wides;
	char **name; /* [wides] of the scales */
	float **scale;
	int8_t **weight;
};

static bool fits(const struct io_tensor *t)
{
	return strcmp(t->dtype, "F32") == 0 && t->dims == 2 && t->shape[0] >= IO_QUANTIZE_SIDE &&
	       t->shape[1] >= IO_QUANTIZE_SIDE;
}

static int quantize_rows(const struct io_tensor *t, int8_t *w, float *scale, struct as_err *e)
{
	const size_t cols = t->shape[1];
	float *row = as_malloc(cols * sizeof *row);
	int rc = AS_OK;

	for (size_t o = 0; o < t->shape[0] && rc == AS_OK; o++) {
		memcpy(row, (const char *)t->data + o * cols * sizeof *row, cols * sizeof *row);
		for (size_t k = 0; k < cols && rc == AS_OK; k++) {
			if (!isfinite(row[k])) {
				rc = as_fail(e, AS_EFORMAT, "%s[%zu] is not a finite number",
					     t->name, o * cols + k);
			}
		}
		scale[o] = tn_quantize_weights(row, w + o * cols, cols);
		scale[o] = scale[o] > 0.0F ? scale[o] : 1.0F; /* of a row of zeros */
	}
	free(row);
	return rc;
}

static int add_pair(struct draft *d, const struct io_model *m, const struct io_tensor *t,
		    struct as_err *e)
{
	const size_t rows = t->shape[0];
	const size_t at = d->wides++;
	struct as_buf name = { 0 };

	as_buf_printf(&name, "%s.scale", t->name);
	d->name[at] = name.data;
	d->scale[at] = as_malloc(rows * sizeof(float));
	d->weight[at] = as_malloc(rows * t->shape[1]);
	if (io_model_find(m, name.data) != NULL) {
		return as_fail(e, AS_EFORMAT, "%s: there is one already", name.data);
	}
	d->t[d->n++] = (struct io_tensor){ .name = d->name[at],
					   .dtype = "F32",
					   .dims = 2,
					   .shape = { 1, rows },
					   .data = d->scale[at],
					   .size = rows * sizeof(float) };
	d->wide[at] = (struct io_tensor){ .name = t->name,
					  .dtype = "I8",
					  .dims = 2,
					  .shape = { rows, t->shape[1] },
					  .data = d->weight[at],
					  .size = rows * t->shape[1] };
	return quantize_rows(t, d->weight[at], d->scale[at], e);
}

static int fill(struct draft *d, const struct io_model *m, struct as_err *e)
{
	int rc = AS_OK;

	d->t = as_calloc(2 * m->tensors + 1, sizeof *d->t);
	d->wide = as_calloc(m->tensors + 1, sizeof *d->wide);
	d->name = as_calloc(m->tensors + 1, sizeof *d->name);
	d->scale = as_calloc(m->tensors + 1, sizeof *d->scale);
	d->weight = as_calloc(m->tensors + 1, sizeof *d->weight);
	for (size_t i = 0; i < m->tensors && rc == AS_OK; i++) {
		if (fits(&m->tensor[i])) {
			rc = add_pair(d, m, &m->tensor[i], e);
		} else {
			d->t[d->n++] = m->tensor[i];
		}
	}
	if (rc == AS_OK && d->wides == 0) {
		rc = as_fail(e, AS_EFORMAT, "no F32 matrix of at least %d rows and columns",
			     (int)IO_QUANTIZE_SIDE);
	}
	if (rc == AS_OK) {
		memcpy(d->t + d->n, d->wide, d->wides * sizeof *d->wide);
		d->n += d->wides;
	}
	return rc;
}

static void draft_free(struct draft *d)
{
	for (size_t i = 0; i < d->wides; i++) {
		free(d->name[i]);
		free(d->scale[i]);
		free(d->weight[i]);
	}
	free(d->name);
	free(d->scale);
	free(d->weight);
	free(d->wide);
	free(d->t);
}

static int put(const struct draft *d, const struct io_model *m, struct io_quantized *out,
	       struct as_err *e)
{
	struct io_meta meta[METAS_MAX];
	struct as_buf note = { 0 };
	struct io_jw w = { .b = &note };
	const char *key;
	struct json_t *v;
	void *it = NULL;
	size_t n = 0;
	int rc;

	while (m->meta != NULL && io_json_next(m->meta, &it, &key, &v)) {
		if (n + 1 == METAS_MAX) {
			return as_fail(e, AS_EFORMAT, "__metadata__: more than %d entries",
				       METAS_MAX - 1);
		}
		meta[n++] = (struct io_meta){ key, io_json_str(v) };
	}
	io_jw_obj(&w, NULL);
	io_jw_str(&w, "dtype", "I8");
	io_jw_u64(&w, "tensors", d->wides);
	io_jw_str(&w, "from", m->sha256);
	io_jw_end_obj(&w);
	meta[n++] = (struct io_meta){ "quantized", note.data };
	out->tensors = d->wides;
	rc = io_model_put(&out->file, d->t, d->n, meta, n, e);
	as_buf_free(&note);
	return rc;
}

int io_quantize(const struct io_model *m, struct io_quantized *out, struct as_err *e)
{
	struct draft d = { 0 };
	int rc;

	*out = (struct io_quantized){ 0 };
	if (io_json_find_str(m->meta, "quantized", NULL) != NULL) {
		return as_fail(e, AS_EFORMAT, "%s: is quantized already", m->path);
	}
	TRY(fill(&d, m, e));
	TRY(put(&d, m, out, e));
out:
	draft_free(&d);
	return rc == AS_OK ? rc : as_wrap(e, "%s", m->path);
}

void io_quantized_free(struct io_quantized *q)
{
	as_buf_free(&q->file);
	*q = (struct io_quantized){ 0 };
}
