/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/nn/naive.h"

#include <sys/mman.h>

/* The gate of these heads far below, of all others above one half. */
static void close_heads(struct probe *p, const struct nn_attn *l, unsigned heads)
{
	for (size_t j = 0; j < l->d; j++) {
		p->ps.v[l->gate.b + j] = (heads >> (j / l->k) & 1U) != 0 ? -4.0F : 2.0F;
	}
}

Test(nn_attn, gradients_match_central_differences)
{
	for (size_t n = 1; n < 9; n += 3) {
		for (int gated = 0; gated < 2; gated++) {
			struct nn_attn l;
			struct probe p;

			attn_start(&p, &l, n, 6, 2, gated == 1);
			probe_check(&p, 2e-3);
			probe_adds(&p);
			probe_free(&p);
		}
	}
}

Test(nn_attn, banded_gradients_match_central_differences)
{
	const size_t shape[][3] = { { 6, 2, 1 }, { 0, 4, 2 }, { 5, 6, 0 } };

	for (size_t i = 0; i < 3; i++) {
		struct nn_attn l;
		struct probe p;

		attn_start(&p, &l, 13, 4, 2, true);
		band(&l, shape[i][0], shape[i][1], shape[i][2]);
		probe_check(&p, 2e-3);
		probe_adds(&p);
		probe_free(&p);
	}
}

/* Head 1 of 3 is taken out of the whole layer: its rows of W_q, W_k, W_v and of the gate, its
 * columns of W_o. What is left is the whole layer where that head says nothing. */
static void take_out(const struct probe *from, const struct nn_attn *a, struct probe *to,
		     const struct nn_attn *b)
{
	const float *p = from->ps.v;
	float *v = to->ps.v;
	const size_t of[] = { a->q.w, a->kk.w, a->v.w, a->gate.w };
	const size_t at[] = { b->q.w, b->kk.w, b->v.w, b->gate.w };

	for (size_t c = 0; c < b->w; c++) {
		const size_t o = c < a->k ? c : c + a->k;

		for (size_t i = 0; i < 4; i++) {
			memcpy(v + at[i] + c * b->d, p + of[i] + o * a->d, a->d * sizeof *v);
		}
		v[b->gate.b + c] = p[a->gate.b + o];
		for (size_t r = 0; r < a->d; r++) {
			v[b->o.w + r * b->w + c] = p[a->o.w + r * a->w + o];
		}
	}
	memcpy(v + b->o.b, p + a->o.b, a->d * sizeof *v);
}

Test(nn_attn, fewer_heads_are_the_whole_layer_without_the_others)
{
	struct nn_attn whole;
	struct nn_attn less;
	struct probe p;
	struct probe q = {
		.layer = &less, .n = 9, .nx = 54, .ny = 54, .fwd = attn_fwd, .bwd = attn_bwd
	};

	attn_start(&p, &whole, 9, 6, 3, true);
	nn_attn_init(&less, &q.ps, "l", 6, 2, 2, true, 0.0F);
	probe_start(&q, 9);
	take_out(&p, &whole, &q, &less);
	for (size_t r = 0; r < 6; r++) {
		p.ps.v[whole.o.w + r * 6 + 2] = p.ps.v[whole.o.w + r * 6 + 3] = 0.0F;
	}
	memcpy(q.x, p.x, q.nx * sizeof *q.x);
	probe_fwd(&p);
	probe_fwd(&q);
	for (size_t i = 0; i < q.ny; i++) {
		cr_assert(epsilon_eq(flt, q.y[i], p.y[i], 1e-5F));
	}
	probe_check(&q, 2e-3);
	probe_free(&p);
	probe_free(&q);
}

/* More rows than one block of queries holds, full and banded, in training and inference. */
Test(nn_attn, equals_its_definition)
{
	const size_t shape[][4] = { /* n, full, window, globals */
				    { 1, 1024, 256, 4 },   { 20, 1024, 256, 4 },
				    { 300, 1024, 256, 4 }, { 30, 8, 6, 2 },
				    { 300, 64, 40, 4 },    { 300, 64, 40, 0 },
				    { 300, 64, 2, 130 },   { 129, 128, 256, 4 }
	};

	for (size_t i = 0; i < sizeof shape / sizeof *shape; i++) {
		for (unsigned closed = 0; closed < 8; closed += 5) {
			struct nn_attn l;
			struct probe p;

			attn_start(&p, &l, shape[i][0], 6, 3, true);
			band(&l, shape[i][1], shape[i][2], shape[i][3]);
			l.threshold = 0.3F;
			close_heads(&p, &l, closed);
			probe_fwd(&p);
			cr_assert(le(dbl, naive_off(&l, &p), 1e-5), "shape %zu training", i);
			p.s.rng = NULL;
			probe_fwd(&p);
			cr_assert(le(dbl, naive_off(&l, &p), 1e-5), "shape %zu inference", i);
			probe_free(&p);
		}
	}
}

