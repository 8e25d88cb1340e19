/* SPDX-License-Identifier: Apache-2.0
 * conformal.c - Papadopoulos, Proedrou, Vovk, Gammerman, "Inductive confidence machines for
 * regression" (2002), ECML; the finite-sample quantile and the Beta law of the coverage: Vovk,
 * "Conditional validity of inductive conformal predictors" (2012), ACML, section 3; Angelopoulos,
 * Bates, "A gentle introduction to conformal prediction" (2021), arXiv:2107.07511, section 3.2. */
#include "train/conformal.h"

#include "train/calibrate.h"

#include <math.h>
#include <stdlib.h>

float tr_nonconformity(const struct io_task *task, const float *p, const float *y)
{
	float worst = 0;

	if (task->kind == IO_VALUE) {
		return fabsf(p[0] - y[0]);
	}
	for (size_t k = 0; k < task->labels; k++) {
		const float s = 1.0F - p[k]; /* as fu_verdict has it, to the bit */

		worst = y[k] > 0.5F && s > worst ? s : worst;
	}
	return worst;
}

static int ascending(const void *a, const void *b)
{
	const float x = *(const float *)a;
	const float y = *(const float *)b;

	return (x > y) - (x < y);
}

/* The tolerance keeps (n + 1) 0.9 that is a whole number from being rounded up. */
static size_t rank_of(double coverage, size_t n)
{
	return (size_t)ceil((double)(n + 1) * coverage - 1e-9);
}

float tr_quantile(float *score, size_t n, double coverage)
{
	const size_t k = rank_of(coverage, n);

	if (k > n) {
		return INFINITY;
	}
	qsort(score, n, sizeof *score, ascending);
	return score[k > 0 ? k - 1 : 0];
}

void tr_fit_sets(struct fu_calibration *c, const struct io_task *task, const struct tr_scores *s,
		 const float *y)
{
	float *p = as_malloc((s->n * s->c + 1) * sizeof *p);
	float *score = as_malloc((s->n + 1) * sizeof *score);

	c->coverage = task->coverage;
	for (size_t k = 0; k < s->masks; k++) {
		const uint32_t pattern = tr_pattern(s->parts, k);
		size_t n = 0;

		tr_answers(c, task, s, k, p);
		for (size_t i = 0; i < s->n; i++) {
			if ((s->there[i] & pattern) == pattern) {
				score[n++] = tr_nonconformity(task, p + i * s->c, y + i * s->c);
			}
		}
		c->quantile[pattern] = tr_quantile(score, n, c->coverage);
		c->cases[pattern] = (uint32_t)n;
	}
	free(score);
	free(p);
}

void tr_expect_covered(double coverage, size_t cases, size_t n, double *mean, double *variance)
{
	const size_t rank = rank_of(coverage, cases);
	const double all = (double)cases + 1;
	const double k = (double)(rank < 1 ? 1 : rank);
	const double share = k / all;

	if (rank > cases) { /* the set leaves nothing out */
		*mean = (double)n;
		*variance = 0;
		return;
	}
	*mean = (double)n * share;
	*variance = (double)n * share * (1 - share) * (all + (double)n) / (all + 1);
}
