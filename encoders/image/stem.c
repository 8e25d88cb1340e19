/* SPDX-License-Identifier: Apache-2.0
 * stem.c - pixels to tokens.
 *
 *   forward    x = GELU(conv_i(x)), i = 1 .. 3: 3 x 3, stride 2, channels -> 32 -> 64 -> d
 *   backward   each line read upwards.
 *
 * Early convolutions instead of patches: Xiao et al., "Early Convolutions Help Transformers See
 * Better" (2021), arXiv:2106.14881, section 5. */
#include "encoders/image/stem.h"

#include "core/tensor/rows.h"

#include <stdio.h>
#include <string.h>

void enc_stem_init(struct enc_stem *l, struct nn_params *ps, size_t size, size_t channels,
		   size_t width)
{
	const size_t out[ENC_STEM_CONVS] = { 32, 64, width };
	size_t in = channels;

	l->size = size;
	for (size_t i = 0; i < ENC_STEM_CONVS; i++) {
		char name[NN_NAME_SIZE];

		(void)snprintf(name, sizeof name, "image.stem.%zu", i);
		nn_conv_init(&l->conv[i], ps, name, in, out[i], 2);
		in = out[i];
	}
}

void enc_stem_fwd(const struct enc_stem *l, const struct nn_step *s, struct enc_stem_act *a,
		  const float *x, float *y)
{
	size_t side = l->size;

	for (size_t i = 0; i < ENC_STEM_CONVS; i++) {
		const size_t n = side / 2 * (side / 2) * l->conv[i].out;
		float *out = i + 1 < ENC_STEM_CONVS ? as_alloc(s->mem, n, sizeof *out) : y;

		a->h[i] = as_alloc(s->mem, n, sizeof *a->h[i]);
		nn_conv_fwd(&l->conv[i], s->p, &a->conv[i], s->mem, x, side, side, a->h[i]);
		tn_gelu(a->h[i], out, n);
		x = out;
		side /= 2;
	}
}

void enc_stem_bwd(const struct enc_stem *l, const struct nn_step *s, const struct enc_stem_act *a,
		  const float *dy)
{
	const size_t mark = s->mem->used;
	size_t side = l->size / ENC_STEM_STRIDE;

	for (size_t i = ENC_STEM_CONVS; i-- > 0;) {
		const size_t n = side * side * l->conv[i].out;
		const size_t below = 4 * side * side * l->conv[i].in;
		float *dh = as_zalloc(s->mem, n, sizeof *dh);
		float *dx = i > 0 ? as_zalloc(s->mem, below, sizeof *dx) : NULL;

		tn_gelu_bwd(a->h[i], dy, dh, n);
		nn_conv_bwd(&l->conv[i], s->p, s->g, &a->conv[i], s->mem, dh, dx);
		dy = dx;
		side *= 2;
	}
	as_arena_reset(s->mem, mark);
}