Test(nn_attn, without_a_gate_equals_its_definition_and_has_no_gate_weights)
{
	struct nn_attn l;
	struct probe p;

	attn_start(&p, &l, 11, 8, 2, false);
	probe_fwd(&p);
	cr_assert(le(dbl, naive_off(&l, &p), 1e-5));
	cr_assert(eq(sz, p.ps.size, 4 * 64 + 8));
	cr_assert(eq(ptr, (void *)nn_param_find(&p.ps, "l.gate.w"), NULL));
	probe_free(&p);
}

/* With the gates wide open (sigma(40) is 1 in float) nothing is left of them. */
Test(nn_attn, with_the_gates_wide_open_is_plain_attention_to_the_bit)
{
	struct nn_attn l;
	struct nn_attn plain;
	struct probe p;
	float *y;

	attn_start(&p, &l, 20, 8, 2, true);
	for (size_t j = 0; j < 8; j++) {
		p.ps.v[l.gate.b + j] = 40.0F;
	}
	probe_fwd(&p);
	y = as_alloc(&p.data, p.ny, sizeof *y);
	memcpy(y, p.y, p.ny * sizeof *y);
	plain = l;
	plain.gated = false;
	p.layer = &plain;
	probe_fwd(&p);
	cr_assert(zero(int, memcmp(y, p.y, p.ny * sizeof *y)));
	probe_free(&p);
}

Test(nn_attn, gates_begin_open)
{
	struct nn_attn l;
	struct probe p = { .n = 5, .nx = 5 * 32, .ny = 5 * 32, .layer = &l, .fwd = attn_fwd };
	struct nn_attn_act *a;

	nn_attn_init(&l, &p.ps, "l", 32, 4, 8, true, 0.5F);
	probe_start(&p, 3);
	for (size_t j = 0; j < 32; j++) {
		p.ps.v[l.gate.b + j] = nn_param_find(&p.ps, "l.gate.b")->scale;
	}
	probe_fwd(&p);
	a = p.act;
	cr_assert(eq(sz, a->opened, 4));
	for (size_t h = 0; h < 4; h++) {
		cr_assert(epsilon_eq(flt, a->share[h], 0.88F, 0.05F));
	}
	probe_free(&p);
}

/* Weights that only closed heads use are made NaN: whoever touches them shows it. */
Test(nn_attn, inference_does_not_touch_the_weights_of_closed_heads)
{
	const double each = 3 * (4 * 9 * 12 + 2 * 9 * 9); /* multiply-adds of a head */

	for (unsigned closed = 0; closed < 16; closed++) {
		struct nn_attn l;
		struct probe p;
		struct nn_attn_act *a;
		struct nn_heads heads = { 0 };
		float *want;

		attn_start(&p, &l, 9, 12, 4, true);
		l.threshold = 0.3F;
		close_heads(&p, &l, closed);
		probe_fwd(&p);
		want = as_alloc(&p.data, p.ny, sizeof *want);
		memcpy(want, p.y, p.ny * sizeof *want);
		for (size_t i = 0; i < 12; i++) {
			for (size_t j = 0; j < 12; j++) {
				if ((closed >> (i / 3) & 1U) != 0) { /* rows of Q, K, V */
					p.ps.v[l.q.w + i * 12 + j] = NAN;
					p.ps.v[l.kk.w + i * 12 + j] = NAN;
					p.ps.v[l.v.w + i * 12 + j] = NAN;
					p.ps.v[l.o.w + j * 12 + i] = NAN; /* columns of W_o */
				}
			}
		}
		p.s.rng = NULL;
		p.s.heads = &heads;
		probe_fwd(&p);
		a = p.act;
		cr_assert(eq(sz, a->opened, 4 - (size_t)__builtin_popcount(closed)));
		cr_assert(eq(u64, heads.all, 4));
		cr_assert(eq(u64, heads.computed, a->opened));
		cr_assert(eq(dbl, heads.work, 4 * each));
		cr_assert(eq(dbl, heads.done, (double)a->opened * each));
		cr_assert(le(dbl, probe_off(p.y, want, p.ny), 1e-6), "closed %u", closed);
		cr_assert(not(isnan(p.y[0])));
		probe_free(&p);
	}
}

Test(nn_attn, a_step_closes_more_heads_in_an_inference_alone)
{
	struct nn_attn l;
	struct probe p;

	attn_start(&p, &l, 7, 8, 4, true);
	close_heads(&p, &l, 6U);
	p.s.closed_below = 0.3F;
	probe_fwd(&p);
	cr_assert(eq(sz, ((struct nn_attn_act *)p.act)->opened, 4));
	p.s.rng = NULL;
	probe_fwd(&p);
	cr_assert(eq(sz, ((struct nn_attn_act *)p.act)->opened, 2));
	l.threshold = 1.0F; /* the layer's own holds where it is higher */
	probe_fwd(&p);
	cr_assert(eq(sz, ((struct nn_attn_act *)p.act)->opened, 0));
	probe_free(&p);
}

