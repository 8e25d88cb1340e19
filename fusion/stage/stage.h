/* SPDX-License-Identifier: Apache-2.0
 * stage.h - a ready case -> the members of its judgment that come from the model. */
#ifndef FU_STAGE_H
#define FU_STAGE_H

#include "core/base/buf.h"
#include "fusion/judge.h"
#include "fusion/stage/join.h"

/* What judging a case gave. */
struct fu_outcome {
	bool rejected;         /* the features do not fit the model; members holds nothing */
	struct as_buf members; /* "label":...,"model":{...}: without braces */
	char message[512];     /* of a rejection */
	double ms;             /* in fusion */
};

/* Judges the case with the model that its features were made for. One thread a judge; c is read
 * only. Free out->members. */
void fu_stage_judge(struct fu_judge *judge, const struct fu_case *c, struct fu_outcome *out);

/* The longest that a page of the case waited for a worker, was decoded, was encoded (ms). */
struct fu_times {
	double queue, decode, encode;
};
struct fu_times fu_case_times(const struct fu_case *c);

#endif
