/* SPDX-License-Identifier: Apache-2.0
 * stem.h - pixels to tokens: three strided convolutions, plain or with norms and residual ones. */
#ifndef ENC_IMAGE_STEM_H
#define ENC_IMAGE_STEM_H

#include "core/nn/conv.h"
#include "core/nn/norm.h"
#include "core/nn/step.h"

#include <stdbool.h>

enum {
	ENC_STEM_CONVS = 3,
	ENC_STEM_STRIDE = 8, /* pixels a side of one token */
};

struct enc_stem {
	size_t size; /* pixels a side of the square, a multiple of ENC_STEM_STRIDE */
	bool deep;   /* with norms and, from the second stage on, residual convolutions */
	struct nn_conv conv[ENC_STEM_CONVS];
	struct nn_norm norm[ENC_STEM_CONVS];     /* deep only */
	struct nn_conv res[ENC_STEM_CONVS];      /* deep only, [0] unused */
	struct nn_norm res_norm[ENC_STEM_CONVS]; /* deep only, [0] unused */
};

/* One GELU, and the norm before it. */
struct enc_stem_turn {
	struct nn_norm_act norm;
	const float *h; /* before GELU */
};

struct enc_stem_act {
	struct nn_conv_act conv[ENC_STEM_CONVS];
	struct nn_conv_act res[ENC_STEM_CONVS];
	struct enc_stem_turn turn[ENC_STEM_CONVS];
	struct enc_stem_turn res_turn[ENC_STEM_CONVS];
};

/* Registers "image.stem.*". */
void enc_stem_init(struct enc_stem *l, struct nn_params *ps, size_t size, size_t channels,
		   size_t width, bool deep);
/* x [size, size, channels] -> y [(size / 8)^2, width], overwritten. */
void enc_stem_fwd(const struct enc_stem *l, const struct nn_step *s, struct enc_stem_act *a,
		  const float *x, float *y);
/* Adds to s->g; the pixels get no gradient. */
void enc_stem_bwd(const struct enc_stem *l, const struct nn_step *s, const struct enc_stem_act *a,
		  const float *dy);

#endif
