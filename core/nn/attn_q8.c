/* SPDX-License-Identifier: Apache-2.0
 * attn_q8.c - attention of a served model with every product in int8 (core/tensor/q8_rows.h).
 *
 *   Q, K, V    x and the weights in int8; only the rows of open heads
 *   S          Qg and K in int8, a scale a token
 *   A          e^(S - max) in 255 steps, divided by the sum of the steps
 *   A V        V in int8, a scale a channel of the case
 *   y          z in int8, a scale a token, by the columns of open heads
 *
 * Scores are masked and their softmax taken in float32. A scale belongs to a token or to a case,
 * never to a batch: the answer is the same bits alone and in any batch. Scales a token for Q and K
 * and a channel for V: Zhang et al., "SageAttention" (2024), arXiv:2410.02367, section 3. */
#include "core/nn/attn_q8.h"

#include "core/nn/band.h"
#include "core/nn/team.h"
#include "core/tensor/q8.h"
#include "core/tensor/rows.h"

#include <assert.h>
#include <math.h>
#include <string.h>

/* Queries at a time: the scores of so few, some hundred keys and values stay in the first cache. */
enum { ROWS = TN_Q8_ROWS };

/* What the parts of one pass share. */
struct pass {
	const struct nn_attn *l;
	const struct nn_attn_act *a;
	uint8_t *xq; /* [n, ld] x, later z */
	size_t ld;
	float *xs;            /* [n] */
	float *q, *k, *v, *z; /* [n, w] */
	float *y;
};

/* What is needed for a head at a time. */
struct work {
	const struct pass *f;
	struct as_arena *mem;
	uint8_t *qq;           /* [n, k] of the head in hand */
	int8_t *kq, *vq;       /* [n, k] */
	float *qs, *ks, *vs;   /* [n], [n], [k] */
	int8_t *keys, *values; /* panels of a tile's keys */
	float *key_scale;      /* [keys] */
	int32_t *key_shift;    /* [keys] */
	float *scores;         /* of ROWS queries */
	uint8_t *soft;
	float *part;
	struct nn_tile packed; /* whose keys lie in the panels; no keys: none */
};

bool nn_attn_q8_on(const struct nn_attn *l)
{
	return l->q.laid.q8 != NULL && l->kk.laid.q8 != NULL && l->v.laid.q8 != NULL &&
	       l->o.laid.q8 != NULL;
}

static void carve(struct pass *f, struct as_arena *mem)
{
	const struct nn_attn *l = f->l;
	const size_t n = f->a->n;
	float **const matrix[] = { &f->q, &f->k, &f->v, &f->z };

	f->ld = tn_round_up(l->d > l->w ? l->d : l->w, TN_STEP);
	f->xq = as_alloc(mem, n, f->ld);
	f->xs = as_alloc(mem, n, sizeof *f->xs);
	for (size_t i = 0; i < 4; i++) {
		*matrix[i] = as_alloc(mem, n * l->w, sizeof(float));
	}
}

static void carve_head(struct work *w)
{
	const struct nn_attn *l = w->f->l;
	const size_t n = w->f->a->n;
	size_t rows;
	const size_t keys = nn_tile_most(l, n, &rows);
	const size_t ld = tn_round_up(keys, TN_PANEL);

	w->qq = as_alloc(w->mem, n, l->k);
	w->kq = as_alloc(w->mem, n, l->k);
	w->vq = as_alloc(w->mem, n, l->k);
	w->qs = as_alloc(w->mem, n, sizeof *w->qs);
	w->ks = as_alloc(w->mem, n, sizeof *w->ks);
	w->vs = as_alloc(w->mem, l->k, sizeof *w->vs);
	w->keys = as_alloc(w->mem, ld, l->k);
	w->values = as_alloc(w->mem, tn_round_up(keys, TN_STEP), l->k);
	w->key_scale = as_alloc(w->mem, ld, sizeof *w->key_scale);
	w->key_shift = as_alloc(w->mem, ld, sizeof *w->key_shift);
	w->scores = as_alloc(w->mem, ROWS * ld, sizeof *w->scores);
	w->soft = as_alloc(w->mem, ROWS, ld);
	w->part = as_alloc(w->mem, ROWS, sizeof *w->part);
}

/* Rows from i0 on of x, later of z, quantised. */
static struct tn_q8_left rows_of(const struct pass *f, size_t i0)
{
	return (struct tn_q8_left){ f->xq + i0 * f->ld, f->ld, f->xs + i0 };
}

