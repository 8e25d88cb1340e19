/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NN_BLOCK_H
#define NN_BLOCK_H

#include "core/nn/attn.h"
#include "core/nn/norm.h"

/* One attention block, in place.  x [n, d]. */
struct nn_block {
	struct nn_norm norm1, norm2;
	struct nn_attn attn;
	struct nn_linear up, down; /* d -> mlp * d -> d */
};

/* What fwd leaves for bwd. After inference only n and attn.opened remain. */
struct nn_block_act {
	size_t n;
	struct nn_norm_act norm1, norm2;
	struct nn_attn_act attn;
	float *x1, *x2;       /* normed inputs [n, d] */
	float *h, *a;         /* [n, mlp * d] before and after GELU */
	float *keep1, *keep2; /* dropout masks [n, d] or NULL */
};

void nn_block_init(struct nn_block *b, struct nn_params *ps, const char *prefix, size_t d,
		   size_t heads, size_t mlp, bool gated, float threshold);
/* x is updated in place. */
void nn_block_fwd(const struct nn_block *b, const struct nn_step *s, struct nn_block_act *a,
		  float *x, size_t n);
/* dx [n, d] comes in as the gradient of the output and leaves as that of the input. */
void nn_block_bwd(const struct nn_block *b, const struct nn_step *s, const struct nn_block_act *a,
		  float *dx);

#endif
