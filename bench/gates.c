/* SPDX-License-Identifier: Apache-2.0
 * gates.c - what closed heads save in a trained model: its attention sub-layers, from the norm to
 * W_o, and the whole network, with the heads that its gates open and with all of them (a threshold
 * of 0: the same weights, the gates computed too), over the cases of a table, one thread. The bound
 * of the whole network is what it would take if its sub-layers took nothing. */
#include "bench/bench.h"
#include "core/base/buf.h"
#include "core/io/model.h"
#include "fusion/judge.h"
#include "train/net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LEARNED, OPEN, NETS };

struct gates {
	struct fu_judge judge;
	struct json_t *statistics;
	struct io_task task[NETS]; /* alike but for the threshold */
	struct tr_net net[NETS];
	struct tr_data data;
	struct tr_inputs in[NETS];
	struct as_arena mem;
	struct nn_heads heads; /* of the learned gates */
	const char *of;        /* what the lines are called by */
};

/* Seconds of all cases. */
struct times {
	double attention[BENCH_ROUNDS], all[BENCH_ROUNDS];
};

static double core_now(void)
{
	return bench_now(true);
}

static int gates_open(struct gates *g, const char *model, const char *data, struct as_err *e)
{
	const struct tr_data_how how = { .path = data, .sources = g->judge.source };
	struct io_model m = { 0 };
	struct tr_pool *pool = NULL;
	int rc;

	TRY(fu_judge_open(&g->judge, model, e));
	TRY(io_model_open(&m, model, e));
	TRY(io_model_meta(&m, "statistics", &g->statistics, e));
	TRY(tr_pool_open(&pool, 1, e));
	TRY(tr_data_load(&g->data, &g->judge.task, &how, pool, e));
	for (int i = 0; i < NETS; i++) {
		g->task[i] = g->judge.task;
		if (i == OPEN) {
			g->task[i].hyper.gate_threshold = 0.0F;
		}
		TRY(tr_net_open(&g->net[i], &g->task[i], g->judge.source, g->statistics, 0, e));
		TRY(io_model_bind(&m, &g->net[i].ps, NULL, e));
		nn_params_serve(&g->net[i].ps);
		TRY(tr_inputs_init(&g->in[i], &g->data, &g->net[i].enc, e));
	}
	TRY(as_arena_init(&g->mem, "bench", (size_t)1 << 30, e));
out:
	tr_pool_close(pool);
	io_model_close(&m);
	return rc;
}

static void gates_close(struct gates *g)
{
	as_arena_free(&g->mem);
	for (int i = 0; i < NETS; i++) {
		tr_inputs_free(&g->in[i]);
		tr_net_close(&g->net[i]);
	}
	tr_data_free(&g->data);
	io_json_free(g->statistics);
	fu_judge_close(&g->judge);
}

/* Every case once through one of the nets. */
static void pass_all(struct gates *g, int which, double *attention, double *all)
{
	struct nn_heads heads = { .clock = core_now };
	struct nn_step s = { .p = g->net[which].ps.v, .mem = &g->mem, .heads = &heads };
	const double from = core_now();

	for (size_t i = 0; i < g->data.n; i++) {
		struct tr_pass pass;

		as_arena_reset(&g->mem, 0);
		tr_net_encode(&g->net[which], &s, &g->in[which], &g->data.v[i], UINT32_MAX, &pass);
		tr_net_fuse(&g->net[which], &s, UINT32_MAX, &pass);
	}
	*all = core_now() - from;
	*attention = heads.seconds;
	if (which == LEARNED) {
		g->heads = heads;
	}
}

enum { NAME = 128 };

static const char *name_of(const struct gates *g, const char *what, char out[NAME])
{
	(void)snprintf(out, NAME, "%s: %s", g->of, what);
	return out;
}

/* A line of cases a second; peer: the line that it is held against, or NULL. */
static void print(const struct gates *g, const char *what, const char *peer, const double *seconds)
{
	double value[BENCH_ROUNDS];
	char name[NAME];
	char against[NAME];

	for (size_t i = 0; i < BENCH_ROUNDS; i++) {
		value[i] = (double)g->data.n / seconds[i];
	}
	bench_print(&(struct bench_line){ .section = "gates",
					  .name = name_of(g, what, name),
					  .unit = "cases/s",
					  .peer = peer ? name_of(g, peer, against) : NULL },
		    value, BENCH_ROUNDS);
}

static void report(const struct gates *g, const struct times *t)
{
	static const char attention[] = "attention sub-layers, all heads open";
	static const char all[] = "whole network, all heads open";
	double rest[BENCH_ROUNDS];
	char name[NAME];
	double closed = 100.0 * (1.0 - (double)g->heads.computed / (double)g->heads.all);

	for (size_t i = 0; i < BENCH_ROUNDS; i++) {
		rest[i] = t[OPEN].all[i] - t[OPEN].attention[i];
	}
	bench_print(&(struct bench_line){ .section = "gates",
					  .name = name_of(g, "heads closed", name),
					  .unit = "%" },
		    &closed, 1);
	print(g, attention, NULL, t[OPEN].attention);
	print(g, "attention sub-layers, learned gates", attention, t[LEARNED].attention);
	print(g, all, NULL, t[OPEN].all);
	print(g, "whole network, learned gates", all, t[LEARNED].all);
	print(g, "whole network without its attention sub-layers", all, rest);
}

int bench_gates(const char *of, const char *model, const char *data)
{
	struct gates *g = as_calloc(1, sizeof *g);
	struct times t[NETS];
	struct as_err e = { 0 };
	const int rc = gates_open(g, model, data, &e);

	g->of = of;
	if (rc == AS_OK) {
		for (size_t i = 0; i <= BENCH_ROUNDS; i++) { /* the first warms up */
			const size_t at = i == 0 ? 0 : i - 1;

			for (int which = 0; which < NETS; which++) {
				pass_all(g, which, &t[which].attention[at], &t[which].all[at]);
			}
		}
		report(g, t);
	} else {
		(void)fprintf(stderr, "bench: %s\n", e.msg);
	}
	gates_close(g);
	free(g);
	return rc == AS_OK ? 0 : EXIT_FAILURE;
}
