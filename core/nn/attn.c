/* SPDX-License-Identifier: Apache-2.0
 * attn.c - dynamic attention: a gate from the global context, known before anything else is.
 *
 *   forward    xbar = mean over tokens of x              g = sigma(W_g xbar + b_g)       [w]
 *              s_h  = mean of g over the k channels of head h        its share
 *              Q = x W_q'   K = x W_k'   V = x W_v'      Qg = Q g (per channel)
 *              A_h = softmax(Qg_h K_h' / sqrt(k) + mask)
 *              y = concat_h([s_h >= tau] s_h A_h V_h) W_o' + b_o
 *
 *   backward   dz = dy W_o                               ds_h = sum(dz_h A_h V_h) + lambda
 *              dAV_h = s_h dz_h                          dA = dAV V'     dV += A' dAV
 *              dS = A (dA - rowsum(A dA)) / sqrt(k)      dQg = dS K      dK += dS' Qg
 *              dQ = dQg g                                dg = sum over tokens of dQg Q + ds_h / k
 *              d(W_g xbar + b_g) = dg g (1 - g)          dx += dxbar / n, and through W_q, W_k, W_v
 *
 * The step [s_h >= tau] is 1 throughout the backward pass, W_o's gradient included
 * (straight-through: Bengio, Leonard, Courville 2013, arXiv:1308.3432): a closed head still learns
 * as if it were open and may open again, and closing is learned with the threshold used at
 * inference. At inference a closed head's rows of W_q, W_k, W_v and columns of W_o, its scores and
 * its sums are not computed. A model in int8 is served by attn_q8.c. In long inputs a head sees a
 * band and chooses its span: band.c. Attention: Vaswani et al. (2017), arXiv:1706.03762,
 * section 3.2; window and global tokens: Beltagy, Peters, Cohan (2020), arXiv:2004.05150,
 * section 3.1. */
#include "core/nn/attn.h"

#include "core/nn/attn_q8.h"
#include "core/nn/band.h"
#include "core/nn/loss.h"
#include "core/nn/team.h"
#include "core/tensor/f32.h"
#include "core/tensor/gemm.h"
#include "core/tensor/q8_rows.h"
#include "core/tensor/rows.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

void nn_attn_init(struct nn_attn *l, struct nn_params *ps, const char *prefix, size_t d, size_t h,
		  size_t k, bool gated, float threshold)
{
	char name[NN_NAME_SIZE];
	const char *part[] = { "q", "k", "v", "o" };
	struct nn_linear *to[] = { &l->q, &l->kk, &l->v, &l->o };

	assert(h > 0 && k > 0);
	*l = (struct nn_attn){ .d = d,
			       .h = h,
			       .k = k,
			       .w = h * k,
			       .gated = gated,
			       .threshold = threshold,
			       .full = 1024,
			       .window = 256,
			       .globals = 4,
			       .ramp = 32.0F };
	for (size_t i = 0; i < 4; i++) {
		(void)snprintf(name, sizeof name, "%s.%s", prefix, part[i]);
		nn_linear_init(to[i], ps, name, i < 3 ? d : l->w, i < 3 ? l->w : d, i == 3, 1.0F);
		if (k % TN_PANEL != 0) { /* products of some heads' rows or columns */
			nn_param_serve(ps, to[i]->w, NULL, false);
		}
	}
	if (gated) { /* starts near sigma(2) = 0.88 for every channel */
		l->gate.in = d;
		l->gate.out = l->w;
		(void)snprintf(name, sizeof name, "%s.gate", prefix);
		l->gate.w = nn_param_add(ps, name, "w", l->w, d, NN_DECAY, NN_NORMAL, 0.02F);
		nn_param_serve(ps, l->gate.w, &l->gate.laid, false);
		l->gate.b = nn_param_add(ps, name, "b", 1, l->w, 0, NN_CONST, 2.0F);
	}
}

static void mean(const struct nn_attn *l, struct nn_attn_act *a)
{
	const float inv = 1.0F / (float)a->n;

	memset(a->xbar, 0, l->d * sizeof *a->xbar);
	tn_sum_rows(a->xbar, a->x, a->n, l->d);
	for (size_t j = 0; j < l->d; j++) {
		a->xbar[j] *= inv;
	}
}

