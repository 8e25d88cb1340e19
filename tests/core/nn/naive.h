/* SPDX-License-Identifier: Apache-2.0
 * naive.h - attention by its definition, a number at a time: what the layer is held to. */
#ifndef TESTS_NN_NAIVE_H
#define TESTS_NN_NAIVE_H

#include "tests/core/nn/layers.h"

static inline void attn_start(struct probe *p, struct nn_attn *l, size_t n, size_t d, size_t h,
			      bool gated)
{
	*p = (struct probe){
		.layer = l, .n = n, .nx = n * d, .ny = n * d, .fwd = attn_fwd, .bwd = attn_bwd
	};
	nn_attn_init(l, &p->ps, "l", d, h, d / h, gated, 0.0F);
	probe_start(p, n);
}

static inline void band(struct nn_attn *l, size_t full, size_t window, size_t globals)
{
	l->full = full;
	l->window = window;
	l->globals = globals;
}

/* Attention by its definition, a number at a time: mask, gate, shares, closed heads and all. */
static inline bool sees(const struct nn_attn *l, size_t n, size_t i, size_t j)
{
	const size_t apart = i > j ? i - j : j - i;

	return n <= l->full || i < l->globals || j < l->globals || apart <= l->window / 2;
}

static inline double affine(const struct nn_linear *l, const float *p, const float *x, size_t o)
{
	double sum = l->b == NN_NONE ? 0.0 : (double)p[l->b + o];

	for (size_t c = 0; c < l->in; c++) {
		sum += (double)p[l->w + o * l->in + c] * (double)x[c];
	}
	return sum;
}

struct naive {
	double *q, *k, *v, *z; /* [n, d] */
	double *gate;          /* [d] */
	double *span;          /* [h] */
};

/* The mask on the exponential of a score that is seen. */
static inline double naive_fade(const struct nn_attn *l, const struct naive *t, size_t i, size_t j,
				size_t h)
{
	const double apart = fabs((double)i - (double)j);
	const double ramp = (double)l->ramp;

	if (!l->spanned || i < l->globals || j < l->globals) {
		return 1.0;
	}
	return fmax(0.0, fmin(1.0, (ramp + t->span[h] - apart) / ramp));
}

static inline void naive_gate(const struct nn_attn *l, const struct probe *p, struct naive *t)
{
	double *gate = t->gate;
	float *mean = as_zalloc(p->s.mem, l->d, sizeof *mean);

	for (size_t i = 0; i < p->nx; i++) {
		mean[i % l->d] += p->x[i] / (float)p->n;
	}
	for (size_t j = 0; j < l->d; j++) {
		gate[j] = l->gated ? 1.0 / (1.0 + exp(-affine(&l->gate, p->s.p, mean, j))) : 1.0;
	}
	for (size_t h = 0; l->spanned && h < l->h; h++) {
		t->span[h] =
		    (double)(l->window / 2) / (1.0 + exp(-affine(&l->span, p->s.p, mean, h)));
	}
}

static inline double naive_share(const struct nn_attn *l, const double *gate, size_t h)
{
	double sum = 0.0;

	for (size_t j = h * l->k; j < (h + 1) * l->k; j++) {
		sum += gate[j] / (double)l->k;
	}
	return sum;
}

/* One row of one head. */
static inline void naive_row(const struct nn_attn *l, const struct probe *p, struct naive *t,
			     size_t i, size_t h)
{
	const double share = naive_share(l, t->gate, h);
	double sum = 0.0;

	for (size_t j = 0; j < p->n; j++) {
		double score = 0.0;

		if (!sees(l, p->n, i, j)) {
			continue;
		}
		for (size_t c = h * l->k; c < (h + 1) * l->k; c++) {
			score += t->q[i * l->d + c] * t->gate[c] * t->k[j * l->d + c];
		}
		score = exp(score / sqrt((double)l->k)) * naive_fade(l, t, i, j, h);
		sum += score;
		for (size_t c = h * l->k; c < (h + 1) * l->k; c++) {
			t->z[i * l->d + c] += score * t->v[j * l->d + c];
		}
	}
	for (size_t c = h * l->k; c < (h + 1) * l->k; c++) {
		t->z[i * l->d + c] *= share < (double)l->threshold ? 0.0 : share / sum;
	}
}

/* Largest difference of p->y from the definition. */
static inline double naive_off(const struct nn_attn *l, struct probe *p)
{
	struct naive t = { .gate = as_alloc(&p->data, l->d, sizeof(double)),
			   .span = as_alloc(&p->data, l->h, sizeof(double)) };
	double **const all[] = { &t.q, &t.k, &t.v, &t.z };
	double off = 0.0;

	for (size_t i = 0; i < 4; i++) {
		*all[i] = as_zalloc(&p->data, p->nx, sizeof(double));
	}
	naive_gate(l, p, &t);
	for (size_t i = 0; i < p->nx; i++) {
		const float *x = p->x + i / l->d * l->d;

		t.q[i] = affine(&l->q, p->s.p, x, i % l->d);
		t.k[i] = affine(&l->kk, p->s.p, x, i % l->d);
		t.v[i] = affine(&l->v, p->s.p, x, i % l->d);
	}
	for (size_t i = 0; i < p->n; i++) {
		for (size_t h = 0; h < l->h; h++) {
			naive_row(l, p, &t, i, h);
		}
	}
	for (size_t i = 0; i < p->nx; i++) {
		double y = (double)p->s.p[l->o.b + i % l->d];

		for (size_t c = 0; c < l->d; c++) {
			y +=
			    (double)p->s.p[l->o.w + i % l->d * l->d + c] * t.z[i / l->d * l->d + c];
		}
		off = fmax(off, fabs(y - (double)p->y[i]));
	}
	return off;
}

#endif
