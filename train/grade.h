/* SPDX-License-Identifier: Apache-2.0
 * grade.h - a model that was read from its file, scored, and what simple methods reach beside it.
 */
#ifndef TR_GRADE_H
#define TR_GRADE_H

#include "train/reader.h"
#include "train/report.h"

/* Answers every case of the report's data for its lines [first, first + lines), baselines left out.
 */
int tr_grade(const struct tr_reader *r, struct tr_report *report, size_t first, size_t lines,
	     struct tr_pool *pool, struct as_err *e) AS_CHECKED;
/* Answers them for the report's baselines, fitted on `train`: cases of the same task, split as a
 * training with this seed and without folds splits them. */
int tr_grade_baselines(struct tr_report *report, const struct tr_data *train, uint64_t seed,
		       struct as_err *e) AS_CHECKED;

#endif