static void open_heads(const struct nn_attn *l, const struct nn_step *s, struct nn_attn_act *a)
{
	const float least = nn_step_keeps(s) ? l->threshold : fmaxf(l->threshold, s->closed_below);

	nn_linear_fwd(&l->gate, s->p, a->xbar, a->gate, 1);
	for (size_t j = 0; j < l->w; j++) {
		a->gate[j] = nn_sigmoid(a->gate[j]);
	}
	a->opened = 0;
	for (size_t h = 0; h < l->h; h++) {
		float sum = 0.0F;

		for (size_t j = h * l->k; j < (h + 1) * l->k; j++) {
			sum += a->gate[j];
		}
		a->share[h] = sum / (float)l->k;
		for (size_t j = h * l->k; j < (h + 1) * l->k; j++) {
			a->scale[j] = a->share[h];
		}
		a->open[h] = a->share[h] >= least;
		a->opened += a->open[h];
	}
}

static void open_all(const struct nn_attn *l, struct nn_attn_act *a)
{
	for (size_t h = 0; h < l->h; h++) {
		a->share[h] = 1.0F;
		a->open[h] = true;
	}
	a->opened = l->h;
}

/* What the parts of one forward pass share. */
struct pass {
	const struct nn_attn *l;
	struct nn_attn_act *a;
	float *y;
	bool keeps;
};

/* Rows [i0, i1) of y[:, c0:c1] = x W[c0:c1, :]' */
static void project(const struct pass *f, const struct nn_linear *w, const float *p, float *y,
		    size_t h0, size_t h1, size_t i0, size_t i1)
{
	const size_t c0 = h0 * f->l->k;
	const size_t c1 = h1 * f->l->k;
	const float *x = f->a->x + i0 * w->in;

	y += i0 * w->out + c0;
	if (w->laid.f32 != NULL) {
		const struct tn_f32_right b = tn_f32_part(w->laid.f32, c0, c1, 0, w->in);

		tn_f32_product(&(struct tn_f32_left){ x, w->in, 1 }, &b,
			       &(struct tn_out){ y, w->out, false }, i1 - i0);
		return;
	}
	for (size_t i = 0; i < i1 - i0; i++) {
		memset(y + i * w->out, 0, (c1 - c0) * sizeof *y);
	}
	tn_gemm_nt((struct tn_mat){ y, w->out }, (struct tn_cmat){ x, w->in },
		   (struct tn_cmat){ p + w->w + c0 * w->in, w->in }, i1 - i0, c1 - c0, w->in);
}

/* Scores of one head's tile, softmax included: out [i1 - i0, keys]. */
static void attend(const struct nn_attn *l, const struct nn_attn_act *a, size_t h,
		   const struct nn_tile *t, float *out)
{
	const size_t at = h * l->k;
	const size_t m = t->i1 - t->i0;
	const size_t ld = nn_tile_keys(t);
	const struct tn_cmat q = { a->qg + t->i0 * l->w + at, l->w };

	memset(out, 0, m * ld * sizeof *out);
	if (t->near > 0) {
		tn_gemm_nt((struct tn_mat){ out, ld }, q, (struct tn_cmat){ a->k + at, l->w }, m,
			   t->near, l->k);
	}
	tn_gemm_nt((struct tn_mat){ out + t->near, ld }, q,
		   (struct tn_cmat){ a->k + t->j0 * l->w + at, l->w }, m, t->j1 - t->j0, l->k);
	if (t->band) {
		nn_tile_mask(l, t, a->fade == NULL ? NULL : a->fade + h * nn_span_table(l), out,
			     ld);
	}
	tn_softmax_rows(out, m, ld, ld, 1.0F / sqrtf((float)l->k));
}

/* av_h += A V_h over the tile's keys. */
static void mix(const struct nn_attn *l, const struct nn_attn_act *a, size_t h,
		const struct nn_tile *t, const float *soft)
{
	const size_t at = h * l->k;
	const size_t ld = nn_tile_keys(t);
	const struct tn_mat y = { a->av + t->i0 * l->w + at, l->w };

	if (t->near > 0) {
		tn_gemm_nn(y, (struct tn_cmat){ soft, ld }, (struct tn_cmat){ a->v + at, l->w },
			   t->i1 - t->i0, l->k, t->near);
	}
	tn_gemm_nn(y, (struct tn_cmat){ soft + t->near, ld },
		   (struct tn_cmat){ a->v + t->j0 * l->w + at, l->w }, t->i1 - t->i0, l->k,
		   t->j1 - t->j0);
}

