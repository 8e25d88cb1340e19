/* SPDX-License-Identifier: Apache-2.0
 * fixture.h - a small task and a fusion network with random weights and rows, whose loss is a
 * random linear function of everything the network gives. */
#ifndef TESTS_FUSION_FIXTURE_H
#define TESTS_FUSION_FIXTURE_H

#include "core/base/buf.h"
#include "fusion/model.h"
#include "tests/support/check.h"

#include <stdio.h>
#include <stdlib.h>

enum { FIX_PARTS = 3, FIX_D = 8, FIX_DIM = 5, FIX_ROWS = 7, FIX_LABELS = 3 };

static const char *const fix_parts[FIX_PARTS][2] = { { "scan", "image" },
						     { "report", "text" },
						     { "series", "series" } };
static char *const fix_labels[FIX_LABELS] = { (char *)"none", (char *)"benign",
					      (char *)"malignant" };

static struct io_column fix_column = { .name = (char *)"file" };

/* scan and report from built-in encoders, series of FIX_DIM columns from another. Nothing to free.
 */
static inline void fix_task(struct io_task *t, enum io_kind kind, size_t labels)
{
	*t = (struct io_task){
		.kind = kind,
		.parts = FIX_PARTS,
		.name = "small",
		.target = (char *)"label",
		.coverage = 0.9,
	};
	t->label = (char **)fix_labels + (FIX_LABELS - labels);
	t->labels = labels;
	io_hyper_defaults(&t->hyper);
	t->hyper.width = FIX_D;
	for (size_t m = 0; m < FIX_PARTS; m++) {
		struct io_part_spec *p = &t->part[m];

		(void)snprintf(p->name, sizeof p->name, "%s", fix_parts[m][0]);
		(void)snprintf(p->modality, sizeof p->modality, "%s", fix_parts[m][1]);
		p->repeat = 1;
		p->column = &fix_column;
		p->columns = 1;
	}
}

static inline void fix_random(struct as_rng *r, float *v, size_t n, float sd)
{
	for (size_t i = 0; i < n; i++) {
		v[i] = sd * as_rng_normal(r);
	}
}

struct fix_net {
	struct io_task task;
	struct nn_params ps;
	struct fu_model model;
	struct as_arena mem;
	struct as_rng rng; /* of dropout */
	struct nn_step s;
	float x[FIX_PARTS][FIX_ROWS * FIX_D];
	struct fu_rows rows[IO_PARTS_MAX];
	float *g; /* gradients of the weights */
	float dx[FIX_PARTS][FIX_ROWS * FIX_D];
	float dlogits[FIX_LABELS], dlate[FIX_PARTS][FIX_LABELS], dz[FIX_PARTS][FIX_D];
};

/* present: bits of the parts that have rows. */
static inline void fix_net_init(struct fix_net *n, enum io_kind kind, unsigned present)
{
	static const size_t dim[IO_PARTS_MAX] = { 0, 0, FIX_DIM };
	struct as_err e = { 0 };
	struct as_rng r;

	*n = (struct fix_net){ 0 };
	as_rng_seed(&r, 3, present);
	fix_task(&n->task, kind, kind == IO_VALUE ? 0 : FIX_LABELS);
	fu_model_init(&n->model, &n->ps, &n->task, dim);
	nn_params_start(&n->ps, &r);
	fix_random(&r, n->ps.v, n->ps.size, 0.5F);
	ok(as_arena_init(&n->mem, "test", (size_t)8 << 20, &e));
	n->g = as_calloc(n->ps.size, sizeof *n->g);
	n->s = (struct nn_step){ .p = n->ps.v, .g = n->g, .mem = &n->mem, .rng = &n->rng };
	for (size_t m = 0; m < FIX_PARTS; m++) {
		fix_random(&r, n->x[m], FIX_ROWS * FIX_D, 1.0F);
		fix_random(&r, n->dlate[m], FIX_LABELS, 1.0F);
		fix_random(&r, n->dz[m], FIX_D, 1.0F);
		n->rows[m].rows = (present >> m & 1) != 0 ? FIX_ROWS - 2 * m : 0;
		n->rows[m].v = n->x[m];
	}
	fix_random(&r, n->dlogits, FIX_LABELS, 1.0F);
}

static inline void fix_net_free(struct fix_net *n)
{
	free(n->g);
	as_arena_free(&n->mem);
	nn_params_free(&n->ps);
}

static inline double fix_dot(const float *x, const float *y, size_t n)
{
	double sum = 0.0;

	for (size_t i = 0; i < n; i++) {
		sum += (double)x[i] * (double)y[i];
	}
	return sum;
}

static inline void fix_net_fwd(struct fix_net *n, struct fu_act *a)
{
	as_arena_reset(&n->mem, 0);
	as_rng_seed(&n->rng, 5, 0);
	fu_model_fwd(&n->model, &n->s, n->rows, a);
}

/* A gradcheck_loss. */
static inline double fix_net_loss(void *ctx)
{
	struct fix_net *n = ctx;
	struct fu_act a;
	double loss;

	fix_net_fwd(n, &a);
	loss = fix_dot(a.logits, n->dlogits, n->model.c);
	for (size_t m = 0; m < FIX_PARTS; m++) {
		if (a.present[m]) {
			loss += fix_dot(a.late[m], n->dlate[m], n->model.c);
			loss += fix_dot(a.seen[m].z, n->dz[m], FIX_D);
		}
	}
	return loss;
}

static inline void fix_net_bwd(struct fix_net *n)
{
	float *dlate[IO_PARTS_MAX] = { n->dlate[0], n->dlate[1], n->dlate[2] };
	float *dz[IO_PARTS_MAX] = { n->dz[0], n->dz[1], n->dz[2] };
	float *dx[IO_PARTS_MAX] = { n->dx[0], n->dx[1], n->dx[2] };
	struct fu_act a;

	fix_net_fwd(n, &a);
	fu_model_bwd(&n->model, &n->s, n->rows, &a, n->dlogits, dlate, dz, dx);
}

#endif
