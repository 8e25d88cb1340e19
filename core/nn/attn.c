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
		a->open[h] = a->share[h] >= l->threshold;
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

/* y[:, c0:c1] = x W[c0:c1, :]' */
static void project(const struct nn_linear *w, const struct nn_attn_act *a, const float *p,
		    float *y, size_t c0, size_t c1)
{
	if (w->laid.f32 != NULL) {
		const struct tn_f32_right b = tn_f32_part(w->laid.f32, c0, c1, 0, w->in);

		tn_f32_product(&(struct tn_f32_left){ a->x, w->in, 1 }, &b,
			       &(struct tn_out){ y + c0, w->out, false }, a->n);
		return;
	}
	for (size_t i = 0; i < a->n; i++) {
		memset(y + i * w->out + c0, 0, (c1 - c0) * sizeof *y);
	}
	tn_gemm_nt((struct tn_mat){ y + c0, w->out }, (struct tn_cmat){ a->x, w->in },
		   (struct tn_cmat){ p + w->w + c0 * w->in, w->in }, a->n, c1 - c0, w->in);
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
	if (!nn_step_keeps(s)) { /* gate and share are multiplied in place; one tile serves all */
		a->qg = a->q;
		a->z = a->av;
		a->a_head = 0;
		a->a = as_alloc(s->mem, most, sizeof(float));
		return;
	}
	a->qg = l->gated ? as_alloc(s->mem, a->n * l->w, sizeof(float)) : a->q;
	a->z = l->gated ? as_alloc(s->mem, a->n * l->w, sizeof(float)) : a->av;
	a->a_head = all;
	a->a = as_alloc(s->mem, l->h * all, sizeof(float));
}

/* to[:, c0:c1] = from[:, c0:c1] by[c0:c1] for each of n rows; to may be from. */
static void scale_columns(float *to, const float *from, const float *by, const struct nn_attn *l,
			  size_t n, size_t c0, size_t c1)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t j = c0; j < c1; j++) {
			to[i * l->w + j] = from[i * l->w + j] * by[j];
		}
	}
}

/* y += z W_o' over the columns of the heads [h0, h1) */
static void put_out(const struct nn_attn *l, const struct nn_step *s, const struct nn_attn_act *a,
		    float *y, size_t h0, size_t h1)
{
	const size_t c0 = h0 * l->k;
	const size_t c1 = h1 * l->k;

	if (l->o.laid.f32 != NULL) {
		const struct tn_f32_right b = tn_f32_part(l->o.laid.f32, 0, l->d, c0, c1);

		tn_f32_product(&(struct tn_f32_left){ a->z + c0, l->w, 1 }, &b,
			       &(struct tn_out){ y, l->d, true }, a->n);
		return;
	}
	tn_gemm_nt((struct tn_mat){ y, l->d }, (struct tn_cmat){ a->z + c0, l->w },
		   (struct tn_cmat){ s->p + l->o.w + c0, l->w }, a->n, l->d, c1 - c0);
}

