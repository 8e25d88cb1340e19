/* SPDX-License-Identifier: Apache-2.0
 * compare.h - how much better or worse a line of a report is than all parts, on the same cases. */
#ifndef TR_COMPARE_H
#define TR_COMPARE_H

#include "train/report.h"

enum { TR_RESAMPLES = 1000 };

/* What lines are compared by: AUC; class of more than two labels: accuracy; value: R2. */
enum tr_metric tr_main_metric(const struct io_task *task);

/* Sets every line's difference to line 0 (the mean over runs) and its standard error: the sd over
 * TR_RESAMPLES draws of the groups of each run, with replacement and the same for both lines
 * (Efron, Tibshirani, "An Introduction to the Bootstrap" (1993), 6.2). The same seed gives the same
 * errors. */
void tr_compare(struct tr_report *r, uint64_t seed);

#endif