static void carve(const struct nn_attn *l, const struct nn_step *s, struct nn_attn_act *a)
{
	float **const matrix[] = { &a->q, &a->k, &a->v, &a->av };
	size_t most;
	const size_t all = nn_tile_scores(l, a->n, &most);

	for (size_t i = 0; i < sizeof matrix / sizeof *matrix; i++) {
		*matrix[i] = as_alloc(s->mem, a->n * l->w, sizeof(float));
	}
	if (!nn_step_keeps(s)) { /* gate and share are multiplied in place */
		a->qg = a->q;
		a->z = a->av;
		return;
	}
	a->qg = l->gated ? as_alloc(s->mem, a->n * l->w, sizeof(float)) : a->q;
	a->z = l->gated ? as_alloc(s->mem, a->n * l->w, sizeof(float)) : a->av;
	a->a_head = all;
	a->a = as_alloc(s->mem, l->h * all, sizeof(float));
}

/* Rows [i0, i1) of to[:, c0:c1] = from[:, c0:c1] by[c0:c1]; to may be from. */
static void scale_columns(float *to, const float *from, const float *by, const struct nn_attn *l,
			  size_t h0, size_t h1, size_t i0, size_t i1)
{
	for (size_t i = i0; i < i1; i++) {
		for (size_t j = h0 * l->k; j < h1 * l->k; j++) {
			to[i * l->w + j] = from[i * l->w + j] * by[j];
		}
	}
}

/* Rows [i0, i1) of Q, K, V and Qg of the heads that are computed, and of AV where it begins. */
static void project_rows(void *ctx, const struct nn_step *s, size_t i0, size_t i1)
{
	const struct pass *f = ctx;
	const struct nn_attn *l = f->l;
	const struct nn_attn_act *a = f->a;

	for (size_t h0 = 0, h1; h0 < l->h; h0 = h1) {
		h1 = nn_attn_run(l, a, h0);
		if (!f->keeps && !a->open[h0]) {
			continue;
		}
		project(f, &l->q, s->p, a->q, h0, h1, i0, i1);
		project(f, &l->kk, s->p, a->k, h0, h1, i0, i1);
		project(f, &l->v, s->p, a->v, h0, h1, i0, i1);
		if (l->gated) {
			scale_columns(a->qg, a->q, a->gate, l, h0, h1, i0, i1);
		}
		for (size_t i = i0; i < i1; i++) {
			memset(a->av + i * l->w + h0 * l->k, 0, (h1 - h0) * l->k * sizeof(float));
		}
	}
}

/* A V of the heads [h0, h1), where they are computed. */
static void run_heads(void *ctx, const struct nn_step *s, size_t h0, size_t h1)
{
	const struct pass *f = ctx;
	const struct nn_attn *l = f->l;
	const struct nn_attn_act *a = f->a;
	float *one = NULL;
	size_t most;

	if (!f->keeps) {
		(void)nn_tile_scores(l, a->n, &most);
		one = as_alloc(s->mem, most, sizeof *one);
	}
	for (size_t h = h0; h < h1; h++) {
		float *soft = f->keeps ? a->a + h * a->a_head : one;

		for (size_t i = 0; i < a->n && (f->keeps || a->open[h]);) {
			const struct nn_tile t = nn_tile_at(l, a->reach[h], i, a->n);

			attend(l, a, h, &t, soft);
			mix(l, a, h, &t, soft);
			soft += f->keeps ? (t.i1 - t.i0) * nn_tile_keys(&t) : 0;
			i = t.i1;
		}
	}
}

/* Rows [i0, i1) of y += z W_o' over the columns of the heads [h0, h1) */
static void put_out(const struct pass *f, const float *p, size_t h0, size_t h1, size_t i0,
		    size_t i1)
{
	const struct nn_attn *l = f->l;
	const size_t c0 = h0 * l->k;
	const size_t c1 = h1 * l->k;
	const float *z = f->a->z + i0 * l->w + c0;
	float *y = f->y + i0 * l->d;

	if (l->o.laid.f32 != NULL) {
		const struct tn_f32_right b = tn_f32_part(l->o.laid.f32, 0, l->d, c0, c1);

		tn_f32_product(&(struct tn_f32_left){ z, l->w, 1 }, &b,
			       &(struct tn_out){ y, l->d, true }, i1 - i0);
		return;
	}
	tn_gemm_nt((struct tn_mat){ y, l->d }, (struct tn_cmat){ z, l->w },
		   (struct tn_cmat){ p + l->o.w + c0, l->w }, i1 - i0, l->d, c1 - c0);
}

