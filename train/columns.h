/* SPDX-License-Identifier: Apache-2.0
 * columns.h - cases as sparse rows for the linear baselines: record columns (one feature a value,
 * numbers standardised, one more where a number is missing) and hashed bags of words. */
#ifndef TR_COLUMNS_H
#define TR_COLUMNS_H

#include "train/data.h"
#include "train/linear.h"

enum { TR_WORD_COLUMNS = 1 << 12 };

/* The record parts, the text parts of the task (bits). */
uint32_t tr_record_parts(const struct tr_data *d);
uint32_t tr_text_parts(const struct tr_data *d);

/* One row for every case of d. What a column holds, its scale and its values are learned from the
 * cases train [n]; other values are no feature. */
int tr_columns(struct tr_sparse *x, const struct tr_data *d, bool record, bool words,
	       const size_t *train, size_t n, struct as_err *e) AS_CHECKED;

#endif
