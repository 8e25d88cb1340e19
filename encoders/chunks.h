/* SPDX-License-Identifier: Apache-2.0
 * chunks.h - more tokens than an encoder may hand on become ENC_ROWS_MAX runs of neighbours, as
 * even as they can be; each run's mean is a row. */
#ifndef ENC_CHUNKS_H
#define ENC_CHUNKS_H

#include "core/base/arena.h"
#include "core/nn/embed.h"
#include "encoders/kind.h"

#include <assert.h>
#include <stdbool.h>

/* Rows that n > 0 tokens become. */
static inline size_t enc_chunk_rows(size_t n)
{
	assert(n > 0);
	return n < ENC_ROWS_MAX ? n : ENC_ROWS_MAX;
}

/* The first token of a row; that of row + 1 is one beyond its last. */
static inline size_t enc_chunk_first(size_t n, size_t row)
{
	return row * n / enc_chunk_rows(n);
}

/* The runs as bags of token numbers: nn_embed over the tokens as its table is then the mean of
 * each run, and its bwd the mean's adjoint. In mem. */
static inline struct nn_bags enc_chunk_bags(struct as_arena *mem, size_t n)
{
	const size_t rows = enc_chunk_rows(n);
	uint32_t *start = as_alloc(mem, rows + 1, sizeof *start);
	uint32_t *ids = as_alloc(mem, n, sizeof *ids);

	for (size_t r = 0; r <= rows; r++) {
		start[r] = (uint32_t)enc_chunk_first(n, r);
	}
	for (size_t i = 0; i < n; i++) {
		ids[i] = (uint32_t)i;
	}
	return (struct nn_bags){ .n = rows, .start = start, .ids = ids };
}

/* What is said of each row, of all its tokens: token [n]. */
static inline void enc_chunk_spread(const bool *row, bool *token, size_t n)
{
	for (size_t r = 0; r < enc_chunk_rows(n); r++) {
		for (size_t i = enc_chunk_first(n, r); i < enc_chunk_first(n, r + 1); i++) {
			token[i] = row[r];
		}
	}
}

#endif
