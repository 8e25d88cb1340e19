/* SPDX-License-Identifier: Apache-2.0
 * stem.h - pixels to tokens: a residual convolutional network. */
#ifndef ENC_IMAGE_STEM_H
#define ENC_IMAGE_STEM_H

#include "core/io/pruned.h"
#include "core/nn/conv.h"
#include "core/nn/gnorm.h"
#include "core/nn/linear.h"
#include "core/nn/step.h"

enum {
	ENC_STEM_STAGES = IO_STAGES,
	ENC_STEM_STRIDE = IO_STRIDE, /* pixels a side of one token */
};

/* Sizes of a stem. */
struct enc_stem_shape {
	size_t size;         /* pixels a side of the square, a multiple of ENC_STEM_STRIDE */
	size_t channels;     /* of a pixel */
	const size_t *stage; /* [ENC_STEM_STAGES] channels after it, multiples of NN_GROUPS */
	size_t width;
};

struct enc_stem {
	size_t size; /* pixels a side */
	struct nn_conv conv[ENC_STEM_STAGES];
	struct nn_gnorm norm[ENC_STEM_STAGES];
	struct nn_conv res[ENC_STEM_STAGES];       /* [0] unused */
	struct nn_gnorm res_norm[ENC_STEM_STAGES]; /* [0] unused */
	struct nn_linear out;
};

/* One norm and the GELU after it. */
struct enc_stem_turn {
	struct nn_gnorm_act norm;
	const float *h; /* between the two */
};

struct enc_stem_act {
	struct nn_conv_act conv[ENC_STEM_STAGES];
	struct nn_conv_act res[ENC_STEM_STAGES];
	struct enc_stem_turn turn[ENC_STEM_STAGES];
	struct enc_stem_turn res_turn[ENC_STEM_STAGES];
	const float *last; /* what the last stage gives */
};

/* Registers "image.stem.*". */
void enc_stem_init(struct enc_stem *l, struct nn_params *ps, const struct enc_stem_shape *shape);
/* x [size, size, channels] -> y [(size / 16)^2, width], overwritten. */
void enc_stem_fwd(const struct enc_stem *l, const struct nn_step *s, struct enc_stem_act *a,
		  const float *x, float *y);
/* Adds to s->g; the pixels get no gradient. */
void enc_stem_bwd(const struct enc_stem *l, const struct nn_step *s, const struct enc_stem_act *a,
		  const float *dy);

#endif
