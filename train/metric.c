/* SPDX-License-Identifier: Apache-2.0 */
#include "train/metric.h"

#include "core/base/buf.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *tr_metric_name(enum tr_metric m)
{
	static const char *const name[TR_METRICS] = { "auc",   "ap",          "accuracy",
						      "f1",    "sensitivity", "specificity",
						      "kappa", "log_loss",    "mae",
						      "rmse",  "r2" };

	return name[m];
}

struct scored {
	float s;
	bool positive;
};

static int by_score_down(const void *a, const void *b)
{
	const struct scored *x = a;
	const struct scored *y = b;

	return (x->s < y->s) - (x->s > y->s);
}

/* Sorted from the highest score down; *positives of them. Free the result. */
static struct scored *sort_scores(const float *s, const float *y, size_t n, size_t stride,
				  size_t *positives)
{
	struct scored *v = as_malloc((n + 1) * sizeof *v);

	*positives = 0;
	for (size_t i = 0; i < n; i++) {
		v[i] = (struct scored){ s[i * stride], y[i * stride] > 0.5F };
		*positives += v[i].positive;
	}
	qsort(v, n, sizeof *v, by_score_down);
	return v;
}

/* The end of the run of equal scores that starts at i, and the positives in it. */
static size_t tied(const struct scored *v, size_t n, size_t i, size_t *positives)
{
	const float s = v[i].s;

	*positives = 0;
	for (; i < n && !(v[i].s < s); i++) {
		*positives += v[i].positive;
	}
	return i;
}

/* Hanley, McNeil, "The meaning and use of the area under a ROC curve" (1982), Radiology 143:
 * the share of pairs of a positive and a negative that are ranked right, ties counted half. */
double tr_auc(const float *s, const float *y, size_t n, size_t stride)
{
	size_t positives;
	struct scored *v = sort_scores(s, y, n, stride, &positives);
	const size_t negatives = n - positives;
	double above = 0; /* positives seen so far */
	double sum = 0;

	for (size_t i = 0; i < n;) {
		size_t p;
		const size_t end = tied(v, n, i, &p);

		sum += (double)(end - i - p) * (above + 0.5 * (double)p);
		above += (double)p;
		i = end;
	}
	free(v);
	return positives > 0 && negatives > 0 ? sum / ((double)positives * (double)negatives)
					      : (double)NAN;
}

double tr_average_precision(const float *s, const float *y, size_t n, size_t stride)
{
	size_t positives;
	struct scored *v = sort_scores(s, y, n, stride, &positives);
	double found = 0;
	double sum = 0;

	for (size_t i = 0; i < n;) {
		size_t p;
		const size_t end = tied(v, n, i, &p);

		found += (double)p;
		sum += (double)p * found / (double)end;
		i = end;
	}
	free(v);
	return positives > 0 ? sum / (double)positives : (double)NAN;
}

/* Cohen, "Weighted kappa" (1968): 1 - sum w o / sum w e, w = (i - j)^2. */
size_t tr_points(const float *s, const float *y, size_t n, size_t stride, struct tr_point *out)
{
	size_t positives;
	struct scored *v = sort_scores(s, y, n, stride, &positives);
	size_t named = 0;
	size_t right = 0;
	size_t points = 1;

	out[0] = (struct tr_point){ 0, 0, 1 };
	while (named < n && positives > 0 && positives < n) {
		size_t more;

		named = tied(v, n, named, &more);
		right += more;
		out[points++] =
		    (struct tr_point){ (double)(named - right) / (double)(n - positives),
				       (double)right / (double)positives,
				       (double)right / (double)named };
	}
	free(v);
	return points;
}

double tr_kappa(const size_t *a, const size_t *b, size_t n, size_t c)
{
	double *na = as_calloc(2 * c, sizeof *na);
	double *nb = na + c;
	double observed = 0;
	double expected = 0;

	for (size_t i = 0; i < n; i++) {
		const double d = (double)a[i] - (double)b[i];

		observed += d * d;
		na[a[i]] += 1;
		nb[b[i]] += 1;
	}
	for (size_t i = 0; i < c; i++) {
		for (size_t j = 0; j < c; j++) {
			const double d = (double)i - (double)j;

			expected += d * d * na[i] * nb[j] / (double)n;
		}
	}
	free(na);
	return expected > 0 ? 1 - observed / expected : (double)NAN;
}

/* Counts of one label's yes and no. */
struct counts {
	double tp, fp, fn, tn;
};

static void count(struct counts *k, bool said, bool is)
{
	k->tp += said && is;
	k->fp += said && !is;
	k->fn += !said && is;
	k->tn += !said && !is;
}

static double share(double part, double rest)
{
	return part + rest > 0 ? part / (part + rest) : (double)NAN;
}

/* Mean of what is a number. */
static double mean_of(const double *v, size_t n)
{
	double sum = 0;
	size_t m = 0;

	for (size_t i = 0; i < n; i++) {
		if (!isnan(v[i])) {
			sum += v[i];
			m++;
		}
	}
	return m > 0 ? sum / (double)m : (double)NAN;
}

/* The label that the probabilities name: as fu_choose does. */
static size_t named(const struct tr_predictions *x, const float *p)
{
	size_t best = 0;

	if (x->c == 2) {
		return p[1] >= x->thresholds[1];
	}
	for (size_t k = 1; k < x->c; k++) {
		best = p[k] > p[best] ? k : best;
	}
	return best;
}

/* Metrics of the decisions: counts of every label. */
static void from_counts(const struct io_task *task, const struct counts *k, size_t c, size_t n,
			struct tr_metrics *out)
{
	double *v = as_malloc(3 * c * sizeof *v);
	double right = 0;

