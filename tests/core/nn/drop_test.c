/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nn/drop.h"
#include "tests/core/nn/layers.h"

static void drop_fwd(struct probe *p)
{
	memcpy(p->y, p->x, p->nx * sizeof *p->y);
	p->act = nn_drop_fwd(&p->s, p->y, p->nx);
}

static void drop_bwd(struct probe *p)
{
	memcpy(p->dx, p->dy, p->nx * sizeof *p->dx);
	nn_drop_bwd(p->act, p->dx, p->nx);
}

static void drop_start(struct probe *p, size_t n, float dropout)
{
	*p = (struct probe){ .n = n, .nx = n, .ny = n, .fwd = drop_fwd, .bwd = drop_bwd };
	probe_start(p, n);
	p->s.dropout = dropout;
}

Test(nn_drop, gradients_match_central_differences)
{
	struct probe p;

	drop_start(&p, 23, 0.4F);
	probe_check(&p, 1e-3);
	probe_free(&p);
}

Test(nn_drop, the_named_share_is_zeroed_and_the_mean_stays)
{
	enum { N = 100003 };
	size_t zeros = 0;
	double sum = 0.0;
	struct probe p;

	drop_start(&p, N, 0.3F);
	for (size_t i = 0; i < N; i++) {
		p.x[i] = 1.0F;
	}
	probe_fwd(&p);
	for (size_t i = 0; i < N; i++) {
		zeros += p.y[i] == 0.0F;
		sum += (double)p.y[i];
		cr_assert(p.y[i] == 0.0F || fabsf(p.y[i] - 1.0F / 0.7F) < 1e-4F);
	}
	/* Five standard errors. */
	cr_assert(epsilon_eq(dbl, (double)zeros / N, 0.3, 0.0073));
	cr_assert(epsilon_eq(dbl, sum / N, 1.0, 0.0104));
	probe_free(&p);
}

Test(nn_drop, nothing_is_dropped_in_inference_or_at_rate_0)
{
	struct probe p;

	drop_start(&p, 50, 0.0F);
	probe_fwd(&p);
	cr_assert(eq(ptr, p.act, NULL));
	p.s.dropout = 0.5F;
	p.s.rng = NULL;
	probe_fwd(&p);
	cr_assert(eq(ptr, p.act, NULL));
	cr_assert(eq(dbl, probe_off(p.x, p.y, 50), 0.0));
	drop_bwd(&p);
	cr_assert(eq(dbl, probe_off(p.dx, p.dy, 50), 0.0));
	probe_free(&p);
}
