/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NN_CONV_H
#define NN_CONV_H

#include "core/base/arena.h"
#include "core/nn/param.h"

/* 2-d convolution with a 3 x 3 kernel, padding 1 and stride 1 or 2, channels last:
 * x [h, w, in], y [ceil(h / stride), ceil(w / stride), out], W [out, 9 * in] of standardised rows,
 * b [out]. */
struct nn_conv {
	size_t in, out, stride;
	size_t w, b;         /* offsets */
	struct nn_laid laid; /* as in nn_linear */
};

struct nn_conv_act {
	size_t h, w; /* of the input */
	float *cols; /* [oh * ow, 9 * in] the patches (im2col) */
};

void nn_conv_init(struct nn_conv *l, struct nn_params *ps, const char *prefix, size_t in,
		  size_t out, size_t stride);
void nn_conv_fwd(const struct nn_conv *l, const float *p, struct nn_conv_act *a,
		 struct as_arena *mem, const float *restrict x, size_t h, size_t w,
		 float *restrict y);
/* Adds to dx (NULL: not wanted) and g. */
void nn_conv_bwd(const struct nn_conv *l, const float *p, float *g, const struct nn_conv_act *a,
		 struct as_arena *mem, const float *restrict dy, float *restrict dx);

#endif
