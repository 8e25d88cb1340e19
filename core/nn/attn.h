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
	struct nn_linear span;  /* d -> h; no weights where spanned is false */
	bool gated;             /* false: plain multi-head attention */
	bool spanned;           /* beyond `full` each head chooses how far it sees */
	float threshold;        /* tau: a head whose share is below is closed */
	size_t full;            /* up to here every token sees every other */
	size_t window, globals; /* beyond: tokens see those at most window / 2 away and the first
				 * `globals` tokens, which see everything */
	float ramp;             /* tokens over which a chosen span fades out */
};

/* What fwd leaves for bwd. After inference the matrices are gone and n to opened remain. */
struct nn_attn_act {
	size_t n;
	const float *x;   /* [n, d], borrowed from fwd's caller until bwd */
	float *xbar;      /* [d]; where something asks for it */
	float *gate;      /* [w] */
	float *scale;     /* [w] the share of each channel's head */
	float *share;     /* [h] */
	bool *open;       /* [h] */
	size_t opened;    /* heads that are open */
	float *span;      /* [h] z, tokens */
	size_t *reach;    /* [h] tokens seen each way in a band */
	float *fade;      /* [h] tables by distance; NULL where no span is chosen */
	float *q, *k, *v; /* [n, w] */
	float *qg;        /* [n, w] gated queries */
	float *av;        /* [n, w] A V */
	float *z;      /* [n, w] share A V, of closed heads too; what W_o sees of the open ones */
	float *a;      /* softmax rows, head by head, block by block */
	size_t a_head; /* floats of one head in a */
};

/* full 1024, window 256, globals 4, ramp 32. Without a gate the layer has no gate weights. */
void nn_attn_init(struct nn_attn *l, struct nn_params *ps, const char *prefix, size_t d, size_t h,
		  size_t k, bool gated, float threshold);
/* Lets the layer choose the spans of its heads: registers "prefix.span". After init. */
void nn_attn_span(struct nn_attn *l, struct nn_params *ps, const char *prefix);
/* y is overwritten. In inference closed heads are not computed. */
void nn_attn_fwd(const struct nn_attn *l, const struct nn_step *s, struct nn_attn_act *a,
		 const float *restrict x, float *restrict y, size_t n);
/* Adds to dx and the gradients, that of gate_loss * (sum of shares, and of
 * spans / (window / 2) where chosen) included. After a training fwd. */
void nn_attn_bwd(const struct nn_attn *l, const struct nn_step *s, const struct nn_attn_act *a,
		 const float *restrict dy, float *restrict dx);

#endif
