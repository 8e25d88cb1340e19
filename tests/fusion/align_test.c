/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/align.h"

#include "tests/fusion/fixture.h"
#include "tests/support/gradcheck.h"

#include <math.h>

struct align_net {
	struct io_task task;
	struct nn_params ps;
	struct fu_align l;
	struct as_arena mem;
	struct nn_step s;
	float *g;
	size_t rows[IO_PARTS_MAX];
	float x[FIX_PARTS][FIX_ROWS * FIX_D], u[FIX_PARTS][FIX_ROWS * FIX_D];
	float du[FIX_PARTS][FIX_ROWS * FIX_D], dx[FIX_PARTS][FIX_ROWS * FIX_D];
};

static void open_net(struct align_net *n, unsigned present)
{
	struct as_err e = { 0 };
	struct as_rng r;

	*n = (struct align_net){ 0 };
	as_rng_seed(&r, 9, present);
	fix_task(&n->task, IO_CLASS, FIX_LABELS);
	fu_align_init(&n->l, &n->ps, &n->task, FIX_D);
	nn_params_start(&n->ps, &r);
	fix_random(&r, n->ps.v, n->ps.size, 0.5F);
	ok(as_arena_init(&n->mem, "test", (size_t)4 << 20, &e));
	n->g = as_calloc(n->ps.size, sizeof *n->g);
	n->s = (struct nn_step){ .p = n->ps.v, .g = n->g, .mem = &n->mem };
	for (size_t m = 0; m < FIX_PARTS; m++) {
		n->rows[m] = (present >> m & 1) != 0 ? FIX_ROWS - 2 * m : 0;
		fix_random(&r, n->x[m], FIX_ROWS * FIX_D, 1.0F);
		fix_random(&r, n->du[m], FIX_ROWS * FIX_D, 1.0F);
	}
}

static void close_net(struct align_net *n)
{
	free(n->g);
	as_arena_free(&n->mem);
	nn_params_free(&n->ps);
}

static void forward(struct align_net *n, struct fu_align_act *a)
{
	const float *x[IO_PARTS_MAX] = { n->x[0], n->x[1], n->x[2] };
	float *u[IO_PARTS_MAX] = { n->u[0], n->u[1], n->u[2] };

	as_arena_reset(&n->mem, 0);
	fu_align_fwd(&n->l, &n->s, a, n->rows, x, u);
}

static double loss(void *ctx)
{
	struct align_net *n = ctx;
	struct fu_align_act a;
	double sum = 0.0;

	forward(n, &a);
	for (size_t m = 0; m < FIX_PARTS; m++) {
		sum += fix_dot(n->u[m], n->du[m], n->rows[m] * FIX_D);
	}
	return sum;
}

static void backward(struct align_net *n)
{
	const float *x[IO_PARTS_MAX] = { n->x[0], n->x[1], n->x[2] };
	float *du[IO_PARTS_MAX] = { n->du[0], n->du[1], n->du[2] };
	float *dx[IO_PARTS_MAX] = { n->dx[0], n->dx[1], n->dx[2] };
	struct fu_align_act a;

	forward(n, &a);
	fu_align_bwd(&n->l, &n->s, &a, n->rows, x, du, dx);
}

Test(fusion_align, gradients_are_those_of_the_loss_with_two_and_three_parts)
{
	static const unsigned present[] = { 3, 5, 6, 7 };

	for (size_t i = 0; i < sizeof present / sizeof *present; i++) {
		struct align_net n;
		double worst;

		open_net(&n, present[i]);
		backward(&n);
		worst = gradcheck(loss, &n, n.ps.v, n.g, n.ps.size, 1, 1e-2F);
		for (size_t m = 0; m < FIX_PARTS; m++) {
			worst = fmax(worst, gradcheck(loss, &n, n.x[m], n.dx[m], n.rows[m] * FIX_D,
						      1, 1e-2F));
		}
		cr_assert(lt(dbl, worst, 2e-3), "parts %u differ by %g", present[i], worst);
		close_net(&n);
	}
}

Test(fusion_align, each_row_of_attention_sums_to_one_over_the_other_parts_rows)
{
	struct align_net n;
	struct fu_align_act a;

	open_net(&n, 7);
	forward(&n, &a);
	for (size_t p = 0; p < (size_t)FIX_PARTS * FIX_PARTS; p++) {
		const size_t m = p / FIX_PARTS;
		const size_t o = p % FIX_PARTS;

		for (size_t i = 0; o != m && i < n.rows[m]; i++) {
			float sum = 0.0F;

			for (size_t k = 0; k < n.rows[o]; k++) {
				sum += a.a[m][o][i * n.rows[o] + k];
			}
			cr_assert(epsilon_eq(flt, sum, 1.0F, 1e-5F));
		}
	}
	close_net(&n);
}

Test(fusion_align, a_part_alone_passes_unchanged)
{
	struct align_net n;
	struct fu_align_act a;

	open_net(&n, 2);
	forward(&n, &a);
	cr_assert(zero(int, memcmp(n.u[1], n.x[1], n.rows[1] * FIX_D * sizeof(float))));
	cr_assert(eq(ptr, a.mix[1], NULL));
	close_net(&n);
}

Test(fusion_align, gamma_at_zero_passes_every_part_unchanged)
{
	struct align_net n;
	struct fu_align_act a;

	open_net(&n, 7);
	for (size_t m = 0; m < FIX_PARTS; m++) {
		memset(n.ps.v + n.l.gamma[m], 0, FIX_D * sizeof(float));
	}
	forward(&n, &a);
	for (size_t m = 0; m < FIX_PARTS; m++) {
		cr_assert(zero(int, memcmp(n.u[m], n.x[m], n.rows[m] * FIX_D * sizeof(float))));
	}
	close_net(&n);
}

Test(fusion_align, a_task_of_one_part_has_no_weights_for_it)
{
	struct nn_params ps = { 0 };
	struct io_task task;
	struct fu_align l;

	fix_task(&task, IO_CLASS, 2);
	task.parts = 1;
	fu_align_init(&l, &ps, &task, FIX_D);
	cr_assert(zero(sz, ps.n));
	nn_params_free(&ps);
}
