/* SPDX-License-Identifier: Apache-2.0
 * network.c - the reference network, of the size of bench/peers/network.py: 128 words, 196 patches
 * of 16 x 16 and 32 cells of 64 numbers, 4 blocks of width 256 with 8 heads and a gate from the
 * mean, norm, mean, 3 labels. All heads are open: nothing is skipped that the peers compute. */
#include "bench/bench.h"
#include "core/base/buf.h"
#include "core/nn/embed.h"
#include "core/nn/linear.h"
#include "core/nn/stack.h"
#include "core/nn/team.h"
#include "core/tensor/q8.h"
#include "core/tensor/rows.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	WIDTH = 256,
	WORDS = 128,
	PATCHES = 196,
	CELLS = 32,
	TOKENS = WORDS + PATCHES + CELLS,
	CELL = 64,
	BUCKETS = 8192,
	LABELS = 3,
	CASES = 32,
	THREADS_MAX = 64,
	MEMORY = 256 << 20,
};

struct network {
	struct nn_params ps;
	struct nn_embed word;
	struct nn_linear patch, cell, head;
	struct nn_stack stack;
	struct nn_team *team; /* of a lone case; NULL: the caller alone */
	size_t position;      /* [TOKENS, WIDTH] */
};

struct kase {
	uint32_t ids[WORDS], start[WORDS + 1];
	float patch[PATCHES * WIDTH], cell[CELLS * CELL], logits[LABELS];
};

static void must(int rc, const struct as_err *e)
{
	if (rc != AS_OK) {
		(void)fprintf(stderr, "bench: %s\n", e->msg);
		exit(EXIT_FAILURE);
	}
}

/* Every weight of a layer that knows int8, in int8. */
static void quantize(struct nn_params *ps)
{
	for (size_t i = 0; i < ps->n; i++) {
		const struct nn_param *p = &ps->p[i];
		int8_t *w = as_malloc(p->rows * p->cols);
		float *scale = as_malloc(p->rows * sizeof *scale);
		struct as_err e;

		for (size_t r = 0; r < p->rows; r++) {
			scale[r] = tn_quantize_weights(ps->v + p->at + r * p->cols, w + r * p->cols,
						       p->cols);
		}
		if (p->int8) {
			must(nn_param_q8(ps, i, w, scale, &e), &e);
		}
		free(scale);
		free(w);
	}
}

static void network_open(struct network *n, bool int8)
{
	struct as_rng r;

	*n = (struct network){ 0 };
	nn_embed_init(&n->word, &n->ps, "word", BUCKETS, WIDTH);
	nn_linear_init(&n->patch, &n->ps, "patch", WIDTH, WIDTH, true, 1.0F);
	nn_linear_init(&n->cell, &n->ps, "cell", CELL, WIDTH, true, 1.0F);
	n->position = nn_param_add(&n->ps, "position", "v", TOKENS, WIDTH, 0, NN_NORMAL, 0.02F);
	nn_stack_init(
	    &n->stack, &n->ps, "net",
	    &(struct nn_stack_shape){
		.d = WIDTH, .heads = 8, .mlp = 4, .blocks = 4, .gated = true, .threshold = 0.1F });
	nn_linear_init(&n->head, &n->ps, "head", WIDTH, LABELS, true, 1.0F);
	as_rng_seed(&r, 1, 1);
	nn_params_start(&n->ps, &r);
	if (int8) {
		quantize(&n->ps);
	}
	nn_params_serve(&n->ps);
}

static void network_close(struct network *n)
{
	nn_stack_free(&n->stack);
	nn_params_free(&n->ps);
}

/* team: who shares the case; NULL: nobody. */
static void network_fwd(const struct network *n, struct as_arena *mem, struct nn_team *team,
			struct kase *c)
{
	const struct nn_step s = { .p = n->ps.v, .mem = mem, .team = team };
	const struct nn_bags words = { WORDS, c->start, c->ids };
	float *x = as_alloc(mem, (size_t)TOKENS * WIDTH, sizeof *x);
	uint32_t *all = as_alloc(mem, TOKENS, sizeof *all);
	const uint32_t ends[] = { 0, TOKENS };
	const struct nn_bags mean = { 1, ends, all };
	struct nn_stack_act act;
	float y[WIDTH];

