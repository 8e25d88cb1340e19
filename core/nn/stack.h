/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NN_STACK_H
#define NN_STACK_H

#include "core/nn/block.h"
#include "core/nn/embed.h"

/* What every encoder ends in: blocks over the tokens of one page, a norm, and rows that are means
 * of tokens.  x [n, d] tokens, y [rows, d]. */
struct nn_stack {
	size_t d, blocks;
	struct nn_block *block; /* [blocks], owned */
	struct nn_norm norm;
};

/* What pruning left of a block. */
struct nn_block_size {
	size_t heads, hidden;
};

struct nn_stack_shape {
	size_t d, heads, mlp, blocks; /* heads of d / heads channels, mlp * d hidden units */
	bool gated;
	float threshold;
	bool spanned;                     /* heads choose their spans in long inputs */
	const struct nn_block_size *size; /* [blocks]; NULL: every block is whole */
};

struct nn_stack_act {
	struct nn_bags rows;
	struct nn_block_act *block; /* [blocks] */
	struct nn_norm_act norm;
};

/* Registers "prefix.block.I" and "prefix.norm". */
void nn_stack_init(struct nn_stack *l, struct nn_params *ps, const char *prefix,
		   const struct nn_stack_shape *shape);
void nn_stack_free(struct nn_stack *l);
/* x [n, d] is changed, y [rows->n, d] overwritten. rows: the tokens of each row, in s->mem. */
void nn_stack_fwd(const struct nn_stack *l, const struct nn_step *s, struct nn_stack_act *a,
		  float *x, size_t n, const struct nn_bags *rows, float *y);
/* dx [n, d], zeroed by the caller, becomes the gradient of x as it came. */
void nn_stack_bwd(const struct nn_stack *l, const struct nn_step *s, const struct nn_stack_act *a,
		  const float *dy, float *dx, size_t n);

#endif
