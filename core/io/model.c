/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/model.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { TENSOR_NAME_MAX = 512 };

static const struct dtype {
	const char *name;
	size_t size; /* bytes of one number */
} dtypes[] = {
	{ "F32", 4 }, { "F16", 2 }, { "BF16", 2 }, { "F64", 8 },     { "I8", 1 },
	{ "U8", 1 },  { "I16", 2 }, { "U16", 2 },  { "I32", 4 },     { "U32", 4 },
	{ "I64", 8 }, { "U64", 8 }, { "BOOL", 1 }, { "F8_E4M3", 1 }, { "F8_E5M2", 1 },
};

static size_t dtype_size(const char *name)
{
	for (size_t i = 0; i < sizeof dtypes / sizeof *dtypes; i++) {
		if (strcmp(dtypes[i].name, name) == 0) {
			return dtypes[i].size;
		}
	}
	return 0;
}

/* A member of an array that is a whole number of 0 or more. */
static bool whole_at(const struct json_t *arr, size_t i, uint64_t *out)
{
	const double v = io_json_num(io_json_at(arr, i), -1);

	*out = v >= 0 && v < 9e15 ? (uint64_t)v : 0;
	return v >= 0 && v < 9e15 && (double)*out == v; /* beyond 2^53 a double may lie */
}

static int read_shape(const struct json_t *o, struct io_tensor *t, size_t *bytes, struct as_err *e)
{
	const struct json_t *shape = io_json_find(o, "shape");

	if (!io_json_is_arr(shape)) {
		return as_fail(e, AS_EFORMAT, "shape: missing or not an array");
	}
	t->dims = io_json_len(shape);
	if (t->dims > IO_DIMS_MAX) {
		return as_fail(e, AS_EFORMAT, "shape: %zu dimensions, the limit is %d", t->dims,
			       (int)IO_DIMS_MAX);
	}
	*bytes = dtype_size(t->dtype);
	for (size_t d = 0; d < t->dims; d++) {
		uint64_t n;

		if (!whole_at(shape, d, &n)) {
			return as_fail(e, AS_EFORMAT, "shape: not whole numbers of 0 or more");
		}
		t->shape[d] = (size_t)n;
		if (__builtin_mul_overflow(*bytes, t->shape[d], bytes)) {
			return as_fail(e, AS_EFORMAT, "shape: more bytes than can be counted");
		}
	}
	return AS_OK;
}

/* One entry; the bytes of the data are [0, data_size). */
static int read_tensor(const struct json_t *o, const char *data, size_t data_size,
		       struct io_tensor *t, struct as_err *e)
{
	const struct json_t *offsets = io_json_find(o, "data_offsets");
	uint64_t begin;
	uint64_t end;
	size_t bytes = 0;
	int rc;

	if (strlen(t->name) > TENSOR_NAME_MAX) {
		return as_fail(e, AS_EFORMAT, "a name of more than %d bytes", (int)TENSOR_NAME_MAX);
	}
	if (!io_json_is_obj(o)) {
		return as_fail(e, AS_EFORMAT, "not an object");
	}
	TRY(io_json_get_str(o, "dtype", &t->dtype, e));
	if (dtype_size(t->dtype) == 0) {
		return as_fail(e, AS_EFORMAT, "dtype: %.32s is not known", t->dtype);
	}
	TRY(read_shape(o, t, &bytes, e));
	if (!io_json_is_arr(offsets) || io_json_len(offsets) != 2 ||
	    !whole_at(offsets, 0, &begin) || !whole_at(offsets, 1, &end)) {
		return as_fail(e, AS_EFORMAT, "data_offsets: not two whole numbers");
	}
	if (io_json_len(o) != 3) {
		return as_fail(e, AS_EFORMAT, "keys beside dtype, shape and data_offsets");
	}
	if (begin > end || end > data_size) {
		return as_fail(e, AS_EFORMAT,
			       "data_offsets: [%" PRIu64 ", %" PRIu64
			       "], the file has %zu bytes of data",
			       begin, end, data_size);
	}
	if (end - begin != bytes) {
		return as_fail(e, AS_EFORMAT, "%" PRIu64 " bytes, its shape and dtype need %zu",
			       end - begin, bytes);
	}
	t->data = data + begin;
	t->size = bytes;
out:
	return rc;
}

static int check_meta(const struct json_t *meta, struct as_err *e)
{
	void *it = NULL;
	const char *key;
	struct json_t *v;

	if (!io_json_is_obj(meta)) {
		return as_fail(e, AS_EFORMAT, "__metadata__: not an object");
	}
	while (io_json_next(meta, &it, &key, &v)) {
		if (io_json_str(v) == NULL) {
			return as_fail(e, AS_EFORMAT, "__metadata__: %.64s: not a string", key);
		}
	}
	return AS_OK;
}

/* By place; an empty tensor before one that starts there. */
static int by_place(const void *a, const void *b)
{
	const struct io_tensor *x = a;
	const struct io_tensor *y = b;

	if (x->data != y->data) {
		return (const char *)x->data < (const char *)y->data ? -1 : 1;
	}
	return (x->size > y->size) - (x->size < y->size);
}

