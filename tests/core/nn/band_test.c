/* SPDX-License-Identifier: Apache-2.0
 * The spans that heads choose in long inputs. */
#include "core/nn/band.h"
#include "tests/core/nn/naive.h"

/* A layer whose head h sees about share[h] of half the window. */
static void span_start(struct probe *p, struct nn_attn *l, size_t n, bool gated,
		       const float share[2])
{
	*p = (struct probe){
		.layer = l, .n = n, .nx = n * 4, .ny = n * 4, .fwd = attn_fwd, .bwd = attn_bwd
	};
	nn_attn_init(l, &p->ps, "l", 4, 2, 2, gated, 0.0F);
	nn_attn_span(l, &p->ps, "l");
	probe_start(p, n);
	for (size_t h = 0; h < 2; h++) {
		p->ps.v[l->span.b + h] = logf(share[h] / (1.0F - share[h]));
	}
}

Test(nn_band, gradients_of_chosen_spans_match_central_differences)
{
	for (int gated = 0; gated < 2; gated++) {
		struct nn_attn l;
		struct probe p;

		span_start(&p, &l, 40, gated == 1, (float[]){ 0.3F, 0.7F });
		band(&l, 20, 22, 2);
		l.ramp = 5.0F;
		probe_check(&p, 2e-3);
		probe_adds(&p);
		probe_free(&p);
	}
}

Test(nn_band, with_chosen_spans_equals_its_definition)
{
	const struct {
		size_t n, full, window, globals;
		float ramp, share[2];
	} shape[] = {
		{ 300, 64, 40, 4, 6.0F, { 0.1F, 0.6F } },
		{ 300, 64, 40, 0, 6.0F, { 0.5F, 0.95F } },
		{ 300, 64, 256, 4, 32.0F, { 0.001F, 0.5F } }, /* narrow tiles and long ones */
		{ 300, 64, 256, 130, 32.0F, { 0.001F, 0.88F } },
		{ 65, 64, 2, 1, 1.0F, { 0.001F, 0.5F } },
	};

	for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
		struct nn_attn l;
		struct probe p;

		span_start(&p, &l, shape[i].n, true, shape[i].share);
		band(&l, shape[i].full, shape[i].window, shape[i].globals);
		l.ramp = shape[i].ramp;
		probe_fwd(&p);
		cr_assert(le(dbl, naive_off(&l, &p), 1e-5), "shape %zu training", i);
		p.s.rng = NULL;
		probe_fwd(&p);
		cr_assert(le(dbl, naive_off(&l, &p), 1e-5), "shape %zu inference", i);
		probe_free(&p);
	}
}

/* Does the layer give other bits with its spans than without? */
static bool spans_change(struct probe *p, const struct nn_attn *l)
{
	struct nn_attn fixed = *l;
	float *y = as_alloc(&p->data, p->ny, sizeof *y);

	probe_fwd(p);
	memcpy(y, p->y, p->ny * sizeof *y);
	fixed.spanned = false;
	p->layer = &fixed;
	probe_fwd(p);
	p->layer = l;
	return memcmp(y, p->y, p->ny * sizeof *y) != 0;
}

Test(nn_band, with_whole_spans_is_the_band_to_the_bit)
{
	for (int keeps = 0; keeps < 2; keeps++) {
		struct nn_attn l;
		struct probe p;

		span_start(&p, &l, 500, true, (float[]){ 0.5F, 0.5F });
		band(&l, 64, 256, 4);
		p.s.keep = keeps == 1;
		p.s.rng = keeps == 1 ? &p.rng : NULL;
		cr_assert(spans_change(&p, &l));
		p.ps.v[l.span.b] = p.ps.v[l.span.b + 1] = 60.0F;
		cr_assert(not(spans_change(&p, &l)));
		probe_free(&p);
	}
}

Test(nn_band, spans_are_for_long_inputs_alone)
{
	struct nn_attn l;
	struct probe p;

	span_start(&p, &l, 64, true, (float[]){ 0.1F, 0.1F });
	band(&l, 64, 20, 4);
	p.s.gate_loss = 1.0F;
	cr_assert(not(spans_change(&p, &l)));
	probe_fwd(&p);
	attn_bwd(&p);
	for (size_t i = 0; i < 10; i++) { /* W_u [2, 4], then b_u */
		cr_assert(eq(flt, p.s.g[l.span.w + i], 0.0F));
	}
	probe_free(&p);
}

/* What is computed for a head is its tiles: no longer than rows and reach ask for, and all rows. */
Test(nn_band, a_narrow_head_computes_few_scores)
{
	const size_t n = 5000;
	const size_t reach[] = { 31, 63, 64, 128 };
	size_t scores[4] = { 0 };
	struct nn_params ps = { 0 };
	struct nn_attn l;

	nn_attn_init(&l, &ps, "l", 4, 2, 2, false, 0.0F);
	for (size_t i = 0; i < 4; i++) {
		for (size_t at = 0; at < n;) {
			const struct nn_tile t = nn_tile_at(&l, reach[i], at, n);

			cr_assert(eq(sz, t.i0, at));
			cr_assert(lt(sz, at, t.i1));
			scores[i] += (t.i1 - t.i0) * nn_tile_keys(&t);
			at = t.i1;
		}
		scores[i] -= l.globals * n;
		cr_assert(le(sz, scores[i], n * (4 + 2 * reach[i] + (reach[i] < 64 ? 64 : 128))));
	}
	cr_assert(lt(sz, 5 * scores[0], 2 * scores[3]), "%zu of %zu", scores[0], scores[3]);
	nn_params_free(&ps);
}
