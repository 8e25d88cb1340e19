/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NN_ADAM_H
#define NN_ADAM_H

#include "core/nn/param.h"

/* AdamW: Loshchilov, Hutter, "Decoupled Weight Decay Regularization" (2019), algorithm 2. */
struct nn_adam {
	float *m, *v; /* [ps->size] */
	float *r;     /* [ps->size] what learns behind weights that are NN_STANDARD; else unused */
	size_t size;
	size_t t; /* steps done */
	float beta1, beta2, eps;
};

/* Standardised weights: each row behind them starts along it. */
void nn_adam_init(struct nn_adam *o, const struct nn_params *ps);
void nn_adam_free(struct nn_adam *o);
/* One step on ps->v with the gradients g, which are scaled so that their norm is at most clip
 * (0: no clipping); weights that are NN_STILL or NN_FIXED stay. Returns the norm before clipping.
 * Gradients of standardised weights become those of what learns behind them, in place. */
double nn_adam_step(struct nn_adam *o, struct nn_params *ps, float *g, float rate, float decay,
		    float clip);

/* Linear warm-up over the first tenth of total steps, then half a cosine to zero. */
float nn_rate(float peak, size_t step, size_t total);

#endif
