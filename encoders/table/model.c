/* SPDX-License-Identifier: Apache-2.0
 * model.c - cells to rows.
 *
 *   forward    t_i = mean of N[name] over the names of cell i (its column, its row)
 *                    + sum over bins b of e_ib W[c_i, b]             where it holds a number
 *                    + [mean E[whole value]; mean E[words]] W_in'       where it holds words
 *              x = norm(t)                                                          [n, d]
 *              x = block(x), blocks times
 *              row_r = mean of norm(x)_i over the cells of row r
 *
 *   backward   each line read upwards.
 *
 * A hidden cell (cell dropout) has the name "missing" of its column and holds nothing.
 * e: piecewise-linear encoding over quantile bins, Gorishniy, Rubachev, Babenko, "On Embeddings for
 * Numerical Features in Tabular Deep Learning" (2022), arXiv:2203.05556, section 3.1. */
#include "encoders/table/model.h"

#include "core/tensor/rows.h"
#include "encoders/chunks.h"
#include "encoders/hidden.h"

#include <math.h>
#include <string.h>

static const float HIDDEN = 0.25F; /* of the rows, in pretraining */

void enc_table_model_init(struct enc_table_model *m, struct nn_params *ps, const struct io_hyper *h,
			  size_t columns, const struct io_pruned *pruned)
{
	*m = (struct enc_table_model){
		.width = h->width,
		.bins = h->table_bins,
		.columns = columns,
		.cell_dropout = h->cell_dropout,
	};
	nn_embed_init(&m->names, ps, "table.names", 2 * columns + 1 + ENC_NAME_BUCKETS, h->width);
	m->numbers = nn_param_add(ps, "table.numbers", "w", (columns + 1) * m->bins, h->width,
				  NN_DECAY, NN_NORMAL, 1.0F / sqrtf((float)m->bins));
	nn_embed_init(&m->words, ps, "table.words", pruned->rows, h->text_embed);
	m->words.row = pruned->row;
	nn_linear_init(&m->in, ps, "table.in", 2UL * h->text_embed, h->width, false, 1.0F);
	nn_norm_init(&m->in_norm, ps, "table.in_norm", h->width);
	nn_stack_init(&m->stack, ps, "table",
		      &(struct nn_stack_shape){ .d = h->width,
						.heads = h->heads,
						.mlp = h->mlp,
						.blocks = h->table_blocks,
						.gated = h->gates == 1,
						.threshold = h->gate_threshold,
						.spanned = h->spans == 1,
						.size = pruned->size });
}

void enc_table_model_free(struct enc_table_model *m)
{
	nn_stack_free(&m->stack);
	*m = (struct enc_table_model){ 0 };
}

/* The cells of hidden rows, or in training those that are dropped. */
static bool *draw_gone(const struct enc_table_model *m, const struct nn_step *s, size_t n,
		       const bool *hidden)
{
	bool *gone;

	if (s->rng == NULL || (m->cell_dropout <= 0.0F && hidden == NULL)) {
		return NULL;
	}
	gone = as_alloc(s->mem, n, sizeof *gone);
	if (hidden != NULL) {
		enc_chunk_spread(hidden, gone, n);
		return gone;
	}
	for (size_t i = 0; i < n; i++) {
		gone[i] = as_rng_float(s->rng) < m->cell_dropout;
	}
	return gone;
}

/* The names of every token as bags, those of hidden cells changed. */
static struct nn_bags name_bags(const struct enc_cells *c, const bool *gone, struct as_arena *mem)
{
	uint32_t *start = as_alloc(mem, c->n + 1, sizeof *start);
	uint32_t *ids = as_alloc(mem, c->n * c->names, sizeof *ids);

	memcpy(ids, c->name, c->n * c->names * sizeof *ids);
	for (size_t i = 0; i < c->n; i++) {
		start[i] = (uint32_t)(i * c->names);
		if (gone != NULL && gone[i]) {
			ids[i * c->names] = c->missing[i];
		}
	}
	start[c->n] = (uint32_t)(c->n * c->names);
	return (struct nn_bags){ .n = c->n, .start = start, .ids = ids };
}

static bool is_gone(const bool *gone, size_t token)
{
	return gone != NULL && gone[token];
}

/* x [n, d] += the cells' numbers. */
static void add_numbers(const struct enc_table_model *m, const float *p, const struct enc_cells *c,
			const bool *gone, float *x)
{
	const size_t d = m->width;

	for (size_t k = 0; k < c->numbers.n; k++) {
		const size_t i = c->numbers.token[k];
		const float *w = p + m->numbers + c->numbers.set[k] * m->bins * d;

		for (size_t b = 0; b < m->bins && !is_gone(gone, i); b++) {
			tn_axpy(x + i * d, c->numbers.e[k * m->bins + b], w + b * d, d);
		}
	}
}

