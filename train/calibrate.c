/* SPDX-License-Identifier: Apache-2.0
 * calibrate.c - Guo, Pleiss, Sun, Weinberger, "On calibration of modern neural networks" (2017),
 * arXiv:1706.04599, section 4.2 (temperature); Youden, "Index for rating diagnostic tests" (1950),
 * Cancer 3(1). */
#include "train/calibrate.h"

#include "core/nn/loss.h"
#include "train/conformal.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FEW = 10 }; /* cases that a pattern needs for a temperature of its own */
static const double T_MIN = 0.05;
static const double T_MAX = 20;
static const double SPREAD = 1.0;      /* of log T of a judgment */
static const double PART_SPREAD = 0.5; /* of log T of a part's own, which also weighs the part */

size_t tr_patterns(size_t parts, uint32_t mask[FU_PATTERNS])
{
	const size_t n = (size_t)1 << parts;

	for (size_t k = 0; k < n; k++) {
		mask[k] = tr_pattern(parts, k);
	}
	return n;
}

void tr_truth(const struct tr_data *d, const size_t *cases, size_t n, float *y)
{
	const size_t c = d->task->labels;

	for (size_t i = 0; i < n; i++) {
		const struct tr_case *k = &d->v[cases[i]];

		if (d->task->kind == IO_VALUE) {
			y[i] = (float)k->value;
		} else {
			memcpy(y + i * c, k->label, c * sizeof *y);
		}
	}
}

struct fit {
	const struct io_task *task;
	const float *logits, *y;
	float *scaled; /* [labels] */
	size_t n;
	double spread;
};

/* -log likelihood at T = e^t, and of t itself. */
static double cost(const struct fit *f, double t)
{
	const size_t c = f->task->labels;
	const float beta = (float)exp(-t);
	double sum = 0.5 * t * t / (f->spread * f->spread);

	for (size_t i = 0; i < f->n; i++) {
		const float *y = f->y + i * c;

		for (size_t k = 0; k < c; k++) {
			f->scaled[k] = beta * f->logits[i * c + k];
		}
		sum += f->task->kind == IO_MULTI ? nn_loss_multi(f->scaled, y, NULL, c, (double)c)
						 : nn_loss_class(f->scaled, y, NULL, c, 1);
	}
	return sum;
}

/* Golden section on log T: the cost has one valley there. */
float tr_fit_temperature(const struct io_task *task, const float *logits, const float *y, size_t n,
			 double spread)
{
	const double golden = (sqrt(5) - 1) / 2;
	struct fit f = {
		task, logits, y, as_malloc((task->labels + 1) * sizeof(float)), n, spread
	};
	double a = log(T_MIN);
	double b = log(T_MAX);
	double x1 = b - golden * (b - a);
	double x2 = a + golden * (b - a);
	double f1 = cost(&f, x1);
	double f2 = cost(&f, x2);

	while (b - a > 1e-4) {
		if (f1 < f2) {
			b = x2;
			x2 = x1;
			f2 = f1;
			x1 = b - golden * (b - a);
			f1 = cost(&f, x1);
		} else {
			a = x1;
			x1 = x2;
			f1 = f2;
			x2 = a + golden * (b - a);
			f2 = cost(&f, x2);
		}
	}
	free(f.scaled);
	return n > 0 ? (float)exp((a + b) / 2) : 1.0F;
}

struct scored {
	float p;
	bool positive;
};

static int by_score(const void *a, const void *b)
{
	const struct scored *x = a;
	const struct scored *y = b;

	return (x->p > y->p) - (x->p < y->p);
}

/* How good a threshold is that leaves `below` (of them `missed` positives) under it. */
static double worth(const struct io_task *task, double below, double missed, double positives,
		    double negatives)
{
	const double sensitivity = 1 - missed / positives;
	const double specificity = (below - missed) / negatives;
	const double found = positives - missed;
	const double named = positives + negatives - below;

	switch (task->operate) {
	case IO_SENSITIVITY:
		return sensitivity >= task->operate_at - 1e-9 ? 1 + specificity : sensitivity;
	case IO_SPECIFICITY:
		return specificity >= task->operate_at - 1e-9 ? 1 + sensitivity : specificity;
	case IO_YOUDEN:
		break;
	}
	return task->kind == IO_MULTI ? 2 * found / (positives + named) : sensitivity + specificity;
}

/* Candidates lie between neighbouring scores; of equally good ones the nearest to one half. */
static float best_threshold(const struct io_task *task, const struct scored *v, size_t n,
			    size_t positives)
{
	double best = -1;
	double at = 0.5;
	size_t missed = 0;

	for (size_t i = 0; i <= n; i++) {
		const double low = i == 0 ? 0 : (double)v[i - 1].p;
		const double high = i == n ? 1 : (double)v[i].p;
		const double t = i == 0 ? (double)v[0].p / 2 : (low + high) / 2;
		const bool border = i == 0 || i == n || high > low;

		if (border) {
			const double w = worth(task, (double)i, (double)missed, (double)positives,
					       (double)(n - positives));

			if (w > best + 1e-12 ||
			    (w > best - 1e-12 && fabs(t - 0.5) < fabs(at - 0.5))) {
				best = w;
				at = t;
			}
		}
		missed += i < n && v[i].positive;
	}
	return (float)at;
}

