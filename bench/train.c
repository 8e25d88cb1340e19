/* SPDX-License-Identifier: Apache-2.0
 * train.c - cases of the reference network a second in training, on one core: forward with dropout,
 * cross-entropy, backward, the gradient's norm and a step of AdamW for each batch; float32. The
 * same as bench/peers/train.py does in PyTorch. */
#include "bench/bench.h"
#include "bench/reference.h"
#include "core/base/buf.h"
#include "core/nn/adam.h"
#include "core/nn/loss.h"

#include <stdlib.h>
#include <string.h>

enum { BATCH = 8 };

struct training {
	struct network net;
	struct nn_adam adam;
	struct kase *kase;
	struct as_arena mem;
	struct as_rng rng;
	float *g;
};

static void train_batch(void *ctx)
{
	struct training *t = ctx;
	const struct nn_step s = {
		.p = t->net.ps.v, .g = t->g, .mem = &t->mem, .rng = &t->rng, .dropout = 0.1F
	};

	memset(t->g, 0, t->net.ps.size * sizeof *t->g);
	for (size_t i = 0; i < BATCH; i++) {
		float target[LABELS] = { 0.0F };
		float slope[LABELS] = { 0.0F };
		struct kase_act a;

		target[i % LABELS] = 1.0F;
		network_fwd(&t->net, &s, &a, &t->kase[i]);
		(void)nn_loss_class(t->kase[i].logits, target, slope, LABELS, 1.0 / BATCH);
		network_bwd(&t->net, &s, &a, &t->kase[i], slope);
		as_arena_reset(&t->mem, 0);
	}
	(void)nn_adam_step(&t->adam, &t->net.ps, t->g, 1e-3F, 0.01F, 1.0F);
}

void bench_train(void)
{
	const struct bench_line l = { .section = "train",
				      .name = "assay, training",
				      .unit = "cases/s",
				      .peer = "PyTorch, training",
				      .per = BATCH,
				      .one_core = true };
	struct training t = { .kase = as_calloc(BATCH, sizeof *t.kase) };
	struct as_err e;

	network_open(&t.net, false, false);
	nn_adam_init(&t.adam, &t.net.ps);
	bench_must(as_arena_init(&t.mem, "bench", MEMORY, &e), &e);
	as_rng_seed(&t.rng, 5, 1);
	t.g = as_calloc(t.net.ps.size, sizeof *t.g);
	draw_cases(t.kase, BATCH);
	bench_run(&l, train_batch, &t, 1);
	free(t.g);
	as_arena_free(&t.mem);
	nn_adam_free(&t.adam);
	network_close(&t.net);
	free(t.kase);
}
