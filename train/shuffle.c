/* SPDX-License-Identifier: Apache-2.0 */
#include "train/shuffle.h"

#include "fusion/contribution.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

struct job {
	const struct tr_trained *t;
	const struct tr_shuffle *how;
	struct as_arena *mem; /* [threads] */
	struct fu_rows *rows; /* [n, parts], encoded once */
	const size_t *donor;  /* [permutations, n] whose part each case gets */
	size_t part;          /* that is exchanged */
	struct tr_scores *s;  /* [permutations] */
	double *toward;       /* [permutations, n] of the part, towards the case's true labels */
	double *own;          /* [n, parts] the same of every part while nothing is exchanged */
};

/* How far each part of a pass moves it towards the case's true labels: the mean over them. */
static void contribute(const struct tr_net *net, const struct nn_step *s,
		       const struct tr_pass *pass, double phi[IO_PARTS_MAX])
{
	const struct io_task *t = net->task;
	const size_t subsets = (size_t)1 << t->parts;
	const size_t c = net->fuse.c;
	float *logits = as_alloc(s->mem, subsets * c, sizeof *logits);
	double *v = as_alloc(s->mem, subsets, sizeof *v);
	size_t present = 0;
	size_t labels = 0;

	memset(phi, 0, IO_PARTS_MAX * sizeof *phi);
	for (size_t m = 0; m < t->parts; m++) {
		present |= (size_t)pass->fuse.present[m] << m;
	}
	fu_subsets(&net->fuse, s, &pass->fuse, logits);
	for (size_t k = 0; k < t->labels; k++) {
		double one[IO_PARTS_MAX] = { 0 };

		if (pass->c->label[k] < 0.5F) {
			continue;
		}
		labels++;
		for (size_t b = 0; b < subsets; b++) {
			v[b] = (b & present) == b ? fu_evidence(t, logits + b * c, k) : 0;
		}
		fu_shapley(v, t->parts, present, one);
		for (size_t m = 0; m < t->parts; m++) {
			phi[m] += one[m];
		}
	}
	for (size_t m = 0; labels > 0 && m < t->parts; m++) {
		phi[m] /= (double)labels;
	}
}

static void encode_case(void *ctx, size_t i, size_t thread)
{
	const struct job *j = ctx;
	const struct tr_net *net = &j->t->net;
	const struct nn_step step = { .p = net->ps.v, .mem = &j->mem[thread] };
	const struct tr_case *c = &j->t->in.data->v[j->how->cases[i]];
	struct tr_pass pass;

	as_arena_reset(step.mem, 0);
	tr_net_encode(net, &step, &j->t->in, c, UINT32_MAX, &pass);
	if (net->task->kind != IO_VALUE) {
		double phi[IO_PARTS_MAX];

		tr_net_fuse(net, &step, UINT32_MAX, &pass);
		contribute(net, &step, &pass, phi);
		memcpy(j->own + i * net->task->parts, phi, net->task->parts * sizeof *phi);
	}
	for (size_t m = 0; m < net->task->parts; m++) {
		const size_t n = pass.rows[m].rows * net->fuse.dim[m];
		float *v;

		if (n > 0) {
			v = as_malloc(n * sizeof *v);
			memcpy(v, pass.rows[m].v, n * sizeof *v);
			j->rows[i * net->task->parts + m] =
			    (struct fu_rows){ pass.rows[m].rows, v };
		}
	}
}

/* Case i % n under permutation i / n. */
static void fuse_case(void *ctx, size_t i, size_t thread)
{
	const struct job *j = ctx;
	const struct tr_net *net = &j->t->net;
	const struct nn_step step = { .p = net->ps.v, .mem = &j->mem[thread] };
	const size_t parts = net->task->parts;
	const size_t at = i % j->how->n;
	const struct tr_scores *s = &j->s[i / j->how->n];
	struct tr_pass pass = { .c = &j->t->in.data->v[j->how->cases[at]] };

	as_arena_reset(step.mem, 0);
	memcpy(pass.rows, j->rows + at * parts, parts * sizeof *pass.rows);
	pass.rows[j->part] = j->rows[j->donor[i] * parts + j->part];
	tr_net_fuse(net, &step, UINT32_MAX, &pass);
	memcpy(s->logits + at * s->c, pass.fuse.logits, s->c * sizeof *s->logits);
	s->there[at] = pass.c->parts;
	if (net->task->kind != IO_VALUE) {
		double phi[IO_PARTS_MAX];

		contribute(net, &step, &pass, phi);
		j->toward[i] = phi[j->part];
	}
}

/* Every case its own donor, but for those that have the part: theirs are shuffled. */
static void draw_donors(const struct job *j, struct as_rng *rng, size_t *donor)
{
	const size_t n = j->how->n;
	size_t *have = as_malloc((2 * n + 1) * sizeof *have);
	size_t *from = have + n;
	size_t count = 0;

	for (size_t i = 0; i < n; i++) {
		if (j->rows[i * j->t->net.task->parts + j->part].rows > 0) {
			have[count++] = i;
		}
	}
	for (size_t b = 0; b < j->how->permutations; b++) {
		for (size_t i = 0; i < n; i++) {
			donor[b * n + i] = i;
		}
		memcpy(from, have, count * sizeof *from);
		as_rng_shuffle(rng, from, count);
		for (size_t i = 0; i < count; i++) {
			donor[b * n + have[i]] = from[i];
		}
	}
	free(have);
}

