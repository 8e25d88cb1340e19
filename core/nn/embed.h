/* SPDX-License-Identifier: Apache-2.0 */
#ifndef NN_EMBED_H
#define NN_EMBED_H

#include "core/nn/param.h"

#include <stdint.h>

/* Bag of table rows per token: y_i = mean over j of E[row of id_ij].  E [rows, d], y [n, d]. */
struct nn_embed {
	size_t rows, d;
	size_t e;            /* offset of E */
	const uint32_t *row; /* the row of each id where ids share rows, borrowed; NULL: the id */
};

/* The ids of n tokens: token i has ids[start[i] .. start[i + 1]); none at all gives a zero row. */
struct nn_bags {
	size_t n;
	const uint32_t *start; /* [n + 1] */
	const uint32_t *ids;
};

/* E starts normal with sd 0.5. */
void nn_embed_init(struct nn_embed *l, struct nn_params *ps, const char *prefix, size_t rows,
		   size_t d);
void nn_embed_fwd(const struct nn_embed *l, const float *p, const struct nn_bags *x,
		  float *restrict y);
void nn_embed_bwd(const struct nn_embed *l, float *g, const struct nn_bags *x,
		  const float *restrict dy);

#endif
