/* SPDX-License-Identifier: Apache-2.0
 * gemm.c - C += op(A) op(B) by BLAS sgemm.
 *
 * Dongarra, Du Croz, Hammarling, Duff, "A Set of Level 3 Basic Linear Algebra Subprograms" (1990),
 * ACM TOMS 16(1), section 3. */
#include "core/tensor/gemm.h"

#include "core/tensor/q8.h"

#include <cblas.h>

void tn_gemm_nn(struct tn_mat c, struct tn_cmat a, struct tn_cmat b, size_t m, size_t n, size_t k)
{
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, (int)m, (int)n, (int)k, 1.0F, a.v,
		    (int)a.ld, b.v, (int)b.ld, 1.0F, c.v, (int)c.ld);
}

void tn_gemm_nt(struct tn_mat c, struct tn_cmat a, struct tn_cmat b, size_t m, size_t n, size_t k)
{
	cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (int)m, (int)n, (int)k, 1.0F, a.v,
		    (int)a.ld, b.v, (int)b.ld, 1.0F, c.v, (int)c.ld);
}

void tn_gemm_tn(struct tn_mat c, struct tn_cmat a, struct tn_cmat b, size_t m, size_t n, size_t k)
{
	cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, (int)m, (int)n, (int)k, 1.0F, a.v,
		    (int)a.ld, b.v, (int)b.ld, 1.0F, c.v, (int)c.ld);
}

void tn_init(void)
{
	openblas_set_num_threads(1);
	tn_q8_init();
}
