/* SPDX-License-Identifier: Apache-2.0
 * position.h - fixed sinusoidal positions, added to rows; no weights, any length.
 * Vaswani et al., "Attention Is All You Need" (2017), arXiv:1706.03762, section 3.5. */
#ifndef NN_POSITION_H
#define NN_POSITION_H

#include <stddef.h>

/* x [n, d] += scale * position of row i. d is even. */
void nn_position(float *x, size_t n, size_t d, float scale);
/* The same for a grid: x [h * w, d]; half of the features say the row, half the column. d is a
 * multiple of 4. */
void nn_position_grid(float *x, size_t h, size_t w, size_t d, float scale);

#endif
