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
#include "core/tensor/q8.h"
#include "core/tensor/rows.h"

#include <assert.h>
#include <math.h>
#include <string.h>

struct work {
	const struct nn_attn *l;
	const struct nn_step *s;
	const struct nn_attn_act *a;
	uint8_t *xq; /* [n, ld] x, later z */
	size_t ld;
	float *xs;             /* [n] */
	float *q, *k, *v, *z;  /* [n, w] */
	uint8_t *qq;           /* [n, k] of the head in hand */
	int8_t *kq, *vq;       /* [n, k] */
	float *qs, *ks, *vs;   /* [n], [n], [k] */
	int8_t *keys, *values; /* panels of a tile's keys */
	float *key_scale;      /* [keys] */
	int32_t *key_shift;    /* [keys] */
	float *scores;         /* of a tile */
	uint8_t *soft;
	float *part;
	struct nn_tile packed; /* whose keys lie in the panels; no keys: none */
};

bool nn_attn_q8_on(const struct nn_attn *l)
{
	return l->q.laid.q8 != NULL && l->kk.laid.q8 != NULL && l->v.laid.q8 != NULL &&
	       l->o.laid.q8 != NULL;
}

static void carve(struct work *w)
{
	const struct nn_attn *l = w->l;
	struct as_arena *mem = w->s->mem;
	const size_t n = w->a->n;
	float **const matrix[] = { &w->q, &w->k, &w->v, &w->z };
	size_t rows;
	const size_t keys = nn_tile_most(l, n, &rows);
	const size_t ld = tn_round_up(keys, TN_PANEL);

	w->ld = tn_round_up(l->d > l->w ? l->d : l->w, TN_STEP);
	w->xq = as_alloc(mem, n, w->ld);
	w->xs = as_alloc(mem, n, sizeof *w->xs);
	for (size_t i = 0; i < 4; i++) {
		*matrix[i] = as_alloc(mem, n * l->w, sizeof(float));
	}
	w->qq = as_alloc(mem, n, l->k);
	w->kq = as_alloc(mem, n, l->k);
	w->vq = as_alloc(mem, n, l->k);
	w->qs = as_alloc(mem, n, sizeof *w->qs);
	w->ks = as_alloc(mem, n, sizeof *w->ks);
	w->vs = as_alloc(mem, l->k, sizeof *w->vs);
	w->keys = as_alloc(mem, ld, l->k);
	w->values = as_alloc(mem, tn_round_up(keys, TN_STEP), l->k);
	w->key_scale = as_alloc(mem, ld, sizeof *w->key_scale);
	w->key_shift = as_alloc(mem, ld, sizeof *w->key_shift);
	w->scores = as_alloc(mem, rows * ld, sizeof *w->scores);
	w->soft = as_alloc(mem, rows, ld);
	w->part = as_alloc(mem, rows, sizeof *w->part);
}

/* y[:, c0:c1] = x W[c0:c1, :]' */
static void project(const struct work *w, const struct nn_linear *from, float *y, size_t c0,
		    size_t c1)
{
	const struct tn_q8_left x = { w->xq, w->ld, w->xs };
	struct tn_q8_right b;

	if (c1 - c0 == w->l->w) {
		tn_q8_run(from->laid.q8, &x, NULL, y, w->a->n);
		return;
	}
	b = tn_q8_outputs(from->laid.q8, c0, c1);
	tn_q8_product(&x, &b, &(struct tn_out){ y + c0, w->l->w, false }, w->a->n);
}

/* Queries, keys and values of head h in int8. */
static void quantize_head(struct work *w, size_t h)
{
	const struct nn_attn *l = w->l;
	const size_t at = h * l->k;
	const size_t n = w->a->n;
	const struct tn_float_rows q = { w->q + at, l->w, l->gated ? w->a->gate + at : NULL };
	const struct tn_float_rows k = { w->k + at, l->w, NULL };
	const struct tn_float_rows v = { w->v + at, l->w, NULL };

	tn_quantize_rows(&q, w->qq, l->k, w->qs, n, l->k);
	tn_quantize_keys(&k, w->kq, l->k, w->ks, n, l->k);
	tn_quantize_columns(&v, w->vq, l->k, w->vs, n, l->k);
	for (size_t j = 0; l->gated && j < l->k; j++) {
		w->vs[j] *= w->a->share[h]; /* z = s AV */
	}
	w->packed = (struct nn_tile){ 0 };
}

/* Rows of a tile's keys one after the other: the global ones, then the near. */
static const int8_t *gather(const struct work *w, const struct nn_tile *t, const int8_t *from,
			    int8_t *to)
{
	const size_t k = w->l->k;

	if (t->near == 0) {
		return from + t->j0 * k;
	}
	memcpy(to, from, t->near * k);
	memcpy(to + t->near * k, from + t->j0 * k, (t->j1 - t->j0) * k);
	return to;
}

