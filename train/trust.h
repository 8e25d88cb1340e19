/* SPDX-License-Identifier: Apache-2.0
 * trust.h - how far answers can be believed: whether probabilities come true, whether sets hold
 * the truth as often as they say, and how errors fall where the least sure cases are left out. */
#ifndef TR_TRUST_H
#define TR_TRUST_H

#include "core/base/buf.h"
#include "train/calibrate.h"

enum {
	TR_TRUST_BINS = 10,  /* of confidence, equally wide */
	TR_TRUST_SHARES = 5, /* of cases judged that the error is given for */
};

/* Answers beside the truth. */
struct tr_reliability {
	size_t n[TR_TRUST_BINS];
	double said[TR_TRUST_BINS];  /* sum of the confidences of a bin */
	double right[TR_TRUST_BINS]; /* how many of them were right */
	double brier;                /* sum over cases */
};

/* Sets of the cases that have these parts, the others masked. */
struct tr_covered {
	size_t n, covered;
	double size;               /* sum of labels in the sets; value: of widths */
	size_t unbounded;          /* sets that leave nothing out for want of calibration cases */
	double expected, variance; /* of covered, given the calibration cases */
};

/* One case: how sure the judgment was, and how wrong (0 .. 1). */
struct tr_sure {
	double confidence, error;
};

struct tr_trust {
	const struct io_task *task;          /* borrowed */
	size_t n;                            /* cases under all their parts */
	double coverage;                     /* that the sets claim; 0: there are none */
	struct tr_reliability before, after; /* calibration; not of a value */
	struct tr_covered *pattern;          /* [1 << parts] by the bits shown */
	struct tr_sure *sure;                /* [n of cap]; not of a value */
	struct {
		size_t n;   /* cases that have the part */
		double sum; /* of its weights in the fusion */
	} weight[IO_PARTS_MAX];
	size_t cap;
};

/* cases: at most so many are added. */
void tr_trust_init(struct tr_trust *t, const struct io_task *task, size_t cases);
void tr_trust_free(struct tr_trust *t); /* accepts a zeroed struct, zeroes it */

/* Adds cases that c did not see, with scores under all patterns and truth y [n, c]. */
void tr_trust_add(struct tr_trust *t, const struct fu_calibration *c, const struct tr_scores *s,
		  const float *y);

/* Expected calibration error: sum over bins of their share x |mean confidence - share right|.
 * Class: of the likeliest label; multi: of each label's yes or no. Guo, Pleiss, Sun, Weinberger,
 * "On Calibration of Modern Neural Networks" (2017), arXiv:1706.04599, section 2. */
double tr_ece(const struct tr_reliability *r);
/* Mean error of the share of the cases whose confidence is highest, one at least. */
double tr_risk(const struct tr_trust *t, double share);

/* Members "calibration", "risk", "weights" and "sets" of an open object; nothing where nothing was
 * added. */
void tr_trust_write(const struct tr_trust *t, struct io_jw *w);
void tr_trust_text(const struct tr_trust *t, struct as_buf *out);

#endif
