/* SPDX-License-Identifier: Apache-2.0
 * model.h - a model file: safetensors, read strictly and written beside then renamed.
 *
 * Weights are one F32 tensor per nn_param, by name; or, of a file from core/io/quantize.h, NAME as
 * I8 and NAME.scale as F32, a scale a row. The metadata holds, as JSON text:
 *   format       "assay-model-1"
 *   name         the task's name and what made it
 *   task         io_task_write
 *   statistics   what encoders learned of the training cells (encoders/table)
 *   encoders     {"scan":{"modality","name","version","dim"}} for parts on frozen features
 *   calibration  temperatures, thresholds, target mean and sd (fusion/calibrate)
 *   training     the record: data digest, splits, seed, curves, scores
 *   quantized    how many tensors are int8 and the digest of the file they come from
 * Read strictly, because readers that guess have been made to disagree: the header is at most
 * IO_HEADER_MAX, starts with {, is UTF-8 without duplicate keys; an entry has a known dtype, a
 * shape of at most IO_DIMS_MAX whole numbers whose bytes are exactly those of its offsets, and
 * nothing else; tensors cover the data from the first byte to the last without overlap or hole.
 * Every refusal is AS_EFORMAT and names the tensor or key. A file that somebody cuts short while it
 * is mapped ends the program (SIGBUS): serve copies that you own. */
#ifndef IO_MODEL_H
#define IO_MODEL_H

#include "core/base/err.h"
#include "core/base/map.h"
#include "core/io/digest.h"
#include "core/io/file.h"
#include "core/io/json.h"
#include "core/nn/param.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	IO_HEADER_MAX = 16 << 20, /* bytes of a safetensors header */
	IO_DIMS_MAX = 8,          /* dimensions of a tensor */
};

struct io_tensor {
	const char *name;  /* borrowed from the document */
	const char *dtype; /* "F32", "I8", ... */
	size_t dims;
	size_t shape[IO_DIMS_MAX];
	const void *data; /* in the map; not aligned */
	size_t size;      /* bytes */
};

struct io_model {
	char *path;
	char sha256[IO_DIGEST_SIZE]; /* of the whole file */
	struct io_map file;
	struct json_t *header;
	struct json_t *meta; /* __metadata__, borrowed from header; NULL where absent */
	struct io_tensor *tensor;
	size_t tensors;
	struct as_map index; /* name -> its tensor, for io_model_find */
};

/* Any safetensors file. */
int io_model_open(struct io_model *m, const char *path, struct as_err *e) AS_CHECKED;
/* The same over bytes in memory, borrowed: what the fuzzer and the tests drive. */
int io_model_open_mem(struct io_model *m, const void *data, size_t n, const char *what,
		      struct as_err *e) AS_CHECKED;
void io_model_close(struct io_model *m);

const struct io_tensor *io_model_find(const struct io_model *m, const char *name);
/* Parses one metadata entry as a JSON object; AS_EFORMAT where it is absent. Free the result. */
int io_model_meta(const struct io_model *m, const char *key, struct json_t **out,
		  struct as_err *e) AS_CHECKED;
/* Copies the tensors whose names are in ps into ps->v: each must be there with the same shape as
 * F32, or as I8 within 127 of zero beside NAME.scale, F32 [1, rows] of positive numbers, and then
 * goes through nn_param_q8. Tensors of the file that ps does not have are ignored unless their name
 * starts with prefix (NULL: none may be left over). AS_ESHAPE names every tensor that is missing,
 * left over, of another type or shape or whose scales are none. */
int io_model_bind(const struct io_model *m, struct nn_params *ps, const char *prefix,
		  struct as_err *e) AS_CHECKED;

struct io_meta {
	const char *key;
	const char *json; /* text */
};

/* Weight p of v as an F32 tensor [rows, cols]; both are borrowed. */
struct io_tensor io_tensor_of(const struct nn_param *p, const float *v);
/* Appends a safetensors file of these tensors, one after another, to out. */
int io_model_put(struct as_buf *out, const struct io_tensor *t, size_t n,
		 const struct io_meta *meta, size_t metas, struct as_err *e) AS_CHECKED;
/* Writes several parameter sets one after another, every weight as [rows, cols]; features are a set
 * of one parameter called "v". */
int io_model_save(const char *path, const struct nn_params *const *ps, size_t sets,
		  const struct io_meta *meta, size_t metas, struct as_err *e) AS_CHECKED;

#endif
