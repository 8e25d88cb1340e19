/* SPDX-License-Identifier: Apache-2.0
 * f32.h - products in float32.
 *
 *   y_ro = fma(a_rK, b_oK, ... fma(a_r2, b_o2, fma(a_r1, b_o1, y0_ro)))    y0: y, bias_o or 0
 *
 * Each y is one chain in the order of k, and each link of it is rounded once. So a row's answer is
 * the same bits alone and among any others, in one product or in several over parts of k, and on
 * every processor that multiplies and adds in one step (x86-64 with FMA: since 2013). One that does
 * not rounds twice. No code is made at run time. */
#ifndef TN_F32_H
#define TN_F32_H

#include "core/tensor/panel.h"

#include <stdbool.h>
#include <stddef.h>

/* a [n, in]: a_rk is v[r row + k step]. */
struct tn_f32_left {
	const float *v;
	size_t row, step;
};

/* b [out, in]: b_ok is v[o / 16 panel + o % 16 + k step]. A row-major matrix [in, out] is one with
 * panels 16 apart. */
struct tn_f32_right {
	const float *v;
	size_t panel, step;
	size_t out, in;
	const float *bias; /* [out]; NULL: 0 */
};

/* y [n, out] = a b' + bias, by the processor's widest instructions; where y adds, without bias. */
void tn_f32_product(const struct tn_f32_left *a, const struct tn_f32_right *b,
		    const struct tn_out *y, size_t n);

/* w [out, in], rows ld apart, into panels: [out / 16, in, 16], out rounded up; zeros where there is
 * no w. */
void tn_f32_pack(const float *w, size_t ld, size_t out, size_t in, float *panel);

/* Weights in panels. May serve any number of threads. */
struct tn_f32 {
	size_t out, in;
	float *panel;
};

/* w [out, in] is copied. */
struct tn_f32 *tn_f32_open(const float *w, size_t out, size_t in);
void tn_f32_close(struct tn_f32 *w);
/* The outputs [o0, o1), o0 a multiple of TN_PANEL, over the inputs [k0, k1). */
struct tn_f32_right tn_f32_part(const struct tn_f32 *w, size_t o0, size_t o1, size_t k0, size_t k1);

/* The same product in plain C, with AVX2 and FMA, with AVX-512; and what this processor has. */
typedef void tn_f32_kernel(const struct tn_f32_left *a, const struct tn_f32_right *b,
			   const struct tn_out *y, size_t n);
tn_f32_kernel tn_f32_portable, tn_f32_avx2, tn_f32_avx512;
bool tn_has_avx2(void);
bool tn_has_avx512(void);

#endif
