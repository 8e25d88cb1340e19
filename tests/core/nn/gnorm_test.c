/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/nn/layers.h"

static void start(struct probe *p, struct nn_gnorm *l, size_t n, size_t d)
{
	*p = (struct probe){
		.layer = l, .n = n, .nx = n * d, .ny = n * d, .fwd = gnorm_fwd, .bwd = gnorm_bwd
	};
	nn_gnorm_init(l, &p->ps, "l", d);
	probe_start(p, n + d);
}

Test(nn_gnorm, gradients_match_central_differences)
{
	static const size_t shape[][2] = { { 3, 8 }, { 1, 16 }, { 9, 16 }, { 4, 40 } };

	for (size_t i = 0; i < 4; i++) {
		struct nn_gnorm l;
		struct probe p;

		start(&p, &l, shape[i][0], shape[i][1]);
		probe_check(&p, 2e-3);
		probe_adds(&p);
		probe_free(&p);
	}
}

/* Numbers as far apart as a whole picture's, and far from zero. */
Test(nn_gnorm, every_group_has_mean_0_and_variance_1)
{
	enum { N = 2304, D = 16, EACH = D / NN_GROUPS };
	struct nn_gnorm l;
	struct probe p;

	start(&p, &l, N, D);
	for (size_t i = 0; i < N * D; i++) {
		p.x[i] = 3.0F * p.x[i] + 5.0F * (float)(i % D);
	}
	for (size_t c = 0; c < D; c++) {
		p.ps.v[l.gamma + c] = 1.0F;
		p.ps.v[l.beta + c] = 0.0F;
	}
	probe_fwd(&p);
	for (size_t c = 0; c < D; c += EACH) {
		double sum = 0;
		double square = 0;

		for (size_t i = 0; i < N * EACH; i++) {
			const double y = (double)p.y[i / EACH * D + c + i % EACH];

			sum += y / (N * EACH);
			square += y * y / (N * EACH);
		}
		cr_assert(epsilon_eq(dbl, sum, 0.0, 1e-4));
		cr_assert(epsilon_eq(dbl, square, 1.0, 1e-4));
	}
	probe_free(&p);
}

Test(nn_gnorm, an_inference_keeps_nothing_and_has_the_same_bits)
{
	struct nn_gnorm l;
	struct probe p;
	float *y;
	size_t used;

	start(&p, &l, 9, 16);
	probe_fwd(&p);
	y = as_zalloc(&p.data, p.ny, sizeof *y);
	used = p.mem.used;
	nn_gnorm_fwd(&l, p.s.p, NULL, false, &p.mem, p.x, y, 9);
	cr_assert(eq(sz, p.mem.used, used));
	cr_assert(zero(int, memcmp(y, p.y, p.ny * sizeof *y)));
	probe_free(&p);
}

Test(nn_gnorm, equal_numbers_give_beta)
{
	struct nn_gnorm l;
	struct probe p;

	start(&p, &l, 5, 8);
	for (size_t i = 0; i < p.nx; i++) {
		p.x[i] = 0.25F;
	}
	probe_fwd(&p);
	for (size_t i = 0; i < p.ny; i++) {
		cr_assert(epsilon_eq(flt, p.y[i], p.ps.v[l.beta + i % 8], 1e-5F));
	}
	probe_free(&p);
}
