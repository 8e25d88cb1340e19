/* SPDX-License-Identifier: Apache-2.0 */
#include "train/step.h"

#include "fusion/match.h"
#include "train/calibrate.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNKS = 64 };               /* of the weights, when gradients are added up */
static const float NOTHING = 0.01F; /* chance that a step shows no part at all */
static const size_t ARENA_BYTES = (size_t)16 << 30; /* reserved a thread for a round's passes */

struct tr_slot {
	size_t index; /* of the case */
	struct as_rng rng;
	struct nn_step step;
	struct tr_pass pass;
	struct tr_slopes slopes;
	double loss;
};

int tr_step_init(struct tr_step *s, struct tr_net *net, const struct tr_plan *plan,
		 struct as_err *e)
{
	const size_t threads = tr_pool_threads(plan->pool);
	int rc = AS_OK;

	*s = (struct tr_step){ .net = net,
			       .plan = plan,
			       .threads = threads,
			       .slot = as_calloc(TR_ROUND, sizeof *s->slot),
			       .mem = as_calloc(threads, sizeof *s->mem),
			       .g = as_calloc(threads, sizeof *s->g) };
	for (size_t t = 0; t < threads; t++) {
		s->g[t] = as_calloc(net->ps.size, sizeof **s->g);
		TRY(as_arena_init(&s->mem[t], "train", ARENA_BYTES, e));
	}
out:
	return rc;
}

void tr_step_free(struct tr_step *s)
{
	for (size_t t = 0; t < s->threads; t++) {
		free(s->g[t]);
		as_arena_free(&s->mem[t]);
	}
	free(s->g);
	free(s->mem);
	free(s->slot);
	*s = (struct tr_step){ 0 };
}

uint32_t tr_hide_parts(struct as_rng *rng, uint32_t present, float chance)
{
	uint32_t shown = 0;

	if (present == 0 || as_rng_float(rng) < NOTHING) {
		return 0;
	}
	for (uint32_t m = 0; m < IO_PARTS_MAX; m++) {
		if ((present >> m & 1U) != 0 && as_rng_float(rng) >= chance) {
			shown |= 1U << m;
		}
	}
	return shown != 0 ? shown : present;
}

/* The distance of logits for the parts shown from what teachers, networks and linear models, say of
 * them. */
static double distil_one(const struct tr_step *s, size_t index, uint32_t shown, const float *logits,
			 float *slope)
{
	const struct tr_plan *plan = s->plan;
	const struct tr_scores *t = plan->teacher;
	const double weight = 1.0 / (double)s->batch;
	const float *linear =
	    plan->linear ? tr_linear_teachers_of(plan->linear, shown, index) : NULL;
	double loss = 0;

	if (t != NULL) {
		const float *said = tr_scores_of(t, tr_pattern(t->parts, shown)) + index * t->c;

		loss += tr_net_distil(s->net, logits, said, weight, slope);
	}
	if (linear != NULL) {
		loss += tr_net_distil(s->net, logits, linear,
				      weight * (double)s->net->task->hyper.linear_loss, slope);
	}
	return loss;
}

/* Beside the target, what others say of the parts shown and of each part that is fused alone: a
 * specialist's say has the same weight as that of all. */
static double distil(const struct tr_step *s, struct tr_slot *slot, uint32_t shown)
{
	double loss =
	    distil_one(s, slot->index, shown, slot->pass.fuse.logits, slot->slopes.logits);

	for (uint32_t m = 0; m < s->net->task->parts; m++) {
		if (slot->pass.alone[m].n > 0) {
			loss += distil_one(s, slot->index, 1U << m, slot->pass.alone[m].logits,
					   slot->slopes.alone[m]);
		}
	}
	return loss;
}

static void forward(void *ctx, size_t i, size_t thread)
{
	struct tr_step *s = ctx;
	struct tr_slot *slot = &s->slot[i];
	const struct tr_plan *plan = s->plan;
	const struct tr_data *d = plan->in->data;
	const struct io_hyper *h = &d->task->hyper;
	const struct tr_case *c = &d->v[slot->index];
	const struct tr_target t = { .label = c->label,
				     .value = (float)((c->value - plan->mean) / plan->sd) };
	uint32_t shown;

	as_rng_seed(&slot->rng, plan->seed, 1 + s->epoch * d->n + slot->index);
	slot->step = (struct nn_step){ .p = s->net->ps.v,
				       .g = s->asks ? NULL : s->g[thread],
				       .mem = &s->mem[thread],
				       .rng = plan->still ? NULL : &slot->rng,
				       .keep = plan->still,
				       .hide = plan->guess,
				       .dropout = s->asks ? 0 : h->dropout,
				       .gate_loss = h->gate_loss / (float)s->batch };
	if (plan->guess) {
		slot->loss = tr_net_guess_fwd(s->net, &slot->step, plan->in, c,
					      1.0 / (double)s->batch, &slot->pass, &slot->slopes);
		return;
	}
	shown = c->parts & plan->parts;
	shown = plan->still ? shown : tr_hide_parts(&slot->rng, shown, h->part_dropout);
	tr_net_encode(s->net, &slot->step, plan->in, c, shown, &slot->pass);
	tr_net_fuse(s->net, &slot->step, shown, &slot->pass);
	if (h->alone_loss > 0) {
		tr_net_fuse_alone(s->net, &slot->step, &slot->pass);
	}
	tr_slopes_init(&slot->slopes, s->net, &slot->step, &slot->pass);
	slot->loss = tr_net_loss(s->net, &slot->pass, &t, 1.0 / (double)s->batch, &slot->slopes);
	slot->loss += distil(s, slot, shown);
}

