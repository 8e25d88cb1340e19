/* SPDX-License-Identifier: Apache-2.0 */
#include "train/score.h"

#include "train/heads.h"

#include <stdlib.h>
#include <string.h>

struct job {
	struct tr_scores *s;
	const struct tr_net *net;
	const struct tr_inputs *in;
	const struct tr_question *q;
	struct as_arena *mem;   /* [threads] */
	struct nn_heads *heads; /* [threads] */
};

static void score_case(void *ctx, size_t i, size_t thread)
{
	const struct job *j = ctx;
	struct tr_scores *s = j->s;
	const struct tr_case *c = &j->in->data->v[j->q->cases[i]];
	struct nn_step step = { .p = j->net->ps.v,
				.mem = &j->mem[thread],
				.heads = &j->heads[thread],
				.closed_below = j->net->closed_below };
	const size_t bytes = s->c * sizeof(float);
	struct tr_pass pass;
	uint32_t any = 0;

	as_arena_reset(step.mem, 0);
	for (size_t k = 0; k < s->masks; k++) {
		any |= j->q->mask[k];
	}
	s->there[i] = c->parts;
	tr_net_encode(j->net, &step, j->in, c, any, &pass);
	step.heads = NULL;
	for (size_t k = 0; k < s->masks; k++) {
		const size_t mark = step.mem->used;

		tr_net_fuse(j->net, &step, j->q->mask[k], &pass);
		memcpy(s->logits + (k * s->n + i) * s->c, pass.fuse.logits, bytes);
		for (size_t m = 0; k == 0 && m < s->parts; m++) {
			if (pass.fuse.present[m]) {
				memcpy(s->late + (m * s->n + i) * s->c, pass.fuse.late[m], bytes);
				s->weight[i * s->parts + m] = pass.fuse.weight[m];
			}
		}
		as_arena_reset(step.mem, mark);
	}
}

static int open_arenas(struct as_arena *mem, size_t n, struct as_err *e)
{
	int rc = AS_OK;

	for (size_t t = 0; t < n; t++) {
		TRY(as_arena_init(&mem[t], "score", TR_ARENA_BYTES, e));
	}
out:
	return rc;
}

int tr_score(struct tr_scores *s, const struct tr_net *net, const struct tr_inputs *in,
	     const struct tr_question *q, struct tr_pool *pool, struct as_err *e)
{
	const size_t threads = tr_pool_threads(pool);
	struct job j = { s,
			 net,
			 in,
			 q,
			 as_calloc(threads, sizeof *j.mem),
			 as_calloc(threads, sizeof *j.heads) };
	int rc;

	*s = (struct tr_scores){
		.n = q->n, .c = net->fuse.c, .masks = q->masks, .parts = net->task->parts
	};
	s->logits = as_calloc(s->masks * s->n * s->c + 1, sizeof *s->logits);
	s->late = as_calloc(s->parts * s->n * s->c + 1, sizeof *s->late);
	s->weight = as_calloc(s->n * s->parts + 1, sizeof *s->weight);
	s->there = as_calloc(s->n + 1, sizeof *s->there);
	TRY(open_arenas(j.mem, threads, e));
	tr_pool_run(pool, s->n, score_case, &j);
	for (size_t t = 0; t < threads; t++) {
		tr_heads_add(&s->heads, &j.heads[t]);
	}
out:
	for (size_t t = 0; t < threads; t++) {
		as_arena_free(&j.mem[t]);
	}
	free(j.mem);
	free(j.heads);
	return rc;
}

void tr_scores_free(struct tr_scores *s)
{
	free(s->logits);
	free(s->late);
	free(s->weight);
	free(s->there);
	*s = (struct tr_scores){ 0 };
}

const float *tr_scores_of(const struct tr_scores *s, size_t k)
{
	return s->logits + k * s->n * s->c;
}
