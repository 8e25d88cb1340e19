/* SPDX-License-Identifier: Apache-2.0
 * conformal.h - split conformal prediction: the quantiles from which prediction sets are made, and
 * how far their coverage may be off. */
#ifndef TR_CONFORMAL_H
#define TR_CONFORMAL_H

#include "fusion/calibration.h"
#include "train/score.h"

/* How badly a case fits its truth y [c], given calibrated answers p [c]. Class: 1 - p of its
 * label; multi: the largest 1 - p of its labels, 0 where it has none; value: |p - y|. */
float tr_nonconformity(const struct io_task *task, const float *p, const float *y);

/* The ceil((n + 1) coverage)-th smallest of the scores, which are sorted; infinite where there are
 * fewer. */
float tr_quantile(float *score, size_t n, double coverage);

/* The quantile and the number of cases of every pattern, from the scores under all of them whose
 * temperatures are already in c. */
void tr_fit_sets(struct fu_calibration *c, const struct io_task *task, const struct tr_scores *s,
		 const float *y);

/* Mean and variance of how many of n new cases a set covers whose quantile was fitted on `cases`
 * others: the share covered is Beta(k, cases + 1 - k), k = ceil((cases + 1) coverage). */
void tr_expect_covered(double coverage, size_t cases, size_t n, double *mean, double *variance);

#endif
