/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NN_BLOCK_H
#define NN_BLOCK_H

#include "core/nn/attn.h"
#include "core/nn/norm.h"

/* One attention block, in place.  x [n, d]. */
struct nn_block {
	struct nn_norm norm1, norm2;
	struct nn_attn attn;
	struct nn_linear up, down; /* d -> hidden -> d */
};

struct nn_block_shape {
	size_t d, heads, k; /* width; heads of k channels */
	size_t hidden;      /* units of the MLP */
	bool gated;
	float threshold;
	bool spanned; /* heads choose their spans in long inputs */
};

/* What fwd leaves for bwd. After inference only n and attn.opened remain. */
struct nn_block_act {
	size_t n;
	struct nn_norm_act norm1, norm2;
	struct nn_attn_act attn;
	float *x1, *x2;       /* normed inputs [n, d] */
	float *h, *a;         /* [n, hidden] before and after GELU */
	float *keep1, *keep2; /* dropout masks [n, d] or NULL */
};

void nn_block_init(struct nn_block *b, struct nn_params *ps, const char *prefix,
		   const struct nn_block_shape *shape);
/* x is updated in place. */
void nn_block_fwd(const struct nn_block *b, const struct nn_step *s, struct nn_block_act *a,
		  float *x, size_t n);
/* dx [n, d] comes in as the gradient of the output and leaves as that of the input. */
void nn_block_bwd(const struct nn_block *b, const struct nn_step *s, const struct nn_block_act *a,
		  float *dx);

#endif
