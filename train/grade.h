/* SPDX-License-Identifier: Apache-2.0
 * grade.h - a model that was read from its file, scored. */
#ifndef TR_GRADE_H
#define TR_GRADE_H

#include "train/reader.h"
#include "train/report.h"

/* Answers every case of the report's data for its lines [first, first + lines). */
int tr_grade(const struct tr_reader *r, struct tr_report *report, size_t first, size_t lines,
	     struct tr_pool *pool, struct as_err *e) AS_CHECKED;

#endif