static void add_numbers_bwd(const struct enc_table_model *m, float *g, const struct enc_cells *c,
			    const bool *gone, const float *dx)
{
	const size_t d = m->width;

	for (size_t k = 0; k < c->numbers.n; k++) {
		const size_t i = c->numbers.token[k];
		float *dw = g + m->numbers + c->numbers.set[k] * m->bins * d;

		for (size_t b = 0; b < m->bins && !is_gone(gone, i); b++) {
			tn_axpy(dw + b * d, c->numbers.e[k * m->bins + b], dx + i * d, d);
		}
	}
}

/* x [n, d] += the cells' words. */
static void add_words(const struct enc_table_model *m, const struct nn_step *s,
		      const struct enc_cells *c, struct enc_table_act *a, float *x)
{
	const size_t d = m->width;
	const size_t n = c->words.n;
	float *y = as_alloc(s->mem, n * d, sizeof *y);

	a->words = (struct nn_bags){ .n = 2 * n, .start = c->words.start, .ids = c->words.ids };
	a->pair = as_alloc(s->mem, n * m->in.in, sizeof *a->pair);
	nn_embed_fwd(&m->words, s->p, &a->words, a->pair);
	nn_linear_fwd(&m->in, s->p, a->pair, y, n);
	for (size_t k = 0; k < n; k++) {
		if (!is_gone(a->gone, c->words.token[k])) {
			tn_axpy(x + c->words.token[k] * d, 1.0F, y + k * d, d);
		}
	}
}

static void add_words_bwd(const struct enc_table_model *m, const struct nn_step *s,
			  const struct enc_cells *c, const struct enc_table_act *a, const float *dx)
{
	const size_t d = m->width;
	const size_t n = c->words.n;
	float *dy = as_zalloc(s->mem, n * d, sizeof *dy);
	float *dpair = as_zalloc(s->mem, n * m->in.in, sizeof *dpair);

	for (size_t k = 0; k < n; k++) {
		if (!is_gone(a->gone, c->words.token[k])) {
			memcpy(dy + k * d, dx + c->words.token[k] * d, d * sizeof *dy);
		}
	}
	nn_linear_bwd(&m->in, s->p, s->g, a->pair, dy, dpair, n);
	nn_embed_bwd(&m->words, s->g, &a->words, dpair);
}

void enc_table_model_fwd(const struct enc_table_model *m, const struct nn_step *s,
			 const struct enc_cells *cells, float *rows, struct enc_table_act **act)
{
	const size_t n = cells->n;
	const size_t d = m->width;
	struct enc_table_act *a = as_zalloc(s->mem, 1, sizeof *a);
	float *x = as_alloc(s->mem, n * d, sizeof *x);
	float *y = as_alloc(s->mem, n * d, sizeof *y);
	struct nn_bags of;

	a->hidden = enc_hide_rows(s, enc_chunk_rows(n), HIDDEN);
	a->gone = draw_gone(m, s, n, a->hidden);
	a->names = name_bags(cells, a->gone, s->mem);
	nn_embed_fwd(&m->names, s->p, &a->names, y);
	add_numbers(m, s->p, cells, a->gone, y);
	if (cells->words.n > 0) {
		add_words(m, s, cells, a, y);
	}
	nn_norm_fwd(&m->in_norm, s->p, &a->in_norm, s->mem, y, x, n);
	of = enc_chunk_bags(s->mem, n);
	nn_stack_fwd(&m->stack, s, &a->stack, x, n, &of, rows);
	*act = a;
}

void enc_table_model_bwd(const struct enc_table_model *m, const struct nn_step *s,
			 const struct enc_cells *cells, const float *drows, struct enc_table_act *a)
{
	const size_t n = cells->n;
	const size_t d = m->width;
	const size_t mark = s->mem->used;
	float *dy = as_zalloc(s->mem, n * d, sizeof *dy);
	float *dx = as_zalloc(s->mem, n * d, sizeof *dx);

	nn_stack_bwd(&m->stack, s, &a->stack, drows, dx, n);
	nn_norm_bwd(&m->in_norm, s->p, s->g, &a->in_norm, dx, dy, n);
	if (cells->words.n > 0) {
		add_words_bwd(m, s, cells, a, dy);
	}
	add_numbers_bwd(m, s->g, cells, a->gone, dy);
	nn_embed_bwd(&m->names, s->g, &a->names, dy);
	as_arena_reset(s->mem, mark);
}