/* Rows [i0, i1) of y[:, c0:c1] = x W[c0:c1, :]' for the heads [h0, h1) */
static void project(const struct pass *f, const struct nn_linear *from, float *y, size_t h0,
		    size_t h1, size_t i0, size_t i1)
{
	const size_t w = f->l->w;
	const struct tn_q8_left x = rows_of(f, i0);
	struct tn_q8_right b;

	if (h1 - h0 == f->l->h) {
		tn_q8_run(from->laid.q8, &x, NULL, y + i0 * w, i1 - i0);
		return;
	}
	b = tn_q8_outputs(from->laid.q8, h0 * f->l->k, h1 * f->l->k);
	tn_q8_product(&x, &b, &(struct tn_out){ y + i0 * w + h0 * f->l->k, w, false }, i1 - i0);
}

/* Rows [i0, i1) of Q, K, V of open heads; z of closed ones is zero. */
static void project_rows(void *ctx, const struct nn_step *s, size_t i0, size_t i1)
{
	const struct pass *f = ctx;
	const struct nn_attn *l = f->l;
	const struct tn_float_rows x = { f->a->x + i0 * l->d, l->d, NULL };

	(void)s;
	tn_quantize_rows(&x, f->xq + i0 * f->ld, f->ld, f->xs + i0, i1 - i0, l->d);
	if (f->a->opened < l->h) {
		memset(f->z + i0 * l->w, 0, (i1 - i0) * l->w * sizeof *f->z);
	}
	for (size_t h0 = 0, h1; h0 < l->h; h0 = h1) {
		h1 = nn_attn_run(l, f->a, h0);
		if (f->a->open[h0]) {
			project(f, &l->q, f->q, h0, h1, i0, i1);
			project(f, &l->kk, f->k, h0, h1, i0, i1);
			project(f, &l->v, f->v, h0, h1, i0, i1);
		}
	}
}

/* Queries, keys and values of head h in int8. */
static void quantize_head(struct work *w, size_t h)
{
	const struct nn_attn *l = w->f->l;
	const size_t at = h * l->k;
	const size_t n = w->f->a->n;
	const struct tn_float_rows q = { w->f->q + at, l->w, l->gated ? w->f->a->gate + at : NULL };
	const struct tn_float_rows k = { w->f->k + at, l->w, NULL };
	const struct tn_float_rows v = { w->f->v + at, l->w, NULL };

	tn_quantize_rows(&q, w->qq, l->k, w->qs, n, l->k);
	tn_quantize_keys(&k, w->kq, l->k, w->ks, n, l->k);
	tn_quantize_columns(&v, w->vq, l->k, w->vs, n, l->k);
	for (size_t j = 0; l->gated && j < l->k; j++) {
		w->vs[j] *= w->f->a->share[h]; /* z = s AV */
	}
	w->packed = (struct nn_tile){ 0 };
}

/* Rows of a tile's keys one after the other: the global ones, then the near. */
static const int8_t *gather(const struct work *w, const struct nn_tile *t, const int8_t *from,
			    int8_t *to)
{
	const size_t k = w->f->l->k;

	if (t->near == 0) {
		return from + t->j0 * k;
	}
	memcpy(to, from, t->near * k);
	memcpy(to + t->near * k, from + t->j0 * k, (t->j1 - t->j0) * k);
	return to;
}

static void pack(struct work *w, const struct nn_tile *t)
{
	const size_t mark = w->mem->used;
	const size_t keys = nn_tile_keys(t);
	int8_t *rows;

	if (w->packed.j0 == t->j0 && w->packed.j1 == t->j1 && w->packed.near == t->near) {
		return;
	}
	rows = as_alloc(w->mem, keys, w->f->l->k);
	tn_q8_pack(gather(w, t, w->kq, rows), w->f->l->k, keys, w->f->l->k, w->keys, w->key_shift);
	tn_q8_pack_columns(gather(w, t, w->vq, rows), w->f->l->k, w->f->l->k, keys, w->values);
	memcpy(w->key_scale, w->ks, t->near * sizeof *w->ks);
	memcpy(w->key_scale + t->near, w->ks + t->j0, (t->j1 - t->j0) * sizeof *w->ks);
	as_arena_reset(w->mem, mark);
	w->packed = *t;
}

