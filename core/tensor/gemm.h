/* SPDX-License-Identifier: Apache-2.0
 * gemm.h - the three matrix products every layer is made of. All row-major, all accumulate, in the
 * order of k (f32.h).
 *
 *   tn_gemm_nn   C += A  B     A [m, k]  B [k, n]
 *   tn_gemm_nt   C += A  B'    A [m, k]  B [n, k]
 *   tn_gemm_tn   C += A' B     A [k, m]  B [k, n]     C [m, n] in all three
 *
 * lda, ldb, ldc are the row strides (floats). */
#ifndef TN_GEMM_H
#define TN_GEMM_H

#include <stddef.h>

/* A matrix by its first element and the distance between rows. */
struct tn_mat {
	float *v;
	size_t ld;
};
struct tn_cmat {
	const float *v;
	size_t ld;
};

void tn_gemm_nn(struct tn_mat c, struct tn_cmat a, struct tn_cmat b, size_t m, size_t n, size_t k);
void tn_gemm_nt(struct tn_mat c, struct tn_cmat a, struct tn_cmat b, size_t m, size_t n, size_t k);
void tn_gemm_tn(struct tn_mat c, struct tn_cmat a, struct tn_cmat b, size_t m, size_t n, size_t k);

/* Asks the system for what products need of the processor. main() calls it once. */
void tn_init(void);

#endif