/* Rows [i0, i1) of z = s AV of the heads that are computed and y = z W_o' + b_o by the open ones.
 */
static void out_rows(void *ctx, const struct nn_step *s, size_t i0, size_t i1)
{
	const struct pass *f = ctx;
	const struct nn_attn *l = f->l;

	tn_set_rows(f->y + i0 * l->d, s->p + l->o.b, i1 - i0, l->d);
	for (size_t h0 = 0, h1; h0 < l->h; h0 = h1) {
		h1 = nn_attn_run(l, f->a, h0);
		if (l->gated && (f->keeps || f->a->open[h0])) {
			scale_columns(f->a->z, f->a->av, f->a->scale, l, h0, h1, i0, i1);
		}
		if (f->a->open[h0]) {
			put_out(f, s->p, h0, h1, i0, i1);
		}
	}
}

/* What is known before anything else: which heads are open, and how far each sees. */
static void choose(const struct nn_attn *l, const struct nn_step *s, struct nn_attn_act *a)
{
	a->xbar = as_alloc(s->mem, l->d, sizeof(float));
	a->gate = as_alloc(s->mem, l->w, sizeof(float));
	a->scale = as_alloc(s->mem, l->w, sizeof(float));
	a->share = as_alloc(s->mem, l->h, sizeof(float));
	a->open = as_alloc(s->mem, l->h, sizeof(bool));
	a->span = as_alloc(s->mem, l->h, sizeof(float));
	a->reach = as_alloc(s->mem, l->h, sizeof(size_t));
	if (l->gated || nn_span_on(l, a->n)) {
		mean(l, a);
	}
	if (l->gated) {
		open_heads(l, s, a);
	} else {
		open_all(l, a);
	}
	nn_span_fwd(l, s, a);
}

static void fade(const struct nn_attn *l, const struct nn_step *s, struct nn_attn_act *a)
{
	a->fade = NULL;
	if (nn_span_on(l, a->n)) {
		a->fade = as_alloc(s->mem, l->h * nn_span_table(l), sizeof(float));
		for (size_t h = 0; h < l->h; h++) {
			nn_span_fade(l, a, h, a->fade + h * nn_span_table(l));
		}
	}
}

/* A head's work for n tokens: 4 n d k for Q, K, V and W_o, 2 k for each score and its mix. */
static void count_heads(const struct nn_attn *l, const struct nn_attn_act *a, struct nn_heads *c)
{
	size_t most;
	const double each = (double)l->k * (4.0 * (double)a->n * (double)l->d +
					    2.0 * (double)nn_tile_scores(l, a->n, &most));

	c->all += l->h;
	c->computed += a->opened;
	c->work += (double)l->h * each;
	c->done += (double)a->opened * each;
}

void nn_attn_fwd(const struct nn_attn *l, const struct nn_step *s, struct nn_attn_act *a,
		 const float *restrict x, float *restrict y, size_t n)
{
	struct pass f = { .l = l, .a = a, .y = y, .keeps = nn_step_keeps(s) };
	size_t mark;

	a->n = n;
	a->x = x;
	choose(l, s, a);
	if (s->heads != NULL) {
		count_heads(l, a, s->heads);
	}
	mark = s->mem->used;
	fade(l, s, a);
	if (!nn_step_keeps(s) && nn_attn_q8_on(l)) {
		nn_attn_q8_fwd(l, s, a, y);
		as_arena_reset(s->mem, mark);
		a->fade = NULL;
		return;
	}
	carve(l, s, a);
	nn_team_run(s, n, nn_team_share(s, n), project_rows, &f);
	nn_team_run(s, l->h, s->team != NULL ? 1 : l->h, run_heads, &f);
	nn_team_run(s, n, nn_team_share(s, n), out_rows, &f);
	if (!nn_step_keeps(s)) {
		as_arena_reset(s->mem, mark);
		a->q = a->k = a->v = a->qg = a->av = a->z = a->fade = NULL;
	}
}
