/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/nn/layers.h"

static void block_start(struct probe *p, struct nn_block *l, size_t n, size_t d, float tau)
{
	*p = (struct probe){
		.layer = l, .n = n, .nx = n * d, .ny = n * d, .fwd = block_fwd, .bwd = block_bwd
	};
	nn_block_init(l, &p->ps, "l",
		      &(struct nn_block_shape){ d, 2, d / 2, 2 * d, true, tau, false });
	probe_start(p, n);
}

Test(nn_block, gradients_match_central_differences)
{
	for (size_t n = 1; n < 8; n += 3) {
		struct nn_block l;
		struct probe p;

		block_start(&p, &l, n, 6, 0.0F);
		probe_check(&p, 3e-3);
		probe_adds(&p);
		probe_free(&p);
	}
}

Test(nn_block, gradients_match_central_differences_with_dropout)
{
	struct nn_block l;
	struct probe p;

	block_start(&p, &l, 4, 6, 0.0F);
	p.s.dropout = 0.3F;
	probe_check(&p, 3e-3);
	probe_free(&p);
}

/* 600 rows: the hidden layer of an inference pass is made in pieces. */
Test(nn_block, inference_equals_training_without_dropout)
{
	const size_t n[] = { 1, 7, 600 };

	for (size_t i = 0; i < 3; i++) {
		struct nn_block l;
		struct probe p;
		float *want;

		block_start(&p, &l, n[i], 8, 0.0F);
		want = as_alloc(&p.data, p.ny, sizeof *want);
		probe_fwd(&p);
		memcpy(want, p.y, p.ny * sizeof *want);
		p.s.rng = NULL;
		probe_fwd(&p);
		cr_assert(le(dbl, probe_off(p.y, want, p.ny), 1e-6));
		probe_free(&p);
	}
}

/* A clock that a second passes at each look. */
static double seconds_by_looks(void)
{
	static double looks;

	return looks++;
}

Test(nn_block, an_inference_times_its_attention_sub_layer_by_the_clock_it_is_given)
{
	struct nn_heads heads = { 0 };
	struct nn_block l;
	struct probe p;

	block_start(&p, &l, 7, 8, 0.0F);
	p.s.rng = NULL;
	p.s.heads = &heads;
	probe_fwd(&p);
	cr_assert(zero(dbl, heads.seconds));
	heads.clock = seconds_by_looks;
	probe_fwd(&p);
	probe_fwd(&p);
	cr_assert(eq(dbl, heads.seconds, 2.0));
	probe_free(&p);
}

Test(nn_block, inference_keeps_only_the_number_of_open_heads)
{
	struct nn_block l;
	struct probe p;
	struct nn_block_act a = { 0 };
	size_t mark;

	block_start(&p, &l, 300, 8, 0.0F);
	p.s.rng = NULL;
	mark = p.mem.used;
	nn_block_fwd(&l, &p.s, &a, p.x, 300);
	cr_assert(eq(sz, p.mem.used, mark));
	cr_assert(eq(sz, a.attn.opened, 2));
	cr_assert(eq(ptr, a.x1, NULL));
	probe_free(&p);
}

Test(nn_block, gelu_gradients_match_central_differences)
{
	struct probe p = { .n = 1, .nx = 100, .ny = 100, .fwd = gelu_fwd, .bwd = gelu_bwd };

	probe_start(&p, 4);
	for (size_t i = 0; i < 100; i++) {
		p.x[i] *= 2.0F;
	}
	probe_check(&p, 1e-3);
	probe_adds(&p);
	probe_free(&p);
}
