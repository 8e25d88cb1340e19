/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/model.h"

#include <stdlib.h>
#include <string.h>

enum { ALIGN = 8 }; /* the data starts at a multiple of it, as the reference writer does */

static bool has_shape(const struct io_tensor *t, const struct nn_param *p)
{
	return (t->dims == 2 && t->shape[0] == p->rows && t->shape[1] == p->cols) ||
	       (t->dims == 1 && p->rows == 1 && t->shape[0] == p->cols);
}

static void put_shape(struct as_buf *b, const struct io_tensor *t)
{
	as_buf_puts(b, "[");
	for (size_t d = 0; d < t->dims; d++) {
		as_buf_printf(b, "%s%zu", d > 0 ? ", " : "", t->shape[d]);
	}
	as_buf_puts(b, "]");
}

/* What is wrong with the file's tensor for p, appended to why; nothing where it fits. */
static void compare(const struct io_tensor *t, const struct nn_param *p, struct as_buf *why)
{
	const char *sep = why->len > 0 ? "; " : "";

	if (t == NULL) {
		as_buf_printf(why, "%s%s: missing", sep, p->name);
	} else if (strcmp(t->dtype, "F32") != 0) {
		as_buf_printf(why, "%s%s: file has %s, model wants F32", sep, p->name, t->dtype);
	} else if (!has_shape(t, p)) {
		as_buf_printf(why, "%s%s: file has ", sep, p->name);
		put_shape(why, t);
		as_buf_printf(why, ", model wants [%zu, %zu]", p->rows, p->cols);
	}
}

static bool is_left_over(const char *name, const struct nn_params *ps, const char *prefix)
{
	return (prefix == NULL || strncmp(name, prefix, strlen(prefix)) == 0) &&
	       nn_param_find(ps, name) == NULL;
}

int io_model_bind(const struct io_model *m, struct nn_params *ps, const char *prefix,
		  struct as_err *e)
{
	struct as_buf why = { 0 };
	int rc = AS_OK;

	for (size_t i = 0; i < ps->n; i++) {
		compare(io_model_find(m, ps->p[i].name), &ps->p[i], &why);
	}
	for (size_t i = 0; i < m->tensors; i++) {
		if (is_left_over(m->tensor[i].name, ps, prefix)) {
			as_buf_printf(&why, "%s%s: not a weight of this model",
				      why.len > 0 ? "; " : "", m->tensor[i].name);
		}
	}
	if (why.len > 0) {
		rc = as_fail(e, AS_ESHAPE, "%s: %s", m->path, why.data);
	}
	for (size_t i = 0; i < ps->n && rc == AS_OK; i++) {
		const struct io_tensor *t = io_model_find(m, ps->p[i].name);

		memcpy(ps->v + ps->p[i].at, t->data, t->size);
	}
	as_buf_free(&why);
	return rc;
}

static void put_header(struct as_buf *b, const struct nn_params *const *ps, size_t sets,
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
	for (size_t s = 0; s < sets; s++) {
		for (size_t i = 0; i < ps[s]->n; i++) {
			const struct nn_param *p = &ps[s]->p[i];
			const size_t end = at + p->rows * p->cols * sizeof(float);

			io_jw_obj(&w, p->name);
			io_jw_str(&w, "dtype", "F32");
			io_jw_arr(&w, "shape");
			io_jw_u64(&w, NULL, p->rows);
			io_jw_u64(&w, NULL, p->cols);
			io_jw_end_arr(&w);
			io_jw_arr(&w, "data_offsets");
			io_jw_u64(&w, NULL, at);
			io_jw_u64(&w, NULL, end);
			io_jw_end_arr(&w);
			io_jw_end_obj(&w);
			at = end;
		}
	}
	io_jw_end_obj(&w);
}

int io_model_save(const char *path, const struct nn_params *const *ps, size_t sets,
		  const struct io_meta *meta, size_t metas, struct as_err *e)
{
	struct as_buf out = { 0 };
	size_t header;
	int rc;

	as_buf_put(&out, "\0\0\0\0\0\0\0\0", 8);
	put_header(&out, ps, sets, meta, metas);
	while (out.len % ALIGN != 0) {
		as_buf_puts(&out, " ");
	}
	header = out.len - 8;
	for (int i = 0; i < 8; i++) {
		out.data[i] = (char)(header >> 8 * i & 0xFFU);
	}
	if (header > IO_HEADER_MAX) {
		rc = as_fail(e, AS_EFORMAT, "%s: header: %zu bytes, the limit is %d", path, header,
			     (int)IO_HEADER_MAX);
		goto out;
	}
	for (size_t s = 0; s < sets; s++) {
		for (size_t i = 0; i < ps[s]->n; i++) {
			const struct nn_param *p = &ps[s]->p[i];

			as_buf_put(&out, ps[s]->v + p->at, p->rows * p->cols * sizeof(float));
		}
	}
	rc = io_write_file(path, out.data, out.len, 0644, e);
out:
	as_buf_free(&out);
	return rc;
}
