/* SPDX-License-Identifier: Apache-2.0
 * calibration.h - what turns logits into probabilities, a label and a prediction set: temperatures,
 * thresholds, quantiles, and the target's scale. Fitted by train/, read from the model's
 * "calibration" metadata:
 *
 *   {"temperature":{"(none)":1.2,"scan":1.4,"scan+report":1.1},   parts in the task's order
 *    "part_temperature":{"scan":1.5,"report":1.2},
 *    "threshold":{"malignant":0.44},                              not for a value
 *    "set":{"coverage":0.9,                                       prediction sets or intervals
 *           "quantile":{"scan":0.83,"scan+report":0.61},          absent: nothing is left out
 *           "cases":{"(none)":8,"scan":40,"scan+report":36}},     that they were fitted on
 *    "target":{"mean":2.1,"sd":0.7}}                              for a value only
 *
 * Whatever is absent there has its default. */
#ifndef FU_CALIBRATION_H
#define FU_CALIBRATION_H

#include "core/io/json.h"
#include "core/io/task.h"

enum { FU_PATTERNS = 1 << IO_PARTS_MAX };

struct fu_calibration {
	float temperature[FU_PATTERNS]; /* by the bits of the parts present; 1 where not fitted */
	float part_temperature[IO_PARTS_MAX]; /* of each part's own logits; 1 where not fitted */
	float threshold[IO_LABELS_MAX]; /* 0 .. 1, 0.5 where not fitted. class of two: [1], the
					 * positive label; multi: one a label; else unused */
	double mean, sd;                /* of the training target, IO_VALUE; 0 and 1 */
	double coverage; /* with which a set holds the truth; 0: this model gives no sets */
	/* by the parts present: labels belong to the set that have 1 - p at most this, values to
	 * the interval that are at most this away; infinite where there were too few cases */
	float quantile[FU_PATTERNS];
	uint32_t cases[FU_PATTERNS]; /* that the quantile was fitted on */
};

void fu_calibration_defaults(struct fu_calibration *c);
/* AS_EFORMAT names the member: unknown members, parts and labels and numbers out of range are
 * refused. */
int fu_calibration_parse(struct fu_calibration *c, const struct io_task *task,
			 const struct json_t *doc, struct as_err *e) AS_CHECKED;
/* One object, without a key. */
void fu_calibration_write(const struct fu_calibration *c, const struct io_task *task,
			  struct io_jw *w);

/* "scan+report" for the bits of parts, "(none)" for none of them; added to out. */
void fu_pattern_name(const struct io_task *task, size_t bits, struct as_buf *out);

/* logits [labels] of a class or multi task -> probabilities p [labels]. */
void fu_calibrate(const struct io_task *task, const float *logits, float temperature, float *p);
/* The label that p names: of two, the last one from its threshold up; of more, the likeliest. */
uint32_t fu_choose(const struct io_task *task, const struct fu_calibration *c, const float *p);

#endif