	for (size_t i = 0; i < c; i++) {
		/* A label that is neither there nor named says nothing. */
		v[i] = share(2 * k[i].tp, k[i].fp + k[i].fn);
		v[c + i] = share(k[i].tp, k[i].fn);
		v[2 * c + i] = share(k[i].tn, k[i].fp);
		right += k[i].tp + (task->kind == IO_MULTI ? k[i].tn : 0);
	}
	out->v[TR_ACCURACY] = right / ((double)n * (task->kind == IO_MULTI ? (double)c : 1));
	out->v[TR_F1] = mean_of(v, c);
	if (task->kind == IO_MULTI) {
		out->v[TR_SENSITIVITY] = mean_of(v + c, c);
		out->v[TR_SPECIFICITY] = mean_of(v + 2 * c, c);
	} else if (c == 2) {
		out->v[TR_SENSITIVITY] = v[c + 1];
		out->v[TR_SPECIFICITY] = v[2 * c + 1];
	}
	free(v);
}

static void decide_class(const struct io_task *task, const struct tr_predictions *x,
			 struct tr_metrics *out)
{
	struct counts *k = as_calloc(x->c, sizeof *k);
	size_t *said = as_malloc(2 * x->n * sizeof *said);
	size_t *is = said + x->n;
	double loss = 0;

	for (size_t i = 0; i < x->n; i++) {
		const float *p = x->p + i * x->c;

		said[i] = named(x, p);
		is[i] = 0;
		for (size_t j = 1; j < x->c; j++) {
			is[i] = x->y[i * x->c + j] > 0.5F ? j : is[i];
		}
		for (size_t j = 0; j < x->c; j++) {
			count(&k[j], said[i] == j, is[i] == j);
		}
		loss -= log(fmax((double)p[is[i]], 1e-12));
	}
	out->v[TR_LOSS] = loss / (double)x->n;
	if (x->c > 2) {
		out->v[TR_KAPPA] = tr_kappa(said, is, x->n, x->c);
	}
	from_counts(task, k, x->c, x->n, out);
	free(said);
	free(k);
}

static void decide_multi(const struct io_task *task, const struct tr_predictions *x,
			 struct tr_metrics *out)
{
	struct counts *k = as_calloc(x->c, sizeof *k);
	double loss = 0;

	for (size_t i = 0; i < x->n; i++) {
		for (size_t j = 0; j < x->c; j++) {
			const float p = x->p[i * x->c + j];
			const bool is = x->y[i * x->c + j] > 0.5F;

			count(&k[j], p >= x->thresholds[j], is);
			loss -= log(fmax((double)(is ? p : 1 - p), 1e-12));
		}
	}
	out->v[TR_LOSS] = loss / (double)(x->n * x->c);
	from_counts(task, k, x->c, x->n, out);
	free(k);
}

static void rank(const struct tr_predictions *x, bool two, struct tr_metrics *out)
{
	double *v = as_malloc(2 * x->c * sizeof *v);

	for (size_t k = 0; k < x->c; k++) {
		v[k] = tr_auc(x->p + k, x->y + k, x->n, x->c);
		v[x->c + k] = tr_average_precision(x->p + k, x->y + k, x->n, x->c);
	}
	out->v[TR_AUC] = two ? v[1] : mean_of(v, x->c);
	out->v[TR_AP] = two ? v[3] : mean_of(v + x->c, x->c);
	free(v);
}

static void measure_value(const struct tr_predictions *x, struct tr_metrics *out)
{
	double mean = 0;
	double abs = 0;
	double square = 0;
	double spread = 0;

	for (size_t i = 0; i < x->n; i++) {
		mean += (double)x->y[i] / (double)x->n;
	}
	for (size_t i = 0; i < x->n; i++) {
		const double d = (double)x->p[i] - (double)x->y[i];
		const double s = (double)x->y[i] - mean;

		abs += fabs(d);
		square += d * d;
		spread += s * s;
	}
	out->v[TR_MAE] = abs / (double)x->n;
	out->v[TR_RMSE] = sqrt(square / (double)x->n);
	out->v[TR_R2] = spread > 0 ? 1 - square / spread : (double)NAN;
}

void tr_metrics_of(const struct io_task *task, const struct tr_predictions *x,
		   struct tr_metrics *out)
{
	for (size_t m = 0; m < TR_METRICS; m++) {
		out->v[m] = (double)NAN;
	}
	if (x->n == 0) {
		return;
	}
	switch (task->kind) {
	case IO_VALUE:
		measure_value(x, out);
		break;
	case IO_MULTI:
		decide_multi(task, x, out);
		rank(x, false, out);
		break;
	case IO_CLASS:
		decide_class(task, x, out);
		rank(x, x->c == 2, out);
		break;
	}
}

void tr_metrics_mean(const struct tr_metrics *m, size_t folds, struct tr_metrics *mean,
		     struct tr_metrics *sd)
{
	double *v = as_malloc((folds + 1) * sizeof *v);

	for (size_t k = 0; k < TR_METRICS; k++) {
		size_t n = 0;
		double sum = 0;

		for (size_t f = 0; f < folds; f++) {
			v[f] = m[f].v[k];
			n += !isnan(v[f]);
		}
		mean->v[k] = mean_of(v, folds);
		for (size_t f = 0; f < folds; f++) {
			const double d = v[f] - mean->v[k];

			sum += isnan(d) ? 0 : d * d;
		}
		sd->v[k] = n > 1 ? sqrt(sum / (double)(n - 1)) : (double)NAN;
	}
	free(v);
}
