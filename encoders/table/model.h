/* SPDX-License-Identifier: Apache-2.0
 * model.h - the table encoder's network. */
#ifndef ENC_TABLE_MODEL_H
#define ENC_TABLE_MODEL_H

#include "core/io/pruned.h"
#include "core/io/task.h"
#include "core/nn/embed.h"
#include "core/nn/linear.h"
#include "core/nn/norm.h"
#include "core/nn/stack.h"
#include "core/nn/step.h"
#include "encoders/table/cells.h"

struct enc_table_model {
	size_t width, bins, columns;
	float cell_dropout;
	struct nn_embed names; /* [2 C + 1 + ENC_NAME_BUCKETS, width] as cells.h numbers them */
	size_t numbers;        /* offset of W [(C + 1) bins, width]; column C: all unknown ones */
	struct nn_embed words; /* [text_buckets, text_embed], or what is left of them */
	struct nn_linear in;   /* 2 text_embed -> width */
	struct nn_norm in_norm;
	struct nn_stack stack;
	/* after guess_open */
	struct nn_linear guess_words; /* width -> text_embed */
	size_t guess_w, guess_b;      /* offsets of [(C + 1) bins, width] and [(C + 1) bins] */
};

/* What bwd needs, in step.mem. */
struct enc_table_act {
	bool *gone;   /* [n] hidden cells; NULL: none */
	bool *hidden; /* rows to be guessed, all their cells are gone; NULL: none */
	struct nn_bags names;
	struct nn_bags words;
	float *pair; /* [words, 2 text_embed] */
	struct nn_norm_act in_norm;
	struct nn_stack_act stack;
};

/* Registers "table.*" for C known columns. pruned is borrowed as long as m. */
void enc_table_model_init(struct enc_table_model *m, struct nn_params *ps, const struct io_hyper *h,
			  size_t columns, const struct io_pruned *pruned);
void enc_table_model_free(struct enc_table_model *m);
/* rows [enc_chunk_rows(cells->n), width] is overwritten. */
void enc_table_model_fwd(const struct enc_table_model *m, const struct nn_step *s,
			 const struct enc_cells *cells, float *rows, struct enc_table_act **act);
/* Adds to s->g. */
void enc_table_model_bwd(const struct enc_table_model *m, const struct nn_step *s,
			 const struct enc_cells *cells, const float *drows,
			 struct enc_table_act *act);

/* As in encoders/kind.h: "guess.table". */
void enc_table_model_guess_open(struct enc_table_model *m, struct nn_params *ps);
double enc_table_model_guess(const struct enc_table_model *m, const struct nn_step *s,
			     const struct enc_cells *cells, const float *rows,
			     const struct enc_table_act *a, double weight, float *drows);

#endif
