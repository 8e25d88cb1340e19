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
	size_t width, bins;
	float cell_dropout;
	struct nn_embed names; /* [2 C + 1 + ENC_NAME_BUCKETS, width] as cells.h numbers them */
	size_t numbers;        /* offset of W [(C + 1) bins, width]; column C: all unknown ones */
	struct nn_embed words; /* [text_buckets, text_embed], or what is left of them */
	struct nn_linear in;   /* 2 text_embed -> width */
	struct nn_norm in_norm;
	struct nn_stack stack;
};

struct enc_table_act; /* what bwd needs, in step.mem */

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

#endif