	for (uint32_t i = 0; i < TOKENS; i++) {
		all[i] = i;
	}
	nn_embed_fwd(&n->word, s.p, &words, x);
	nn_linear_fwd(&n->patch, s.p, c->patch, x + (size_t)WORDS * WIDTH, PATCHES);
	nn_linear_fwd(&n->cell, s.p, c->cell, x + (size_t)(WORDS + PATCHES) * WIDTH, CELLS);
	tn_axpy(x, 1.0F, s.p + n->position, (size_t)TOKENS * WIDTH);
	nn_stack_fwd(&n->stack, &s, &act, x, TOKENS, &mean, y);
	nn_linear_fwd(&n->head, s.p, y, c->logits, 1);
	as_arena_reset(mem, 0);
}

static void draw_cases(struct kase *c, size_t n)
{
	struct as_rng r;

	as_rng_seed(&r, 2, 1);
	for (size_t i = 0; i < n; i++) {
		for (uint32_t k = 0; k < WORDS; k++) {
			c[i].ids[k] = (uint32_t)(as_rng_u64(&r) % BUCKETS);
			c[i].start[k] = k;
		}
		c[i].start[WORDS] = WORDS;
		for (size_t k = 0; k < (size_t)PATCHES * WIDTH; k++) {
			c[i].patch[k] = as_rng_normal(&r);
		}
		for (size_t k = 0; k < (size_t)CELLS * CELL; k++) {
			c[i].cell[k] = as_rng_normal(&r);
		}
	}
}

/* Threads that take the cases of a batch one at a time. */
struct crew {
	const struct network *net;
	struct kase *kase;
	size_t threads, cases;
	atomic_size_t next;
	pthread_barrier_t go, done;
	bool stop;
	struct as_arena mem[THREADS_MAX];
	pthread_t thread[THREADS_MAX];
	atomic_size_t started;
};

static void take(struct crew *c, struct as_arena *mem)
{
	for (size_t i; (i = atomic_fetch_add(&c->next, 1)) < c->cases;) {
		network_fwd(c->net, mem, c->cases == 1 ? c->net->team : NULL, &c->kase[i]);
	}
}

static void *work(void *ctx)
{
	struct crew *c = ctx;
	struct as_arena *mem = &c->mem[atomic_fetch_add(&c->started, 1)];

	for (;;) {
		(void)pthread_barrier_wait(&c->go);
		if (c->stop) {
			return NULL;
		}
		take(c, mem);
		(void)pthread_barrier_wait(&c->done);
	}
}

static void run_batch(void *ctx)
{
	struct crew *c = ctx;

	atomic_store(&c->next, 0);
	if (c->threads == 1 || c->cases == 1) {
		take(c, &c->mem[0]);
		return;
	}
	(void)pthread_barrier_wait(&c->go);
	take(c, &c->mem[0]);
	(void)pthread_barrier_wait(&c->done);
}

static void crew_start(struct crew *c, const struct network *net, struct kase *kase, size_t threads)
{
	struct as_err e;

	*c = (struct crew){ .net = net, .kase = kase, .threads = threads };
	(void)pthread_barrier_init(&c->go, NULL, (unsigned)threads);
	(void)pthread_barrier_init(&c->done, NULL, (unsigned)threads);
	for (size_t i = 0; i < threads; i++) {
		must(as_arena_init(&c->mem[i], "bench", MEMORY, &e), &e);
	}
	atomic_store(&c->started, 1);
	for (size_t i = 1; i < threads; i++) {
		if (pthread_create(&c->thread[i], NULL, work, c) != 0) {
			exit(EXIT_FAILURE);
		}
	}
}

static void crew_stop(struct crew *c)
{
	c->stop = true;
	if (c->threads > 1) {
		(void)pthread_barrier_wait(&c->go);
	}
	for (size_t i = 1; i < c->threads; i++) {
		(void)pthread_join(c->thread[i], NULL);
	}
	for (size_t i = 0; i < c->threads; i++) {
		as_arena_free(&c->mem[i]);
	}
	(void)pthread_barrier_destroy(&c->go);
	(void)pthread_barrier_destroy(&c->done);
}

/* All linear products of a case, one after the other. */
struct ceiling {
	struct bench_product *p[8];
	size_t times[8], n;
};