/* The tensors lie one after another from the first byte of the data to the last. */
static int check_places(const struct io_model *m, const char *data, size_t data_size,
			struct as_err *e)
{
	struct io_tensor *by = as_calloc(m->tensors + 1, sizeof *by);
	const char *at = data;
	int rc = AS_OK;

	memcpy(by, m->tensor, m->tensors * sizeof *by);
	qsort(by, m->tensors, sizeof *by, by_place);
	for (size_t i = 0; i < m->tensors && rc == AS_OK; i++) {
		const char *start = by[i].data;

		if (start < at) {
			rc = as_fail(e, AS_EFORMAT, "tensor %.128s overlaps tensor %.128s",
				     by[i].name, by[i - 1].name);
		} else if (start > at) {
			rc = as_fail(e, AS_EFORMAT, "%zu bytes before tensor %.128s belong to none",
				     (size_t)(start - at), by[i].name);
		}
		at = start + by[i].size;
	}
	if (rc == AS_OK && at != data + data_size) {
		rc = as_fail(e, AS_EFORMAT, "%zu bytes at the end belong to no tensor",
			     data_size - (size_t)(at - data));
	}
	free(by);
	return rc;
}

/* One member of the header. */
static int take_entry(struct io_model *m, const char *key, struct json_t *v, const char *data,
		      size_t data_size, struct as_err *e)
{
	struct io_tensor *t = &m->tensor[m->tensors];

	if (strcmp(key, "__metadata__") == 0) {
		m->meta = v;
		return check_meta(v, e);
	}
	t->name = key;
	if (read_tensor(v, data, data_size, t, e) != AS_OK) {
		return as_wrap(e, "tensor %.128s", key);
	}
	m->tensors++;
	as_map_put(&m->index, key, t);
	return AS_OK;
}

static int read_header(struct io_model *m, const char *data, size_t data_size, struct as_err *e)
{
	void *it = NULL;
	const char *key;
	struct json_t *v;
	int rc = AS_OK;

	m->tensor = as_calloc(io_json_len(m->header) + 1, sizeof *m->tensor);
	while (io_json_next(m->header, &it, &key, &v)) {
		TRY(take_entry(m, key, v, data, data_size, e));
	}
	TRY(check_places(m, data, data_size, e));
out:
	return rc;
}

static int open_bytes(struct io_model *m, const void *bytes, size_t n, struct as_err *e)
{
	const unsigned char *p = bytes;
	uint64_t header = 0;
	int rc;

	if (n < 8) {
		return as_fail(e, AS_EFORMAT, "%zu bytes are no safetensors file", n);
	}
	for (int i = 7; i >= 0; i--) {
		header = header << 8 | p[i];
	}
	if (header > IO_HEADER_MAX) {
		return as_fail(e, AS_EFORMAT, "header: %" PRIu64 " bytes, the limit is %d", header,
			       (int)IO_HEADER_MAX);
	}
	if (header > n - 8) {
		return as_fail(e, AS_EFORMAT,
			       "header: %" PRIu64 " bytes, the file has %zu after its length",
			       header, n - 8);
	}
	if (header == 0 || p[8] != '{') {
		return as_fail(e, AS_EFORMAT, "header: does not start with {: no safetensors file");
	}
	TRY(io_json_parse(p + 8, (size_t)header, "header", &m->header, e));
	TRY(read_header(m, (const char *)p + 8 + header, n - 8 - (size_t)header, e));
	io_digest(bytes, n, m->sha256);
out:
	return rc;
}

int io_model_open_mem(struct io_model *m, const void *data, size_t n, const char *what,
		      struct as_err *e)
{
	*m = (struct io_model){ .path = as_strdup(what) };
	if (open_bytes(m, data, n, e) != AS_OK) {
		io_model_close(m);
		return as_wrap(e, "%s", what);
	}
	return AS_OK;
}

int io_model_open(struct io_model *m, const char *path, struct as_err *e)
{
	*m = (struct io_model){ .path = as_strdup(path) };
	if (io_map_open(&m->file, path, SIZE_MAX, e) != AS_OK) {
		io_model_close(m);
		return e->code;
	}
	if (open_bytes(m, m->file.data, m->file.size, e) != AS_OK) {
		io_model_close(m);
		return as_wrap(e, "%s", path);
	}
	return AS_OK;
}

void io_model_close(struct io_model *m)
{
	free(m->path);
	free(m->tensor);
	as_map_free(&m->index);
	io_json_free(m->header);
	io_map_close(&m->file);
	*m = (struct io_model){ 0 };
}

const struct io_tensor *io_model_find(const struct io_model *m, const char *name)
{
	return as_map_find(&m->index, name);
}

int io_model_meta(const struct io_model *m, const char *key, struct json_t **out, struct as_err *e)
{
	const char *text = io_json_find_str(m->meta, key, NULL);

	*out = NULL;
	if (text == NULL) {
		return as_fail(e, AS_EFORMAT,
			       "%s: no \"%s\" in its metadata: not a model of assay's", m->path,
			       key);
	}
	if (io_json_parse(text, strlen(text), key, out, e) != AS_OK) {
		return as_wrap(e, "%s", m->path);
	}
	return AS_OK;
}
