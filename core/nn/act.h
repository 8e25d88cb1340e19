/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NN_ACT_H
#define NN_ACT_H

#include "core/base/arena.h"
#include "core/nn/step.h"

#include <stddef.h>

/* GELU with the exact Gaussian (Hendrycks, Gimpel 2016), n numbers. */
void nn_gelu_fwd(const float *restrict x, float *restrict y, size_t n);
/* dx += dy GELU'(x) */
void nn_gelu_bwd(const float *restrict x, const float *restrict dy, float *restrict dx, size_t n);

/* Inverted dropout in place; returns the mask [n] (0 or 1 / (1 - rate)) from s->mem for the bwd, or
 * NULL where nothing is dropped (inference, or dropout 0). */
float *nn_drop_fwd(const struct nn_step *s, float *x, size_t n);
/* dx *= mask; mask NULL does nothing. */
void nn_drop_bwd(const float *mask, float *dx, size_t n);

#endif
