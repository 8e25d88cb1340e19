/* SPDX-License-Identifier: Apache-2.0
 * bench.h - measurements of docs/performance.md, one line of tab-separated fields each on standard
 * output:
 *
 *   section  name  median  spread  unit  peer
 *
 * spread is (greatest - least) / median of the rounds in per cent, peer the name of the line that
 * this one is held against, or "-". bench/run.sh makes the tables and build/bench.json of them. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stddef.h>

enum { BENCH_ROUNDS = 7 };

/* What a round of something took, and the line it becomes. */
struct bench_line {
	const char *section, *name, *unit, *peer;
	double per;    /* the value is `per` over the seconds of one call; 0: the microseconds */
	bool one_core; /* seconds are the thread's own on its core: other work does not count */
};

/* Calls `call` for about `ms` milliseconds a round, after one that warms up. */
void bench_run(const struct bench_line *l, void (*call)(void *ctx), void *ctx, double ms);
/* A line of values that were measured otherwise; they are sorted. */
void bench_print(const struct bench_line *l, double *value, size_t n);
double bench_now(bool one_core); /* seconds */

void bench_kernels(void);
void bench_network(size_t threads);
void bench_train(void);
/* A model file and a table of its cases; the lines are of this name. */
int bench_gates(const char *of, const char *model, const char *data);
/* This and bench_gates: 0, or EXIT_FAILURE. */
int bench_attention(void);

/* The products of one case of the reference network alone, as fast as a library does them. */
enum bench_library { BENCH_ONEDNN_F32, BENCH_ONEDNN_BF16, BENCH_ONEDNN_S8 };
struct bench_product; /* x [n, in] W' -> y [n, out] */
struct bench_product *bench_product_open(enum bench_library library, size_t n, size_t out,
					 size_t in);
void bench_product_run(void *product);
void bench_product_close(struct bench_product *p);

#endif
