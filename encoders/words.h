/* SPDX-License-Identifier: Apache-2.0
 * words.h - what hashed words a hidden row held, said from its feature.
 *
 *   forward    q_i = P x_i + b           l_i = E q_i          E [B, e]: the embedding of the words
 *              L = 1 / (n log B) sum over i of [log sum over k of e^(l_ik) - mean over ids of l_i]
 *   backward   dl = (softmax(l) - share of the ids) / (n log B)   dq = E' dl   dE = dl q'   ...
 *
 * Masked words: Devlin, Chang, Lee, Toutanova, "BERT" (2019), arXiv:1810.04805, section 3.1; P and
 * b start at zero, so that L starts at 1; E is shared with the input: Press, Wolf, "Using the
 * Output Embedding to Improve Language Models" (2017), arXiv:1608.05859. */
#ifndef ENC_WORDS_H
#define ENC_WORDS_H

#include "core/nn/embed.h"
#include "core/nn/linear.h"
#include "core/nn/loss.h"
#include "core/nn/step.h"
#include "encoders/hidden.h"

#include <assert.h>
#include <math.h>

/* What a row held: the ids [n] of its words. */
struct enc_held {
	uint32_t row;
	const uint32_t *ids;
	size_t n;
};

/* rows [.., p->in]; held [n], none of it empty. */
static inline double enc_guess_words(const struct nn_linear *p, const struct nn_embed *e,
				     const struct nn_step *s, const float *rows,
				     const struct enc_held *held, size_t n, double weight,
				     float *drows)
{
	const struct nn_linear out = { .in = e->d, .out = e->rows, .w = e->e, .b = NN_NONE };
	const size_t mark = s->mem->used;
	const double each = weight / ((double)n * log((double)e->rows));
	uint32_t *of = as_alloc(s->mem, n, sizeof *of);
	float *x;
	float *q = as_alloc(s->mem, n * e->d, sizeof *q);
	float *l = as_alloc(s->mem, n * e->rows, sizeof *l);
	float *dl = s->g != NULL ? as_zalloc(s->mem, n * e->rows, sizeof *dl) : NULL;
	double loss = 0;

	assert(e->row == NULL); /* nothing is pruned before it is trained */
	for (size_t i = 0; i < n; i++) {
		of[i] = held[i].row;
	}
	x = enc_rows_of(s->mem, rows, of, n, p->in);
	nn_linear_fwd(p, s->p, x, q, n);
	nn_linear_fwd(&out, s->p, q, l, n);
	for (size_t i = 0; i < n; i++) {
		loss += nn_loss_bag(l + i * e->rows, e->rows, held[i].ids, held[i].n,
				    dl != NULL ? dl + i * e->rows : NULL, each);
	}
	if (dl != NULL) {
		float *dq = as_zalloc(s->mem, n * e->d, sizeof *dq);
		float *dx = as_zalloc(s->mem, n * p->in, sizeof *dx);

		nn_linear_bwd(&out, s->p, s->g, q, dl, dq, n);
		nn_linear_bwd(p, s->p, s->g, x, dq, dx, n);
		enc_rows_of_bwd(drows, dx, of, n, p->in);
	}
	as_arena_reset(s->mem, mark);
	return loss;
}

#endif