static void run_ceiling(void *ctx)
{
	const struct ceiling *c = ctx;

	for (size_t i = 0; i < c->n; i++) {
		for (size_t k = 0; k < c->times[i]; k++) {
			bench_product_run(c->p[i]);
		}
	}
}

static void ceiling(enum bench_library library, const char *name)
{
	static const size_t shape[][4] = { { PATCHES, WIDTH, WIDTH, 1 },
					   { CELLS, WIDTH, CELL, 1 },
					   { TOKENS, WIDTH, WIDTH, 16 },
					   { TOKENS, 4 * WIDTH, WIDTH, 4 },
					   { TOKENS, WIDTH, 4 * WIDTH, 4 } };
	const struct bench_line l = {
		.section = "core", .name = name, .unit = "cases/s", .per = 1, .one_core = true
	};
	struct ceiling c = { .n = sizeof shape / sizeof *shape };

	for (size_t i = 0; i < c.n; i++) {
		c.p[i] = bench_product_open(library, shape[i][0], shape[i][1], shape[i][2]);
		c.times[i] = shape[i][3];
	}
	bench_run(&l, run_ceiling, &c, 50);
	for (size_t i = 0; i < c.n; i++) {
		bench_product_close(c.p[i]);
	}
}

/* One after the other by the seconds of the core, against the peer and against the ceiling. */
static void time_core(const struct network *net, struct kase *kase, bool int8)
{
	const char *type = int8 ? "int8" : "fp32";
	struct bench_line l = { .section = "core", .unit = "cases/s", .per = 8, .one_core = true };
	char name[64];
	char peer[64];
	struct crew *c = as_calloc(1, sizeof *c);

	crew_start(c, net, kase, 1);
	c->cases = 8;
	l.name = name;
	l.peer = peer;
	(void)snprintf(name, sizeof name, "assay %s, one core", type);
	(void)snprintf(peer, sizeof peer, "onnxruntime %s, one core", type);
	bench_run(&l, run_batch, c, 150);
	l.peer = int8 ? "oneDNN int8 linear products alone, one core"
		      : "oneDNN fp32 linear products alone, one core";
	(void)snprintf(name, sizeof name, "assay %s, one core, against the ceiling", type);
	bench_run(&l, run_batch, c, 150);
	crew_stop(c);
	free(c);
}

static void time_batches(const struct network *net, struct kase *kase, size_t threads, bool int8)
{
	static const size_t batches[] = { 1, 8, CASES };
	const char *type = int8 ? "int8" : "fp32";
	struct bench_line l = { .section = "network", .unit = "cases/s" };
	char name[64];
	char peer[64];
	struct crew *c = as_calloc(1, sizeof *c);

	crew_start(c, net, kase, threads);
	l.name = name;
	l.peer = peer;
	for (size_t i = 0; i < sizeof batches / sizeof *batches; i++) {
		c->cases = batches[i];
		l.per = (double)batches[i];
		(void)snprintf(name, sizeof name, "assay %s, batch %zu", type, batches[i]);
		(void)snprintf(peer, sizeof peer, "onnxruntime %s, batch %zu", type, batches[i]);
		bench_run(&l, run_batch, c, 150);
	}
	crew_stop(c);
	free(c);
}

void bench_network(size_t threads)
{
	struct kase *kase = as_calloc(CASES, sizeof *kase);

	if (threads < 1 || threads > THREADS_MAX) {
		(void)fprintf(stderr, "bench: 1 to %d threads\n", (int)THREADS_MAX);
		exit(EXIT_FAILURE);
	}
	draw_cases(kase, CASES);
	if (threads == 1) {
		ceiling(BENCH_ONEDNN_S8, "oneDNN int8 linear products alone, one core");
		ceiling(BENCH_ONEDNN_F32, "oneDNN fp32 linear products alone, one core");
	}
	for (int int8 = 0; int8 < 2; int8++) {
		struct network net;
		struct as_err e;

		network_open(&net, int8 == 1);
		must(nn_team_open(&net.team, threads, MEMORY, &e), &e);
		if (threads == 1) {
			time_core(&net, kase, int8 == 1);
		} else {
			time_batches(&net, kase, threads, int8 == 1);
		}
		nn_team_close(net.team);
		network_close(&net);
	}
	free(kase);
}
