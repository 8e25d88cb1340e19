/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor/gemm.h"
#include "tests/train/batch.h"

#include <math.h>

static void open_batch(struct batch *b, size_t threads)
{
	*b = (struct batch){ 0 };
	fix_load(&b->f, BATCH_N, threads);
	b->f.task.hyper.alone_loss = 0.5F;
	batch_open(b, &(struct tr_plan){ .parts = 3, .sd = 1, .seed = 1 });
}

Test(train_run, the_gradient_of_a_batch_is_that_of_its_loss, .init = tn_init)
{
	static struct batch b;
	float *g;
	double worst;

	open_batch(&b, 1);
	batch_move(&b, 0.05F);
	tr_set_scale(&b.net, (const float[IO_PARTS_MAX]){ 1.5F, 0.5F });
	g = batch_gradient(&b);
	/* Weights before the scale, which has no gradient by intent: every 13th. Losses of float
	 * passes have errors of about 1e-6, over a step of 1e-2. */
	worst = gradcheck(batch_loss, &b, b.net.ps.v, g, b.net.fuse.scale, 13, 1e-2F);
	cr_assert(lt(dbl, worst, 2e-3), "%g", worst);
	free(g);
	batch_close(&b);
}

Test(train_run, threads_share_a_batch_without_changing_its_gradient, .init = tn_init)
{
	static struct batch one;
	static struct batch three;

	open_batch(&one, 1);
	open_batch(&three, 3);
	cr_assert(epsilon_eq(dbl, tr_step_batch(&one.step, 0, one.cases, BATCH_N),
			     tr_step_batch(&three.step, 0, three.cases, BATCH_N), 1e-9));
	for (size_t i = 0; i < one.net.ps.size; i++) { /* sums of 12 floats in another order */
		cr_assert(epsilon_eq(flt, one.step.g[0][i], three.step.g[0][i], 1e-5F),
			  "weight %zu", i);
	}
	batch_close(&one);
	batch_close(&three);
}

/* The weights after each epoch, as the run's watcher finds them. */
struct seen {
	const struct tr_net *net;
	float *v[8];
	size_t n;
};

static void look(void *ctx, const struct tr_epoch *ep)
{
	struct seen *s = ctx;
	const size_t bytes = s->net->ps.size * sizeof(float);

	(void)ep;
	s->v[s->n] = as_malloc(bytes);
	memcpy(s->v[s->n++], s->net->ps.v, bytes);
}

static bool never(void *ctx)
{
	(void)ctx;
	return false;
}

Test(train_run, the_last_three_epochs_are_averaged_where_none_can_be_compared, .init = tn_init)
{
	static struct batch b;
	struct seen s = { .net = &b.net };
	const struct tr_watch watch = { &s, fix_begin, look, never, fix_note };
	struct tr_outcome out;
	struct as_err e = { 0 };

	open_batch(&b, 1);
	b.plan.train = b.cases;
	b.plan.trains = BATCH_N;
	b.plan.epochs = b.plan.schedule = 5;
	b.plan.watch = &watch;
	ok(tr_run(&b.net, &b.plan, &out, &e));
	cr_assert(eq(sz, s.n, 5));
	for (size_t i = 0; i < b.net.ps.size; i++) {
		const float mean = (s.v[2][i] + s.v[3][i] + s.v[4][i]) / 3;

		cr_assert(epsilon_eq(flt, b.net.ps.v[i], mean, 1e-6F), "weight %zu", i);
	}
	for (size_t k = 0; k < s.n; k++) {
		free(s.v[k]);
	}
	tr_outcome_free(&out);
	batch_close(&b);
}

