/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor/f32.h"

#include "core/base/rng.h"
#include "core/tensor/gemm.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { N = 29, OUT = 150, IN = 300, PAD = 3 };

struct product {
	float a[N * (IN + PAD)], w[OUT * IN], bias[OUT];
	float y[N * (OUT + PAD)], want[N * (OUT + PAD)];
};

static struct product *draw(void)
{
	struct product *p = malloc(sizeof *p);
	float *all = p->a;
	struct as_rng r;

	as_rng_seed(&r, 5, 1);
	for (size_t i = 0; i < sizeof *p / sizeof(float); i++) {
		all[i] = as_rng_normal(&r);
	}
	return p;
}

/* The chain of f32.h, one fmaf of the C library after the other; on rows that are out + PAD apart.
 */
static void chain(struct product *p, size_t n, size_t out, size_t in, bool add)
{
	memcpy(p->want, p->y, sizeof p->y);
	for (size_t r = 0; r < n; r++) {
		for (size_t o = 0; o < out; o++) {
			float *y = &p->want[r * (out + PAD) + o];

			*y = add ? *y : p->bias[o];
			for (size_t k = 0; k < in; k++) {
				*y = fmaf(p->a[r * (in + PAD) + k], p->w[o * in + k], *y);
			}
		}
	}
}

static void is_the_chain(tn_f32_kernel *kernel, double off)
{
	static const size_t rows[] = { 1, 2, 3, 5, 6, 12, 13, N };
	static const size_t outs[] = { 1, 15, 16, 17, 32, 47, 48, 64, 79, OUT };
	static const size_t ins[] = { 1, 2, 31, IN };
	struct product *p = draw();

	for (size_t i = 0; i < 8 * 10 * 4 * 2; i++) {
		const size_t n = rows[i % 8];
		const size_t out = outs[i / 8 % 10];
		const size_t in = ins[i / 80 % 4];
		const bool add = i >= 320;
		struct tn_f32 *w = tn_f32_open(p->w, out, in);
		struct tn_f32_right right = tn_f32_part(w, 0, out, 0, in);

		right.bias = add ? NULL : p->bias;
		chain(p, n, out, in, add);
		kernel(&(struct tn_f32_left){ p->a, in + PAD, 1 }, &right,
		       &(struct tn_out){ p->y, out + PAD, add }, n);
		for (size_t k = 0; k < sizeof p->y / sizeof *p->y; k++) {
			cr_assert(le(dbl, fabs((double)p->y[k] - (double)p->want[k]), off),
				  "%zu x %zu x %zu, add %d: [%zu]", n, out, in, (int)add, k);
		}
		tn_f32_close(w);
	}
	free(p);
}

Test(tensor_f32, products_with_avx512_have_the_bits_of_the_chain)
{
	if (!tn_has_avx512()) {
		cr_skip_test("this processor has no AVX-512");
	}
	is_the_chain(tn_f32_avx512, 0);
}

Test(tensor_f32, products_with_avx2_have_the_bits_of_the_chain)
{
	if (!tn_has_avx2()) {
		cr_skip_test("this processor has no AVX2");
	}
	is_the_chain(tn_f32_avx2, 0);
}

Test(tensor_f32, plain_products_are_within_their_second_rounding)
{
	is_the_chain(tn_f32_portable, 1e-3); /* 300 roundings of sums up to 64 */
}

Test(tensor_f32, parts_of_outputs_and_of_inputs_give_the_bits_of_the_whole)
{
	const size_t cut[] = { 0, 96, IN };
	struct product *p = draw();
	struct tn_f32 *w = tn_f32_open(p->w, OUT, IN);
	struct tn_f32_right right = tn_f32_part(w, 0, OUT, 0, IN);

	tn_f32_product(&(struct tn_f32_left){ p->a, IN, 1 }, &right,
		       &(struct tn_out){ p->want, OUT, false }, N);
	for (size_t i = 0; i < 2; i++) {
		for (size_t o = 0; o < OUT; o += 64) {
			const size_t end = o + 64 < OUT ? o + 64 : OUT;

			right = tn_f32_part(w, o, end, cut[i], cut[i + 1]);
			tn_f32_product(&(struct tn_f32_left){ p->a + cut[i], IN, 1 }, &right,
				       &(struct tn_out){ p->y + o, OUT, i > 0 }, N);
		}
	}
	cr_assert(zero(int, memcmp(p->y, p->want, sizeof(float) * N * OUT)));
	tn_f32_close(w);
	free(p);
}

Test(tensor_f32, the_three_products_of_layers_have_one_order)
{
	struct product *p = draw();
	float *turned = malloc(sizeof p->a);
	float *across = malloc(sizeof p->w);
	float y[N * OUT];

	for (size_t i = 0; i < (size_t)N * IN; i++) {
		turned[i % IN * N + i / IN] = p->a[i];
	}
	for (size_t i = 0; i < (size_t)OUT * IN; i++) {
		across[i % IN * OUT + i / IN] = p->w[i];
	}
	memset(p->want, 0, sizeof p->want);
	tn_gemm_nt((struct tn_mat){ p->want, OUT }, (struct tn_cmat){ p->a, IN },
		   (struct tn_cmat){ p->w, IN }, N, OUT, IN);
	memset(y, 0, sizeof y);
	tn_gemm_nn((struct tn_mat){ y, OUT }, (struct tn_cmat){ p->a, IN },
		   (struct tn_cmat){ across, OUT }, N, OUT, IN);
	cr_assert(zero(int, memcmp(y, p->want, sizeof y)));
	memset(y, 0, sizeof y);
	tn_gemm_tn((struct tn_mat){ y, OUT }, (struct tn_cmat){ turned, N },
		   (struct tn_cmat){ across, OUT }, N, OUT, IN);
	cr_assert(zero(int, memcmp(y, p->want, sizeof y)));
	free(across);
	free(turned);
	free(p);
}