/* Q, K, V of the heads [h0, h1) and their outputs, scaled by their shares, into z. */
static void run_heads(const struct nn_attn *l, const struct nn_step *s, struct nn_attn_act *a,
		      size_t h0, size_t h1)
{
	const size_t c0 = h0 * l->k;
	const size_t c1 = h1 * l->k;

	project(&l->q, a, s->p, a->q, c0, c1);
	project(&l->kk, a, s->p, a->k, c0, c1);
	project(&l->v, a, s->p, a->v, c0, c1);
	if (l->gated) {
		scale_columns(a->qg, a->q, a->gate, l, a->n, c0, c1); /* Qg = Q g */
	}
	for (size_t i = 0; i < a->n; i++) {
		memset(a->av + i * l->w + c0, 0, (c1 - c0) * sizeof(float));
	}
	for (size_t h = h0; h < h1; h++) {
		float *soft = a->a + h * a->a_head;

		for (size_t i = 0; i < a->n;) {
			const struct nn_tile t = nn_tile_at(l, a->reach[h], i, a->n);

			attend(l, a, h, &t, soft);
			mix(l, a, h, &t, soft);
			soft += a->a_head == 0 ? 0 : (t.i1 - t.i0) * nn_tile_keys(&t);
			i = t.i1;
		}
	}
	if (l->gated) {
		scale_columns(a->z, a->av, a->scale, l, a->n, c0, c1); /* z = s AV */
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

void nn_attn_fwd(const struct nn_attn *l, const struct nn_step *s, struct nn_attn_act *a,
		 const float *restrict x, float *restrict y, size_t n)
{
	size_t mark;

	a->n = n;
	a->x = x;
	choose(l, s, a);
	mark = s->mem->used;
	fade(l, s, a);
	if (!nn_step_keeps(s) && nn_attn_q8_on(l)) {
		nn_attn_q8_fwd(l, s, a, y);
		as_arena_reset(s->mem, mark);
		a->fade = NULL;
		return;
	}
	carve(l, s, a);
	tn_set_rows(y, s->p + l->o.b, n, l->d);
	for (size_t h0 = 0, h1; h0 < l->h; h0 = h1) {
		h1 = nn_attn_run(l, a, h0);
		if (nn_step_keeps(s) || a->open[h0]) {
			run_heads(l, s, a, h0, h1);
		}
		if (a->open[h0]) {
			put_out(l, s, a, y, h0, h1);
		}
	}
	if (!nn_step_keeps(s)) {
		as_arena_reset(s->mem, mark);
		a->q = a->k = a->v = a->qg = a->av = a->z = a->a = a->fade = NULL;
	}
}

/* Gradients of one head's tile: dqg, dk, dv are added to. */
static void tile_bwd(const struct nn_attn *l, const struct nn_attn_act *a, size_t h,
		     const struct nn_tile *t, const float *soft, const float *const dav,
		     float *const d[3], float *scratch)
{
	const size_t at = h * l->k;
	const size_t m = t->i1 - t->i0;
	const size_t ld = nn_tile_keys(t);
	const struct tn_cmat dy = { dav + t->i0 * l->w + at, l->w };
	const struct tn_cmat qg = { a->qg + t->i0 * l->w + at, l->w };
	const struct tn_mat dq = { d[0] + t->i0 * l->w + at, l->w };
	const size_t from[] = { 0, t->j0 };
	const size_t count[] = { t->near, t->j1 - t->j0 };
	const size_t col[] = { 0, t->near };

	memset(scratch, 0, m * ld * sizeof *scratch);
	for (size_t i = 0; i < 2; i++) {
		const size_t row = from[i] * l->w + at;

		if (count[i] == 0) {
			continue;
		}
		tn_gemm_nt((struct tn_mat){ scratch + col[i], ld }, dy,
			   (struct tn_cmat){ a->v + row, l->w }, m, count[i], l->k); /* dA */
		tn_gemm_tn((struct tn_mat){ d[2] + row, l->w },
			   (struct tn_cmat){ soft + col[i], ld }, dy, count[i], l->k, m); /* dV */
	}
	tn_softmax_rows_bwd(soft, scratch, m, ld, ld, 1.0F / sqrtf((float)l->k)); /* dS */
	for (size_t i = 0; i < 2; i++) {
		const size_t row = from[i] * l->w + at;
		const struct tn_cmat ds = { scratch + col[i], ld };

		if (count[i] == 0) {
			continue;
		}
		tn_gemm_nn(dq, ds, (struct tn_cmat){ a->k + row, l->w }, m, l->k, count[i]);
		tn_gemm_tn((struct tn_mat){ d[1] + row, l->w }, ds, qg, count[i], l->k, m);
	}
}

/* From dz to dav in place; returns the head's ds. */
static float share_bwd(const struct nn_attn *l, const struct nn_attn_act *a, size_t h, float *dz)
{
	float ds = 0.0F;

	for (size_t i = 0; i < a->n; i++) {
		float *row = dz + i * l->w + h * l->k;

		ds += tn_dot(row, a->av + i * l->w + h * l->k, l->k);
		for (size_t j = 0; j < l->k; j++) {
			row[j] *= a->share[h];
		}
	}
	return ds;
}

/* dqg becomes dq in place; the gate's weights and xbar get their gradients. */
static void gate_bwd(const struct nn_attn *l, const struct nn_step *s, const struct nn_attn_act *a,
		     const float *ds, float *dqg, float *dxbar)
{
	float *dg = as_alloc(s->mem, l->w, sizeof *dg);

	for (size_t j = 0; j < l->w; j++) {
		dg[j] = (ds[j / l->k] + s->gate_loss) / (float)l->k;
	}
	for (size_t i = 0; i < a->n; i++) {
		tn_mul_add(dg, dqg + i * l->w, a->q + i * l->w, l->w);
		tn_mul(dqg + i * l->w, a->gate, l->w); /* dQ = dQg g */
	}
	for (size_t j = 0; j < l->w; j++) {
		dg[j] *= a->gate[j] * (1.0F - a->gate[j]);
	}
	nn_linear_bwd(&l->gate, s->p, s->g, a->xbar, dg, dxbar, 1);
}

/* The gradients of what was chosen from xbar: of gates and spans, and of x through both. */
static void choice_bwd(const struct nn_attn *l, const struct nn_step *s,
		       const struct nn_attn_act *a, const float *ds, float *dspan, float *dqg,
		       float *dx)
{
	float *dxbar = as_zalloc(s->mem, l->d, sizeof *dxbar);

	if (l->gated) {
		gate_bwd(l, s, a, ds, dqg, dxbar);
	}
	if (nn_span_on(l, a->n)) {
		nn_span_bwd(l, s, a, dspan, dxbar);
	}
	for (size_t i = 0; i < a->n; i++) {
		tn_axpy(dx + i * l->d, 1.0F / (float)a->n, dxbar, l->d);
	}
}

/* What the tile's dS say of its head's span. */
static float tile_dspan(const struct nn_attn *l, const struct nn_tile *t, const float *slope,
			const float *ds)
{
	const size_t half = l->window / 2;
	const size_t ld = nn_tile_keys(t);
	float sum = 0.0F;

	for (size_t i = t->i0; i < t->i1; i++) {
		size_t from;
		size_t to;

		nn_tile_sees(t, i, &from, &to);
		sum += tn_dot(ds + (i - t->i0) * ld + t->near + from - t->j0,
			      slope + half + from - i, to - from);
	}
	return sum;
}

/* Gradients of one head from dav: d as in tile_bwd; returns that of its span. */
static float head_bwd(const struct nn_attn *l, const struct nn_step *s, const struct nn_attn_act *a,
		      size_t h, const float *dav, float *const d[3])
{
	const size_t mark = s->mem->used;
	const float *soft = a->a + h * a->a_head;
	float *slope = as_alloc(s->mem, nn_span_table(l), sizeof *slope);
	float dspan = 0.0F;
	size_t most;
	float *scratch;

	(void)nn_tile_scores(l, a->n, &most);
	scratch = as_alloc(s->mem, most, sizeof *scratch);
	nn_span_slope(l, a, h, slope);
	for (size_t i = 0; i < a->n;) {
		const struct nn_tile t = nn_tile_at(l, a->reach[h], i, a->n);

		tile_bwd(l, a, h, &t, soft, dav, d, scratch);
		if (t.band && a->fade != NULL) {
			dspan += tile_dspan(l, &t, slope, scratch);
		}
		soft += (t.i1 - t.i0) * nn_tile_keys(&t);
		i = t.i1;
	}
	as_arena_reset(s->mem, mark);
	return dspan;
}

void nn_attn_bwd(const struct nn_attn *l, const struct nn_step *s, const struct nn_attn_act *a,
		 const float *restrict dy, float *restrict dx)
{
	const size_t mark = s->mem->used;
	const size_t size = a->n * l->w;
	float *dz = as_zalloc(s->mem, size, sizeof *dz);
	float *const d[] = { as_zalloc(s->mem, size, sizeof *dz),
			     as_zalloc(s->mem, size, sizeof *dz),
			     as_zalloc(s->mem, size, sizeof *dz) }; /* dQg, dK, dV */
	float *ds = as_alloc(s->mem, l->h, sizeof *ds);
	float *dspan = as_alloc(s->mem, l->h, sizeof *dspan);

	nn_linear_bwd(&l->o, s->p, s->g, a->z, dy, dz, a->n); /* dz = dy W_o */
	for (size_t h = 0; h < l->h; h++) {
		ds[h] = l->gated ? share_bwd(l, a, h, dz) : 0.0F;
		dspan[h] = head_bwd(l, s, a, h, dz, d);
	}
	if (l->gated || nn_span_on(l, a->n)) {
		choice_bwd(l, s, a, ds, dspan, d[0], dx);
	}
	nn_linear_bwd(&l->q, s->p, s->g, a->x, d[0], dx, a->n);
	nn_linear_bwd(&l->kk, s->p, s->g, a->x, d[1], dx, a->n);
	nn_linear_bwd(&l->v, s->p, s->g, a->x, d[2], dx, a->n);
	as_arena_reset(s->mem, mark);
}
