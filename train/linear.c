/* SPDX-License-Identifier: Apache-2.0
 * linear.c - fitted by L-BFGS with a backtracking line search: Nocedal, Wright, "Numerical
 * Optimization" (2006), algorithms 7.4 and 3.1. The losses are convex. */
#include "train/linear.h"

#include "core/base/buf.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { HISTORY = 8, ITERATIONS = 200, HALVINGS = 30 };
static const double SMALL = 1e-5; /* of the largest slope: done */

void tr_sparse_free(struct tr_sparse *x)
{
	free(x->start);
	free(x->col);
	free(x->val);
	*x = (struct tr_sparse){ 0 };
}

void tr_sparse_put(struct tr_sparse *x, uint32_t col, float val)
{
	if (x->n == x->cap) {
		x->cap = x->cap ? 2 * x->cap : 1024;
		x->col = as_realloc(x->col, x->cap, sizeof *x->col);
		x->val = as_realloc(x->val, x->cap, sizeof *x->val);
	}
	x->col[x->n] = col;
	x->val[x->n++] = val;
	x->cols = col >= x->cols ? col + 1 : x->cols;
}

void tr_sparse_end_row(struct tr_sparse *x)
{
	x->start = as_realloc(x->start, x->rows + 2, sizeof *x->start);
	if (x->rows == 0) {
		x->start[0] = 0;
	}
	x->start[++x->rows] = x->n;
}

void tr_linear_free(struct tr_linear *l)
{
	free(l->w);
	*l = (struct tr_linear){ 0 };
}

static void outputs(const struct tr_linear *l, const double *w, const struct tr_sparse *x,
		    size_t row, double *z)
{
	for (size_t k = 0; k < l->out; k++) {
		const double *wk = w + k * (l->in + 1);

		z[k] = wk[l->in];
		for (size_t j = x->start[row]; j < x->start[row + 1]; j++) {
			z[k] += x->col[j] < l->in ? wk[x->col[j]] * (double)x->val[j] : 0;
		}
	}
}

static double log1pexp(double z)
{
	return z > 0 ? z + log1p(exp(-z)) : log1p(exp(z));
}

/* The loss of outputs z against t; z becomes dloss/dz. */
static double loss_of(const struct tr_linear *l, double *z, const float *t)
{
	double loss = 0;
	double top = z[0];
	double sum = 0;

	switch (l->kind) {
	case IO_VALUE:
		z[0] -= (double)t[0];
		return z[0] * z[0] / 2;
	case IO_MULTI:
		for (size_t k = 0; k < l->out; k++) {
			loss += log1pexp(z[k]) - (double)t[k] * z[k];
			z[k] = 1 / (1 + exp(-z[k])) - (double)t[k];
		}
		return loss;
	case IO_CLASS:
		break;
	}
	for (size_t k = 1; k < l->out; k++) {
		top = z[k] > top ? z[k] : top;
	}
	for (size_t k = 0; k < l->out; k++) {
		sum += exp(z[k] - top);
	}
	for (size_t k = 0; k < l->out; k++) {
		loss += (double)t[k] * (top + log(sum) - z[k]);
		z[k] = exp(z[k] - top) / sum - (double)t[k];
	}
	return loss;
}

struct problem {
	const struct tr_linear *l;
	const struct tr_sparse *x;
	const float *y;
	const size_t *rows;
	size_t n, size; /* size: weights */
	double l2;
	double *z; /* [out] */
};

/* The objective at w and its gradient g (NULL: not wanted). */
static double evaluate(const struct problem *q, const double *w, double *g)
{
	const struct tr_linear *l = q->l;
	double sum = 0;
	double penalty = 0;

	if (g != NULL) {
		memset(g, 0, q->size * sizeof *g);
	}
	for (size_t i = 0; i < q->n; i++) {
		const size_t row = q->rows[i];

		outputs(l, w, q->x, row, q->z);
		sum += loss_of(l, q->z, q->y + row * l->out) / (double)q->n;
		for (size_t k = 0; g != NULL && k < l->out; k++) {
			const double d = q->z[k] / (double)q->n;
			double *gk = g + k * (l->in + 1);

			gk[l->in] += d;
			for (size_t j = q->x->start[row]; j < q->x->start[row + 1]; j++) {
				gk[q->x->col[j]] += d * (double)q->x->val[j];
			}
		}
	}
	for (size_t i = 0; i < q->size; i++) {
		if (i % (l->in + 1) != l->in) {
			penalty += w[i] * w[i];
			if (g != NULL) {
				g[i] += q->l2 * w[i];
			}
		}
	}
	return sum + q->l2 / 2 * penalty;
}

static double dot(const double *a, const double *b, size_t n)
{
	double sum = 0;

	for (size_t i = 0; i < n; i++) {
		sum += a[i] * b[i];
	}
	return sum;
}

struct lbfgs {
	size_t size, pairs;              /* pairs kept, the latest last */
	double *s[HISTORY], *y[HISTORY]; /* steps of w and of the gradient */
	double rho[HISTORY];
	double *w, *g, *d, *wn, *gn; /* [size] here, direction, there */
};

