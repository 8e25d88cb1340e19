/* SPDX-License-Identifier: Apache-2.0
 * block.c - one attention block, normed before each half.
 *
 *   forward    x += drop(Attn(norm1(x)))
 *              x += drop(GELU(norm2(x) W_up' + b) W_down' + b)
 *
 *   backward   each line read upwards; the residual passes dx through unchanged.
 *
 * Xiong et al., "On Layer Normalization in the Transformer Architecture" (2020), arXiv:2002.04745,
 * figure 1 (b). */
#include "core/nn/block.h"

#include "core/nn/drop.h"
#include "core/nn/team.h"
#include "core/tensor/q8.h"
#include "core/tensor/rows.h"

#include <stdio.h>
#include <string.h>

enum { ROWS = 120 }; /* of the MLP at a time, in inference */

void nn_block_init(struct nn_block *b, struct nn_params *ps, const char *prefix,
		   const struct nn_block_shape *shape)
{
	const size_t d = shape->d;
	char name[NN_NAME_SIZE];

	(void)snprintf(name, sizeof name, "%s.norm1", prefix);
	nn_norm_init(&b->norm1, ps, name, d);
	(void)snprintf(name, sizeof name, "%s.attn", prefix);
	nn_attn_init(&b->attn, ps, name, d, shape->heads, shape->k, shape->gated, shape->threshold);
	if (shape->spanned) {
		nn_attn_span(&b->attn, ps, name);
	}
	(void)snprintf(name, sizeof name, "%s.norm2", prefix);
	nn_norm_init(&b->norm2, ps, name, d);
	(void)snprintf(name, sizeof name, "%s.up", prefix);
	nn_linear_init(&b->up, ps, name, d, shape->hidden, true, 1.0F);
	(void)snprintf(name, sizeof name, "%s.down", prefix);
	nn_linear_init(&b->down, ps, name, shape->hidden, d, true, 1.0F);
}

/* x += drop(Attn(norm1(x))) */
static void attn_fwd(const struct nn_block *b, const struct nn_step *s, struct nn_block_act *a,
		     float *x, size_t n)
{
	const size_t size = n * b->norm1.d;
	float *y = as_alloc(s->mem, size, sizeof *y);

	a->x1 = as_alloc(s->mem, size, sizeof *a->x1);
	nn_norm_fwd(&b->norm1, s->p, &a->norm1, s->mem, x, a->x1, n);
	nn_attn_fwd(&b->attn, s, &a->attn, a->x1, y, n);
	a->keep1 = nn_drop_fwd(s, y, size);
	tn_axpy(x, 1.0F, y, size);
}

/* x += drop(GELU(norm2(x) W_up' + b) W_down' + b) */
static void mlp_fwd(const struct nn_block *b, const struct nn_step *s, struct nn_block_act *a,
		    float *x, size_t n)
{
	const size_t size = n * b->norm2.d;
	const size_t wide = n * b->up.out;
	float *y = as_alloc(s->mem, size, sizeof *y);

	a->x2 = as_alloc(s->mem, size, sizeof *a->x2);
	a->h = as_alloc(s->mem, wide, sizeof *a->h);
	a->a = as_alloc(s->mem, wide, sizeof *a->a);
	nn_norm_fwd(&b->norm2, s->p, nn_step_keeps(s) ? &a->norm2 : NULL, s->mem, x, a->x2, n);
	nn_linear_fwd(&b->up, s->p, a->x2, a->h, n);
	tn_gelu(a->h, a->a, wide);
	nn_linear_fwd(&b->down, s->p, a->a, y, n);
	a->keep2 = nn_drop_fwd(s, y, size);
	tn_axpy(x, 1.0F, y, size);
}

/* The same in int8: what GELU gives is quantised where it is made. */
static void mlp_q8(const struct nn_block *b, const struct nn_step *s, float *x, size_t n)
{
	const size_t d = b->norm2.d;
	float *y = as_alloc(s->mem, n * d, sizeof *y);
	float *h = as_alloc(s->mem, n * b->up.out, sizeof *h);
	float *scale = as_alloc(s->mem, n, sizeof *scale);
	uint8_t *q = as_alloc(s->mem, n, b->up.out);

	nn_norm_fwd(&b->norm2, s->p, NULL, s->mem, x, y, n);
	nn_linear_fwd(&b->up, s->p, y, h, n);
	tn_gelu_q8(h, q, scale, n, b->up.out);
	tn_q8_run(b->down.laid.q8, &(struct tn_q8_left){ q, b->up.out, scale }, s->p + b->down.b, y,
		  n);
	tn_axpy(x, 1.0F, y, n * d);
}