/* The same dy gives a network with closed heads the gradients of the open one. */
Test(nn_attn, closed_heads_learn_as_if_open)
{
	struct nn_attn l;
	struct probe p;
	float *g;
	float *dx;

	attn_start(&p, &l, 7, 8, 4, true);
	close_heads(&p, &l, 6U);
	probe_fwd(&p);
	attn_bwd(&p);
	g = as_alloc(&p.data, p.ps.size, sizeof *g);
	dx = as_alloc(&p.data, p.nx, sizeof *dx);
	memcpy(g, p.s.g, p.ps.size * sizeof *g);
	memcpy(dx, p.dx, p.nx * sizeof *dx);
	memset(p.s.g, 0, p.ps.size * sizeof *g);
	memset(p.dx, 0, p.nx * sizeof *dx);
	l.threshold = 0.3F;
	probe_fwd(&p);
	cr_assert(eq(sz, ((struct nn_attn_act *)p.act)->opened, 2));
	attn_bwd(&p);
	cr_assert(le(dbl, probe_off(g, p.s.g, p.ps.size), 1e-6));
	cr_assert(le(dbl, probe_off(dx, p.dx, p.nx), 1e-6));
	probe_free(&p);
}

static double shares_loss(void *ctx)
{
	struct probe *p = ctx;
	const struct nn_attn *l = p->layer;
	const struct nn_attn_act *a;
	double loss = probe_loss(p);

	a = p->act;
	for (size_t h = 0; h < l->h; h++) {
		loss += (double)p->s.gate_loss * (double)a->share[h];
	}
	return loss;
}

Test(nn_attn, gate_loss_adds_the_gradient_of_the_shares)
{
	struct nn_attn l;
	struct probe p;

	attn_start(&p, &l, 5, 6, 2, true);
	p.s.gate_loss = 3.0F;
	probe_fwd(&p);
	attn_bwd(&p);
	cr_assert(lt(dbl, gradcheck(shares_loss, &p, p.x, p.dx, p.nx, 1, 1e-2F), 2e-3));
	cr_assert(lt(dbl, gradcheck(shares_loss, &p, p.ps.v, p.s.g, p.ps.size, 1, 1e-2F), 2e-3));
	probe_free(&p);
}

/* Heads 1 and 2 of 4 are closed and their pages of W_q, W_k, W_v may not be read: 32 rows of 128
 * floats are 16 KiB. */
Test(nn_attn, inference_does_not_compute_closed_heads)
{
	enum { D = 128, H = 4, N = 5 };
	const size_t head = sizeof(float) * D * D / H;
	struct nn_attn l;
	struct probe p;
	float *w;

	attn_start(&p, &l, N, D, H, true);
	l.threshold = 0.3F;
	close_heads(&p, &l, 6U);
	w = mmap(NULL, p.ps.size * sizeof *w, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
		 -1, 0);
	cr_assert(ne(ptr, w, MAP_FAILED));
	memcpy(w, p.ps.v, p.ps.size * sizeof *w);
	for (size_t i = 0; i < 3; i++) {
		const size_t at = (size_t[]){ l.q.w, l.kk.w, l.v.w }[i];

		cr_assert(zero(int, mprotect((char *)(w + at) + head, 2 * head, PROT_NONE)));
	}
	probe_fwd(&p);
	p.s.p = w;
	p.s.rng = NULL;
	memcpy(p.dx, p.y, p.ny * sizeof *p.y);
	probe_fwd(&p);
	cr_assert(le(dbl, probe_off(p.y, p.dx, p.ny), 1e-6));
	(void)munmap(w, p.ps.size * sizeof *w);
	probe_free(&p);
}

/* q, k, v, av, one block of scores and a little: the n x n scores would be 4 MiB and 61 MiB. */
Test(nn_attn, inference_works_in_bounded_scratch)
{
	enum { D = 8 };
	const size_t tokens[] = { 1024, 4000 };

	for (size_t i = 0; i < 2; i++) {
		const size_t n = tokens[i];
		struct nn_attn l;
		struct probe p;
		struct nn_attn_act a;
		struct as_err e = { 0 };
		struct as_arena small;

		attn_start(&p, &l, n, D, 2, true);
		ok(as_arena_init(&small, "small", 4 * n * D * sizeof(float) + ((size_t)2 << 20),
				 &e));
		p.s.mem = &small;
		p.s.rng = NULL;
		nn_attn_fwd(&l, &p.s, &a, p.x, p.y, n);
		cr_assert(eq(ptr, a.q, NULL));
		cr_assert(eq(sz, a.opened, 2));
		cr_assert(lt(sz, small.used, 4096), "what only a bwd would read is given back");
		as_arena_free(&small);
		probe_free(&p);
	}
}

Test(nn_attn, heads_that_are_not_whole_panels_stay_floats)
{
	struct nn_params ps = { 0 };
	struct nn_attn l;

	nn_attn_init(&l, &ps, "a", 16, 2, 8, true, 0.05F);
	for (size_t i = 0; i < ps.n; i++) {
		cr_assert(not(ps.p[i].int8), "%s", ps.p[i].name);
	}
	nn_params_free(&ps);
}
