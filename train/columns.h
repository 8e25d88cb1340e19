/* SPDX-License-Identifier: Apache-2.0
 * columns.h - cases as sparse rows for the linear baselines: record columns (one feature a value,
 * numbers standardised, one more where a number is missing), hashed bags of words, and the texture
 * of pictures, standardised, the mean of a case's. */
#ifndef TR_COLUMNS_H
#define TR_COLUMNS_H

#include "train/data.h"
#include "train/linear.h"

enum { TR_WORD_COLUMNS = 1 << 12 };

/* What columns are made of (bits). */
enum tr_of { TR_OF_RECORD = 1, TR_OF_WORDS = 2, TR_OF_TEXTURE = 4 };

/* The parts of the task (bits) that have some of these. */
uint32_t tr_parts_of(const struct tr_data *d, unsigned of);

/* One row for every case of d. What a column holds, its scale and its values are learned from the
 * cases train [n]; other values are no feature. */
int tr_columns(struct tr_sparse *x, const struct tr_data *d, unsigned of, const size_t *train,
	       size_t n, struct as_err *e) AS_CHECKED;

#endif
