/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NN_ATTN_H
#define NN_ATTN_H

#include "core/nn/linear.h"
#include "core/nn/step.h"

/* Dynamic multi-head self-attention over the n tokens of one case.  x, y [n, d]. */
struct nn_attn {
	size_t d, h, k; /* width, heads, channels of a head */
	size_t w;       /* h k: d, or less where heads were pruned */
	struct nn_linear q, kk, v, o;
	struct nn_linear gate;  /* d -> w; no weights where gated is false */
	bool gated;             /* false: plain multi-head attention */
	float threshold;        /* tau: a head whose share is below is closed */
	size_t full;            /* up to here every token sees every other */
	size_t window, globals; /* beyond: tokens see those at most window / 2 away and the first
				 * `globals` tokens, which see everything */
};

/* What fwd leaves for bwd. After inference the matrices are gone and n to opened remain. */
struct nn_attn_act {
	size_t n;
	const float *x;   /* [n, d], borrowed from fwd's caller until bwd */
	float *xbar;      /* [d] */
	float *gate;      /* [w] */
	float *scale;     /* [w] the share of each channel's head */
	float *share;     /* [h] */
	bool *open;       /* [h] */
	size_t opened;    /* heads that are open */
	float *q, *k, *v; /* [n, w] */
	float *qg;        /* [n, w] gated queries */
	float *av;        /* [n, w] A V */
	float *z;      /* [n, w] share A V, of closed heads too; what W_o sees of the open ones */
	float *a;      /* softmax rows, head by head, block by block */
	size_t a_head; /* floats of one head in a */
};

/* full 1024, window 256, globals 4. Without a gate the layer has no gate weights. */
void nn_attn_init(struct nn_attn *l, struct nn_params *ps, const char *prefix, size_t d, size_t h,
		  size_t k, bool gated, float threshold);
/* y is overwritten. In inference closed heads are not computed. */
void nn_attn_fwd(const struct nn_attn *l, const struct nn_step *s, struct nn_attn_act *a,
		 const float *restrict x, float *restrict y, size_t n);
/* Adds to dx and the gradients, that of gate_loss * sum of shares included. After a training fwd.
 */
void nn_attn_bwd(const struct nn_attn *l, const struct nn_step *s, const struct nn_attn_act *a,
		 const float *restrict dy, float *restrict dx);

#endif
