/* SPDX-License-Identifier: Apache-2.0
 * embed.c - bag of table rows per token.
 *
 *   forward    y_i    = 1/m_i  sum over j of E[r_ij]         m_i ids of token i, r = row of id
 *   backward   dE[r_ij] += dy_i / m_i
 *
 * Joulin, Grave, Bojanowski, Mikolov, "Bag of Tricks for Efficient Text Classification" (2016),
 * arXiv:1607.01759, section 2, on hashed words and byte n-grams. */
#include "core/nn/embed.h"

#include "core/tensor/rows.h"

#include <string.h>

void nn_embed_init(struct nn_embed *l, struct nn_params *ps, const char *prefix, size_t rows,
		   size_t d)
{
	*l = (struct nn_embed){ .rows = rows, .d = d };
	l->e = nn_param_add(ps, prefix, "e", rows, d, NN_DECAY, NN_NORMAL, 0.5F);
}

/* Where the row of an id begins. */
static size_t row_at(const struct nn_embed *l, uint32_t id)
{
	return l->e + (l->row != NULL ? l->row[id] : id) * l->d;
}

void nn_embed_fwd(const struct nn_embed *l, const float *p, const struct nn_bags *x,
		  float *restrict y)
{
	memset(y, 0, x->n * l->d * sizeof *y);
	for (size_t i = 0; i < x->n; i++) {
		const size_t m = x->start[i + 1] - x->start[i];

		for (size_t j = x->start[i]; j < x->start[i + 1]; j++) {
			tn_axpy(y + i * l->d, 1.0F / (float)m, p + row_at(l, x->ids[j]), l->d);
		}
	}
}

void nn_embed_bwd(const struct nn_embed *l, float *g, const struct nn_bags *x,
		  const float *restrict dy)
{
	for (size_t i = 0; i < x->n; i++) {
		const size_t m = x->start[i + 1] - x->start[i];

		for (size_t j = x->start[i]; j < x->start[i + 1]; j++) {
			tn_axpy(g + row_at(l, x->ids[j]), 1.0F / (float)m, dy + i * l->d, l->d);
		}
	}
}
