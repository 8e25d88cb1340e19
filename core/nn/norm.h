/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NN_NORM_H
#define NN_NORM_H

#include "core/base/arena.h"
#include "core/nn/param.h"

/* Layer normalisation of every row.  x, y [n, d]. */
struct nn_norm {
	size_t d;
	size_t gamma, beta; /* offsets, [d] each */
};

/* What fwd leaves for bwd; one per call site. */
struct nn_norm_act {
	float *xhat; /* [n, d]  (x - mean) * rstd */
	float *rstd; /* [n] */
};

void nn_norm_init(struct nn_norm *l, struct nn_params *ps, const char *prefix, size_t d);
/* Carves a from mem (NULL: no bwd comes). y is overwritten. */
void nn_norm_fwd(const struct nn_norm *l, const float *p, struct nn_norm_act *a,
		 struct as_arena *mem, const float *restrict x, float *restrict y, size_t n);
/* Adds to dx and to g. */
void nn_norm_bwd(const struct nn_norm *l, const float *p, float *g, const struct nn_norm_act *a,
		 const float *restrict dy, float *restrict dx, size_t n);

#endif
