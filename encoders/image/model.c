/* SPDX-License-Identifier: Apache-2.0
 * model.c - pixels to rows.
 *
 *   forward    x = stem(augmented pixels) + position in the grid                 [g * g, d]
 *              x = block(x), blocks times
 *              row_r = mean of norm(x)_i over the tokens of cell r, f x f of them
 *              one row more: of the view's texture
 *
 *   backward   each line read upwards. */
#include "encoders/image/model.h"

#include "core/nn/embed.h"
#include "core/nn/position.h"
#include "encoders/hidden.h"
#include "encoders/image/augment.h"
#include "encoders/image/scatter.h"
#include "encoders/kind.h"

#include <string.h>

static const float HIDDEN = 0.4F; /* of the rows, in pretraining */

static void init_cells(struct enc_image_model *m, struct nn_params *ps, const struct io_hyper *h,
		       const struct io_pruned *pruned)
{
	do {
		m->factor++;
		m->side = (m->grid + m->factor - 1) / m->factor;
	} while (enc_image_model_rows(m) > ENC_ROWS_MAX);
	enc_stem_init(&m->stem, ps,
		      &(struct enc_stem_shape){ .size = m->size,
						.channels = m->channels,
						.stage = pruned->channels,
						.width = m->width });
	nn_stack_init(&m->stack, ps, "image",
		      &(struct nn_stack_shape){ .d = h->width,
						.heads = h->heads,
						.mlp = h->mlp,
						.blocks = h->image_blocks,
						.gated = h->gates == 1,
						.threshold = h->gate_threshold,
						.size = pruned->size });
}

void enc_image_model_init(struct enc_image_model *m, struct nn_params *ps, const struct io_hyper *h,
			  const struct io_pruned *pruned)
{
	*m = (struct enc_image_model){
		.width = h->width,
		.channels = h->image_colour == 1 ? 3 : 1,
		.size = h->image_size,
		.grid = h->image_size / ENC_STEM_STRIDE,
		.warp = h->image_warp,
		.views = h->image_views,
		.textured = h->image_texture == 1,
	};
	if (h->image_cells == 1) {
		init_cells(m, ps, h, pruned);
	}
	if (m->textured) {
		enc_texture_init(&m->texture, ps, h->width, pruned);
	}
}

size_t enc_image_model_rows(const struct enc_image_model *m)
{
	return m->side * m->side + m->textured;
}

void enc_image_model_free(struct enc_image_model *m)
{
	nn_stack_free(&m->stack);
	*m = (struct enc_image_model){ 0 };
}

/* The tokens of every row's cell; nn_embed over them is the mean of each cell. mirrored: of a view
 * that is, where it shows the cell. */
static struct nn_bags cell_bags(const struct enc_image_model *m, struct as_arena *mem,
				bool mirrored)
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
				ids[n++] =
				    (uint32_t)(y * m->grid + (mirrored ? m->grid - 1 - x : x));
			}
		}
	}
	start[m->side * m->side] = n;
	return (struct nn_bags){ .n = m->side * m->side, .start = start, .ids = ids };
}

/* A copy whose hidden cells are 0, the mean of a picture. */
static float *blank(const struct enc_image_model *m, struct as_arena *mem, const float *x,
		    const bool *hidden)
{
	const size_t size = m->size;
	const size_t cell = m->factor * ENC_STEM_STRIDE;
	float *y = as_alloc(mem, size * size * m->channels, sizeof *y);

	for (size_t i = 0; i < size * size; i++) {
		const size_t r = i / size / cell * m->side + i % size / cell;

		for (size_t c = 0; c < m->channels; c++) {
			y[i * m->channels + c] = hidden[r] ? 0.0F : x[i * m->channels + c];
		}
	}
	return y;
}

/* The texture of what the net sees; px has that of the picture itself. */
static const float *texture_of(const struct enc_image_model *m, struct as_arena *mem,
			       const struct enc_pixels *px, const float *x)
{
	float *y;
	size_t mark;

	if (x == px->v) {
		return px->texture;
	}
	y = as_alloc(mem, ENC_SCATTER_N, sizeof *y);
	mark = mem->used;
	enc_scatter(x, m->size, m->channels, as_alloc(mem, enc_scatter_scratch(m->size), sizeof *y),
		    y);
	as_arena_reset(mem, mark);
	return y;
}

