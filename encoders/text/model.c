/* SPDX-License-Identifier: Apache-2.0
 * model.c - words to rows.
 *
 *   forward    b_i = mean of E[id] over the ids of word i; 0 where the word is dropped   [n, e]
 *              x = norm(b W_in') + position                                            [n, d]
 *              x = block(x), blocks times
 *              row_r = mean of norm(x)_i over the words of row r
 *
 *   backward   each line read upwards.
 *
 * The mean of many hashed rows is small beside a position, so it is normed before they are added.
 * W_in has no bias: a word without rows is then norm's beta, not a bias blown up to size 1.
 * Hashed words and n-grams: Bojanowski et al., "Enriching Word Vectors with Subword Information"
 * (2017), arXiv:1607.04606, section 3.2. */
#include "encoders/text/model.h"

#include "core/nn/position.h"
#include "encoders/chunks.h"
#include "encoders/words.h"

#include <string.h>

static const float HIDDEN = 0.2F; /* of the rows, in pretraining */

void enc_text_model_init(struct enc_text_model *m, struct nn_params *ps, const struct io_hyper *h,
			 const struct io_pruned *pruned)
{
	*m = (struct enc_text_model){
		.width = h->width,
		.word_dropout = h->word_dropout,
	};
	nn_embed_init(&m->embed, ps, "text.embed", pruned->rows, h->text_embed);
	m->embed.row = pruned->row;
	nn_linear_init(&m->in, ps, "text.in", h->text_embed, h->width, false, 1.0F);
	nn_norm_init(&m->in_norm, ps, "text.in_norm", h->width);
	nn_stack_init(&m->stack, ps, "text",
		      &(struct nn_stack_shape){ .d = h->width,
						.heads = h->heads,
						.mlp = h->mlp,
						.blocks = h->text_blocks,
						.gated = h->gates == 1,
						.threshold = h->gate_threshold,
						.spanned = h->spans == 1,
						.size = pruned->size });
}

void enc_text_model_free(struct enc_text_model *m)
{
	nn_stack_free(&m->stack);
	*m = (struct enc_text_model){ 0 };
}

/* Zeroes the rows of words [n, e] that gone names. */
static void hide(float *words, const bool *gone, size_t n, size_t e)
{
	for (size_t i = 0; gone != NULL && i < n; i++) {
		if (gone[i]) {
			memset(words + i * e, 0, e * sizeof *words);
		}
	}
}

/* The words of hidden rows, or in training those that are dropped. */
static bool *draw_gone(const struct enc_text_model *m, const struct nn_step *s, size_t n,
		       const bool *hidden)
{
	bool *gone;

	if (s->rng == NULL || (m->word_dropout <= 0.0F && hidden == NULL)) {
		return NULL;
	}
	gone = as_alloc(s->mem, n, sizeof *gone);
	if (hidden != NULL) {
		enc_chunk_spread(hidden, gone, n);
		return gone;
	}
	for (size_t i = 0; i < n; i++) {
		gone[i] = as_rng_float(s->rng) < m->word_dropout;
	}
	return gone;
}

void enc_text_model_fwd(const struct enc_text_model *m, const struct nn_step *s,
			const struct nn_bags *bags, float *rows, struct enc_text_act **act)
{
	const size_t n = bags->n;
	const size_t d = m->width;
	struct enc_text_act *a = as_zalloc(s->mem, 1, sizeof *a);
	float *x = as_alloc(s->mem, n * d, sizeof *x);
	float *y = as_alloc(s->mem, n * d, sizeof *y);
	struct nn_bags of;

	a->words = as_alloc(s->mem, n * m->embed.d, sizeof *a->words);
	a->hidden = enc_hide_rows(s, enc_chunk_rows(n), HIDDEN);
	a->gone = draw_gone(m, s, n, a->hidden);
	nn_embed_fwd(&m->embed, s->p, bags, a->words);
	hide(a->words, a->gone, n, m->embed.d);
	nn_linear_fwd(&m->in, s->p, a->words, y, n);
	nn_norm_fwd(&m->in_norm, s->p, &a->in_norm, s->mem, y, x, n);
	nn_position(x, n, d, 1.0F);
	of = enc_chunk_bags(s->mem, n);
	nn_stack_fwd(&m->stack, s, &a->stack, x, n, &of, rows);
	*act = a;
}

void enc_text_model_bwd(const struct enc_text_model *m, const struct nn_step *s,
			const struct nn_bags *bags, const float *drows, struct enc_text_act *a)
{
	const size_t n = bags->n;
	const size_t d = m->width;
	const size_t mark = s->mem->used;
	float *dy = as_zalloc(s->mem, n * d, sizeof *dy);
	float *dx = as_zalloc(s->mem, n * d, sizeof *dx);
	float *dwords = as_zalloc(s->mem, n * m->embed.d, sizeof *dwords);

	nn_stack_bwd(&m->stack, s, &a->stack, drows, dx, n);
	nn_norm_bwd(&m->in_norm, s->p, s->g, &a->in_norm, dx, dy, n);
	nn_linear_bwd(&m->in, s->p, s->g, a->words, dy, dwords, n);
	hide(dwords, a->gone, n, m->embed.d);
	nn_embed_bwd(&m->embed, s->g, bags, dwords);
	as_arena_reset(s->mem, mark);
}

void enc_text_model_guess_open(struct enc_text_model *m, struct nn_params *ps)
{
	nn_linear_init(&m->guess, ps, "guess.text", m->width, m->embed.d, true, 0.0F);
}

double enc_text_model_guess(const struct enc_text_model *m, const struct nn_step *s,
			    const struct nn_bags *bags, const float *rows,
			    const struct enc_text_act *a, double weight, float *drows)
{
	struct enc_held held[ENC_ROWS_MAX];
	size_t n = 0;

	for (size_t r = 0; a->hidden != NULL && r < enc_chunk_rows(bags->n); r++) {
		const uint32_t from = bags->start[enc_chunk_first(bags->n, r)];
		const uint32_t to = bags->start[enc_chunk_first(bags->n, r + 1)];

		if (a->hidden[r] && to > from) {
			held[n++] = (struct enc_held){ (uint32_t)r, bags->ids + from, to - from };
		}
	}
	return n > 0 ? enc_guess_words(&m->guess, &m->embed, s, rows, held, n, weight, drows) : 0.0;
}
