/* SPDX-License-Identifier: Apache-2.0
 * band.c - the keys of a query row, and the span each head of a long input chooses.
 *
 *   forward    u = sigma(W_u xbar + b_u)                 [h]        z_h = u_h window / 2
 *              m_h(t) = clamp((R + z_h - t) / R, 0, 1)   t tokens away; 0 beyond window / 2
 *              A_h,ij = m_h(|i - j|) e^(S_ij) / sum over j of the same
 *                     = softmax(S_ij + log m_h(|i - j|))
 *
 *   backward   dz_h = sum over i, j with 0 < m < 1 of dS_ij / (R + z_h - |i - j|)
 *              d(W_u xbar + b_u) = (dz_h window / 2 + lambda) u_h (1 - u_h)
 *
 * S are the scaled scores, dS their gradient through the softmax; log m is one of its terms, so
 * d log m = dS and dm / dz = 1 / R. Where m is 0 or 1 it does not move with z. Global tokens are
 * seen by all and see all: their m is 1. Keys with m = 0 are computed neither in training nor at
 * inference, so both agree and a narrow head is a fast one.
 *
 * Sukhbaatar, Grave, Bojanowski, Joulin, "Adaptive Attention Span in Transformers" (2019),
 * arXiv:1905.07799, section 2.2, with the span from the case's context as in its last paragraph;
 * tokens here look both ways. */
#include "core/nn/band.h"

#include "core/nn/loss.h"

#include "core/tensor/rows.h"

#include <math.h>
#include <stdio.h>

/* Query rows handled together: the scores of one tile are one product, and no n x n matrix is ever
 * needed. Within a band a longer tile would compute more scores only to mask them, the more so the
 * narrower the band. */
enum { FULL_ROWS = 256, BAND_ROWS = 128, NARROW_ROWS = 64, NARROW = 64 };

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

struct nn_tile nn_tile_at(const struct nn_attn *l, size_t reach, size_t i0, size_t n)
{
	struct nn_tile t = { .i0 = i0, .j1 = n, .reach = reach };

	if (n <= l->full) {
		t.i1 = least(i0 + FULL_ROWS, n);
		return t;
	}
	if (i0 < l->globals) {
		t.i1 = least(l->globals, n);
		return t;
	}
	t.band = true;
	t.i1 = least(i0 + (reach < NARROW ? NARROW_ROWS : BAND_ROWS), n);
	t.near = l->globals;
	t.j0 = i0 > reach + l->globals ? i0 - reach : l->globals;
	t.j1 = least(t.i1 + reach, n);
	return t;
}

/* A narrower band has fewer keys a row. */
size_t nn_tile_scores(const struct nn_attn *l, size_t n, size_t *most)
{
	size_t all = 0;

	*most = 0;
	for (size_t i = 0; i < n;) {
		const struct nn_tile t = nn_tile_at(l, l->window / 2, i, n);
		const size_t size = (t.i1 - t.i0) * nn_tile_keys(&t);

		all += size;
		*most = size > *most ? size : *most;
		i = t.i1;
	}
	return all;
}

void nn_tile_sees(const struct nn_tile *t, size_t i, size_t *j0, size_t *j1)
{
	*j0 = i > t->j0 + t->reach ? i - t->reach : t->j0;
	*j1 = least(i + t->reach + 1, t->j1);
}

size_t nn_tile_most(const struct nn_attn *l, size_t n, size_t *rows)
{
	size_t keys = 0;

	*rows = 0;
	for (size_t i = 0; i < n;) {
		const struct nn_tile t = nn_tile_at(l, l->window / 2, i, n);

		keys = nn_tile_keys(&t) > keys ? nn_tile_keys(&t) : keys;
		*rows = t.i1 - t.i0 > *rows ? t.i1 - t.i0 : *rows;
		i = t.i1;
	}
	return keys;
}