static void backward(void *ctx, size_t i, size_t thread)
{
	struct tr_step *s = ctx;
	struct tr_slot *slot = &s->slot[i];

	(void)thread; /* the same that went forward: slot->step has its memory */
	if (s->plan->guess) {
		tr_net_guess_bwd(s->net, &slot->step, s->plan->in, &slot->pass, &slot->slopes);
		return;
	}
	tr_net_bwd(s->net, &slot->step, s->plan->in, &slot->pass, &slot->slopes);
}

/* What holds the vector of part m of a case: the fusion of all, or in pretraining of it alone. */
static const struct fu_act *act_of(const struct tr_step *s, const struct tr_slot *slot, size_t m)
{
	return s->plan->guess ? &slot->pass.alone[m] : &slot->pass.fuse;
}

/* The match loss of n cases whose vectors know nothing of each other: each pair is given its share
 * of matches, 1 / n. Pretraining weighs by it, as it does what is guessed. */
static float ignorance(double n)
{
	return (float)(log(n) + (n - 1) * log(n / (n - 1)));
}

/* The alignment loss of parts a and b over the cases of the round that show both. */
static double match(struct tr_step *s, size_t n, size_t a, size_t b)
{
	float weight = s->net->task->hyper.align_loss;
	const float *za[TR_ROUND];
	const float *zb[TR_ROUND];
	float *dza[TR_ROUND];
	float *dzb[TR_ROUND];
	size_t both = 0;

	for (size_t i = 0; i < n; i++) {
		const struct tr_slot *slot = &s->slot[i];

		if (act_of(s, slot, a)->present[a] && act_of(s, slot, b)->present[b]) {
			za[both] = act_of(s, slot, a)->seen[a].z;
			zb[both] = act_of(s, slot, b)->seen[b].z;
			dza[both] = slot->slopes.z[a];
			dzb[both++] = slot->slopes.z[b];
		}
	}
	if (s->plan->guess && both > 1) {
		weight = 1.0F / ignorance((double)both);
	}
	return fu_match_loss(za, zb, both, s->net->fuse.d, weight * (float)both / (float)s->batch,
			     dza, dzb);
}

static double round_of(struct tr_step *s, const size_t *cases, size_t n)
{
	const bool aligns = s->plan->guess || s->net->task->hyper.align_loss > 0;
	double loss = 0;

	for (size_t i = 0; i < n; i++) {
		s->slot[i].index = cases[i];
	}
	tr_pool_run(s->plan->pool, n, forward, s);
	for (size_t i = 0; i < n; i++) {
		loss += s->slot[i].loss;
	}
	for (size_t a = 0; aligns && a < s->net->task->parts; a++) {
		for (size_t b = a + 1; b < s->net->task->parts; b++) {
			loss += match(s, n, a, b);
		}
	}
	if (!s->asks) {
		tr_pool_run(s->plan->pool, n, backward, s);
	}
	for (size_t t = 0; t < s->threads; t++) {
		as_arena_reset(&s->mem[t], 0);
	}
	return loss;
}

/* Adds the threads' gradients to the first, in order, and clears them. */
static void add_up(void *ctx, size_t i, size_t thread)
{
	struct tr_step *s = ctx;
	const size_t size = s->net->ps.size;
	const size_t from = size * i / CHUNKS;
	const size_t to = size * (i + 1) / CHUNKS;

	(void)thread;
	for (size_t t = 1; t < s->threads; t++) {
		for (size_t k = from; k < to; k++) {
			s->g[0][k] += s->g[t][k];
		}
		memset(s->g[t] + from, 0, (to - from) * sizeof **s->g);
	}
}

static double rounds(struct tr_step *s, const size_t *cases, size_t n)
{
	double loss = 0;

	for (size_t at = 0; at < n; at += TR_ROUND) {
		loss += round_of(s, cases + at, n - at < TR_ROUND ? n - at : TR_ROUND);
	}
	return loss;
}

double tr_step_guesses(struct tr_step *s, const size_t *cases, size_t n)
{
	double loss;

	s->asks = true;
	s->epoch = s->plan->epochs; /* whose random numbers no training step uses */
	s->batch = n;
	loss = rounds(s, cases, n);
	s->asks = false;
	return loss;
}

double tr_step_batch(struct tr_step *s, size_t epoch, const size_t *cases, size_t n)
{
	double loss;

	s->epoch = epoch;
	s->batch = n;
	loss = rounds(s, cases, n);
	tr_pool_run(s->plan->pool, CHUNKS, add_up, s);
	return loss;
}
