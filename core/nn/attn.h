/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NN_ATTN_H
#define NN_ATTN_H

#include "core/nn/linear.h"
#include "core/nn/step.h"

#include <stdint.h>

/* Dynamic multi-head self-attention over the n tokens of one case.  x, y [n, d]. */
struct nn_attn {
	size_t d, h, k;         /* width, heads, k = d / h */
	struct nn_linear q, kk, v, o, gate;
	bool gated;             /* false: plain multi-head attention, no gate weights */
	float threshold;        /* tau: a head whose share is below is closed */
	size_t window, globals; /* beyond `full` tokens: keys at most window / 2 away, and the
				 * first `globals` tokens, which see everything */
	size_t full;
};

struct nn_attn_act {
	size_t n;
	float *xbar;             /* [d] */
	float *gate;             /* [d] sigmoid */
	float *share;            /* [h] mean gate of the head */
	bool *open;              /* [h] */
	size_t opened;           /* heads computed */
	float *q, *k, *v, *z;    /* [n, d]; q before the gate, z before W_o */
	float *a;                /* softmax rows, as attn.c lays them out; NULL in inference */
	const float *x;          /* borrowed from fwd's caller until bwd */
};

void nn_attn_init(struct nn_attn *l, struct nn_params *ps, const char *prefix, size_t d, size_t h,
		  bool gated, float threshold);
void nn_attn_fwd(const struct nn_attn *l, const struct nn_step *s, struct nn_attn_act *a,
		 const float *restrict x, float *restrict y, size_t n);
/* Adds to dx, to the gradients, and gate_loss * sum of shares' gradient. */
void nn_attn_bwd(const struct nn_attn *l, const struct nn_step *s, const struct nn_attn_act *a,
		 const float *restrict dy, float *restrict dx);

#endif
