/* SPDX-License-Identifier: Apache-2.0
 * attn_q8.h - attention of a served model in int8; attn.c alone calls it. */
#ifndef NN_ATTN_Q8_H
#define NN_ATTN_Q8_H

#include "core/nn/attn.h"

/* Whether the layer's weights came in int8 and its heads are of whole panels. */
bool nn_attn_q8_on(const struct nn_attn *l);
/* y [n, d] is overwritten, once a->open, shares and reaches are known. */
void nn_attn_q8_fwd(const struct nn_attn *l, const struct nn_step *s, const struct nn_attn_act *a,
		    float *y);

#endif