static bool mlp_in_q8(const struct nn_block *b)
{
	return b->up.laid.q8 != NULL && b->down.laid.q8 != NULL && b->up.out % TN_STEP == 0;
}

/* An inference's rows are independent but in attention. */
struct rows {
	const struct nn_block *b;
	float *x, *y; /* y: norm1(x), later what attention made of it */
	float *x1;
};

static void norm_rows(void *ctx, const struct nn_step *s, size_t i0, size_t i1)
{
	const struct rows *r = ctx;
	const size_t d = r->b->norm1.d;

	nn_norm_fwd(&r->b->norm1, s->p, NULL, s->mem, r->x + i0 * d, r->x1 + i0 * d, i1 - i0);
}

/* x += y and the MLP's half. */
static void rest_rows(void *ctx, const struct nn_step *s, size_t i0, size_t i1)
{
	const struct rows *r = ctx;
	const size_t d = r->b->norm2.d;
	struct nn_block_act a;

	tn_axpy(r->x + i0 * d, 1.0F, r->y + i0 * d, (i1 - i0) * d);
	if (mlp_in_q8(r->b)) {
		mlp_q8(r->b, s, r->x + i0 * d, i1 - i0);
	} else {
		mlp_fwd(r->b, s, &a, r->x + i0 * d, i1 - i0);
	}
}

static double now(const struct nn_step *s)
{
	return s->heads != NULL && s->heads->clock != NULL ? s->heads->clock() : 0.0;
}

/* A long input needs the hidden layer of a few rows at a time. */
static void serve(const struct nn_block *b, const struct nn_step *s, struct nn_block_act *a,
		  float *x, size_t n)
{
	struct rows r = { .b = b, .x = x };
	const double from = now(s);
	const size_t share = nn_team_share(s, n);
	size_t mark;

	r.y = as_alloc(s->mem, n * b->norm1.d, sizeof *r.y);
	mark = s->mem->used;
	r.x1 = as_alloc(s->mem, n * b->norm1.d, sizeof *r.x1);
	nn_team_run(s, n, share, norm_rows, &r);
	nn_attn_fwd(&b->attn, s, &a->attn, r.x1, r.y, n);
	as_arena_reset(s->mem, mark);
	if (s->heads != NULL) {
		s->heads->seconds += now(s) - from;
	}
	nn_team_run(s, n, share < ROWS ? share : ROWS, rest_rows, &r);
}

void nn_block_fwd(const struct nn_block *b, const struct nn_step *s, struct nn_block_act *a,
		  float *x, size_t n)
{
	const size_t mark = s->mem->used;

	a->n = n;
	if (nn_step_keeps(s)) {
		attn_fwd(b, s, a, x, n);
		mlp_fwd(b, s, a, x, n);
		return;
	}
	serve(b, s, a, x, n);
	as_arena_reset(s->mem, mark);
	*a = (struct nn_block_act){ .n = n, .attn = { .n = n, .opened = a->attn.opened } };
}

void nn_block_bwd(const struct nn_block *b, const struct nn_step *s, const struct nn_block_act *a,
		  float *dx)
{
	const size_t mark = s->mem->used;
	const size_t size = a->n * b->norm1.d;
	const size_t wide = a->n * b->up.out;
	float *dy = as_alloc(s->mem, size, sizeof *dy);
	float *dn = as_zalloc(s->mem, size, sizeof *dn);
	float *da = as_zalloc(s->mem, wide, sizeof *da);
	float *dh = as_zalloc(s->mem, wide, sizeof *dh);

	memcpy(dy, dx, size * sizeof *dy);
	nn_drop_bwd(a->keep2, dy, size);
	nn_linear_bwd(&b->down, s->p, s->g, a->a, dy, da, a->n);
	tn_gelu_bwd(a->h, da, dh, wide);
	nn_linear_bwd(&b->up, s->p, s->g, a->x2, dh, dn, a->n);
	nn_norm_bwd(&b->norm2, s->p, s->g, &a->norm2, dn, dx, a->n);

	memcpy(dy, dx, size * sizeof *dy);
	memset(dn, 0, size * sizeof *dn);
	nn_drop_bwd(a->keep1, dy, size);
	nn_attn_bwd(&b->attn, s, &a->attn, dy, dn);
	nn_norm_bwd(&b->norm1, s->p, s->g, &a->norm1, dn, dx, a->n);
	as_arena_reset(s->mem, mark);
}
