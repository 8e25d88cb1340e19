/* SPDX-License-Identifier: Apache-2.0
 * model.c - pixels to rows.
 *
 *   forward    x = stem(augmented pixels) + position in the grid                 [g * g, d]
 *              x = block(x), blocks times
 *              row_r = mean of norm(x)_i over the tokens of cell r, f x f of them
 *
 *   backward   each line read upwards. */
#include "encoders/image/model.h"

#include "core/base/buf.h"
#include "core/nn/embed.h"
#include "core/nn/position.h"
#include "encoders/image/augment.h"
#include "encoders/kind.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct enc_image_act {
	struct enc_stem_act stem;
	struct nn_block_act *block; /* [blocks] */
	struct nn_norm_act norm;
	struct nn_bags cells;
};

void enc_image_model_init(struct enc_image_model *m, struct nn_params *ps, const struct io_hyper *h)
{
	*m = (struct enc_image_model){
		.width = h->width,
		.channels = h->image_colour == 1 ? 3 : 1,
		.grid = h->image_size / ENC_STEM_STRIDE,
		.blocks = h->image_blocks,
	};
	do {
		m->factor++;
		m->side = (m->grid + m->factor - 1) / m->factor;
	} while (m->side * m->side > ENC_ROWS_MAX);
	enc_stem_init(&m->stem, ps, h->image_size, m->channels, h->width);
	m->block = as_calloc(m->blocks, sizeof *m->block);
	for (size_t i = 0; i < m->blocks; i++) {
		char name[NN_NAME_SIZE];

		(void)snprintf(name, sizeof name, "image.block.%zu", i);
		nn_block_init(&m->block[i], ps, name, h->width, h->heads, h->mlp, h->gates == 1,
			      h->gate_threshold);
	}
	nn_norm_init(&m->norm, ps, "image.norm", h->width);
}

void enc_image_model_free(struct enc_image_model *m)
{
	free(m->block);
	*m = (struct enc_image_model){ 0 };
}

/* The tokens of every row's cell; nn_embed over them is the mean of each cell. */
static struct nn_bags cell_bags(const struct enc_image_model *m, struct as_arena *mem)
{
	uint32_t *start = as_alloc(mem, m->side * m->side + 1, sizeof *start);
	uint32_t *ids = as_alloc(mem, m->grid * m->grid, sizeof *ids);
	uint32_t n = 0;

	for (size_t r = 0; r < m->side * m->side; r++) {
		const size_t y0 = r / m->side * m->factor;
		const size_t x0 = r % m->side * m->factor;

		start[r] = n;
		for (size_t y = y0; y < y0 + m->factor && y < m->grid; y++) {
			for (size_t x = x0; x < x0 + m->factor && x < m->grid; x++) {
				ids[n++] = (uint32_t)(y * m->grid + x);
			}
		}
	}
	start[m->side * m->side] = n;
	return (struct nn_bags){ .n = m->side * m->side, .start = start, .ids = ids };
}

void enc_image_model_fwd(const struct enc_image_model *m, const struct nn_step *s, const float *x,
			 float *rows, struct enc_image_act **act)
{
	const size_t n = m->grid * m->grid;
	const size_t d = m->width;
	const size_t size = m->stem.size;
	struct enc_image_act *a = as_zalloc(s->mem, 1, sizeof *a);
	float *t = as_alloc(s->mem, n * d, sizeof *t);
	float *y = as_alloc(s->mem, n * d, sizeof *y);

	a->block = as_zalloc(s->mem, m->blocks, sizeof *a->block);
	if (s->rng != NULL) {
		float *view = as_alloc(s->mem, size * size * m->channels, sizeof *view);

		enc_augment(s->rng, x, view, size, m->channels);
		x = view;
	}
	enc_stem_fwd(&m->stem, s, &a->stem, x, t);
	nn_position_grid(t, m->grid, m->grid, d, 1.0F);
	for (size_t i = 0; i < m->blocks; i++) {
		const size_t mark = s->mem->used;

		nn_block_fwd(&m->block[i], s, &a->block[i], t, n);
		if (s->rng == NULL) {
			as_arena_reset(s->mem, mark);
		}
	}
	nn_norm_fwd(&m->norm, s->p, &a->norm, s->mem, t, y, n);
	a->cells = cell_bags(m, s->mem);
	nn_embed_fwd(&(struct nn_embed){ .rows = n, .d = d }, y, &a->cells, rows);
	*act = a;
}

void enc_image_model_bwd(const struct enc_image_model *m, const struct nn_step *s,
			 const float *drows, struct enc_image_act *a)
{
	const size_t n = m->grid * m->grid;
	const size_t d = m->width;
	const size_t mark = s->mem->used;
	float *dy = as_zalloc(s->mem, n * d, sizeof *dy);
	float *dx = as_zalloc(s->mem, n * d, sizeof *dx);

	nn_embed_bwd(&(struct nn_embed){ .rows = n, .d = d }, dy, &a->cells, drows);
	nn_norm_bwd(&m->norm, s->p, s->g, &a->norm, dy, dx, n);
	for (size_t i = m->blocks; i-- > 0;) {
		nn_block_bwd(&m->block[i], s, &a->block[i], dx);
	}
	enc_stem_bwd(&m->stem, s, &a->stem, dx);
	as_arena_reset(s->mem, mark);
}