/* z of some rows of one head's tile, whose keys and values are packed. */
static void attend_rows(struct work *w, size_t h, const struct nn_tile *t)
{
	const struct nn_attn *l = w->f->l;
	const size_t m = t->i1 - t->i0;
	const size_t keys = nn_tile_keys(t);
	const size_t ld = tn_round_up(keys, TN_PANEL);
	const struct tn_q8_left q = { w->qq + t->i0 * l->k, l->k, w->qs + t->i0 };
	const struct tn_float_rows scores = { w->scores, ld, NULL };
	const struct tn_q8_left soft = { w->soft, ld, w->part };
	const struct tn_q8_right k = { .panel = w->keys,
				       .out = keys,
				       .in = l->k,
				       .stride = tn_panel_size(l->k),
				       .scale = w->key_scale,
				       .shift = w->key_shift };
	const struct tn_q8_right v = { .panel = w->values,
				       .out = l->k,
				       .in = keys,
				       .stride = tn_panel_size(keys),
				       .scale = w->vs };

	tn_q8_product(&q, &k, &(struct tn_out){ w->scores, ld, false }, m);
	if (t->band) {
		nn_tile_mask(l, t,
			     w->f->a->fade == NULL ? NULL : w->f->a->fade + h * nn_span_table(l),
			     w->scores, ld);
	}
	tn_softmax_q8(&scores, w->soft, w->part, m, keys, 1.0F / sqrtf((float)l->k));
	tn_q8_product(&soft, &v, &(struct tn_out){ w->f->z + t->i0 * l->w + h * l->k, l->w, false },
		      m);
}

/* z of one head's tile, a few rows at a time. */
static void attend(struct work *w, size_t h, const struct nn_tile *t)
{
	struct nn_tile some = *t;

	pack(w, t);
	for (; some.i0 < t->i1; some.i0 = some.i1) {
		some.i1 = t->i1 - some.i0 < ROWS ? t->i1 : some.i0 + ROWS;
		attend_rows(w, h, &some);
	}
}

/* z of the heads [h0, h1) that are open. */
static void run_heads(void *ctx, const struct nn_step *s, size_t h0, size_t h1)
{
	const struct pass *f = ctx;
	struct work w = { .f = f, .mem = s->mem };

	carve_head(&w);
	for (size_t h = h0; h < h1; h++) {
		if (f->a->open[h]) {
			quantize_head(&w, h);
		}
		for (size_t i = 0; i < f->a->n && f->a->open[h];) {
			const struct nn_tile t = nn_tile_at(f->l, f->a->reach[h], i, f->a->n);

			attend(&w, h, &t);
			i = t.i1;
		}
	}
}

/* Rows [i0, i1) of y = z W_o' + b_o by the columns of open heads. */
static void out_rows(void *ctx, const struct nn_step *s, size_t i0, size_t i1)
{
	const struct pass *f = ctx;
	const struct nn_attn *l = f->l;
	const float *bias = s->p + l->o.b;
	const struct tn_float_rows z = { f->z + i0 * l->w, l->w, NULL };
	struct tn_q8_left left = rows_of(f, i0);
	float *y = f->y + i0 * l->d;

	tn_quantize_rows(&z, f->xq + i0 * f->ld, f->ld, f->xs + i0, i1 - i0, l->w);
	if (f->a->opened == l->h) {
		tn_q8_run(l->o.laid.q8, &left, bias, y, i1 - i0);
		return;
	}
	tn_set_rows(y, bias, i1 - i0, l->d);
	for (size_t h0 = 0, h1; h0 < l->h; h0 = h1) {
		h1 = nn_attn_run(l, f->a, h0);
		if (f->a->open[h0]) {
			const struct tn_q8_right b =
			    tn_q8_inputs(l->o.laid.q8, h0 * l->k, h1 * l->k, s->mem);

			left.q = f->xq + i0 * f->ld + h0 * l->k;
			tn_q8_product(&left, &b, &(struct tn_out){ y, l->d, true }, i1 - i0);
		}
	}
}

void nn_attn_q8_fwd(const struct nn_attn *l, const struct nn_step *s, const struct nn_attn_act *a,
		    float *y)
{
	struct pass f = { .l = l, .a = a, .y = y };
	const size_t mark = s->mem->used;

	carve(&f, s->mem);
	nn_team_run(s, a->n, nn_team_share(s, a->n), project_rows, &f);
	nn_team_run(s, l->h, s->team != NULL ? 1 : l->h, run_heads, &f);
	nn_team_run(s, a->n, nn_team_share(s, a->n), out_rows, &f);
	as_arena_reset(s->mem, mark);
}
