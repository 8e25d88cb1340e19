/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nn/stack.h"
#include "tests/core/nn/probe.h"

#include <string.h>

enum { N = 5, D = 8, ROWS = 2 };

static const uint32_t start[] = { 0, 2, 5 };
static const uint32_t ids[] = { 0, 1, 2, 3, 4 };
static const struct nn_bags rows = { .n = ROWS, .start = start, .ids = ids };

static void fwd(struct probe *p)
{
	struct nn_stack_act *a = as_zalloc(&p->mem, 1, sizeof *a);
	float *x = as_alloc(&p->mem, p->nx, sizeof *x);

	memcpy(x, p->x, p->nx * sizeof *x);
	nn_stack_fwd(p->layer, &p->s, a, x, p->n, &rows, p->y);
	p->act = a;
}

static void bwd(struct probe *p)
{
	float *dx = as_zalloc(&p->mem, p->nx, sizeof *dx);

	nn_stack_bwd(p->layer, &p->s, p->act, p->dy, dx, p->n);
	for (size_t i = 0; i < p->nx; i++) {
		p->dx[i] += dx[i];
	}
}

static void begin(struct probe *p, struct nn_stack *l, size_t blocks)
{
	const struct nn_stack_shape shape = {
		.d = D, .heads = 2, .mlp = 2, .blocks = blocks, .gated = true
	};

	*p = (struct probe){ .layer = l,
			     .n = N,
			     .nx = (size_t)N * D,
			     .ny = (size_t)ROWS * D,
			     .fwd = fwd,
			     .bwd = bwd };
	nn_stack_init(l, &p->ps, "l", &shape);
	probe_start(p, blocks + 1);
}

Test(nn_stack, gradients_match_central_differences)
{
	for (size_t blocks = 0; blocks < 3; blocks++) {
		struct nn_stack l;
		struct probe p;

		begin(&p, &l, blocks);
		probe_check(&p, 3e-3);
		probe_free(&p);
		nn_stack_free(&l);
	}
}

/* Without blocks a row is the mean of its normed tokens, by the definition of the norm. */
Test(nn_stack, a_row_is_the_mean_of_its_normed_tokens)
{
	struct nn_stack l;
	struct probe p;
	double want[ROWS][D] = { { 0 } };

	begin(&p, &l, 0);
	fwd(&p);
	for (size_t i = 0; i < N; i++) {
		const float *x = p.x + i * D;
		double mean = 0;
		double var = 0;

		for (size_t j = 0; j < D; j++) mean += (double)x[j] / D;
		for (size_t j = 0; j < D; j++) var += pow((double)x[j] - mean, 2) / D;
		for (size_t j = 0; j < D; j++) {
			const double gamma = (double)p.ps.v[l.norm.gamma + j];
			const double beta = (double)p.ps.v[l.norm.beta + j];

			want[i < 2 ? 0 : 1][j] +=
			    (gamma * ((double)x[j] - mean) / sqrt(var + 1e-5) + beta) /
			    (i < 2 ? 2 : 3);
		}
	}
	for (size_t k = 0; k < (size_t)ROWS * D; k++) {
		cr_assert(lt(dbl, fabs((double)p.y[k] - want[k / D][k % D]), 1e-5));
	}
	probe_free(&p);
	nn_stack_free(&l);
}

Test(nn_stack, inference_gives_the_blocks_memory_back)
{
	struct nn_stack l;
	struct probe p;
	size_t one;

	begin(&p, &l, 1);
	p.s.rng = NULL;
	fwd(&p);
	one = p.mem.used;
	probe_free(&p);
	nn_stack_free(&l);
	begin(&p, &l, 3);
	p.s.rng = NULL;
	fwd(&p);
	cr_assert(lt(sz, p.mem.used, one + 4096)); /* what is kept of a block is its struct */
	probe_free(&p);
	nn_stack_free(&l);
}
