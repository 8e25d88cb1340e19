/* SPDX-License-Identifier: Apache-2.0
 * network.c - cases of the reference network a second: one at a time, in batches, and by the
 * seconds of one core. */
#include "bench/bench.h"
#include "bench/reference.h"
#include "core/base/buf.h"
#include "core/nn/team.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

enum { CASES = 32, THREADS_MAX = 64 };

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
		const struct nn_step s = { .p = c->net->ps.v,
					   .mem = mem,
					   .team = c->cases == 1 ? c->net->team : NULL };
		struct kase_act a;

		network_fwd(c->net, &s, &a, &c->kase[i]);
		as_arena_reset(mem, 0);
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
		bench_must(as_arena_init(&c->mem[i], "bench", MEMORY, &e), &e);
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

		network_open(&net, int8 == 1, true);
		bench_must(nn_team_open(&net.team, threads, MEMORY, &e), &e);
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
