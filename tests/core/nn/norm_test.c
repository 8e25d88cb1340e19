/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/nn/layers.h"

Test(nn_norm, gradients_match_central_differences)
{
	const size_t shape[][2] = { { 1, 3 }, { 1, 40 }, { 5, 16 }, { 4, 35 } };

	for (size_t i = 0; i < 4; i++) {
		const size_t n = shape[i][0];
		const size_t d = shape[i][1];
		struct nn_norm l;
		struct probe p = { .layer = &l,
				   .n = n,
				   .nx = n * d,
				   .ny = n * d,
				   .fwd = norm_fwd,
				   .bwd = norm_bwd };

		nn_norm_init(&l, &p.ps, "l", d);
		probe_start(&p, i);
		probe_check(&p, 2e-3);
		probe_adds(&p);
		probe_free(&p);
	}
}

Test(nn_norm, a_row_of_equal_numbers_gives_beta)
{
	struct nn_norm l;
	struct probe p = {
		.layer = &l, .n = 1, .nx = 20, .ny = 20, .fwd = norm_fwd, .bwd = norm_bwd
	};

	nn_norm_init(&l, &p.ps, "l", 20);
	probe_start(&p, 1);
	for (size_t j = 0; j < 20; j++) {
		p.x[j] = 0.25F;
	}
	probe_fwd(&p);
	cr_assert(eq(dbl, probe_off(p.y, p.ps.v + l.beta, 20), 0.0));
	probe_free(&p);
}