float tr_fit_threshold(const struct io_task *task, const float *p, const float *y, size_t n,
		       size_t stride)
{
	struct scored *v = as_malloc((n + 1) * sizeof *v);
	size_t positives = 0;
	float t = 0.5F;

	for (size_t i = 0; i < n; i++) {
		v[i] = (struct scored){ p[i * stride], y[i * stride] > 0.5F };
		positives += v[i].positive;
	}
	if (positives > 0 && positives < n) {
		qsort(v, n, sizeof *v, by_score);
		t = best_threshold(task, v, n, positives);
	}
	free(v);
	return t;
}

void tr_set_scale(struct tr_net *net, const float temperature[IO_PARTS_MAX])
{
	for (size_t m = 0; m < net->task->parts; m++) {
		net->ps.v[net->fuse.scale + m] = 1.0F / temperature[m];
	}
}

/* Copies the rows of cases that are wanted: logits and truth, each [n, c]. */
static size_t gather(const struct tr_scores *s, const float *logits, const float *y,
		     uint32_t needed, float *to_logits, float *to_y)
{
	size_t n = 0;

	for (size_t i = 0; i < s->n; i++) {
		if ((s->there[i] & needed) == needed) {
			memcpy(to_logits + n * s->c, logits + i * s->c, s->c * sizeof *logits);
			memcpy(to_y + n * s->c, y + i * s->c, s->c * sizeof *y);
			n++;
		}
	}
	return n;
}

void tr_fit_scale(struct tr_net *net, const struct tr_scores *s, const float *y,
		  float temperature[IO_PARTS_MAX])
{
	float *logits = as_malloc(2 * (s->n * s->c + 1) * sizeof *logits);
	float *truth = logits + s->n * s->c;

	for (size_t m = 0; m < s->parts; m++) {
		size_t n;

		temperature[m] = 1.0F;
		if (net->task->kind == IO_VALUE) {
			continue;
		}
		n = gather(s, s->late + m * s->n * s->c, y, 1U << m, logits, truth);
		temperature[m] = tr_fit_temperature(net->task, logits, truth, n, PART_SPREAD);
	}
	tr_set_scale(net, temperature);
	free(logits);
}

static void fit_temperatures(struct fu_calibration *c, const struct io_task *task,
			     const struct tr_scores *s, const float *y)
{
	float *logits = as_malloc(2 * (s->n * s->c + 1) * sizeof *logits);
	float *truth = logits + s->n * s->c;
	const float all = tr_fit_temperature(task, s->logits, y, s->n, SPREAD);

	for (size_t k = 0; k < s->masks; k++) {
		const uint32_t pattern = tr_pattern(s->parts, k);
		const size_t n = gather(s, tr_scores_of(s, k), y, pattern, logits, truth);

		c->temperature[pattern] =
		    n >= FEW ? tr_fit_temperature(task, logits, truth, n, SPREAD) : all;
	}
	for (size_t m = 0; m < s->parts; m++) {
		const size_t n = gather(s, s->late + m * s->n * s->c, y, 1U << m, logits, truth);

		c->part_temperature[m] = tr_fit_temperature(task, logits, truth, n, SPREAD);
	}
	free(logits);
}

void tr_calibrate(struct fu_calibration *c, const struct io_task *task, const struct tr_scores *s,
		  const float *y, double mean, double sd)
{
	float *p;

	fu_calibration_defaults(c);
	c->mean = mean;
	c->sd = sd;
	if (s->n == 0) {
		return;
	}
	if (task->kind == IO_VALUE) {
		tr_fit_sets(c, task, s, y);
		return;
	}
	fit_temperatures(c, task, s, y);
	tr_fit_sets(c, task, s, y);
	p = as_malloc(s->n * s->c * sizeof *p);
	tr_answers(c, task, s, 0, p);
	for (size_t k = 0; k < s->c; k++) {
		if (task->kind == IO_MULTI || (s->c == 2 && k == 1)) {
			c->threshold[k] = tr_fit_threshold(task, p + k, y + k, s->n, s->c);
		}
	}
	free(p);
}

void tr_answers(const struct fu_calibration *c, const struct io_task *task,
		const struct tr_scores *s, size_t k, float *p)
{
	const float *logits = tr_scores_of(s, k);

	for (size_t i = 0; i < s->n; i++) {
		if (task->kind == IO_VALUE) {
			p[i] = (float)(c->mean + c->sd * (double)logits[i]);
		} else {
			fu_calibrate(task, logits + i * s->c,
				     c->temperature[s->there[i] & tr_pattern(s->parts, k)],
				     p + i * s->c);
		}
	}
}
