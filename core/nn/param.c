/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nn/param.h"

#include "core/base/buf.h"
#include "core/nn/standard.h"
#include "core/tensor/f32.h"
#include "core/tensor/q8.h"

#include <assert.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

size_t nn_param_add(struct nn_params *ps, const char *prefix, const char *name, size_t rows,
		    size_t cols, unsigned flags, enum nn_start start, float scale)
{
	struct nn_param *p;
	int n;

	assert(ps->v == NULL && rows > 0 && cols > 0);
	if (ps->n == ps->cap) {
		ps->cap = ps->cap == 0 ? 64 : ps->cap * 2;
		ps->p = as_realloc(ps->p, ps->cap, sizeof *ps->p);
	}
	p = &ps->p[ps->n++];
	*p = (struct nn_param){ .at = ps->size,
				.rows = rows,
				.cols = cols,
				.flags = flags,
				.start = start,
				.scale = scale };
	n = snprintf(p->name, sizeof p->name, "%s%s%s", prefix, *prefix == '\0' ? "" : ".", name);
	assert(n > 0 && (size_t)n < sizeof p->name);
	ps->size += rows * cols;
	return p->at;
}

void nn_param_serve(struct nn_params *ps, size_t at, struct nn_laid *to, bool int8)
{
	for (size_t i = ps->n; i > 0; i--) {
		if (ps->p[i - 1].at == at) {
			ps->p[i - 1].to = to;
			ps->p[i - 1].int8 = int8 && to != NULL;
			return;
		}
	}
	assert(false);
}

int nn_param_q8(struct nn_params *ps, size_t i, const int8_t *w, const float *scale,
		struct as_err *e)
{
	struct nn_param *p = &ps->p[i];
	float *v = ps->v + p->at;

	for (size_t k = 0; k < p->rows * p->cols; k++) {
		v[k] = scale[k / p->cols] * (float)w[k];
	}
	if (!p->int8) {
		return AS_OK;
	}
	if (tn_q8_open(&p->laid.q8, w, scale, p->rows, p->cols, e) != AS_OK) {
		return as_wrap(e, "%s", p->name);
	}
	*p->to = p->laid;
	return AS_OK;
}

void nn_params_serve(struct nn_params *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		struct nn_param *p = &ps->p[i];

		if (p->to != NULL && p->laid.q8 == NULL) {
			p->laid.f32 = tn_f32_open(ps->v + p->at, p->rows, p->cols);
			*p->to = p->laid;
		}
	}
}

static void start_one(const struct nn_param *p, float *v, struct as_rng *rng)
{
	for (size_t i = 0; i < p->rows * p->cols; i++) {
		switch (p->start) {
		case NN_ZERO:
			v[i] = 0.0F;
			break;
		case NN_ONE:
			v[i] = 1.0F;
			break;
		case NN_CONST:
			v[i] = p->scale;
			break;
		case NN_NORMAL:
			v[i] = p->scale * as_rng_normal(rng);
			break;
		}
	}
	if ((p->flags & NN_STANDARD) != 0) {
		nn_standard_fwd(v, v, p->rows, p->cols);
	}
}

void nn_params_start(struct nn_params *ps, struct as_rng *rng)
{
	assert(ps->v == NULL && ps->size > 0);
	ps->v = aligned_alloc(64, (ps->size * sizeof *ps->v + 63) / 64 * 64);
	if (ps->v == NULL) {
		as_no_memory(ps->size * sizeof *ps->v);
	}
	for (size_t i = 0; i < ps->n; i++) {
		start_one(&ps->p[i], ps->v + ps->p[i].at, rng);
	}
}

void nn_params_free(struct nn_params *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		tn_f32_close(ps->p[i].laid.f32);
		tn_q8_close(ps->p[i].laid.q8);
	}
	free(ps->p);
	free(ps->v);
	*ps = (struct nn_params){ 0 };
}

size_t nn_params_learned(const struct nn_params *ps)
{
	size_t n = ps->size;

	for (size_t i = 0; i < ps->n; i++) {
		n -= (ps->p[i].flags & NN_FIXED) != 0 ? ps->p[i].rows * ps->p[i].cols : 0;
	}
	return n;
}

const struct nn_param *nn_param_find(const struct nn_params *ps, const char *name)
{
	for (size_t i = 0; i < ps->n; i++) {
		if (strcmp(ps->p[i].name, name) == 0) {
			return &ps->p[i];
		}
	}
	return NULL;
}
