/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NN_LINEAR_H
#define NN_LINEAR_H

#include "core/nn/param.h"

#include <stdbool.h>

/* Affine map of every row.  x [n, in], y [n, out], W [out, in], b [out]. */
struct nn_linear {
	size_t in, out;
	size_t w, b;         /* offsets of W and b; b is NN_NONE without a bias */
	struct nn_laid laid; /* W as it is served, borrowed from the params; else W as it is */
};

#define NN_NONE ((size_t)-1)

/* W starts normal with sd 1/sqrt(in) (or gain/sqrt(in)), b zero. */
void nn_linear_init(struct nn_linear *l, struct nn_params *ps, const char *prefix, size_t in,
		    size_t out, bool bias, float gain);
/* y is overwritten. */
void nn_linear_fwd(const struct nn_linear *l, const float *p, const float *restrict x,
		   float *restrict y, size_t n);
/* Adds to dx (NULL: not wanted) and to the gradients g. */
void nn_linear_bwd(const struct nn_linear *l, const float *p, float *g, const float *restrict x,
		   const float *restrict dy, float *restrict dx, size_t n);

#endif
