/* SPDX-License-Identifier: Apache-2.0
 * verdict.c - label, probabilities, prediction set and abstention.
 *
 *   set        { k : 1 - p_k <= q }      value: [v - q, v + q]
 *
 * q is the quantile that train/conformal.c fitted for the parts present: Sadinle, Lei, Wasserman,
 * "Least ambiguous set-valued classifiers with bounded error levels" (2019), JASA 114(525), and for
 * a value Lei et al., "Distribution-free predictive inference for regression" (2018), JASA
 * 113(523), section 2.2. `multi`: the set holds *all* labels of a case with the given coverage. The
 * set may be empty: then this case fits no label as well as 90 % of cases fit theirs.
 *
 *   margin     two labels and multi: the least |p_k - threshold_k| over the labels with a
 * threshold; more labels: p of the first less p of the second */
#include "fusion/verdict.h"

#include "fusion/conflict.h"

#include <math.h>
#include <string.h>

static double class_margin(const struct io_task *task, const struct fu_judgment *v)
{
	float second = 0;

	if (task->labels == 2) {
		return fabs((double)v->p[1] - (double)v->threshold[1]);
	}
	for (size_t k = 0; k < task->labels; k++) {
		second = k != v->label && v->p[k] > second ? v->p[k] : second;
	}
	return (double)(v->p[v->label] - second);
}

static double multi_margin(const struct io_task *task, const struct fu_judgment *v)
{
	double least = 1;

	for (size_t k = 0; k < task->labels; k++) {
		least = fmin(least, fabs((double)v->p[k] - (double)v->threshold[k]));
	}
	return least;
}

static void read_labels(const struct io_task *task, const struct fu_calibration *c,
			const struct fu_answer *a, struct fu_judgment *out)
{
	const size_t labels = task->labels;
	float p[IO_PARTS_MAX * IO_LABELS_MAX];
	size_t n = 0;

	fu_calibrate(task, a->logits, c->temperature[a->present], out->p);
	memcpy(out->threshold, c->threshold, sizeof out->threshold);
	for (size_t m = 0; m < task->parts; m++) {
		if (out->part[m].present) {
			fu_calibrate(task, a->late[m], c->part_temperature[m], out->part[m].p);
			memcpy(p + n * labels, out->part[m].p, labels * sizeof *p);
			n++;
		}
	}
	if (task->kind == IO_CLASS) {
		out->label = fu_choose(task, c, out->p);
	}
	for (size_t k = 0; k < labels; k++) {
		out->named[k] =
		    task->kind == IO_MULTI ? out->p[k] >= out->threshold[k] : k == out->label;
		out->set[k] = 1.0F - out->p[k] <= c->quantile[a->present];
	}
	out->conflict = task->kind == IO_MULTI ? fu_conflict_multi(p, n, labels)
					       : fu_conflict_class(p, n, labels);
	out->margin = task->kind == IO_MULTI ? multi_margin(task, out) : class_margin(task, out);
}

static void read_value(const struct io_task *task, const struct fu_calibration *c,
		       const struct fu_answer *a, struct fu_judgment *out)
{
	double v[IO_PARTS_MAX];
	size_t n = 0;

	out->value = c->mean + c->sd * (double)a->logits[0];
	out->low = out->value - (double)c->quantile[a->present];
	out->high = out->value + (double)c->quantile[a->present];
	for (size_t m = 0; m < task->parts; m++) {
		if (out->part[m].present) {
			out->part[m].value = c->mean + c->sd * (double)a->late[m][0];
			v[n++] = out->part[m].value;
		}
	}
	out->conflict = fu_conflict_value(v, n, c->sd);
}

/* The limit `why` against the judgment; true where it does not hold. */
static bool breaks(const struct io_task *task, const struct fu_judgment *v, enum io_abstain why,
		   double *is)
{
	const double limit = task->abstain[why];
	bool outside = false;

	*is = 0;
	switch (why) {
	case IO_ABSTAIN_SET:
		for (size_t k = 0; k < task->labels; k++) {
			*is += v->set[k];
			outside = outside || (v->named[k] && !v->set[k]);
		}
		return v->coverage > 0 && (*is > limit || outside);
	case IO_ABSTAIN_CONFLICT:
		*is = v->conflict;
		return *is > limit;
	case IO_ABSTAIN_MARGIN:
		*is = v->margin;
		return *is < limit;
	case IO_ABSTAIN_INTERVAL:
		*is = v->high - v->low;
		return v->coverage > 0 && *is > limit;
	case IO_ABSTAINS:
		break;
	}
	return false;
}

void fu_verdict(const struct io_task *task, const struct fu_calibration *c,
		const struct fu_answer *a, struct fu_judgment *out)
{
	for (size_t m = 0; m < task->parts; m++) {
		out->part[m].present = (a->present >> m & 1U) != 0;
	}
	out->coverage = c->coverage;
	if (task->kind == IO_VALUE) {
		read_value(task, c, a, out);
	} else {
		read_labels(task, c, a, out);
	}
	out->abstention = (struct fu_abstention){ 0 };
	for (size_t i = 0; i < IO_ABSTAINS && !out->abstention.abstains; i++) {
		double is;

		if (task->abstain[i] > 0 && breaks(task, out, (enum io_abstain)i, &is)) {
			out->abstention = (struct fu_abstention){ true, (enum io_abstain)i, is,
								  task->abstain[i] };
		}
	}
}
