/* SPDX-License-Identifier: Apache-2.0
 * linear_teachers.h - linear models as teachers. On a few hundred cases logistic regression on the
 * columns and words is hard to beat where it applies; a network that learns what it says, beside
 * its targets, starts from there. */
#ifndef TR_LINEAR_TEACHERS_H
#define TR_LINEAR_TEACHERS_H

#include "train/baseline.h"

struct tr_linear_teachers {
	size_t c;
	float *z[TR_BASES];       /* [cases of the data, c] logits, a value standardised; or NULL */
	uint32_t parts[TR_BASES]; /* that each reads (bits) */
};

/* Fits a model on the record columns, one on the words and one on both, as far as these parts
 * (bits) have what it reads. A part that no case has is not read. penalty [TR_BASES]: 0 where it is
 * to be chosen on the stop set, and told. Free whatever the result. */
int tr_linear_teachers_fit(struct tr_linear_teachers *l, const struct tr_data *d, uint32_t parts,
			   const struct tr_cases *on, double *penalty, struct as_err *e) AS_CHECKED;
void tr_linear_teachers_free(struct tr_linear_teachers *l);

/* [c] What is said of a case of which these parts are shown: by the model of columns and words
 * where all parts that it reads are shown, else by the one of columns, else by that of words. NULL:
 * by none. */
const float *tr_linear_teachers_of(const struct tr_linear_teachers *l, uint32_t shown,
				   size_t index);

#endif
