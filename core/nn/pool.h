/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NN_POOL_H
#define NN_POOL_H

#include "core/base/arena.h"
#include "core/nn/param.h"

/* Attention pooling with a learned query: y = sum_i a_i x_i, a = softmax(x u / sqrt(d)).
 * x [n, d], y [d], n > 0. */
struct nn_pool {
	size_t d;
	size_t u; /* offset, [d]; starts at zero, i.e. as the mean */
};

struct nn_pool_act {
	size_t n;
	float *a;       /* [n] */
	const float *x; /* borrowed from fwd's caller until bwd */
};

void nn_pool_init(struct nn_pool *l, struct nn_params *ps, const char *prefix, size_t d);
void nn_pool_fwd(const struct nn_pool *l, const float *p, struct nn_pool_act *a,
		 struct as_arena *mem, const float *restrict x, float *restrict y, size_t n);
/* Adds to dx and g. */
void nn_pool_bwd(const struct nn_pool *l, const float *p, float *g, const struct nn_pool_act *a,
		 const float *restrict dy, float *restrict dx);

#endif