static void pack(struct work *w, const struct nn_tile *t)
{
	const size_t mark = w->s->mem->used;
	const size_t keys = nn_tile_keys(t);
	int8_t *rows;

	if (w->packed.j0 == t->j0 && w->packed.j1 == t->j1 && w->packed.near == t->near) {
		return;
	}
	rows = as_alloc(w->s->mem, keys, w->l->k);
	tn_q8_pack(gather(w, t, w->kq, rows), w->l->k, keys, w->l->k, w->keys, w->key_shift);
	tn_q8_pack_columns(gather(w, t, w->vq, rows), w->l->k, w->l->k, keys, w->values);
	memcpy(w->key_scale, w->ks, t->near * sizeof *w->ks);
	memcpy(w->key_scale + t->near, w->ks + t->j0, (t->j1 - t->j0) * sizeof *w->ks);
	as_arena_reset(w->s->mem, mark);
	w->packed = *t;
}

/* z of one head's tile. */
static void attend(struct work *w, size_t h, const struct nn_tile *t)
{
	const struct nn_attn *l = w->l;
	const size_t m = t->i1 - t->i0;
	const size_t keys = nn_tile_keys(t);
	const size_t ld = tn_round_up(keys, TN_PANEL);
	const struct tn_q8_left q = { w->qq + t->i0 * l->k, l->k, w->qs + t->i0 };
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

	pack(w, t);
	tn_q8_product(&q, &k, &(struct tn_out){ w->scores, ld, false }, m);
	if (t->band) {
		nn_tile_mask(l, t, w->a->fade == NULL ? NULL : w->a->fade + h * nn_span_table(l),
			     w->scores, ld);
	}
	tn_softmax_q8(w->scores, ld, w->soft, w->part, m, keys, 1.0F / sqrtf((float)l->k));
	tn_q8_product(&soft, &v, &(struct tn_out){ w->z + t->i0 * l->w + h * l->k, l->w, false },
		      m);
}

/* Q, K, V of the heads [h0, h1) and their z. */
static void run_heads(struct work *w, size_t h0, size_t h1)
{
	const struct nn_attn *l = w->l;

	project(w, &l->q, w->q, h0 * l->k, h1 * l->k);
	project(w, &l->kk, w->k, h0 * l->k, h1 * l->k);
	project(w, &l->v, w->v, h0 * l->k, h1 * l->k);
	for (size_t h = h0; h < h1; h++) {
		quantize_head(w, h);
		for (size_t i = 0; i < w->a->n;) {
			const struct nn_tile t = nn_tile_at(l, w->a->reach[h], i, w->a->n);

			attend(w, h, &t);
			i = t.i1;
		}
	}
}

/* y = z W_o' + b_o by the columns of open heads; z of closed ones is zero. */
static void put_out(struct work *w, float *y)
{
	const struct nn_attn *l = w->l;
	const float *bias = w->s->p + l->o.b;
	const struct tn_float_rows z = { w->z, l->w, NULL };

	tn_quantize_rows(&z, w->xq, w->ld, w->xs, w->a->n, l->w);
	if (w->a->opened == l->h) {
		tn_q8_run(l->o.laid.q8, &(struct tn_q8_left){ w->xq, w->ld, w->xs }, bias, y,
			  w->a->n);
		return;
	}
	for (size_t i = 0; i < w->a->n; i++) {
		memcpy(y + i * l->d, bias, l->d * sizeof *y);
	}
	for (size_t h0 = 0, h1; h0 < l->h; h0 = h1) {
		h1 = nn_attn_run(l, w->a, h0);
		if (w->a->open[h0]) {
			const struct tn_q8_right b =
			    tn_q8_inputs(l->o.laid.q8, h0 * l->k, h1 * l->k, w->s->mem);

			tn_q8_product(&(struct tn_q8_left){ w->xq + h0 * l->k, w->ld, w->xs }, &b,
				      &(struct tn_out){ y, l->d, true }, w->a->n);
		}
	}
}

void nn_attn_q8_fwd(const struct nn_attn *l, const struct nn_step *s, const struct nn_attn_act *a,
		    float *y)
{
	struct work w = { .l = l, .s = s, .a = a };
	const size_t mark = s->mem->used;
	const struct tn_float_rows x = { a->x, l->d, NULL };

	carve(&w);
	tn_quantize_rows(&x, w.xq, w.ld, w.xs, a->n, l->d);
	if (a->opened < l->h) {
		memset(w.z, 0, a->n * l->w * sizeof *w.z);
	}
	for (size_t h0 = 0, h1; h0 < l->h; h0 = h1) {
		h1 = nn_attn_run(l, a, h0);
		if (a->open[h0]) {
			run_heads(&w, h0, h1);
		}
	}
	put_out(&w, y);
	as_arena_reset(s->mem, mark);
}
