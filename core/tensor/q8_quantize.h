/* SPDX-License-Identifier: Apache-2.0
 * q8_quantize.h - what q8_quantize.c and q8_quantize_avx512.c make of floats: the same bits, which
 * is why both have their polynomials from here. core/tensor's own.
 *
 *   softmax   255 e^x = 2^n (255 2^f)        n = round(x log2 e), f = x log2 e - n
 *             2^f of degree 3 within 1.0e-4 of itself: 0.03 of the 255 steps
 *   gelu      y = (x + |x| E) / 2            E = min(1, z P(z^2)), z = min(|x|, 3.8)
 *             E within 1.6e-4 of erf(z / sqrt 2), which is 0.9999 at 3.8, and 1 from there:
 *             y within 3e-4, where a step of a row with a peak of 2 is 0.016
 *
 * Both polynomials are the best of their degree by Lawson's iteration: Rice, Usow, "The Lawson
 * algorithm and extensions" (1968). */
#ifndef TN_Q8_QUANTIZE_H
#define TN_Q8_QUANTIZE_H

#include "core/tensor/q8_rows.h"

enum { TN_ZERO = 128 }; /* what stands for 0 in a row of unsigned bytes */

/* Rows smaller than this are zero: 127 / max stays finite. */
#define TN_TINY 1e-30F

#define TN_LOG2_E     1.44269504088896341F
#define TN_SOFT_LEAST (-126.0F) /* of n: 2^n stays normal */
#define TN_SOFT_1     176.787187F
#define TN_SOFT_2     61.7638436F
#define TN_SOFT_3     14.0269524F

#define TN_GELU_ONE 3.8F
#define TN_GELU_0   0x1.98403p-1F
#define TN_GELU_1   (-0x1.0d3f38p-3F)
#define TN_GELU_2   0x1.319aep-6F
#define TN_GELU_3   (-0x1.e9cdf8p-10F)
#define TN_GELU_4   0x1.fffe1cp-14F
#define TN_GELU_5   (-0x1.33e04ap-18F)
#define TN_GELU_6   0x1.3f250cp-24F

/* As their namesakes without an instruction set (q8_rows.h); tn_quantize_x adds `zero`. */
void tn_quantize_portable(const struct tn_float_rows *x, uint8_t *restrict q, size_t ldq,
			  float *restrict scale, size_t rows, size_t cols, int32_t zero);
void tn_quantize_avx512(const struct tn_float_rows *x, uint8_t *restrict q, size_t ldq,
			float *restrict scale, size_t rows, size_t cols, int32_t zero);
void tn_softmax_q8_portable(const struct tn_float_rows *x, uint8_t *restrict p,
			    float *restrict part, size_t rows, size_t cols, float scale);
void tn_softmax_q8_avx512(const struct tn_float_rows *x, uint8_t *restrict p, float *restrict part,
			  size_t rows, size_t cols, float scale);
void tn_gelu_q8_portable(float *restrict x, uint8_t *restrict q, float *restrict scale, size_t rows,
			 size_t cols);
void tn_gelu_q8_avx512(float *restrict x, uint8_t *restrict q, float *restrict scale, size_t rows,
		       size_t cols);

#endif
