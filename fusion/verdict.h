/* SPDX-License-Identifier: Apache-2.0
 * verdict.h - from a network's logits to what a judgment says. Judging and the reports of training
 * both call it, so that what is measured is what is served. */
#ifndef FU_VERDICT_H
#define FU_VERDICT_H

#include "fusion/calibration.h"
#include "fusion/strongest.h"

enum { FU_ALIGNMENTS = 5 };

struct fu_part_judgment {
	bool present;
	float weight;
	float p[IO_LABELS_MAX]; /* calibrated; unused for a value */
	double value;
	double conflict; /* 0 .. 1 with what all other parts say together; 0 where it is alone */
};

/* Why a judgment abstains. The label stands beside it. */
struct fu_abstention {
	bool abstains;
	enum io_abstain why; /* the first of the task's limits that does not hold */
	double is, limit;
};

struct fu_judgment {
	uint32_t label;                 /* class: the label named */
	float p[IO_LABELS_MAX];         /* class, multi: calibrated probability of every label */
	float threshold[IO_LABELS_MAX]; /* class of two: [1]; multi: one a label */
	bool named[IO_LABELS_MAX];      /* class: the label; multi: those from their threshold up */
	double value;                   /* value: in the target's own unit */
	double coverage;                /* of set and interval; 0: there are none */
	bool set[IO_LABELS_MAX];        /* class, multi: labels that belong to the prediction set */
	double low, high;               /* value: the interval; infinite where nothing bounds it */
	double margin;                  /* class, multi: how near the decision was, 0 .. 1 */
	struct fu_abstention abstention;
	struct fu_part_judgment part[IO_PARTS_MAX];
	double conflict; /* 0 .. 1, fusion/conflict.h */
	/* Of every label named (value: [0]): what it rests on, fusion/contribution.h. */
	double contribution[IO_LABELS_MAX][IO_PARTS_MAX];
	double base[IO_LABELS_MAX]; /* no part */
	struct fu_alignment alignment[FU_ALIGNMENTS];
	size_t alignments;
};

/* What a network said of a case. */
struct fu_answer {
	uint32_t present;                /* bits of the parts */
	const float *logits;             /* [labels], a value [1] */
	const float *late[IO_PARTS_MAX]; /* the same of each present part alone */
};

/* Fills in label, p, threshold, named, value, set, interval, margin, conflict, abstention and each
 * part's present, p and value; leaves the rest alone. */
void fu_verdict(const struct io_task *task, const struct fu_calibration *c,
		const struct fu_answer *a, struct fu_judgment *out);

#endif