/* Mean of the metrics of the permutations' scores. */
static void measure(const struct job *j, struct tr_metrics *out)
{
	const struct tr_trained *t = j->t;
	const struct tr_data *d = t->in.data;
	const size_t n = j->how->n;
	const size_t c = t->net.fuse.c;
	float *p = as_malloc((2 * n * c + 1) * sizeof *p);
	float *y = p + n * c;
	struct tr_metrics *m = as_malloc(j->how->permutations * sizeof *m);
	struct tr_metrics sd;

	tr_truth(d, j->how->cases, n, y);
	for (size_t b = 0; b < j->how->permutations; b++) {
		tr_answers(&t->calibration, d->task, &j->s[b], 0, p);
		tr_metrics_of(d->task,
			      &(struct tr_predictions){ n, c, p, y, t->calibration.threshold },
			      &m[b]);
	}
	tr_metrics_mean(m, j->how->permutations, out, &sd);
	free(m);
	free(p);
}

/* Means over the cases that have the part. */
static void measure_toward(const struct job *j, struct tr_toward *out)
{
	const size_t parts = j->t->net.task->parts;
	const size_t n = j->how->n;
	size_t have = 0;

	*out = (struct tr_toward){ 0 };
	for (size_t i = 0; i < n; i++) {
		if (j->rows[i * parts + j->part].rows == 0) {
			continue;
		}
		have++;
		out->own += j->own[i * parts + j->part];
		for (size_t b = 0; b < j->how->permutations; b++) {
			out->exchanged += j->toward[b * n + i] / (double)j->how->permutations;
		}
	}
	out->own /= (double)have;
	out->exchanged /= (double)have;
	if (j->t->net.task->kind == IO_VALUE) {
		*out = (struct tr_toward){ (double)NAN, (double)NAN };
	}
}

static void shuffle_parts(struct job *j, struct tr_metrics m[IO_PARTS_MAX],
			  struct tr_toward toward[IO_PARTS_MAX])
{
	const size_t n = j->how->n;
	const size_t permutations = j->how->permutations;
	const size_t parts = j->t->net.task->parts;
	size_t *donor = as_malloc((permutations * n + 1) * sizeof *donor);
	struct as_rng rng;

	j->donor = donor;
	for (j->part = 0; j->part < parts; j->part++) {
		as_rng_seed(&rng, j->how->seed, j->how->stream * IO_PARTS_MAX + j->part);
		draw_donors(j, &rng, donor);
		tr_pool_run(j->how->pool, permutations * n, fuse_case, j);
		measure(j, &m[j->part]);
		measure_toward(j, &toward[j->part]);
	}
	free(donor);
}

static void scores_init(struct job *j)
{
	const size_t n = j->how->n;
	const size_t c = j->t->net.fuse.c;

	for (size_t b = 0; b < j->how->permutations; b++) {
		j->s[b] = (struct tr_scores){
			.n = n, .c = c, .masks = 1, .parts = j->t->net.task->parts
		};
		j->s[b].logits = as_calloc(n * c + 1, sizeof(float));
		j->s[b].there = as_calloc(n + 1, sizeof *j->s[b].there);
	}
}

static void job_free(struct job *j, size_t threads)
{
	for (size_t i = 0; i < j->how->n * j->t->net.task->parts; i++) {
		free((float *)j->rows[i].v);
	}
	for (size_t b = 0; b < j->how->permutations; b++) {
		tr_scores_free(&j->s[b]);
	}
	for (size_t k = 0; k < threads; k++) {
		as_arena_free(&j->mem[k]);
	}
	free(j->toward);
	free(j->own);
	free(j->rows);
	free(j->s);
	free(j->mem);
}

int tr_shuffle(const struct tr_trained *t, const struct tr_shuffle *how,
	       struct tr_metrics m[IO_PARTS_MAX], struct tr_toward toward[IO_PARTS_MAX],
	       struct as_err *e)
{
	const size_t threads = tr_pool_threads(how->pool);
	struct job j = { .t = t, .how = how };
	int rc = AS_OK;

	j.mem = as_calloc(threads, sizeof *j.mem);
	j.rows = as_calloc(how->n * t->net.task->parts + 1, sizeof *j.rows);
	j.s = as_calloc(how->permutations, sizeof *j.s);
	j.toward = as_calloc(how->n * how->permutations + 1, sizeof *j.toward);
	j.own = as_calloc(how->n * t->net.task->parts + 1, sizeof *j.own);
	scores_init(&j);
	for (size_t k = 0; k < threads; k++) {
		TRY(as_arena_init(&j.mem[k], "shuffle", TR_ARENA_BYTES, e));
	}
	tr_pool_run(how->pool, how->n, encode_case, &j);
	shuffle_parts(&j, m, toward);
out:
	job_free(&j, threads);
	return rc;
}
