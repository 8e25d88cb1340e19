/* SPDX-License-Identifier: Apache-2.0
 * stem.c - pixels to tokens.
 *
 *   forward    h = conv_i(x)                    i = 1 .. 4: 3 x 3, stride 2
 *              h = h + res_i(GELU(norm(h)))     i > 1: 3 x 3, stride 1
 *              x = GELU(norm_i(h))              group norms
 *              y = x W' + b                     of every place, after the last
 *   backward   each line read upwards.
 *
 * Norm and activation before a residual convolution: He, Zhang, Ren, Sun, "Identity Mappings in
 * Deep Residual Networks" (2016), arXiv:1603.05027. Group norms on standardised convolutions:
 * Kolesnikov et al., "Big Transfer (BiT): General Visual Representation Learning" (2020),
 * arXiv:1912.11370, section 3.1. */
#include "encoders/image/stem.h"

#include "core/tensor/rows.h"

#include <stdio.h>
#include <string.h>

void enc_stem_init(struct enc_stem *l, struct nn_params *ps, const struct enc_stem_shape *shape)
{
	size_t in = shape->channels;

	*l = (struct enc_stem){ .size = shape->size };
	for (size_t i = 0; i < ENC_STEM_STAGES; i++) {
		const size_t out = shape->stage[i];
		char name[NN_NAME_SIZE];

		(void)snprintf(name, sizeof name, "image.stem.%zu", i);
		nn_conv_init(&l->conv[i], ps, name, in, out, 2);
		(void)snprintf(name, sizeof name, "image.stem.%zu.norm", i);
		nn_gnorm_init(&l->norm[i], ps, name, out);
		if (i > 0) {
			(void)snprintf(name, sizeof name, "image.stem.%zu.res", i);
			nn_conv_init(&l->res[i], ps, name, out, out, 1);
			(void)snprintf(name, sizeof name, "image.stem.%zu.res.norm", i);
			nn_gnorm_init(&l->res_norm[i], ps, name, out);
		}
		in = out;
	}
	nn_linear_init(&l->out, ps, "image.stem.out", in, shape->width, true, 1.0F);
}

/* y = GELU(norm(h)). h, y [n, d]. */
static void turn_fwd(const struct nn_gnorm *norm, const struct nn_step *s, struct enc_stem_turn *a,
		     const float *h, float *y, size_t n)
{
	float *normed = as_alloc(s->mem, n * norm->d, sizeof *normed);

	nn_gnorm_fwd(norm, s->p, &a->norm, nn_step_keeps(s), s->mem, h, normed, n);
	tn_gelu(normed, y, n * norm->d);
	a->h = normed;
}

/* Adds to dh. */
static void turn_bwd(const struct nn_gnorm *norm, const struct nn_step *s,
		     const struct enc_stem_turn *a, const float *dy, float *dh, size_t n)
{
	float *dnormed = as_zalloc(s->mem, n * norm->d, sizeof *dnormed);

	tn_gelu_bwd(a->h, dy, dnormed, n * norm->d);
	nn_gnorm_bwd(norm, s->p, s->g, &a->norm, s->mem, dnormed, dh, n);
}

/* h [side, side, d] += res(GELU(norm(h))) */
static void res_fwd(const struct enc_stem *l, const struct nn_step *s, struct enc_stem_act *a,
		    size_t i, float *h, size_t side)
{
	const size_t d = l->conv[i].out;
	float *x = as_alloc(s->mem, side * side * d, sizeof *x);
	float *y = as_alloc(s->mem, side * side * d, sizeof *y);

	turn_fwd(&l->res_norm[i], s, &a->res_turn[i], h, x, side * side);
	nn_conv_fwd(&l->res[i], s->p, &a->res[i], s->mem, x, side, side, y);
	tn_axpy(h, 1.0F, y, side * side * d);
}

static void res_bwd(const struct enc_stem *l, const struct nn_step *s, const struct enc_stem_act *a,
		    size_t i, float *dh, size_t side)
{
	const size_t d = l->conv[i].out;
	float *dx = as_zalloc(s->mem, side * side * d, sizeof *dx);

	nn_conv_bwd(&l->res[i], s->p, s->g, &a->res[i], s->mem, dh, dx);
	turn_bwd(&l->res_norm[i], s, &a->res_turn[i], dx, dh, side * side);
}

void enc_stem_fwd(const struct enc_stem *l, const struct nn_step *s, struct enc_stem_act *a,
		  const float *x, float *y)
{
	size_t side = l->size;

	for (size_t i = 0; i < ENC_STEM_STAGES; i++) {
		const size_t d = l->conv[i].out;
		const size_t n = side / 2 * (side / 2);
		float *out = as_alloc(s->mem, n * d, sizeof *out);
		float *h = as_alloc(s->mem, n * d, sizeof *h);

		nn_conv_fwd(&l->conv[i], s->p, &a->conv[i], s->mem, x, side, side, h);
		side /= 2;
		if (i > 0) {
			res_fwd(l, s, a, i, h, side);
		}
		turn_fwd(&l->norm[i], s, &a->turn[i], h, out, n);
		x = out;
	}
	a->last = x;
	nn_linear_fwd(&l->out, s->p, x, y, side * side);
}

void enc_stem_bwd(const struct enc_stem *l, const struct nn_step *s, const struct enc_stem_act *a,
		  const float *dy)
{
	const size_t mark = s->mem->used;
	size_t side = l->size / ENC_STEM_STRIDE;
	float *dx = as_zalloc(s->mem, side * side * l->out.in, sizeof *dx);

	nn_linear_bwd(&l->out, s->p, s->g, a->last, dy, dx, side * side);
	for (size_t i = ENC_STEM_STAGES; i-- > 0;) {
		const size_t d = l->conv[i].out;
		const size_t below = 4 * side * side * l->conv[i].in;
		float *dh = as_zalloc(s->mem, side * side * d, sizeof *dh);

		turn_bwd(&l->norm[i], s, &a->turn[i], dx, dh, side * side);
		if (i > 0) {
			res_bwd(l, s, a, i, dh, side);
		}
		dx = i > 0 ? as_zalloc(s->mem, below, sizeof *dx) : NULL;
		nn_conv_bwd(&l->conv[i], s->p, s->g, &a->conv[i], s->mem, dh, dx);
		side *= 2;
	}
	as_arena_reset(s->mem, mark);
}
