/* SPDX-License-Identifier: Apache-2.0
 * model.h - the text encoder's network. */
#ifndef ENC_TEXT_MODEL_H
#define ENC_TEXT_MODEL_H

#include "core/io/pruned.h"
#include "core/io/task.h"
#include "core/nn/embed.h"
#include "core/nn/linear.h"
#include "core/nn/norm.h"
#include "core/nn/stack.h"
#include "core/nn/step.h"

struct enc_text_model {
	size_t width;
	struct nn_linear guess; /* width -> text_embed; after guess_open */
	float word_dropout;
	struct nn_embed embed; /* [text_buckets, text_embed], or what is left of them */
	struct nn_linear in;   /* text_embed -> width */
	struct nn_norm in_norm;
	struct nn_stack stack;
};

/* What bwd needs, in step.mem. */
struct enc_text_act {
	float *words; /* [n, e] */
	bool *gone;   /* [n] dropped words; NULL: none */
	bool *hidden; /* rows to be guessed, all their words are gone; NULL: none */
	struct nn_norm_act in_norm;
	struct nn_stack_act stack;
};

/* Registers "text.*". pruned is borrowed as long as m. */
void enc_text_model_init(struct enc_text_model *m, struct nn_params *ps, const struct io_hyper *h,
			 const struct io_pruned *pruned);
void enc_text_model_free(struct enc_text_model *m);
/* bags: one a word; rows [enc_chunk_rows(bags->n), width] is overwritten. */
void enc_text_model_fwd(const struct enc_text_model *m, const struct nn_step *s,
			const struct nn_bags *bags, float *rows, struct enc_text_act **act);
/* Adds to s->g. */
void enc_text_model_bwd(const struct enc_text_model *m, const struct nn_step *s,
			const struct nn_bags *bags, const float *drows, struct enc_text_act *act);

/* As in encoders/kind.h: "guess.text". */
void enc_text_model_guess_open(struct enc_text_model *m, struct nn_params *ps);
double enc_text_model_guess(const struct enc_text_model *m, const struct nn_step *s,
			    const struct nn_bags *bags, const float *rows,
			    const struct enc_text_act *a, double weight, float *drows);

#endif
