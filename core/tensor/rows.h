/* SPDX-License-Identifier: Apache-2.0
 * rows.h - row kernels in plain C: the same sums in the same order on every instruction set. */
#ifndef TN_ROWS_H
#define TN_ROWS_H

#include <stddef.h>

/* y[r, :] += b for every row r;  and its adjoint  b += sum_r y[r, :].  y [rows, cols] */
void tn_add_rows(float *restrict y, const float *restrict b, size_t rows, size_t cols);
void tn_sum_rows(float *restrict b, const float *restrict y, size_t rows, size_t cols);
/* y += a x, n numbers. */
void tn_axpy(float *restrict y, float a, const float *restrict x, size_t n);
/* Sum of x_i y_i in fixed 16-lane order. */
float tn_dot(const float *restrict x, const float *restrict y, size_t n);
/* e^x of n numbers, in place allowed: polynomial, within 2 ulp of expf on [-87, 88], 0 below. */
void tn_exp(const float *x, float *y, size_t n);
/* Each row of x [rows, cols] (row stride ld) becomes softmax(scale * row), in place. */
void tn_softmax_rows(float *x, size_t rows, size_t cols, size_t ld, float scale);
/* dx = scale * a (da - sum(a da)) for each row, written over da. */
void tn_softmax_rows_bwd(const float *restrict a, float *restrict da, size_t rows, size_t cols,
			 size_t ld, float scale);
/* GELU and its backward, within 2e-7 of the exact one: y = x Phi(x);  dx += dy (Phi(x) + x phi(x)).
 * Hendrycks, Gimpel, "Gaussian Error Linear Units" (2016), arXiv:1606.08415, section 2. */
void tn_gelu(const float *restrict x, float *restrict y, size_t n);
void tn_gelu_bwd(const float *restrict x, const float *restrict dy, float *restrict dx, size_t n);

#endif
