/* SPDX-License-Identifier: Apache-2.0
 * attn_bwd.c - the backward pass of dynamic attention; its equations are in attn.c. */
#include "core/nn/attn.h"
#include "core/nn/band.h"
#include "core/tensor/gemm.h"
#include "core/tensor/rows.h"

#include <math.h>
#include <string.h>

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
