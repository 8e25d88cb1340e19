/* SPDX-License-Identifier: Apache-2.0
 * param.h - the one list of weights. Adam, the model file, `assay inspect` and the gradient
 * check all walk it.
 *
 * All weights of a set lie one after another in one float array v. A layer holds offsets into it,
 * not pointers: its fwd takes the weights p (= ps->v) and its bwd the gradients g, an array of the
 * same length. So one layer serves any number of threads, each with gradients of its own, and
 * copies of all weights (checkpoints, averages) are one memcpy. */
#ifndef NN_PARAM_H
#define NN_PARAM_H

#include "core/base/err.h"
#include "core/base/rng.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tn_f32;
struct tn_q8;

enum { NN_NAME_SIZE = 96 };
enum nn_flag {
	NN_DECAY = 1,    /* AdamW decays it: matrices, not biases and norms */
	NN_STILL = 2,    /* AdamW leaves it as it is, set between steps */
	NN_FIXED = 4,    /* never learned: taken from the training cases before the first step */
	NN_STANDARD = 8, /* rows of mean 0 and length 1 as they learn (standard.h) */
};

/* A matrix laid out for products that are served; at most one of the two. */
struct nn_laid {
	struct tn_q8 *q8;
	struct tn_f32 *f32;
};

/* How a weight starts. */
enum nn_start { NN_ZERO, NN_ONE, NN_CONST, NN_NORMAL }; /* scale is the constant or the sd */

struct nn_param {
	char name[NN_NAME_SIZE];
	size_t at;         /* offset in v */
	size_t rows, cols; /* a vector is [1, cols] */
	unsigned flags;
	enum nn_start start;
	float scale;
	struct nn_laid *to;  /* where its layer takes it from, laid out; NULL: as it is in v only */
	struct nn_laid laid; /* what stands there, owned */
	bool int8;           /* the layer knows int8 */
};

struct nn_params {
	struct nn_param *p;
	size_t n, cap;
	size_t size; /* floats in all */
	float *v;    /* [size]; NULL until nn_params_start */
};

/* Registers "prefix.name" (or just name where prefix is ""), returns its offset. Before start. */
size_t nn_param_add(struct nn_params *ps, const char *prefix, const char *name, size_t rows,
		    size_t cols, unsigned flags, enum nn_start start, float scale);
/* The weight at this offset belongs to a layer that serves from *to once nn_param_q8 or
 * nn_params_serve has set it, and the layer must not move until then. NULL: it belongs to one that
 * reads v. */
void nn_param_serve(struct nn_params *ps, size_t at, struct nn_laid *to, bool int8);
/* Weight i came as w [rows, cols] in int8 with a scale [rows] a row: v gets their products, and the
 * layer, where it knows int8, serves from them. After start, at most once. */
int nn_param_q8(struct nn_params *ps, size_t i, const int8_t *w, const float *scale,
		struct as_err *e) AS_CHECKED;
/* Allocates v (64-byte aligned) and gives every weight its first value, in order of registration.
 */
void nn_params_start(struct nn_params *ps, struct as_rng *rng);
/* Lays out every matrix that did not come in int8, where its layer serves from that: the same
 * answers, sooner. Once v is what is served: it must not change any more. */
void nn_params_serve(struct nn_params *ps);
void nn_params_free(struct nn_params *ps);
/* How many weights there are that are learned: all but those that are NN_FIXED. */
size_t nn_params_learned(const struct nn_params *ps);
/* NULL where there is none. */
const struct nn_param *nn_param_find(const struct nn_params *ps, const char *name);

#endif
