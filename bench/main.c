/* SPDX-License-Identifier: Apache-2.0
 * bench: times the kernels, the reference network, its training, attention and gates; see
 * bench.h. */
#include "bench/bench.h"
#include "core/tensor/gemm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double bench_now(bool one_core)
{
	struct timespec t;

	(void)clock_gettime(one_core ? CLOCK_THREAD_CPUTIME_ID : CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a;
	const double y = *(const double *)b;

	return (x > y) - (x < y);
}

void bench_print(const struct bench_line *l, double *value, size_t n)
{
	double spread; /* percent; none of what is always 0 */

	qsort(value, n, sizeof *value, compare);
	spread = value[n - 1] > value[0] ? 100.0 * (value[n - 1] - value[0]) / value[n / 2] : 0;
	printf("%s\t%s\t%.4g\t%.0f\t%s\t%s\n", l->section, l->name, value[n / 2], spread, l->unit,
	       l->peer ? l->peer : "-");
	(void)fflush(stdout);
}

void bench_run(const struct bench_line *l, void (*call)(void *ctx), void *ctx, double ms)
{
	double value[BENCH_ROUNDS];
	const double start = bench_now(l->one_core);
	double once;
	size_t calls;

	call(ctx);
	call(ctx);
	once = (bench_now(l->one_core) - start) / 2;
	calls = (size_t)(ms / 1e3 / once) + 1;
	for (size_t i = 0; i < BENCH_ROUNDS; i++) {
		const double from = bench_now(l->one_core);

		for (size_t k = 0; k < calls; k++) {
			call(ctx);
		}
		once = (bench_now(l->one_core) - from) / (double)calls;
		value[i] = l->per > 0 ? l->per / once : once * 1e6;
	}
	bench_print(l, value, BENCH_ROUNDS);
}

int main(int argc, char **argv)
{
	const bool gates = argc == 6 && strcmp(argv[2], "gates") == 0;
	const char *what = argc == 3 || gates ? argv[2] : "";

	tn_init();
	if (strcmp(what, "attention") == 0) {
		return bench_attention();
	}
	if (gates) {
		return bench_gates(argv[3], argv[4], argv[5]);
	}
	if (strcmp(what, "kernels") == 0) {
		bench_kernels();
	} else if (strcmp(what, "network") == 0) {
		bench_network(strtoul(argv[1], NULL, 10));
	} else if (strcmp(what, "train") == 0) {
		bench_train();
	} else {
		(void)fprintf(stderr, "usage: bench THREADS attention|kernels|network|train\n"
				      "       bench THREADS gates NAME MODEL DATA\n");
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
