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
#include "encoders/image/pixels.h"
#include "encoders/image/stem.h"
#include "encoders/image/texture.h"

struct enc_image_model {
	size_t width, channels;
	size_t size;   /* pixels a side */
	size_t grid;   /* tokens a side */
	size_t factor; /* tokens a side of one row's cell: the least with at most 64 rows in all */
	size_t side; /* rows of cells a side, ceil(grid / factor); 0: no cells, no stem, no stack */
	float warp;  /* of training pictures */
	size_t views;  /* of a picture that is judged; its cells' rows are their mean */
	bool textured; /* a row more */
	struct enc_stem stem;
	struct nn_stack stack;
	struct enc_texture texture;
	struct nn_linear guess; /* width -> ENC_GUESS_SIDE^2 channels; after guess_open */
};

enum { ENC_GUESS_SIDE = 8 }; /* points a side that are said of a hidden cell */

/* What bwd needs, in step.mem. */
struct enc_image_act {
	struct enc_stem_act stem;
	struct nn_stack_act stack;
	struct enc_texture_act texture;
	bool *hidden;      /* rows to be guessed, their pixels are 0; NULL: none */
	const float *view; /* the picture before they were */
};

/* Registers "image.*". pruned is borrowed as long as m. */
void enc_image_model_init(struct enc_image_model *m, struct nn_params *ps, const struct io_hyper *h,
			  const struct io_pruned *pruned);
void enc_image_model_free(struct enc_image_model *m);
/* Rows that a picture gives: those of its cells, then that of its texture. */
size_t enc_image_model_rows(const struct enc_image_model *m);
/* px: of image_size, with its texture where the model is textured; rows [enc_image_model_rows,
 * width] is overwritten. */
void enc_image_model_fwd(const struct enc_image_model *m, const struct nn_step *s,
			 const struct enc_pixels *px, float *rows, struct enc_image_act **act);
/* Adds to s->g. */
void enc_image_model_bwd(const struct enc_image_model *m, const struct nn_step *s,
			 const float *drows, struct enc_image_act *act);

/* As in encoders/kind.h: "guess.image". */
void enc_image_model_guess_open(struct enc_image_model *m, struct nn_params *ps);
double enc_image_model_guess(const struct enc_image_model *m, const struct nn_step *s,
			     const float *rows, const struct enc_image_act *a, double weight,
			     float *drows);

#endif