void nn_tile_mask(const struct nn_attn *l, const struct nn_tile *t, const float *fade, float *out,
		  size_t ld)
{
	const size_t half = l->window / 2;

	for (size_t i = t->i0; i < t->i1; i++) {
		float *row = out + (i - t->i0) * ld + t->near;
		size_t from;
		size_t to;

		nn_tile_sees(t, i, &from, &to);
		for (size_t j = t->j0; j < from; j++) {
			row[j - t->j0] = -INFINITY;
		}
		for (size_t j = to; j < t->j1; j++) {
			row[j - t->j0] = -INFINITY;
		}
		if (fade != NULL) {
			tn_axpy(row + from - t->j0, 1.0F, fade + half + from - i, to - from);
		}
	}
}

size_t nn_attn_run(const struct nn_attn *l, const struct nn_attn_act *a, size_t h0)
{
	size_t h1 = h0 + 1;

	while (h1 < l->h && a->open[h1] == a->open[h0]) {
		h1++;
	}
	return h1;
}

void nn_attn_span(struct nn_attn *l, struct nn_params *ps, const char *prefix)
{
	char name[NN_NAME_SIZE];

	(void)snprintf(name, sizeof name, "%s.span", prefix);
	l->spanned = true;
	l->span = (struct nn_linear){
		.in = l->d,
		.out = l->h,
		.w = nn_param_add(ps, name, "w", l->h, l->d, NN_DECAY, NN_NORMAL, 0.02F),
		.b = nn_param_add(ps, name, "b", 1, l->h, 0, NN_CONST, 2.0F),
	};
}

/* The farthest key of which the mask leaves anything: the greatest t < R + z. */
static size_t reach_of(const struct nn_attn *l, float z)
{
	return least((size_t)ceilf(z + l->ramp) - 1, l->window / 2);
}

void nn_span_fwd(const struct nn_attn *l, const struct nn_step *s, struct nn_attn_act *a)
{
	const size_t half = l->window / 2;

	if (!nn_span_on(l, a->n)) {
		for (size_t h = 0; h < l->h; h++) {
			a->span[h] = (float)half;
			a->reach[h] = half;
		}
		return;
	}
	nn_linear_fwd(&l->span, s->p, a->xbar, a->span, 1);
	for (size_t h = 0; h < l->h; h++) {
		a->span[h] = nn_sigmoid(a->span[h]) * (float)half;
		a->reach[h] = reach_of(l, a->span[h]);
	}
}

/* R m(t) = R + z - t where that is a part of the ramp, else 0. */
static float on_ramp(const struct nn_attn *l, float z, size_t t)
{
	const float at = l->ramp + z - (float)t;

	return at > 0.0F && at < l->ramp ? at : 0.0F;
}

void nn_span_fade(const struct nn_attn *l, const struct nn_attn_act *a, size_t h, float *fade)
{
	const size_t half = l->window / 2;

	for (size_t t = 0; t <= half; t++) {
		const float at = on_ramp(l, a->span[h], t);

		/* The scores are multiplied by 1 / sqrt(k) later. */
		fade[half + t] = at > 0.0F ? sqrtf((float)l->k) * logf(at / l->ramp) : 0.0F;
		fade[half - t] = fade[half + t];
	}
}

void nn_span_slope(const struct nn_attn *l, const struct nn_attn_act *a, size_t h, float *slope)
{
	const size_t half = l->window / 2;

	for (size_t t = 0; t <= half; t++) {
		const float at = on_ramp(l, a->span[h], t);

		/* The gradients of the scores have been multiplied by 1 / sqrt(k). */
		slope[half + t] = at > 0.0F ? sqrtf((float)l->k) / at : 0.0F;
		slope[half - t] = slope[half + t];
	}
}

void nn_span_bwd(const struct nn_attn *l, const struct nn_step *s, const struct nn_attn_act *a,
		 float *dspan, float *dxbar)
{
	const size_t reach = l->window / 2;
	const float half = (float)reach;

	for (size_t h = 0; h < l->h; h++) {
		const float u = a->span[h] / half;

		dspan[h] = (dspan[h] * half + s->gate_loss) * u * (1.0F - u);
	}
	nn_linear_bwd(&l->span, s->p, s->g, a->xbar, dspan, dxbar, 1);
}
