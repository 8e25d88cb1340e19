/* SPDX-License-Identifier: Apache-2.0
 * model.h - the image encoder's network. */
#ifndef ENC_IMAGE_MODEL_H
#define ENC_IMAGE_MODEL_H

#include "core/io/pruned.h"
#include "core/io/task.h"
#include "core/nn/linear.h"
#include "core/nn/norm.h"
#include "core/nn/stack.h"
#include "core/nn/step.h"
#include "encoders/image/stem.h"

struct enc_image_model {
	size_t width, channels;
	size_t grid;   /* tokens a side */
	size_t factor; /* tokens a side of one row's cell: the least with at most 64 rows */
	size_t side;   /* rows a side, ceil(grid / factor) */
	float warp;    /* of training pictures */
	struct enc_stem stem;
	struct nn_stack stack;
	struct nn_linear guess; /* width -> ENC_GUESS_SIDE^2 channels; after guess_open */
};

enum { ENC_GUESS_SIDE = 8 }; /* points a side that are said of a hidden cell */

/* What bwd needs, in step.mem. */
struct enc_image_act {
	struct enc_stem_act stem;
	struct nn_stack_act stack;
	bool *hidden;      /* rows to be guessed, their pixels are 0; NULL: none */
	const float *view; /* the picture before they were */
};

/* Registers "image.*". */
void enc_image_model_init(struct enc_image_model *m, struct nn_params *ps, const struct io_hyper *h,
			  const struct io_pruned *pruned);
void enc_image_model_free(struct enc_image_model *m);
/* x [image_size, image_size, channels]; rows [side * side, width] is overwritten. */
void enc_image_model_fwd(const struct enc_image_model *m, const struct nn_step *s, const float *x,
			 float *rows, struct enc_image_act **act);
/* Adds to s->g. */
void enc_image_model_bwd(const struct enc_image_model *m, const struct nn_step *s,
			 const float *drows, struct enc_image_act *act);

/* As in encoders/kind.h: "guess.image". */
void enc_image_model_guess_open(struct enc_image_model *m, struct nn_params *ps);
double enc_image_model_guess(const struct enc_image_model *m, const struct nn_step *s,
			     const float *rows, const struct enc_image_act *a, double weight,
			     float *drows);

#endif
