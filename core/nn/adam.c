/* SPDX-License-Identifier: Apache-2.0
 * adam.c - AdamW.
 *
 *   g  <- g min(1, clip / |g|)
 *   m  <- b1 m + (1 - b1) g        v <- b2 v + (1 - b2) g^2
 *   w  <- w - rate (m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) + decay w)
 *
 * w standardised (NN_STANDARD): w = standard(r) after each step, and the steps are those of r with
 * its gradient (core/nn/standard.c). |r| says how far a step turns w.
 *
 * Loshchilov, Hutter (2019), arXiv:1711.05101, algorithm 2; clipping: Pascanu, Mikolov, Bengio
 * (2013), arXiv:1211.5063, algorithm 1. */
#include "core/nn/adam.h"

#include "core/base/buf.h"
#include "core/nn/standard.h"
#include "core/tensor/rows.h"

#include <math.h>
#include <stdlib.h>

static const float BEHIND = 0.5F; /* length of a row behind standardised weights, at first */

void nn_adam_init(struct nn_adam *o, const struct nn_params *ps)
{
	*o = (struct nn_adam){ .size = ps->size, .beta1 = 0.9F, .beta2 = 0.98F, .eps = 1e-8F };
	o->m = as_calloc(ps->size, sizeof *o->m);
	o->v = as_calloc(ps->size, sizeof *o->v);
	o->r = as_calloc(ps->size, sizeof *o->r);
	tn_axpy(o->r, BEHIND, ps->v, ps->size);
}

void nn_adam_free(struct nn_adam *o)
{
	free(o->m);
	free(o->v);
	free(o->r);
	*o = (struct nn_adam){ 0 };
}

/* Pieces in float, their sum in double. */
static double norm(const float *g, size_t n)
{
	const size_t piece = 4096;
	double sum = 0.0;

	for (size_t i = 0; i < n; i += piece) {
		sum += (double)tn_dot(g + i, g + i, n - i < piece ? n - i : piece);
	}
	return sqrt(sum);
}

static bool learns(const struct nn_param *p)
{
	return (p->flags & (NN_STILL | NN_FIXED)) == 0;
}

static void behind_standard(const struct nn_adam *o, const struct nn_params *ps, float *g)
{
	for (size_t i = 0; i < ps->n; i++) {
		const struct nn_param *p = &ps->p[i];

		if ((p->flags & NN_STANDARD) != 0) {
			nn_standard_bwd(o->r + p->at, ps->v + p->at, g + p->at, p->rows, p->cols);
		}
	}
}

double nn_adam_step(struct nn_adam *o, struct nn_params *ps, float *g, float rate, float decay,
		    float clip)
{
	double length;
	struct tn_adam step = { .beta1 = o->beta1, .beta2 = o->beta2, .eps = o->eps, .rate = rate };

	behind_standard(o, ps, g);
	length = norm(g, ps->size);
	o->t++;
	step.scale = clip > 0.0F && length > (double)clip ? (float)((double)clip / length) : 1.0F;
	step.fix1 = (float)(1.0 / (1.0 - pow((double)o->beta1, (double)o->t)));
	step.fix2 = (float)(1.0 / (1.0 - pow((double)o->beta2, (double)o->t)));
	for (size_t i = 0; i < ps->n; i++) {
		const struct nn_param *p = &ps->p[i];

		const bool standard = (p->flags & NN_STANDARD) != 0;
		float *w = (standard ? o->r : ps->v) + p->at;

		if (!learns(p)) {
			continue;
		}
		step.decay = (p->flags & NN_DECAY) != 0 ? decay : 0.0F;
		tn_adam(&step, w, g + p->at, o->m + p->at, o->v + p->at, p->rows * p->cols);
		if (standard) {
			nn_standard_fwd(w, ps->v + p->at, p->rows, p->cols);
		}
	}
	return length;
}

float nn_rate(float peak, size_t step, size_t total)
{
	const size_t warm = total / 10 > 0 ? total / 10 : 1;

	if (step < warm) {
		return peak * (float)(step + 1) / (float)warm;
	}
	if (step >= total) {
		return 0.0F;
	}
	return peak * 0.5F *
	       (1.0F + cosf(3.14159265F * (float)(step - warm) / (float)(total - warm)));
}