/* d = -H g by the two-loop recursion. */
static void direction(struct lbfgs *o)
{
	double alpha[HISTORY];
	double scale = 1;

	for (size_t i = 0; i < o->size; i++) {
		o->d[i] = -o->g[i];
	}
	for (size_t k = o->pairs; k > 0; k--) {
		alpha[k - 1] = o->rho[k - 1] * dot(o->s[k - 1], o->d, o->size);
		for (size_t i = 0; i < o->size; i++) {
			o->d[i] -= alpha[k - 1] * o->y[k - 1][i];
		}
	}
	if (o->pairs > 0) {
		const double *y = o->y[o->pairs - 1];

		scale = 1 / (o->rho[o->pairs - 1] * dot(y, y, o->size));
	}
	for (size_t i = 0; i < o->size; i++) {
		o->d[i] *= scale;
	}
	for (size_t k = 0; k < o->pairs; k++) {
		const double beta = o->rho[k] * dot(o->y[k], o->d, o->size);

		for (size_t i = 0; i < o->size; i++) {
			o->d[i] += (alpha[k] - beta) * o->s[k][i];
		}
	}
}

/* Takes up the step from w to wn, and goes there. */
static void remember(struct lbfgs *o)
{
	double *s = o->s[0];
	double *y = o->y[0];
	double sy;

	if (o->pairs == HISTORY) {
		for (size_t k = 1; k < HISTORY; k++) {
			o->s[k - 1] = o->s[k];
			o->y[k - 1] = o->y[k];
			o->rho[k - 1] = o->rho[k];
		}
		o->s[HISTORY - 1] = s;
		o->y[HISTORY - 1] = y;
		o->pairs--;
	}
	s = o->s[o->pairs];
	y = o->y[o->pairs];
	for (size_t i = 0; i < o->size; i++) {
		s[i] = o->wn[i] - o->w[i];
		y[i] = o->gn[i] - o->g[i];
	}
	sy = dot(s, y, o->size);
	if (sy > 1e-12) {
		o->rho[o->pairs++] = 1 / sy;
	}
	memcpy(o->w, o->wn, o->size * sizeof *o->w);
	memcpy(o->g, o->gn, o->size * sizeof *o->g);
}

/* Halves the step until the objective falls enough; false where it does not. */
static bool search(struct lbfgs *o, const struct problem *q, double *f)
{
	const double slope = dot(o->g, o->d, o->size);
	double step = 1;

	if (o->pairs == 0) {
		step = 1 / (1 + sqrt(dot(o->g, o->g, o->size)));
	}
	for (size_t k = 0; k < HALVINGS; k++, step /= 2) {
		double there;

		for (size_t i = 0; i < o->size; i++) {
			o->wn[i] = o->w[i] + step * o->d[i];
		}
		there = evaluate(q, o->wn, o->gn);
		if (there <= *f + 1e-4 * step * slope) {
			*f = there;
			return true;
		}
	}
	return false;
}

static double largest(const double *v, size_t n)
{
	double top = 0;

	for (size_t i = 0; i < n; i++) {
		top = fabs(v[i]) > top ? fabs(v[i]) : top;
	}
	return top;
}

void tr_linear_fit(struct tr_linear *l, const struct tr_sparse *x, const float *y,
		   const size_t *rows, size_t n, double l2)
{
	const size_t size = l->out * (l->in + 1);
	struct problem q = { l, x, y, rows, n, size, l2, as_malloc(l->out * sizeof(double)) };
	double *memory = as_calloc((5 + 2 * HISTORY) * size, sizeof *memory);
	struct lbfgs o = { .size = size };
	double f;

	o.w = memory;
	o.g = o.w + size;
	o.d = o.g + size;
	o.wn = o.d + size;
	o.gn = o.wn + size;
	for (size_t k = 0; k < HISTORY; k++) {
		o.s[k] = o.gn + (1 + 2 * k) * size;
		o.y[k] = o.s[k] + size;
	}
	memcpy(o.w, l->w, size * sizeof *o.w);
	f = evaluate(&q, o.w, o.g);
	for (size_t i = 0; i < ITERATIONS && largest(o.g, size) > SMALL; i++) {
		direction(&o);
		if (!search(&o, &q, &f)) {
			break;
		}
		remember(&o);
	}
	memcpy(l->w, o.w, size * sizeof *o.w);
	free(memory);
	free(q.z);
}

void tr_linear_outputs(const struct tr_linear *l, const struct tr_sparse *x, const size_t *rows,
		       size_t n, float *z)
{
	double *one = as_malloc(l->out * sizeof *one);

	for (size_t i = 0; i < n; i++) {
		outputs(l, l->w, x, rows[i], one);
		for (size_t k = 0; k < l->out; k++) {
			z[i * l->out + k] = (float)one[k];
		}
	}
	free(one);
}

void tr_linear_predict(const struct tr_linear *l, const struct tr_sparse *x, const size_t *rows,
		       size_t n, float *p)
{
	double *z = as_malloc(2 * l->out * sizeof *z);
	float *zero = as_calloc(l->out, sizeof *zero);

	for (size_t i = 0; i < n; i++) {
		outputs(l, l->w, x, rows[i], z);
		(void)loss_of(l, z, zero); /* against zero the slope is the prediction itself */
		for (size_t k = 0; k < l->out; k++) {
			p[i * l->out + k] = (float)z[k];
		}
	}
	free(zero);
	free(z);
}

double tr_linear_loss(const struct tr_linear *l, const struct tr_sparse *x, const float *y,
		      const size_t *rows, size_t n)
{
	struct problem q = { l, x, y, rows, n, 0, 0, as_malloc(l->out * sizeof(double)) };
	const double loss = evaluate(&q, l->w, NULL);

	free(q.z);
	return loss;
}
