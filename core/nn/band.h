/* SPDX-License-Identifier: Apache-2.0
 * band.h - which keys a query row of attention sees, and in long inputs how much of them: shared by
 * attn.c and attn_q8.c. */
#ifndef NN_BAND_H
#define NN_BAND_H

#include "core/nn/attn.h"

/* Query rows [i0, i1) see keys [0, near) and [j0, j1); in a band a row sees of the latter only
 * those at most `reach` away. */
struct nn_tile {
	size_t i0, i1;
	size_t near, j0, j1;
	size_t reach;
	bool band;
};

static inline size_t nn_tile_keys(const struct nn_tile *t)
{
	return t->near + t->j1 - t->j0;
}

/* The tile that starts at query row i0 of n, of a head that sees `reach` tokens each way. */
struct nn_tile nn_tile_at(const struct nn_attn *l, size_t reach, size_t i0, size_t n);
/* Floats of the scores of one head, at most; *most gets those of a tile, at most. */
size_t nn_tile_scores(const struct nn_attn *l, size_t n, size_t *most);
/* Keys of a tile of n rows, at most; *rows gets its rows, at most. */
size_t nn_tile_most(const struct nn_attn *l, size_t n, size_t *rows);
/* In a band: scores of keys out of reach become those of no key, the others get their fade (NULL:
 * none). out [i1 - i0, keys], rows ld apart. */
void nn_tile_mask(const struct nn_attn *l, const struct nn_tile *t, const float *fade, float *out,
		  size_t ld);
/* The first head after h0 that is not as open as h0. */
size_t nn_attn_run(const struct nn_attn *l, const struct nn_attn_act *a, size_t h0);
/* The keys [*j0, *j1) among the tile's [j0, j1) that row i of a band sees: i is one of them. */
void nn_tile_sees(const struct nn_tile *t, size_t i, size_t *j0, size_t *j1);

/* Does the layer choose spans for n tokens? */
static inline bool nn_span_on(const struct nn_attn *l, size_t n)
{
	return l->spanned && n > l->full;
}

/* Numbers of a table by distance: from window / 2 before a token to window / 2 after it. */
static inline size_t nn_span_table(const struct nn_attn *l)
{
	return l->window / 2 * 2 + 1;
}

/* From xbar: a->span and a->reach of every head; the whole band where the layer chooses none. */
void nn_span_fwd(const struct nn_attn *l, const struct nn_step *s, struct nn_attn_act *a);
/* fade: what is added to the scores of head h before they are scaled, by distance. */
void nn_span_fade(const struct nn_attn *l, const struct nn_attn_act *a, size_t h, float *fade);
/* slope: by what each gradient of a score of head h weighs in that of its span, by distance. */
void nn_span_slope(const struct nn_attn *l, const struct nn_attn_act *a, size_t h, float *slope);
/* dspan [h], the gradients of the spans, becomes those of the gate's sums; dxbar is added to. */
void nn_span_bwd(const struct nn_attn *l, const struct nn_step *s, const struct nn_attn_act *a,
		 float *dspan, float *dxbar);

#endif
