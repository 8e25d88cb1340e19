/* SPDX-License-Identifier: Apache-2.0
 * rows.h - row kernels in plain C: the same sums in the same order on every instruction set. */
#ifndef TN_ROWS_H
#define TN_ROWS_H

#include <stddef.h>

/* y[r, :] = b for every row r (NULL: 0);  and the adjoint of adding  b += sum_r y[r, :].
 * y [rows, cols] */
void tn_set_rows(float *restrict y, const float *restrict b, size_t rows, size_t cols);
void tn_sum_rows(float *restrict b, const float *restrict y, size_t rows, size_t cols);
/* s_j += sum_r (x[r, j] - m_j)^2;  y[r, j] = a_j x[r, j] + b_j.  x, y [rows, cols] */
void tn_sum_squares(float *restrict s, const float *restrict x, const float *restrict m,
		    size_t rows, size_t cols);
void tn_scale_rows(float *restrict y, const float *restrict x, const float *restrict a,
		   const float *restrict b, size_t rows, size_t cols);
/* y += a x, n numbers. */
void tn_axpy(float *restrict y, float a, const float *restrict x, size_t n);
/* y *= x, n numbers;  y += x z, n numbers. */
void tn_mul(float *restrict y, const float *restrict x, size_t n);
void tn_mul_add(float *restrict y, const float *restrict x, const float *restrict z, size_t n);
/* Sum of x_i y_i in fixed 16-lane order. */
float tn_dot(const float *x, const float *y, size_t n);
/* e^x of n numbers, in place allowed: polynomial, within 2 ulp of expf on [-87, 88], 0 below -87,
 * e^88 above 88; NaN stays NaN. */
void tn_exp(const float *x, float *y, size_t n);
/* Each row of x [rows, cols] (row stride ld) becomes softmax(scale * row), in place; scale > 0.
 * -INFINITY masks an entry (exactly 0); each row needs one that is not masked. */
void tn_softmax_rows(float *x, size_t rows, size_t cols, size_t ld, float scale);
/* dx = scale * a (da - sum(a da)) for each row, written over da. */
void tn_softmax_rows_bwd(const float *restrict a, float *restrict da, size_t rows, size_t cols,
			 size_t ld, float scale);
/* y = x Phi(x), the Gaussian's distribution function within 2e-7;  dx += dy (Phi(x) + x phi(x)). */
void tn_gelu(const float *restrict x, float *restrict y, size_t n);
void tn_gelu_bwd(const float *restrict x, const float *restrict dy, float *restrict dx, size_t n);

/* One layer normalisation: d features a row, eps is added to the variance. */
struct tn_norm {
	const float *gamma, *beta; /* [d] */
	size_t d;
	float eps;
};
/* y [rows, d] is overwritten; xhat [rows, d] and rstd [rows] are kept for the bwd (both NULL: there
 * is none). */
void tn_norm_rows(const struct tn_norm *l, const float *restrict x, float *restrict xhat,
		  float *restrict rstd, float *restrict y, size_t rows);
/* Adds to dx [rows, d]; gradients of gamma and beta are sums the caller makes. */
void tn_norm_rows_bwd(const struct tn_norm *l, const float *restrict xhat,
		      const float *restrict rstd, const float *restrict dy, float *restrict dx,
		      size_t rows);

/* What an AdamW step needs beside the arrays (core/nn/adam.c has the equations). */
struct tn_adam {
	float beta1, beta2, eps;
	float fix1, fix2; /* 1 / (1 - beta^t) */
	float rate, decay;
	float scale; /* of the gradient: clipping */
};
void tn_adam(const struct tn_adam *o, float *restrict x, const float *restrict g, float *restrict m,
	     float *restrict v, size_t n);

#endif
