/* SPDX-License-Identifier: Apache-2.0
 * probe.h - one layer with weights, an input and an output, to be run forward and backward. */
#ifndef TESTS_NN_PROBE_H
#define TESTS_NN_PROBE_H

#include "core/nn/param.h"
#include "core/nn/step.h"
#include "core/tensor/q8.h"
#include "tests/support/check.h"
#include "tests/support/gradcheck.h"

#include <math.h>
#include <stdlib.h>

struct probe {
	struct nn_params ps;
	struct as_arena mem, data;
	struct as_rng rng;
	struct nn_step s;
	const void *layer;
	void *act;
	size_t n, nx, ny;       /* rows; floats of x and y */
	float *x, *y, *dy, *dx; /* dx is zero until bwd adds to it */
	void (*fwd)(struct probe *p);
	void (*bwd)(struct probe *p);
};

static inline float *probe_randoms(struct probe *p, size_t n, float sd)
{
	float *v = as_zalloc(&p->data, n + 1, sizeof *v);

	for (size_t i = 0; i < n; i++) {
		v[i] = sd * as_rng_normal(&p->rng);
	}
	return v;
}

/* The weights of layers that know int8 in int8, and in v what they stand for. */
static inline void probe_quantize(struct nn_params *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		const struct nn_param *w = &ps->p[i];
		int8_t *q = malloc(w->rows * w->cols);
		float *scale = malloc(w->rows * sizeof *scale);
		struct as_err e;

		for (size_t r = 0; r < w->rows; r++) {
			scale[r] = tn_quantize_weights(ps->v + w->at + r * w->cols, q + r * w->cols,
						       w->cols);
		}
		if (w->int8) {
			ok(nn_param_q8(ps, i, q, scale, &e));
		}
		free(scale);
		free(q);
	}
}

/* The layer is registered in p->ps; n, nx, ny, fwd and bwd are set. Training, without dropout. */
static inline void probe_start(struct probe *p, uint64_t seed)
{
	struct as_err e = { 0 };

	as_rng_seed(&p->rng, seed, 1);
	ok(as_arena_init(&p->mem, "probe.mem", (size_t)1 << 30, &e));
	ok(as_arena_init(&p->data, "probe.data", (size_t)1 << 30, &e));
	if (p->ps.size > 0) {
		nn_params_start(&p->ps, &p->rng);
	}
	/* Biases and norms start at constants: moved, so that each has a gradient of its own. */
	for (size_t i = 0; i < p->ps.size; i++) {
		p->ps.v[i] += 0.1F * as_rng_normal(&p->rng);
	}
	p->x = probe_randoms(p, p->nx, 1.0F);
	p->dy = probe_randoms(p, p->ny, 1.0F);
	p->y = as_zalloc(&p->data, p->ny + 1, sizeof *p->y);
	p->dx = as_zalloc(&p->data, p->nx + 1, sizeof *p->dx);
	p->s = (struct nn_step){ .p = p->ps.v,
				 .g = as_zalloc(&p->data, p->ps.size + 1, sizeof(float)),
				 .mem = &p->mem,
				 .rng = &p->rng };
}

static inline void probe_free(struct probe *p)
{
	nn_params_free(&p->ps);
	as_arena_free(&p->mem);
	as_arena_free(&p->data);
}

/* The generator starts anew, so that dropout draws the same mask each time. */
static inline void probe_fwd(struct probe *p)
{
	as_arena_reset(&p->mem, 0);
	as_rng_seed(&p->rng, 5, 5);
	p->fwd(p);
}

static inline double probe_loss(void *ctx)
{
	struct probe *p = ctx;
	double loss = 0.0;

	probe_fwd(p);
	for (size_t i = 0; i < p->ny; i++) {
		loss += (double)p->dy[i] * (double)p->y[i];
	}
	return loss;
}

/* Central differences against bwd, for every input and every weight. The step 1e-2 leaves about
 * 1e-4 of curvature and, in single precision, as much rounding. */
static inline void probe_check(struct probe *p, double tolerance)
{
	const float h = 1e-2F;
	double off;

	probe_fwd(p);
	p->bwd(p);
	off = gradcheck(probe_loss, p, p->x, p->dx, p->nx, 1, h);
	cr_assert(lt(dbl, off, tolerance), "n %zu: dx is off by %g", p->n, off);
	for (size_t i = 0; i < p->ps.n; i++) {
		const struct nn_param *w = &p->ps.p[i];

		off = gradcheck(probe_loss, p, p->ps.v + w->at, p->s.g + w->at, w->rows * w->cols,
				1, h);
		cr_assert(lt(dbl, off, tolerance), "n %zu: gradient of %s is off by %g", p->n,
			  w->name, off);
	}
}

/* bwd adds to dx and to the gradients: run twice it gives twice as much. */
static inline void probe_adds(struct probe *p)
{
	float *g = as_alloc(&p->data, p->ps.size + 1, sizeof *g);
	float *dx = as_alloc(&p->data, p->nx + 1, sizeof *dx);

	memset(p->s.g, 0, p->ps.size * sizeof *g);
	memset(p->dx, 0, p->nx * sizeof *dx);
	probe_fwd(p);
	p->bwd(p);
	memcpy(g, p->s.g, p->ps.size * sizeof *g);
	memcpy(dx, p->dx, p->nx * sizeof *dx);
	p->bwd(p);
	for (size_t i = 0; i < p->ps.size; i++) {
		cr_assert(fabsf(p->s.g[i] - 2.0F * g[i]) <= 1e-4F * (1.0F + fabsf(g[i])));
	}
	for (size_t i = 0; i < p->nx; i++) {
		cr_assert(fabsf(p->dx[i] - 2.0F * dx[i]) <= 1e-4F * (1.0F + fabsf(dx[i])));
	}
}

/* Largest difference of n numbers. */
static inline double probe_off(const float *a, const float *b, size_t n)
{
	double off = 0.0;

	for (size_t i = 0; i < n; i++) {
		off = fmax(off, fabs((double)a[i] - (double)b[i]));
	}
	return off;
}

#endif
