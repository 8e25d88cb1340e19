/* SPDX-License-Identifier: Apache-2.0
 * cells.h - a table part's bytes to tokens, one a cell: names, numbers, words, and places of the
 * rows.
 *
 * Names are rows of one embedding: column c of those known from training is row c and its
 * "missing" row C + c (C columns known); row 2 C is the "missing" of unknown columns; from 2 C + 1
 * on ENC_NAME_BUCKETS rows are shared, by hash, by unknown columns and by names of sheet rows. */
#ifndef ENC_TABLE_CELLS_H
#define ENC_TABLE_CELLS_H

#include "core/nn/embed.h"
#include "encoders/kind.h"
#include "encoders/table/sheet.h"
#include "encoders/table/stats.h"

enum { ENC_NAME_BUCKETS = 512 };

/* Words: bags 2 k and 2 k + 1 are the whole value ("column=value") and the words of cell
 * token[k]. */
struct enc_cell_words {
	size_t n;
	uint32_t *token; /* [n] */
	uint32_t *start; /* [2 n + 1] */
	uint32_t *ids;
	size_t ids_n, ids_cap;
};

/* Numbers: cell token[k] has the encoding e[k * bins ..] for the weights of column set[k]; C for
 * all unknown columns. */
struct enc_cell_numbers {
	size_t n;
	uint32_t *token; /* [n] */
	uint32_t *set;   /* [n] */
	float *e;        /* [n, bins] */
};

struct enc_cells {
	size_t n;
	size_t names;      /* ids a token: 1 in a record, 2 (column and row) in a sheet */
	uint32_t *name;    /* [n, names] */
	uint32_t *missing; /* [n] what name[i * names] is where the cell is hidden */
	struct enc_cell_words words;
	struct enc_cell_numbers numbers;
};

/* Fills in with cells as its data; free with enc_cells_free whatever the result. */
int enc_cells_read(struct enc_input *in, const struct enc_table_stats *stats,
		   const struct assay_item *item, const struct enc_table_most *most,
		   struct as_err *e) AS_CHECKED;
void enc_cells_free(struct enc_input *in);

/* Piecewise-linear encoding of x over the ascending edges into v [bins]; v [edges - 1 ..] is 0. */
void enc_encode_number(const float *edge, size_t edges, double x, float *v, size_t bins);

#endif