/* x: the view, whose hidden cells are blank. */
static void cells_fwd(const struct enc_image_model *m, const struct nn_step *s,
		      struct enc_image_act *a, const float *x, bool mirrored, float *rows)
{
	const size_t n = m->grid * m->grid;
	float *t = as_alloc(s->mem, n * m->width, sizeof *t);
	const struct nn_bags of = cell_bags(m, s->mem, mirrored);
	const size_t mark = s->mem->used;

	enc_stem_fwd(&m->stem, s, &a->stem, x, t);
	if (!nn_step_keeps(s)) {
		as_arena_reset(s->mem, mark); /* tens of megabytes of a large picture */
	}
	nn_position_grid(t, m->grid, m->grid, m->width, 1.0F);
	nn_stack_fwd(&m->stack, s, &a->stack, t, n, &of, rows);
}

/* A judged picture: the mean over its views. */
static void views_fwd(const struct enc_image_model *m, const struct nn_step *s,
		      struct enc_image_act *a, const float *x, float *rows)
{
	const size_t n = m->side * m->side * m->width;
	const size_t mark = s->mem->used;
	float *view;
	float *more;

	cells_fwd(m, s, a, x, false, rows);
	as_arena_reset(s->mem, mark);
	if (m->views == 1) {
		return;
	}
	view = as_alloc(s->mem, m->size * m->size * m->channels, sizeof *view);
	more = as_alloc(s->mem, n, sizeof *more);
	for (size_t k = 1; k < m->views; k++) {
		const size_t again = s->mem->used;

		enc_view(k, x, view, m->size, m->channels);
		cells_fwd(m, s, a, view, enc_view_mirrored(k), more);
		for (size_t i = 0; i < n; i++) {
			rows[i] += more[i];
		}
		as_arena_reset(s->mem, again);
	}
	for (size_t i = 0; i < n; i++) {
		rows[i] /= (float)m->views;
	}
	as_arena_reset(s->mem, mark);
}

static void cells_bwd(const struct enc_image_model *m, const struct nn_step *s,
		      const struct enc_image_act *a, const float *drows)
{
	const size_t n = m->grid * m->grid;
	const size_t mark = s->mem->used;
	float *dx = as_zalloc(s->mem, n * m->width, sizeof *dx);

	nn_stack_bwd(&m->stack, s, &a->stack, drows, dx, n);
	enc_stem_bwd(&m->stem, s, &a->stem, dx);
	as_arena_reset(s->mem, mark);
}

void enc_image_model_fwd(const struct enc_image_model *m, const struct nn_step *s,
			 const struct enc_pixels *px, float *rows, struct enc_image_act **act)
{
	const size_t cells = m->side * m->side;
	struct enc_image_act *a = as_zalloc(s->mem, 1, sizeof *a);
	const float *x = px->v;

	if (s->rng != NULL) {
		float *view = as_alloc(s->mem, m->size * m->size * m->channels, sizeof *view);

		enc_augment(s->rng, x, view, m->size, m->channels, m->warp);
		x = view;
	}
	a->view = x;
	if (cells > 0) {
		a->hidden = enc_hide_rows(s, cells, HIDDEN);
		x = a->hidden != NULL ? blank(m, s->mem, x, a->hidden) : x;
		if (nn_step_keeps(s)) {
			cells_fwd(m, s, a, x, false, rows);
		} else {
			views_fwd(m, s, a, x, rows);
		}
	}
	if (m->textured) {
		enc_texture_fwd(&m->texture, s, &a->texture, texture_of(m, s->mem, px, x),
				rows + cells * m->width);
	}
	*act = a;
}

void enc_image_model_bwd(const struct enc_image_model *m, const struct nn_step *s,
			 const float *drows, struct enc_image_act *a)
{
	const size_t cells = m->side * m->side;

	if (m->textured) {
		enc_texture_bwd(&m->texture, s, &a->texture, drows + cells * m->width);
	}
	if (cells > 0) {
		cells_bwd(m, s, a, drows);
	}
}
