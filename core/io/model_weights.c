/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ALIGN = 8 }; /* the data starts at a multiple of it, as the reference writer does */

static const char SCALE[] = ".scale";

static bool has_shape(const struct io_tensor *t, size_t rows, size_t cols)
{
	return (t->dims == 2 && t->shape[0] == rows && t->shape[1] == cols) ||
	       (t->dims == 1 && rows == 1 && t->shape[0] == cols);
}

static void put_shape(struct as_buf *b, const struct io_tensor *t)
{
	as_buf_puts(b, "[");
	for (size_t d = 0; d < t->dims; d++) {
		as_buf_printf(b, "%s%zu", d > 0 ? ", " : "", t->shape[d]);
	}
	as_buf_puts(b, "]");
}

/* What is wrong with the tensor where the model wants one of this type and shape, appended to why:
 * nothing where it fits. */
static void compare(const char *name, const struct io_tensor *t, const char *dtype, size_t rows,
		    size_t cols, struct as_buf *why)
{
	const char *sep = why->len > 0 ? "; " : "";

	if (t == NULL) {
		as_buf_printf(why, "%s%s: missing", sep, name);
	} else if (strcmp(t->dtype, dtype) != 0) {
		as_buf_printf(why, "%s%s: file has %s, model wants %s", sep, name, t->dtype, dtype);
	} else if (!has_shape(t, rows, cols)) {
		as_buf_printf(why, "%s%s: file has ", sep, name);
		put_shape(why, t);
		as_buf_printf(why, ", model wants [%zu, %zu]", rows, cols);
	}
}

static bool is_int8(const struct io_tensor *t)
{
	return t != NULL && strcmp(t->dtype, "I8") == 0;
}

static const struct io_tensor *scale_of(const struct io_model *m, const char *name,
					char full[NN_NAME_SIZE + sizeof SCALE])
{
	(void)snprintf(full, NN_NAME_SIZE + sizeof SCALE, "%s%s", name, SCALE);
	return io_model_find(m, full);
}

/* Numbers that tn_q8_open is promised. */
static void compare_numbers(const struct nn_param *p, const struct io_tensor *t,
			    const struct io_tensor *scale, struct as_buf *why)
{
	const char *low = memchr(t->data, -128, t->size);

	for (size_t i = 0; i < p->rows; i++) {
		float s;

		memcpy(&s, (const char *)scale->data + i * sizeof s, sizeof s);
		if (!(s > 0.0F) || !isfinite(127.0F * s)) {
			as_buf_printf(why, "%s%s%s[%zu]: %g is no scale", why->len > 0 ? "; " : "",
				      p->name, SCALE, i, (double)s);
			return;
		}
	}
	if (low != NULL) {
		as_buf_printf(why, "%s%s[%zu]: -128, want -127 to 127", why->len > 0 ? "; " : "",
			      p->name, (size_t)(low - (const char *)t->data));
	}
}

static void compare_weight(const struct io_model *m, const struct nn_param *p, struct as_buf *why)
{
	const struct io_tensor *t = io_model_find(m, p->name);
	const size_t before = why->len;
	char name[NN_NAME_SIZE + sizeof SCALE];
	const struct io_tensor *scale;

	if (!is_int8(t)) {
		compare(p->name, t, "F32", p->rows, p->cols, why);
		return;
	}
	scale = scale_of(m, p->name, name);
	compare(p->name, t, "I8", p->rows, p->cols, why);
	compare(name, scale, "F32", 1, p->rows, why);
	if (why->len == before) {
		compare_numbers(p, t, scale, why);
	}
}

/* Whether it is the scale of a weight that came as I8. */
static bool is_scale(const struct io_model *m, const char *name, const struct nn_params *ps)
{
	const size_t n = strlen(name);
	const size_t end = sizeof SCALE - 1;
	char of[NN_NAME_SIZE];

	if (n <= end || n - end >= sizeof of || strcmp(name + n - end, SCALE) != 0) {
		return false;
	}
	(void)snprintf(of, sizeof of, "%.*s", (int)(n - end), name);
	return nn_param_find(ps, of) != NULL && is_int8(io_model_find(m, of));
}

static bool is_left_over(const struct io_model *m, const char *name, const struct nn_params *ps,
			 const char *prefix)
{
	return (prefix == NULL || strncmp(name, prefix, strlen(prefix)) == 0) &&
	       nn_param_find(ps, name) == NULL && !is_scale(m, name, ps);
}

