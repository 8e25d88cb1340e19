/* SPDX-License-Identifier: Apache-2.0
 * teachers.c - several networks whose mean opinion a training learns from: what they agree on
 * generalises better than any of them, and one network can learn it (Hinton, Vinyals, Dean,
 * "Distilling the Knowledge in a Neural Network" (2015), arXiv:1503.02531; of the same size:
 * Furlanello et al., "Born-Again Neural Networks" (2018), arXiv:1805.04770).
 *
 * Of a part alone, networks that never saw another know more than those that learn to do without
 * the others: where parts are fused alone each has specialists, who are asked for that part only.
 */
#include "train/study.h"

#include <stdlib.h>
#include <string.h>

static bool has_specialists(const struct io_task *t)
{
	return t->parts > 1 && t->hyper.alone_loss > 0;
}

/* sum += more, under mask k. */
static void add(struct tr_scores *sum, const struct tr_scores *more, size_t k)
{
	float *to = sum->logits + k * sum->n * sum->c;
	const float *from = tr_scores_of(more, k);

	for (size_t i = 0; i < sum->n * sum->c; i++) {
		to[i] += from[i];
	}
}

/* One that is shown these parts, asked for every case under all patterns. */
static int ask_one(const struct tr_study *s, const struct tr_plan *how, uint32_t parts,
		   uint64_t seed, struct tr_scores *out, struct as_err *e)
{
	const size_t n = s->d->n;
	size_t *all = as_malloc((n + 1) * sizeof *all);
	struct tr_plan plan = *how;
	struct tr_trained t = { 0 };
	int rc;

	for (size_t i = 0; i < n; i++) {
		all[i] = i;
	}
	plan.seed = seed;
	plan.parts = parts;
	TRY(tr_trained_fit(&t, s->d, &plan, e));
	if (t.outcome.interrupted) {
		rc = as_fail(e, AS_ECLOSED, "interrupted; --resume goes on from here");
		goto out;
	}
	TRY(tr_trained_score(&t, all, n, s->o->pool, out, e));
out:
	tr_trained_free(&t);
	free(all);
	return rc;
}

/* A network of all parts, then a specialist of each; k and seeds as in tr_study_teach. */
static int add_round(const struct tr_study *s, const struct tr_plan *plan, size_t k,
		     struct as_rng *seeds, struct tr_scores *sum, struct as_err *e)
{
	const size_t parts = s->d->task->parts;
	struct tr_scores one = { 0 };
	int rc;

	s->o->watch->begin(s->o->watch->ctx, "teacher", k, s->runs);
	TRY(ask_one(s, plan, plan->parts, as_rng_u64(seeds), &one, e));
	if (sum->logits == NULL) {
		*sum = one;
		one = (struct tr_scores){ 0 };
	} else {
		for (size_t i = 0; i < sum->masks; i++) {
			add(sum, &one, i);
		}
	}
	for (size_t m = 0; m < parts && has_specialists(s->d->task); m++) {
		tr_scores_free(&one);
		s->o->watch->begin(s->o->watch->ctx, s->d->task->part[m].name, k, s->runs);
		TRY(ask_one(s, plan, 1U << m, as_rng_u64(seeds), &one, e));
		add(sum, &one, tr_pattern(parts, 1U << m));
	}
out:
	tr_scores_free(&one);
	return rc;
}

int tr_study_teach(const struct tr_study *s, const struct tr_plan *plan, size_t k,
		   struct tr_scores *mean, struct as_err *e)
{
	const size_t parts = s->d->task->parts;
	struct as_rng seeds;
	int rc = AS_OK;

	*mean = (struct tr_scores){ 0 };
	as_rng_seed(&seeds, s->o->seed, 0x74656163U); /* "teac": a stream of its own */
	for (size_t i = 0; i < s->o->teachers && rc == AS_OK; i++) {
		rc = add_round(s, plan, k, &seeds, mean, e);
	}
	for (size_t i = 0; i < mean->masks && rc == AS_OK; i++) {
		const uint32_t shown = tr_pattern(parts, i);
		const bool alone = shown != 0 && (shown & (shown - 1)) == 0;
		const bool twice = alone && has_specialists(s->d->task);
		const float asked = (float)s->o->teachers * (twice ? 2.0F : 1.0F);

		for (size_t j = 0; j < mean->n * mean->c; j++) {
			mean->logits[i * mean->n * mean->c + j] /= asked;
		}
	}
	return rc;
}
