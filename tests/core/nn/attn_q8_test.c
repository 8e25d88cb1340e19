/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nn/attn_q8.h"

#include "core/tensor/q8.h"
#include "tests/core/nn/naive.h"

enum { D = 64, H = 4 };

/* n tokens; the heads of `closed` have a gate far below the threshold. */
static void start(struct probe *p, struct nn_attn *l, size_t n, unsigned closed)
{
	attn_start(p, l, n, D, H, true);
	l->threshold = 0.3F;
	for (size_t j = 0; j < D; j++) {
		p->ps.v[l->gate.b + j] = (closed >> (j / l->k) & 1U) != 0 ? -4.0F : 2.0F;
	}
	probe_quantize(&p->ps);
	p->s.rng = NULL;
}

/* Root of the mean square of the difference, over that of what is wanted. */
static double off(const float *is, const float *want, size_t n)
{
	double sum = 0;
	double all = 0;

	for (size_t i = 0; i < n; i++) {
		sum += ((double)is[i] - (double)want[i]) * ((double)is[i] - (double)want[i]);
		all += (double)want[i] * (double)want[i];
	}
	return sqrt(sum / all);
}

/* y by the same weights in float32. */
static float *in_float(struct probe *p, struct nn_attn *l)
{
	struct tn_q8 *q = l->q.laid.q8;
	float *y = as_zalloc(&p->data, p->ny, sizeof *y);

	l->q.laid.q8 = NULL;
	probe_fwd(p);
	memcpy(y, p->y, p->ny * sizeof *y);
	l->q.laid.q8 = q;
	probe_fwd(p);
	return y;
}

Test(nn_attn_q8, attention_in_int8_is_within_three_per_cent_of_float32)
{
	static const unsigned closed[] = { 0, 1, 6, 15 };

	for (size_t i = 0; i < 4; i++) {
		for (size_t n = 1; n < 300; n += 71) {
			struct nn_attn l;
			struct probe p;
			float *want;

			start(&p, &l, n, closed[i]);
			cr_assert(nn_attn_q8_on(&l));
			want = in_float(&p, &l);
			cr_assert(lt(dbl, off(p.y, want, p.ny), 0.03), "n %zu, closed %u: %g", n,
				  closed[i], off(p.y, want, p.ny));
			probe_free(&p);
		}
	}
}

Test(nn_attn_q8, bands_and_chosen_spans_are_those_of_float32)
{
	static const float bias[] = { 2.0F, -20.0F, 0.0F };

	for (size_t i = 0; i < 4; i++) {
		struct nn_attn l;
		struct probe p;
		float *want;

		p = (struct probe){
			.layer = &l, .n = 333, .nx = 333 * D, .ny = 333 * D, .fwd = attn_fwd
		};
		nn_attn_init(&l, &p.ps, "l", D, H, D / H, true, 0.3F);
		band(&l, 32, 64, 3);
		l.ramp = 8.0F;
		if (i < 3) {
			nn_attn_span(&l, &p.ps, "l");
		}
		probe_start(&p, i);
		for (size_t j = 0; i < 3 && j < H; j++) {
			p.ps.v[l.span.b + j] = bias[i];
		}
		probe_quantize(&p.ps);
		p.s.rng = NULL;
		want = in_float(&p, &l);
		cr_assert(lt(dbl, off(p.y, want, p.ny), 0.02), "%zu: %g", i, off(p.y, want, p.ny));
		probe_free(&p);
	}
}

Test(nn_attn_q8, weights_of_closed_heads_are_not_read)
{
	struct nn_attn l;
	struct probe p;
	float *y;

	start(&p, &l, 50, 5);
	probe_fwd(&p);
	y = as_zalloc(&p.data, p.ny, sizeof *y);
	memcpy(y, p.y, p.ny * sizeof *y);
	for (size_t i = 0; i < 3; i++) { /* rows of heads 0 and 2 of W_q, W_k, W_v */
		struct tn_q8 *q = i == 0 ? l.q.laid.q8 : i == 1 ? l.kk.laid.q8 : l.v.laid.q8;
		const struct tn_q8_right head[] = { tn_q8_outputs(q, 0, 16),
						    tn_q8_outputs(q, 32, 48) };

		memset((void *)(uintptr_t)head[0].panel, 99, head[0].stride);
		memset((void *)(uintptr_t)head[1].panel, 99, head[1].stride);
	}
	probe_fwd(&p);
	cr_assert(zero(int, memcmp(y, p.y, p.ny * sizeof *y)));
	probe_free(&p);
}
