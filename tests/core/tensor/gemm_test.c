/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/rng.h"
#include "core/tensor/gemm.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdbool.h>

enum { MOST = 4096 };

struct product {
	size_t m, n, k;
	size_t lda, ldb, ldc;
	float a[MOST], b[MOST], c[MOST], want[MOST];
};

/* The naive triple loop in double: at(i, p) and bt(p, j) pick the transposed ones. */
static void naive(struct product *t, bool a_turned, bool b_turned)
{
	for (size_t i = 0; i < t->m; i++) {
		for (size_t j = 0; j < t->n; j++) {
			double sum = (double)t->c[i * t->ldc + j];

			for (size_t p = 0; p < t->k; p++) {
				sum += (double)t->a[a_turned ? p * t->lda + i : i * t->lda + p] *
				       (double)t->b[b_turned ? j * t->ldb + p : p * t->ldb + j];
			}
			t->want[i * t->ldc + j] = (float)sum;
		}
	}
}

static void fill(struct product *t, size_t m, size_t n, size_t k, size_t pad)
{
	struct as_rng r;

	as_rng_seed(&r, m * 100 + n * 10 + k, 0);
	*t = (struct product){ .m = m, .n = n, .k = k, .ldc = n + pad };
	for (size_t i = 0; i < MOST; i++) {
		t->a[i] = as_rng_normal(&r);
		t->b[i] = as_rng_normal(&r);
		t->c[i] = as_rng_normal(&r);
		t->want[i] = t->c[i];
	}
}

/* All of c, so that what lies between the rows must be as it was. */
static void compare(const struct product *t)
{
	for (size_t i = 0; i < MOST; i++) {
		cr_assert(le(dbl, fabs((double)t->c[i] - (double)t->want[i]), 1e-4),
			  "[%zu, %zu, %zu] at %zu", t->m, t->n, t->k, i);
	}
}

static const size_t shapes[][4] = { /* m, n, k, numbers between rows */
				    { 1, 1, 1, 0 },    { 1, 9, 5, 0 },    { 7, 1, 33, 2 },
				    { 16, 16, 16, 0 }, { 13, 31, 17, 5 }, { 30, 40, 50, 1 }
};
enum { SHAPES = sizeof shapes / sizeof *shapes };

Test(tensor_gemm, nn_adds_the_product)
{
	for (size_t s = 0; s < SHAPES; s++) {
		struct product t;

		fill(&t, shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3]);
		t.lda = t.k + shapes[s][3];
		t.ldb = t.n + shapes[s][3];
		naive(&t, false, false);
		tn_gemm_nn((struct tn_mat){ t.c, t.ldc }, (struct tn_cmat){ t.a, t.lda },
			   (struct tn_cmat){ t.b, t.ldb }, t.m, t.n, t.k);
		compare(&t);
	}
}

Test(tensor_gemm, nt_adds_the_product_with_b_turned)
{
	for (size_t s = 0; s < SHAPES; s++) {
		struct product t;

		fill(&t, shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3]);
		t.lda = t.k + shapes[s][3];
		t.ldb = t.k + shapes[s][3];
		naive(&t, false, true);
		tn_gemm_nt((struct tn_mat){ t.c, t.ldc }, (struct tn_cmat){ t.a, t.lda },
			   (struct tn_cmat){ t.b, t.ldb }, t.m, t.n, t.k);
		compare(&t);
	}
}

Test(tensor_gemm, tn_adds_the_product_with_a_turned)
{
	for (size_t s = 0; s < SHAPES; s++) {
		struct product t;

		fill(&t, shapes[s][0], shapes[s][1], shapes[s][2], shapes[s][3]);
		t.lda = t.m + shapes[s][3];
		t.ldb = t.n + shapes[s][3];
		naive(&t, true, false);
		tn_gemm_tn((struct tn_mat){ t.c, t.ldc }, (struct tn_cmat){ t.a, t.lda },
			   (struct tn_cmat){ t.b, t.ldb }, t.m, t.n, t.k);
		compare(&t);
	}
}
