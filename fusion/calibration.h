/* SPDX-License-Identifier: Apache-2.0
 * calibration.h - what turns logits into probabilities and a label: temperatures, thresholds, and
 * the target's scale. Fitted by train/, read from the model's "calibration" metadata. */
#ifndef FU_CALIBRATION_H
#define FU_CALIBRATION_H

#include "core/io/json.h"
#include "core/io/task.h"

enum { FU_PATTERNS = 1 << IO_PARTS_MAX };

struct fu_calibration {
	float temperature[FU_PATTERNS];       /* by the bits of the parts present; 1 where not fitted */
	float part_temperature[IO_PARTS_MAX]; /* of each part's own logits */
	float threshold[IO_LABELS_MAX];       /* class of two: [1]; multi: one a label */
	double mean, sd;                      /* of the training target, IO_VALUE */
};

void fu_calibration_defaults(struct fu_calibration *c);
int fu_calibration_parse(struct fu_calibration *c, const struct io_task *task,
			 const struct json_t *doc, struct as_err *e) AS_CHECKED;
void fu_calibration_write(const struct fu_calibration *c, const struct io_task *task,
			  struct io_jw *w);

#endif
