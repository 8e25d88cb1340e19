/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NN_DROP_H
#define NN_DROP_H

#include "core/nn/step.h"

#include <stddef.h>

/* Inverted dropout in place; returns the mask [n] (0 or 1 / (1 - rate)) from s->mem for the bwd, or
 * NULL where nothing is dropped (inference, or dropout 0). */
float *nn_drop_fwd(const struct nn_step *s, float *x, size_t n);
/* dx *= mask; mask NULL: does nothing. */
void nn_drop_bwd(const float *mask, float *dx, size_t n);

#endif
