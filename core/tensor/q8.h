/* SPDX-License-Identifier: Apache-2.0
 * q8.h - the product of a served linear layer in 8-bit integers: weights [out, in] with a scale a
 * row, rows of x quantised as they come.
 *
 *   s_r  = max |x_r| / 127         q_rk = round(x_rk / s_r)             one scale a row of x
 *   y_ro = (sum over k of q_rk w_ok) (s_r t_o) + b_o                    t_o: scale of W's row o
 *
 * Sums of integers are exact: a row's answer is the same bits alone, among any others and on every
 * instruction set. Jacob et al. (2018), arXiv:1712.05877, section 2.3; a scale a row of x:
 * Dettmers et al. (2022), arXiv:2208.07339, section 2.1. */
#ifndef TN_Q8_H
#define TN_Q8_H

#include "core/base/err.h"

#include <stddef.h>
#include <stdint.h>

enum {
	TN_Q8_SIZES = 20,     /* row counts that a product is made for: 1 2 4 8, 16 32 .. 256 */
	TN_Q8_IN_MAX = 65536, /* 255 * 127 * in fits a 32-bit sum */
};

/* Weights laid out for this processor. May serve any number of threads. */
struct tn_q8;

/* Asks the system for the state that the processor's integer units need, once in a process and
 * before it may lock itself down; tn_init does. */
void tn_q8_init(void);
/* w [rows, in] in -127 .. 127 and scale [rows] are copied; rows are the layer's outputs. */
int tn_q8_open(struct tn_q8 **out, const int8_t *w, const float *scale, size_t rows, size_t in,
	       struct as_err *e) AS_CHECKED;
void tn_q8_close(struct tn_q8 *q);
/* y [n, out] is overwritten: x [n, in] W' + bias (NULL: none). */
void tn_q8_mul(struct tn_q8 *q, const float *restrict x, const float *bias, float *restrict y,
	       size_t n);

/* One row to integers within 127 of zero, stored with 128 added; returns its scale. */
float tn_quantize_row(const float *restrict x, uint8_t *restrict q, size_t n);
/* The same for weights, without the 128. */
float tn_quantize_weights(const float *restrict w, int8_t *restrict q, size_t n);

#endif
