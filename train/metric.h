/* SPDX-License-Identifier: Apache-2.0
 * metric.h - how good predictions are. NAN stands for a score that these cases cannot have. */
#ifndef TR_METRIC_H
#define TR_METRIC_H

#include "core/io/task.h"

#include <stddef.h>

enum tr_metric {
	TR_AUC, /* two labels: of the positive one; else the mean over labels, one against all */
	TR_AP,  /* average precision, in the same way */
	TR_ACCURACY,    /* class: of the label named; multi: of all labels' yes and no */
	TR_F1,          /* mean over the labels */
	TR_SENSITIVITY, /* two labels: of the positive one at the threshold; multi: mean */
	TR_SPECIFICITY,
	TR_KAPPA, /* class of more than two labels: quadratic weights, labels in their order */
	TR_LOSS,  /* class, multi: mean log-loss of the probabilities */
	TR_MAE,   /* value */
	TR_RMSE,
	TR_R2,
	TR_METRICS
};

struct tr_metrics {
	double v[TR_METRICS];
};

/* "auc", "ap", ... as in JSON. */
const char *tr_metric_name(enum tr_metric m);

/* Predictions beside the truth. */
struct tr_predictions {
	size_t n, c;             /* cases; labels, or 1 for a value */
	const float *p;          /* [n, c] probabilities, or values in the target's unit */
	const float *y;          /* [n, c] 1 for a case's labels, 0; or the target */
	const float *thresholds; /* [c] as in struct fu_calibration */
};

void tr_metrics_of(const struct io_task *task, const struct tr_predictions *x,
		   struct tr_metrics *out);

/* Area under the ROC curve of scores s[i * stride] against y[i * stride] > 0.5; ties count half.
 * NAN where one side is empty. */
double tr_auc(const float *s, const float *y, size_t n, size_t stride);
/* Sum over thresholds of precision * (rise of recall); tied scores are one threshold. */
double tr_average_precision(const float *s, const float *y, size_t n, size_t stride);
/* Naming positive all from a score up: the shares of negatives and positives named, and the share
 * of those named that are positive. */
struct tr_point {
	double false_share, true_share, precision;
};
/* One point for every distinct score, from the highest down, behind (0, 0, 1): out [n + 1]; returns
 * how many. 1 where a side is empty. */
size_t tr_points(const float *s, const float *y, size_t n, size_t stride, struct tr_point *out);
/* Cohen's kappa with quadratic weights between classes a[i], b[i] < c. */
double tr_kappa(const size_t *a, const size_t *b, size_t n, size_t c);

/* Mean and sample standard deviation over folds of every metric; NAN are left out. */
void tr_metrics_mean(const struct tr_metrics *m, size_t folds, struct tr_metrics *mean,
		     struct tr_metrics *sd);

#endif
