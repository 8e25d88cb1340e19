/* SPDX-License-Identifier: Apache-2.0
 * stack.c - blocks, a norm, and means.
 *
 *   forward    x = block(x), blocks times
 *              y_r = mean of norm(x)_i over the tokens i of row r
 *
 *   backward   each line read upwards. */
#include "core/nn/stack.h"

#include "core/base/buf.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

void nn_stack_init(struct nn_stack *l, struct nn_params *ps, const char *prefix,
		   const struct nn_stack_shape *shape)
{
	char name[NN_NAME_SIZE];

	assert(shape->d % shape->heads == 0);
	*l = (struct nn_stack){ .d = shape->d,
				.blocks = shape->blocks,
				.block = as_calloc(shape->blocks, sizeof *l->block) };
	for (size_t i = 0; i < l->blocks; i++) {
		(void)snprintf(name, sizeof name, "%s.block.%zu", prefix, i);
		nn_block_init(
		    &l->block[i], ps, name,
		    &(struct nn_block_shape){
			.d = shape->d,
			.k = shape->d / shape->heads,
			.heads = shape->size != NULL ? shape->size[i].heads : shape->heads,
			.hidden =
			    shape->size != NULL ? shape->size[i].hidden : shape->mlp * shape->d,
			.gated = shape->gated,
			.threshold = shape->threshold,
			.spanned = shape->spanned,
		    });
	}
	(void)snprintf(name, sizeof name, "%s.norm", prefix);
	nn_norm_init(&l->norm, ps, name, l->d);
}

void nn_stack_free(struct nn_stack *l)
{
	free(l->block);
	*l = (struct nn_stack){ 0 };
}

void nn_stack_fwd(const struct nn_stack *l, const struct nn_step *s, struct nn_stack_act *a,
		  float *x, size_t n, const struct nn_bags *rows, float *y)
{
	float *normed = as_alloc(s->mem, n * l->d, sizeof *normed);

	a->rows = *rows;
	a->block = as_zalloc(s->mem, l->blocks, sizeof *a->block);
	for (size_t i = 0; i < l->blocks; i++) {
		const size_t mark = s->mem->used;

		nn_block_fwd(&l->block[i], s, &a->block[i], x, n);
		if (!nn_step_keeps(s)) {
			as_arena_reset(s->mem, mark);
		}
	}
	nn_norm_fwd(&l->norm, s->p, nn_step_keeps(s) ? &a->norm : NULL, s->mem, x, normed, n);
	nn_embed_fwd(&(struct nn_embed){ .rows = n, .d = l->d }, normed, rows, y);
}

void nn_stack_bwd(const struct nn_stack *l, const struct nn_step *s, const struct nn_stack_act *a,
		  const float *dy, float *dx, size_t n)
{
	const size_t mark = s->mem->used;
	float *dnormed = as_zalloc(s->mem, n * l->d, sizeof *dnormed);

	nn_embed_bwd(&(struct nn_embed){ .rows = n, .d = l->d }, dnormed, &a->rows, dy);
	nn_norm_bwd(&l->norm, s->p, s->g, &a->norm, dnormed, dx, n);
	for (size_t i = l->blocks; i-- > 0;) {
		nn_block_bwd(&l->block[i], s, &a->block[i], dx);
	}
	as_arena_reset(s->mem, mark);
}
