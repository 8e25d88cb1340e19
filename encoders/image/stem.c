/* SPDX-License-Identifier: Apache-2.0
 * stem.c - pixels to tokens.
 *
 *   plain      x = GELU(conv_i(x)), i = 1 .. 3: 3 x 3, stride 2, channels -> 32 -> 64 -> d
 *   deep       h = conv_i(x)
 *              h = h + res_i(GELU(norm(h)))     i > 1: 3 x 3, stride 1
 *              x = GELU(norm_i(h))              norms over the channels of a place
 *   backward   each line read upwards.
 *
 * Early convolutions instead of patches: Xiao et al., "Early Convolutions Help Transformers See
 * Better" (2021), arXiv:2106.14881, section 5. Norm and activation before a residual convolution:
 * He, Zhang, Ren, Sun, "Identity mappings in deep residual networks" (2016), arXiv:1603.05027. */
#include "encoders/image/stem.h"

#include "core/tensor/rows.h"

#include <stdio.h>
#include <string.h>

void enc_stem_init(struct enc_stem *l, struct nn_params *ps, size_t size, size_t channels,
		   size_t width, bool deep)
{
	const size_t out[ENC_STEM_CONVS] = { 32, 64, width };
	size_t in = channels;

	*l = (struct enc_stem){ .size = size, .deep = deep };
	for (size_t i = 0; i < ENC_STEM_CONVS; i++) {
		char name[NN_NAME_SIZE];

		(void)snprintf(name, sizeof name, "image.stem.%zu", i);
		nn_conv_init(&l->conv[i], ps, name, in, out[i], 2);
		in = out[i];
		if (!deep) {
			continue;
		}
		(void)snprintf(name, sizeof name, "image.stem.%zu.norm", i);
		nn_norm_init(&l->norm[i], ps, name, in);
		if (i > 0) {
			(void)snprintf(name, sizeof name, "image.stem.%zu.res", i);
			nn_conv_init(&l->res[i], ps, name, in, in, 1);
			(void)snprintf(name, sizeof name, "image.stem.%zu.res.norm", i);
			nn_norm_init(&l->res_norm[i], ps, name, in);
		}
	}
}

/* y = GELU(norm(h)), without a norm where that is NULL. h, y [n, d]. */
static void turn_fwd(const struct nn_norm *norm, const struct nn_step *s, struct enc_stem_turn *a,
		     const float *h, float *y, size_t n, size_t d)
{
	a->h = h;
	if (norm != NULL) {
		float *normed = as_alloc(s->mem, n * d, sizeof *normed);

		nn_norm_fwd(norm, s->p, &a->norm, s->mem, h, normed, n);
		a->h = normed;
	}
	tn_gelu(a->h, y, n * d);
}

/* Adds to dh. */
static void turn_bwd(const struct nn_norm *norm, const struct nn_step *s,
		     const struct enc_stem_turn *a, const float *dy, float *dh, size_t n, size_t d)
{
	float *dnormed;

	if (norm == NULL) {
		tn_gelu_bwd(a->h, dy, dh, n * d);
		return;
	}
	dnormed = as_zalloc(s->mem, n * d, sizeof *dnormed);
	tn_gelu_bwd(a->h, dy, dnormed, n * d);
	nn_norm_bwd(norm, s->p, s->g, &a->norm, dnormed, dh, n);
}

/* h [side, side, d] += res(GELU(norm(h))) */
static void res_fwd(const struct enc_stem *l, const struct nn_step *s, struct enc_stem_act *a,
		    size_t i, float *h, size_t side)
{
	const size_t d = l->conv[i].out;
	float *x = as_alloc(s->mem, side * side * d, sizeof *x);
	float *y = as_alloc(s->mem, side * side * d, sizeof *y);

	turn_fwd(&l->res_norm[i], s, &a->res_turn[i], h, x, side * side, d);
	nn_conv_fwd(&l->res[i], s->p, &a->res[i], s->mem, x, side, side, y);
	tn_axpy(h, 1.0F, y, side * side * d);
}

static void res_bwd(const struct enc_stem *l, const struct nn_step *s, const struct enc_stem_act *a,
		    size_t i, float *dh, size_t side)
{
	const size_t d = l->conv[i].out;
	float *dx = as_zalloc(s->mem, side * side * d, sizeof *dx);

	nn_conv_bwd(&l->res[i], s->p, s->g, &a->res[i], s->mem, dh, dx);
	turn_bwd(&l->res_norm[i], s, &a->res_turn[i], dx, dh, side * side, d);
}

void enc_stem_fwd(const struct enc_stem *l, const struct nn_step *s, struct enc_stem_act *a,
		  const float *x, float *y)
{
	size_t side = l->size;

	for (size_t i = 0; i < ENC_STEM_CONVS; i++) {
		const size_t d = l->conv[i].out;
		const size_t n = side / 2 * (side / 2);
		float *out = i + 1 < ENC_STEM_CONVS ? as_alloc(s->mem, n * d, sizeof *out) : y;
		float *h = as_alloc(s->mem, n * d, sizeof *h);

		nn_conv_fwd(&l->conv[i], s->p, &a->conv[i], s->mem, x, side, side, h);
		side /= 2;
		if (l->deep && i > 0) {
			res_fwd(l, s, a, i, h, side);
		}
		turn_fwd(l->deep ? &l->norm[i] : NULL, s, &a->turn[i], h, out, n, d);
		x = out;
	}
}

void enc_stem_bwd(const struct enc_stem *l, const struct nn_step *s, const struct enc_stem_act *a,
		  const float *dy)
{
	const size_t mark = s->mem->used;
	size_t side = l->size / ENC_STEM_STRIDE;

	for (size_t i = ENC_STEM_CONVS; i-- > 0;) {
		const size_t d = l->conv[i].out;
		const size_t below = 4 * side * side * l->conv[i].in;
		float *dh = as_zalloc(s->mem, side * side * d, sizeof *dh);
		float *dx = i > 0 ? as_zalloc(s->mem, below, sizeof *dx) : NULL;

		turn_bwd(l->deep ? &l->norm[i] : NULL, s, &a->turn[i], dy, dh, side * side, d);
		if (l->deep && i > 0) {
			res_bwd(l, s, a, i, dh, side);
		}
		nn_conv_bwd(&l->conv[i], s->p, s->g, &a->conv[i], s->mem, dh, dx);
		dy = dx;
		side *= 2;
	}
	as_arena_reset(s->mem, mark);
}
