/* SPDX-License-Identifier: Apache-2.0
 * batch.h - a batch of the small task: everything that its loss depends on. */
#ifndef TESTS_TRAIN_BATCH_H
#define TESTS_TRAIN_BATCH_H

#include "tests/support/gradcheck.h"
#include "tests/train/fixture.h"
#include "train/step.h"

enum { BATCH_N = 12 };

struct batch {
	struct fix f;
	struct as_buf statistics;
	struct json_t *doc;
	struct tr_net net;
	struct tr_inputs in;
	struct tr_plan plan;
	struct tr_step step;
	size_t cases[BATCH_N];
};

/* f is loaded; the plan gets its inputs and its pool. */
static inline void batch_open(struct batch *b, const struct tr_plan *plan)
{
	struct as_err e = { 0 };

	for (size_t i = 0; i < BATCH_N; i++) {
		b->cases[i] = i;
	}
	ok(tr_statistics(&b->f.d, b->cases, BATCH_N, &b->statistics, &e));
	ok(io_json_parse(b->statistics.data, b->statistics.len, "statistics", &b->doc, &e));
	ok((plan->guess ? tr_net_open_to_guess : tr_net_open)(&b->net, &b->f.task,
							      b->f.d.frozen.source, b->doc, 1, &e));
	ok(tr_inputs_init(&b->in, &b->f.d, &b->net.enc, &e));
	b->plan = *plan;
	b->plan.in = &b->in;
	b->plan.pool = b->f.pool;
	ok(tr_step_init(&b->step, &b->net, &b->plan, &e));
}

static inline void batch_close(struct batch *b)
{
	tr_step_free(&b->step);
	tr_inputs_free(&b->in);
	tr_net_close(&b->net);
	io_json_free(b->doc);
	as_buf_free(&b->statistics);
	fix_close(&b->f);
}

/* The same dropout and the same hidden rows and parts every time: they follow from seed, epoch and
 * case. */
static inline double batch_loss(void *ctx)
{
	struct batch *b = ctx;
	const double loss = tr_step_batch(&b->step, 0, b->cases, BATCH_N);

	memset(b->step.g[0], 0, b->net.ps.size * sizeof(float));
	return loss;
}

/* Moves the weights, so that nothing that starts at zero hides what stands behind it. */
static inline void batch_move(struct batch *b, float noise)
{
	struct as_rng rng;

	as_rng_seed(&rng, 2, 0);
	for (size_t i = 0; i < b->net.ps.size; i++) {
		b->net.ps.v[i] += noise * as_rng_normal(&rng);
	}
}

/* The caller's. */
static inline float *batch_gradient(struct batch *b)
{
	const size_t bytes = b->net.ps.size * sizeof(float);
	float *g = as_malloc(bytes);

	(void)tr_step_batch(&b->step, 0, b->cases, BATCH_N);
	memcpy(g, b->step.g[0], bytes);
	memset(b->step.g[0], 0, bytes);
	return g;
}

#endif
