/* SPDX-License-Identifier: Apache-2.0
 * guess.c - what the hidden cells of a table held, said from the features of their rows x.
 *
 *   words      encoders/words.h over the ids of the whole value and of its words
 *   numbers    l_b = W[c, b] x + b[c, b]     for the bins b of the cell's column c
 *              L = 1 / log 2 mean over b of the cross-entropy of sigma(l_b) against e_b, the
 *              encoding of the number cut to [0, 1]: is it above the bin's lower end, how far in
 *
 *   The mean is over all hidden cells that held something. W and b start at zero: L at 1. */
#include "encoders/chunks.h"
#include "encoders/table/model.h"
#include "encoders/words.h"

#include "core/tensor/rows.h"

void enc_table_model_guess_open(struct enc_table_model *m, struct nn_params *ps)
{
	const size_t bins = (m->columns + 1) * m->bins;

	nn_linear_init(&m->guess_words, ps, "guess.table.words", m->width, m->words.d, true, 0.0F);
	m->guess_w =
	    nn_param_add(ps, "guess.table.numbers", "w", bins, m->width, NN_DECAY, NN_ZERO, 0.0F);
	m->guess_b = nn_param_add(ps, "guess.table.numbers", "b", 1, bins, 0, NN_ZERO, 0.0F);
}

/* The row of every token. */
static uint32_t *rows_of(struct as_arena *mem, size_t n)
{
	uint32_t *row = as_alloc(mem, n, sizeof *row);

	for (size_t r = 0; r < enc_chunk_rows(n); r++) {
		for (size_t i = enc_chunk_first(n, r); i < enc_chunk_first(n, r + 1); i++) {
			row[i] = (uint32_t)r;
		}
	}
	return row;
}

/* One number: cell k of the numbers, from its row's feature x. */
static double guess_number(const struct enc_table_model *m, const struct nn_step *s,
			   const struct enc_cells *cells, size_t k, const float *x, double weight,
			   float *dx)
{
	const size_t d = m->width;
	const size_t at = cells->numbers.set[k] * m->bins;
	const size_t mark = s->mem->used;
	float *l = as_alloc(s->mem, 2 * m->bins, sizeof *l);
	float *t = l + m->bins;
	float *dl = as_zalloc(s->mem, m->bins, sizeof *dl);
	double loss;

	for (size_t b = 0; b < m->bins; b++) {
		const float e = cells->numbers.e[k * m->bins + b];

		l[b] = tn_dot(s->p + m->guess_w + (at + b) * d, x, d) + s->p[m->guess_b + at + b];
		t[b] = e < 0.0F ? 0.0F : e > 1.0F ? 1.0F : e;
	}
	loss = nn_loss_multi(l, t, dl, m->bins, weight / log(2.0));
	for (size_t b = 0; s->g != NULL && b < m->bins; b++) {
		tn_axpy(s->g + m->guess_w + (at + b) * d, dl[b], x, d);
		tn_axpy(dx, dl[b], s->p + m->guess_w + (at + b) * d, d);
		s->g[m->guess_b + at + b] += dl[b];
	}
	as_arena_reset(s->mem, mark);
	return loss;
}

double enc_table_model_guess(const struct enc_table_model *m, const struct nn_step *s,
			     const struct enc_cells *cells, const float *rows,
			     const struct enc_table_act *a, double weight, float *drows)
{
	const size_t mark = s->mem->used;
	const uint32_t *row = rows_of(s->mem, cells->n);
	struct enc_held *held = as_alloc(s->mem, cells->words.n + 1, sizeof *held);
	size_t words = 0;
	size_t numbers = 0;
	double loss = 0;

	for (size_t k = 0; a->hidden != NULL && k < cells->words.n; k++) {
		const uint32_t from = cells->words.start[2 * k];

		const uint32_t r = row[cells->words.token[k]];

		held[words] = (struct enc_held){ r, cells->words.ids + from,
						 cells->words.start[2 * k + 2] - from };
		words += a->hidden[r];
	}
	for (size_t k = 0; a->hidden != NULL && k < cells->numbers.n; k++) {
		numbers += a->hidden[row[cells->numbers.token[k]]];
	}
	if (words > 0) {
		loss += enc_guess_words(&m->guess_words, &m->words, s, rows, held, words,
					weight * (double)words / (double)(words + numbers), drows);
	}
	for (size_t k = 0; numbers > 0 && k < cells->numbers.n; k++) {
		const size_t r = row[cells->numbers.token[k]];

		if (a->hidden[r]) {
			loss += guess_number(m, s, cells, k, rows + r * m->width,
					     weight / (double)(words + numbers),
					     drows != NULL ? drows + r * m->width : NULL);
		}
	}
	as_arena_reset(s->mem, mark);
	return loss;
}
