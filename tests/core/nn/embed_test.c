/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/nn/layers.h"

Test(nn_embed, gradients_match_central_differences)
{
	const uint32_t ids[] = { 4, 4, 0, 2, 1, 4 };
	const uint32_t start[] = { 0, 2, 2, 5, 6 };
	struct embed_probe l = { .bags = { .n = 4, .start = start, .ids = ids } };
	struct probe p = { .layer = &l, .n = 4, .ny = 4 * 7, .fwd = embed_fwd, .bwd = embed_bwd };

	nn_embed_init(&l.layer, &p.ps, "l", 5, 7);
	probe_start(&p, 1);
	probe_check(&p, 1e-3);
	probe_adds(&p);
	probe_free(&p);
}

Test(nn_embed, a_token_is_the_mean_of_its_rows_and_zero_without_any)
{
	const uint32_t ids[] = { 1, 3, 3 };
	const uint32_t start[] = { 0, 0, 3 };
	struct embed_probe l = { .bags = { .n = 2, .start = start, .ids = ids } };
	struct probe p = { .layer = &l, .n = 2, .ny = 2 * 4, .fwd = embed_fwd, .bwd = embed_bwd };

	nn_embed_init(&l.layer, &p.ps, "l", 6, 4);
	probe_start(&p, 1);
	probe_fwd(&p);
	for (size_t j = 0; j < 4; j++) {
		const float *e = p.ps.v + l.layer.e + j;

		cr_assert(eq(flt, p.y[j], 0.0F));
		cr_assert(epsilon_eq(flt, p.y[4 + j], (e[4] + 2.0F * e[12]) / 3.0F, 1e-6F));
	}
	probe_free(&p);
}