Test(train_run, the_best_three_epochs_are_averaged_where_there_is_a_stop_set, .init = tn_init)
{
	static struct batch b;
	struct seen s = { .net = &b.net };
	const struct tr_watch watch = { &s, fix_begin, look, never, fix_note };
	struct tr_outcome out;
	struct as_err e = { 0 };
	size_t best[3] = { 0 };

	open_batch(&b, 1);
	b.plan.train = b.cases;
	b.plan.trains = 8;
	b.plan.stop = b.cases + 8;
	b.plan.stops = 4;
	b.plan.epochs = b.plan.schedule = 6;
	b.plan.watch = &watch;
	ok(tr_run(&b.net, &b.plan, &out, &e));
	for (size_t k = 0; k < 3; k++) { /* the k-th lowest loss on the stop set */
		double low = HUGE_VAL;

		for (size_t i = 0; i < out.epochs; i++) {
			const bool taken = (k > 0 && i == best[0]) || (k > 1 && i == best[1]);

			if (!taken && out.curve[i].stop_loss < low) {
				low = out.curve[i].stop_loss;
				best[k] = i;
			}
		}
	}
	cr_assert(eq(sz, out.best, best[0] + 1));
	for (size_t i = 0; i < b.net.ps.size; i++) {
		const float mean = (s.v[best[0]][i] + s.v[best[1]][i] + s.v[best[2]][i]) / 3;

		cr_assert(epsilon_eq(flt, b.net.ps.v[i], mean, 1e-6F), "weight %zu", i);
	}
	for (size_t k = 0; k < s.n; k++) {
		free(s.v[k]);
	}
	tr_outcome_free(&out);
	batch_close(&b);
}

/* What the net says of a part shown alone is what it says where the others are hidden. */
Test(train_net, a_part_fused_alone_is_fused_as_where_the_others_are_hidden, .init = tn_init)
{
	static struct batch b;
	struct as_arena mem = { 0 };
	struct as_err e = { 0 };
	struct tr_pass both;
	struct tr_pass one;

	open_batch(&b, 1);
	ok(as_arena_init(&mem, "test", 64 << 20, &e));
	for (uint32_t m = 0; m < 2; m++) {
		const struct nn_step s = { .p = b.net.ps.v, .mem = &mem };

		tr_net_encode(&b.net, &s, &b.in, &b.f.d.v[1], 3, &both);
		tr_net_fuse(&b.net, &s, 3, &both);
		tr_net_fuse_alone(&b.net, &s, &both);
		tr_net_encode(&b.net, &s, &b.in, &b.f.d.v[1], 1U << m, &one);
		tr_net_fuse(&b.net, &s, 1U << m, &one);
		tr_net_fuse_alone(&b.net, &s, &one);
		cr_assert(eq(sz, both.fuse.n, 2));
		cr_assert(eq(sz, both.alone[m].n, 1));
		cr_assert(eq(sz, one.alone[m].n, 0)); /* alone already */
		for (size_t k = 0; k < 2; k++) {
			cr_assert(eq(flt, both.alone[m].logits[k], one.fuse.logits[k]));
		}
	}
	as_arena_free(&mem);
	batch_close(&b);
}

static double stop_loss_after_an_epoch(struct batch *b, float alone)
{
	struct seen s = { .net = &b->net };
	const struct tr_watch watch = { &s, fix_begin, look, never, fix_note };
	struct tr_outcome out;
	struct as_err e = { 0 };
	double loss;

	b->f.task.hyper.alone_loss = alone;
	b->f.task.hyper.rate = 1e-7F; /* as good as the same weights every time */
	b->plan.train = b->cases;
	b->plan.trains = 8;
	b->plan.stop = b->cases + 8;
	b->plan.stops = 4;
	b->plan.epochs = b->plan.schedule = 1;
	b->plan.watch = &watch;
	ok(tr_run(&b->net, &b->plan, &out, &e));
	loss = out.curve[0].stop_loss;
	free(s.v[0]);
	tr_outcome_free(&out);
	return loss;
}

Test(train_run, the_stop_set_is_asked_for_each_part_alone_as_the_steps_are, .init = tn_init)
{
	static struct batch b;
	double all;
	double once;
	double twice;

	open_batch(&b, 1);
	all = stop_loss_after_an_epoch(&b, 0.0F);
	once = stop_loss_after_an_epoch(&b, 1.0F);
	twice = stop_loss_after_an_epoch(&b, 2.0F);
	cr_assert(lt(dbl, all + 0.5, once)); /* two parts, each near log 2 before it has learned */
	cr_assert(epsilon_eq(dbl, twice - once, once - all, 1e-3));
	batch_close(&b);
}
