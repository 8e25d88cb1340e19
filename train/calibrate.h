/* SPDX-License-Identifier: Apache-2.0
 * calibrate.h - temperatures and thresholds from scores on cases that training did not see. */
#ifndef TR_CALIBRATE_H
#define TR_CALIBRATE_H

#include "fusion/calibration.h"
#include "train/score.h"

/* Every pattern of parts as a mask: index k masks the parts in k, so that 0 shows them all. */
static inline uint32_t tr_pattern(size_t parts, size_t k)
{
	return (uint32_t)((((size_t)1 << parts) - 1) ^ k);
}
/* Fills mask [1 << parts]; returns how many. */
size_t tr_patterns(size_t parts, uint32_t mask[FU_PATTERNS]);

/* The truth of cases: y [n, c], 1 for a case's labels and 0, or the target's value. */
void tr_truth(const struct tr_data *d, const size_t *cases, size_t n, float *y);

/* The temperature in [0.05, 20] that makes the labels y [n, c] likeliest under logits [n, c] / T,
 * with log T normal around 0 with this spread: a few cases that are all right do not make
 * anything certain. 1 where there are no cases. */
float tr_fit_temperature(const struct io_task *task, const float *logits, const float *y, size_t n,
			 double spread);

/* The threshold on scores p[i * stride] that splits y best, as the task's `operate` has it:
 * Youden's index (multi: F1), or the given sensitivity or specificity. 0.5 where there is but one
 * side. */
float tr_fit_threshold(const struct io_task *task, const float *p, const float *y, size_t n,
		       size_t stride);

/* 1 / temperature of each part's own logits, fitted on s (masks: at least all parts first), into
 * the net's fusion.scale. temperature [parts] */
void tr_fit_scale(struct tr_net *net, const struct tr_scores *s, const float *y,
		  float temperature[IO_PARTS_MAX]);
/* The same from temperatures that are known. */
void tr_set_scale(struct tr_net *net, const float temperature[IO_PARTS_MAX]);

/* Everything of a calibration from scores under all patterns (tr_patterns) of cases whose truth is
 * y; mean and sd are those of a value's target. */
void tr_calibrate(struct fu_calibration *c, const struct io_task *task, const struct tr_scores *s,
		  const float *y, double mean, double sd);

/* Calibrated probabilities, or values in the target's unit, of scores under the pattern of index
 * k: p [n, c]. */
void tr_answers(const struct fu_calibration *c, const struct io_task *task,
		const struct tr_scores *s, size_t k, float *p);

#endif
