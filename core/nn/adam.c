/* SPDX-License-Identifier: Apache-2.0
 * adam.c - AdamW.
 *
 *   g  <- g min(1, clip / |g|)
 *   m  <- b1 m + (1 - b1) g        v <- b2 v + (1 - b2) g^2
 *   w  <- w - rate (m / (1 - b1^t) / (sqrt(v / (1 - b2^t)) + eps) + decay w)
 *
 * Loshchilov, Hutter (2019), arXiv:1711.05101, algorithm 2; clipping: Pascanu, Mikolov, Bengio
 * (2013), arXiv:1211.5063, algorithm 1. */
#include "core/nn/adam.h"

#include "core/base/buf.h"

#include <math.h>
#include <stdlib.h>

void nn_adam_init(struct nn_adam *o, const struct nn_params *ps)
{
	*o = (struct nn_adam){ .size = ps->size, .beta1 = 0.9F, .beta2 = 0.98F, .eps = 1e-8F };
	o->m = as_calloc(ps->size, sizeof *o->m);
	o->v = as_calloc(ps->size, sizeof *o->v);
}

void nn_adam_free(struct nn_adam *o)
{
	free(o->m);
	free(o->v);
	*o = (struct nn_adam){ 0 };
}

static double norm(const float *g, size_t n)
{
	double sum = 0.0;

	for (size_t i = 0; i < n; i++) {
		sum += (double)g[i] * (double)g[i];
	}
	return sqrt(sum);
}

double nn_adam_step(struct nn_adam *o, struct nn_params *ps, float *g, float rate, float decay,
		    float clip)
{
	const double length = norm(g, ps->size);
	const float scale =
	    clip > 0.0F && length > (double)clip ? (float)((double)clip / length) : 1.0F;
	float c1;
	float c2;

	o->t++;
	c1 = 1.0F / (1.0F - powf(o->beta1, (float)o->t));
	c2 = 1.0F / (1.0F - powf(o->beta2, (float)o->t));
	for (size_t i = 0; i < ps->n; i++) {
		const struct nn_param *p = &ps->p[i];
		const float shrink = (p->flags & NN_DECAY) != 0 ? rate * decay : 0.0F;

		for (size_t j = p->at; j < p->at + p->rows * p->cols; j++) {
			const float gj = g[j] * scale;

			o->m[j] = o->beta1 * o->m[j] + (1.0F - o->beta1) * gj;
			o->v[j] = o->beta2 * o->v[j] + (1.0F - o->beta2) * gj * gj;
			ps->v[j] -= rate * (o->m[j] * c1 / (sqrtf(o->v[j] * c2) + o->eps)) +
				    shrink * ps->v[j];
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