/* Weight i, which fits. */
static int load(const struct io_model *m, struct nn_params *ps, size_t i, struct as_err *e)
{
	const struct nn_param *p = &ps->p[i];
	const struct io_tensor *t = io_model_find(m, p->name);
	char name[NN_NAME_SIZE + sizeof SCALE];
	float *scale;
	int rc;

	if (!is_int8(t)) {
		memcpy(ps->v + p->at, t->data, t->size);
		return AS_OK;
	}
	scale = as_malloc(p->rows * sizeof *scale);
	memcpy(scale, scale_of(m, p->name, name)->data, p->rows * sizeof *scale);
	rc = nn_param_q8(ps, i, t->data, scale, e);
	free(scale);
	return rc == AS_OK ? rc : as_wrap(e, "%s", m->path);
}

int io_model_bind(const struct io_model *m, struct nn_params *ps, const char *prefix,
		  struct as_err *e)
{
	struct as_buf why = { 0 };
	int rc = AS_OK;

	for (size_t i = 0; i < ps->n; i++) {
		compare_weight(m, &ps->p[i], &why);
	}
	for (size_t i = 0; i < m->tensors; i++) {
		if (is_left_over(m, m->tensor[i].name, ps, prefix)) {
			as_buf_printf(&why, "%s%s: not a weight of this model",
				      why.len > 0 ? "; " : "", m->tensor[i].name);
		}
	}
	if (why.len > 0) {
		rc = as_fail(e, AS_ESHAPE, "%s: %s", m->path, why.data);
	}
	for (size_t i = 0; i < ps->n && rc == AS_OK; i++) {
		rc = load(m, ps, i, e);
	}
	as_buf_free(&why);
	return rc;
}

static void put_header(struct as_buf *b, const struct io_tensor *t, size_t n,
		       const struct io_meta *meta, size_t metas)
{
	struct io_jw w = { .b = b };
	size_t at = 0;

	io_jw_obj(&w, NULL);
	if (metas > 0) {
		io_jw_obj(&w, "__metadata__");
		for (size_t i = 0; i < metas; i++) {
			io_jw_str(&w, meta[i].key, meta[i].json);
		}
		io_jw_end_obj(&w);
	}
	for (size_t i = 0; i < n; i++) {
		io_jw_obj(&w, t[i].name);
		io_jw_str(&w, "dtype", t[i].dtype);
		io_jw_arr(&w, "shape");
		for (size_t d = 0; d < t[i].dims; d++) {
			io_jw_u64(&w, NULL, t[i].shape[d]);
		}
		io_jw_end_arr(&w);
		io_jw_arr(&w, "data_offsets");
		io_jw_u64(&w, NULL, at);
		io_jw_u64(&w, NULL, at + t[i].size);
		io_jw_end_arr(&w);
		io_jw_end_obj(&w);
		at += t[i].size;
	}
	io_jw_end_obj(&w);
}

int io_model_put(struct as_buf *out, const struct io_tensor *t, size_t n,
		 const struct io_meta *meta, size_t metas, struct as_err *e)
{
	const size_t start = out->len;
	size_t header;

	as_buf_put(out, "\0\0\0\0\0\0\0\0", 8);
	put_header(out, t, n, meta, metas);
	while ((out->len - start) % ALIGN != 0) {
		as_buf_puts(out, " ");
	}
	header = out->len - start - 8;
	for (int i = 0; i < 8; i++) {
		out->data[start + (size_t)i] = (char)(header >> 8 * i & 0xFFU);
	}
	if (header > IO_HEADER_MAX) {
		return as_fail(e, AS_EFORMAT, "header: %zu bytes, the limit is %d", header,
			       (int)IO_HEADER_MAX);
	}
	for (size_t i = 0; i < n; i++) {
		as_buf_put(out, t[i].data, t[i].size);
	}
	return AS_OK;
}

struct io_tensor io_tensor_of(const struct nn_param *p, const float *v)
{
	return (struct io_tensor){ .name = p->name,
				   .dtype = "F32",
				   .dims = 2,
				   .shape = { p->rows, p->cols },
				   .data = v + p->at,
				   .size = p->rows * p->cols * sizeof(float) };
}

int io_model_save(const char *path, const struct nn_params *const *ps, size_t sets,
		  const struct io_meta *meta, size_t metas, struct as_err *e)
{
	struct as_buf out = { 0 };
	struct io_tensor *t;
	size_t n = 0;
	int rc;

	for (size_t s = 0; s < sets; s++) {
		n += ps[s]->n;
	}
	t = as_calloc(n + 1, sizeof *t);
	n = 0;
	for (size_t s = 0; s < sets; s++) {
		for (size_t i = 0; i < ps[s]->n; i++) {
			t[n++] = io_tensor_of(&ps[s]->p[i], ps[s]->v);
		}
	}
	rc = io_model_put(&out, t, n, meta, metas, e);
	if (rc != AS_OK) {
		rc = as_wrap(e, "%s", path);
		goto out;
	}
	rc = io_write_file(path, out.data, out.len, 0644, e);
out:
	free(t);
	as_buf_free(&out);
	return rc;
}
