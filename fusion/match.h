/* SPDX-License-Identifier: Apache-2.0 */
#ifndef FU_MATCH_H
#define FU_MATCH_H

#include <stddef.h>

/* How far the vectors of two parts of the same case (za[i], zb[i]) are from being nearer to each
 * other than to those of the n - 1 other cases. za[i], zb[i] [d]; returns weight * loss and adds
 * its gradient to dza[i], dzb[i] [d] (dza and dzb NULL: not wanted). n < 2 is 0. */
double fu_match_loss(const float *const *za, const float *const *zb, size_t n, size_t d,
		     float weight, float *const *dza, float *const *dzb);

#endif
