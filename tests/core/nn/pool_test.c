/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/nn/layers.h"

static void pool_start(struct probe *p, struct nn_pool *l, size_t n, size_t d)
{
	*p = (struct probe){
		.layer = l, .n = n, .nx = n * d, .ny = d, .fwd = pool_fwd, .bwd = pool_bwd
	};
	nn_pool_init(l, &p->ps, "l", d);
	probe_start(p, n);
}

Test(nn_pool, gradients_match_central_differences)
{
	for (size_t n = 1; n < 20; n += 6) {
		struct nn_pool l;
		struct probe p;

		pool_start(&p, &l, n, 9);
		for (size_t j = 0; j < 9; j++) {
			p.ps.v[j] *= 10.0F; /* far from the mean it starts as */
		}
		probe_check(&p, 1e-3);
		probe_adds(&p);
		probe_free(&p);
	}
}

Test(nn_pool, starts_as_the_mean)
{
	struct nn_pool l;
	struct probe p;

	pool_start(&p, &l, 3, 5);
	memset(p.ps.v, 0, 5 * sizeof(float));
	probe_fwd(&p);
	for (size_t j = 0; j < 5; j++) {
		cr_assert(
		    epsilon_eq(flt, p.y[j], (p.x[j] + p.x[5 + j] + p.x[10 + j]) / 3.0F, 1e-6F));
	}
	cr_assert(eq(int, (int)p.ps.p[0].start, NN_ZERO));
	probe_free(&p);
}
