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

#include "core/base/arena.h"
#include "core/base/err.h"
#include "core/tensor/q8_rows.h"

#include <stddef.h>
#include <stdint.h>

enum { TN_Q8_IN_MAX = 65536 }; /* 255 * 127 * in fits a 32-bit sum */

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

/* The same of rows that are quantised already. */
void tn_q8_run(struct tn_q8 *q, const struct tn_q8_left *a, const float *bias, float *y, size_t n);

/* The weights for products of rows that are quantised already: all of them; those of the outputs
 * [o0, o1), o0 a multiple of TN_PANEL; those of the inputs [k0, k1), multiples of TN_STEP,
 * with arrays of its own in mem. Borrowed from q. */
struct tn_q8_right tn_q8_whole(const struct tn_q8 *q, const float *bias);
struct tn_q8_right tn_q8_outputs(const struct tn_q8 *q, size_t o0, size_t o1);
struct tn_q8_right tn_q8_inputs(const struct tn_q8 *q, size_t k0, size_t k1, struct as_arena *mem);

/* One row to integers within 127 of zero, stored with 128 added; returns its scale. */
float tn_quantize_row(const float *restrict x, uint8_t *restrict q, size_t n);
/* The same for weights, without the 128. */
float tn_quantize_weights(const float *restrict w, int8_t *restrict q, size_t n);

#endif
