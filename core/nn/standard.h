/* SPDX-License-Identifier: Apache-2.0
 * standard.h - matrices whose rows have mean 0 and length 1 (NN_STANDARD). What learns is a matrix
 * r behind such a w. r, w, g [rows, cols]. */
#ifndef NN_STANDARD_H
#define NN_STANDARD_H

#include <stddef.h>

/* w may be r. */
void nn_standard_fwd(const float *r, float *w, size_t rows, size_t cols);
/* The gradient of w becomes that of r, in place. */
void nn_standard_bwd(const float *r, const float *w, float *g, size_t rows, size_t cols);

#endif
