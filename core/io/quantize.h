/* SPDX-License-Identifier: Apache-2.0
 * quantize.h - a model file with its matrices in 8-bit integers, about a quarter of the size.
 *
 *   t_o = max |w_ok| / 127         q_ok = round(w_ok / t_o)         a scale a row; w ~ q t
 *
 * Jacob et al. (2018), arXiv:1712.05877, section 2.1, symmetric. */
#ifndef IO_QUANTIZE_H
#define IO_QUANTIZE_H

#include "core/io/model.h"

/* Matrices with a side below it stay F32: biases, norms, late judgments of a few labels. */
enum { IO_QUANTIZE_SIDE = 16 };

struct io_quantized {
	struct as_buf file; /* the whole file */
	size_t tensors;     /* that are int8 in it */
};

/* Every F32 matrix of at least 16 rows and columns becomes the pair that io_model_bind reads, all
 * else stays as it is; the metadata gets a note "quantized" with the digest of m. AS_EFORMAT names
 * m where it is quantized already, has no such matrix or numbers that are none. Free the result
 * also after a failure. */
int io_quantize(const struct io_model *m, struct io_quantized *out, struct as_err *e) AS_CHECKED;
void io_quantized_free(struct io_quantized *q);

#endif
