/* SPDX-License-Identifier: Apache-2.0
 * gemm.c - C += op(A) op(B) as products by panels (f32.h): B as it lies is a row of panels, B' is
 * laid out a piece at a time.
 *
 * The three forms: Dongarra, Du Croz, Hammarling, Duff, "A Set of Level 3 Basic Linear Algebra
 * Subprograms" (1990), ACM TOMS 16(1), section 3; pieces in panels: Goto, van de Geijn, "Anatomy of
 * High-Performance Matrix Multiplication" (2008), ACM TOMS 34(3), section 5. */
#include "core/tensor/gemm.h"

#include "core/tensor/f32.h"
#include "core/tensor/q8.h"

enum { PIECE_OUT = 4 * TN_PANEL, PIECE_IN = 256 }; /* of B', at a time */

void tn_gemm_nn(struct tn_mat c, struct tn_cmat a, struct tn_cmat b, size_t m, size_t n, size_t k)
{
	const struct tn_f32_right right = { b.v, TN_PANEL, b.ld, n, k, NULL };

	tn_f32_product(&(struct tn_f32_left){ a.v, a.ld, 1 }, &right,
		       &(struct tn_out){ c.v, c.ld, true }, m);
}

void tn_gemm_nt(struct tn_mat c, struct tn_cmat a, struct tn_cmat b, size_t m, size_t n, size_t k)
{
	float piece[PIECE_OUT * PIECE_IN] __attribute__((aligned(64)));

	for (size_t o = 0; o < n; o += PIECE_OUT) {
		for (size_t i = 0; i < k; i += PIECE_IN) {
			const size_t in = k - i < PIECE_IN ? k - i : PIECE_IN;
			const size_t out = n - o < PIECE_OUT ? n - o : PIECE_OUT;
			const struct tn_f32_right right = { piece, in * TN_PANEL, TN_PANEL, out,
							    in,    NULL };

			tn_f32_pack(b.v + o * b.ld + i, b.ld, out, in, piece);
			tn_f32_product(&(struct tn_f32_left){ a.v + i, a.ld, 1 }, &right,
				       &(struct tn_out){ c.v + o, c.ld, true }, m);
		}
	}
}

void tn_gemm_tn(struct tn_mat c, struct tn_cmat a, struct tn_cmat b, size_t m, size_t n, size_t k)
{
	const struct tn_f32_right right = { b.v, TN_PANEL, b.ld, n, k, NULL };

	tn_f32_product(&(struct tn_f32_left){ a.v, 1, a.ld }, &right,
		       &(struct tn_out){ c.v, c.ld, true }, m);
}

void tn_init(void)
{
	tn_q8_init();
}
