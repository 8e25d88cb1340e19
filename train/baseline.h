/* SPDX-License-Identifier: Apache-2.0
 * baseline.h - what simple methods reach on the same cases: the majority, and linear models on
 * record columns, on words, on both, on the texture of pictures, and on all three side by side. */
#ifndef TR_BASELINE_H
#define TR_BASELINE_H

#include "train/data.h"
#include "train/split.h"

enum tr_base { TR_MAJORITY, TR_RECORD, TR_WORDS, TR_BOTH, TR_TEXTURE, TR_EACH, TR_BASES };

/* "majority", "record", "words", "record+words", "texture", "record+words+texture" */
const char *tr_base_name(enum tr_base b);
/* The parts that it reads (bits). */
uint32_t tr_base_parts(const struct tr_data *d, enum tr_base b);
/* Whether the task has the parts that it reads. */
bool tr_base_fits(const struct tr_data *d, enum tr_base b);

/* Fits on s->train (the penalty chosen on s->stop from a small grid, the thresholds on
 * s->calibrate) and predicts cases [n]: p [n, c], thresholds [IO_LABELS_MAX]. */
int tr_base_predict(const struct tr_data *d, enum tr_base b, const struct tr_split *s,
		    const size_t *cases, size_t n, float *p, float *thresholds,
		    struct as_err *e) AS_CHECKED;

/* Those that it is fitted on, and those that choose its penalty. */
struct tr_cases {
	const size_t *train;
	size_t trains;
	const size_t *stop;
	size_t stops;
};

/* Fits one that is not TR_MAJORITY and says what all cases of d come to, before softmax or sigmoid,
 * a value standardised by the cases that train: z [d->n, c]. *l2: the penalty; 0: it is chosen on
 * the stop set, and told. */
int tr_base_outputs(const struct tr_data *d, enum tr_base b, const struct tr_cases *on, double *l2,
		    float *z, struct as_err *e) AS_CHECKED;

#endif
