/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/weigh.h"

#include "tests/fusion/fixture.h"
#include "tests/support/gradcheck.h"

#include <math.h>

struct weigh_net {
	struct nn_params ps;
	struct fu_weigh l;
	struct as_arena mem;
	struct nn_step s;
	float *g;
	bool present[IO_PARTS_MAX];
	float z[FIX_PARTS][FIX_D], dz[FIX_PARTS][FIX_D], out[FIX_D], dout[FIX_D];
};

static void open_net(struct weigh_net *n, unsigned present)
{
	struct as_err e = { 0 };
	struct as_rng r;

	*n = (struct weigh_net){ 0 };
	as_rng_seed(&r, 4, present);
	fu_weigh_init(&n->l, &n->ps, FIX_PARTS, FIX_D);
	nn_params_start(&n->ps, &r);
	fix_random(&r, n->ps.v, n->ps.size, 0.5F);
	ok(as_arena_init(&n->mem, "test", (size_t)1 << 20, &e));
	n->g = as_calloc(n->ps.size, sizeof *n->g);
	n->s = (struct nn_step){ .p = n->ps.v, .g = n->g, .mem = &n->mem };
	for (size_t m = 0; m < FIX_PARTS; m++) {
		n->present[m] = (present >> m & 1) != 0;
		fix_random(&r, n->z[m], FIX_D, 1.0F);
	}
	fix_random(&r, n->dout, FIX_D, 1.0F);
}

static void close_net(struct weigh_net *n)
{
	free(n->g);
	as_arena_free(&n->mem);
	nn_params_free(&n->ps);
}

static void forward(struct weigh_net *n, struct fu_weigh_act *a)
{
	float *z[IO_PARTS_MAX] = { n->z[0], n->z[1], n->z[2] };

	as_arena_reset(&n->mem, 0);
	fu_weigh_fwd(&n->l, &n->s, a, n->present, z, n->out);
}

static double loss(void *ctx)
{
	struct weigh_net *n = ctx;
	struct fu_weigh_act a;

	forward(n, &a);
	return fix_dot(n->out, n->dout, FIX_D);
}

Test(fusion_weigh, gradients_are_those_of_the_loss_with_any_parts_present)
{
	for (unsigned present = 1; present < 1U << FIX_PARTS; present++) {
		struct weigh_net n;
		struct fu_weigh_act a;
		float *dz[IO_PARTS_MAX];
		double worst;

		open_net(&n, present);
		for (size_t m = 0; m < FIX_PARTS; m++) {
			dz[m] = n.present[m] ? n.dz[m] : NULL;
		}
		forward(&n, &a);
		fu_weigh_bwd(&n.l, &n.s, &a, n.present, n.dout, dz);
		worst = gradcheck(loss, &n, n.ps.v, n.g, n.ps.size, 1, 1e-2F);
		for (size_t m = 0; m < FIX_PARTS; m++) {
			worst = fmax(worst, gradcheck(loss, &n, n.z[m], n.dz[m], FIX_D, 1, 1e-2F));
		}
		cr_assert(lt(dbl, worst, 1e-3), "parts %u differ by %g", present, worst);
		close_net(&n);
	}
}

Test(fusion_weigh, untrained_weights_are_equal)
{
	struct weigh_net n;
	struct fu_weigh_act a;

	open_net(&n, 5);
	memset(n.ps.v + n.l.a, 0, (size_t)FIX_PARTS * FIX_PARTS * FIX_D * sizeof(float));
	memset(n.ps.v + n.l.b, 0, FIX_PARTS * sizeof(float));
	forward(&n, &a);
	cr_assert(epsilon_eq(flt, a.w[0], 0.5F, 1e-6F));
	cr_assert(eq(flt, a.w[1], 0.0F));
	cr_assert(epsilon_eq(flt, n.out[3], (n.z[0][3] + n.z[2][3]) / 2.0F, 1e-6F));
	close_net(&n);
}

Test(fusion_weigh, one_part_alone_has_all_the_weight)
{
	struct weigh_net n;
	struct fu_weigh_act a;

	open_net(&n, 4);
	forward(&n, &a);
	cr_assert(eq(flt, a.w[2], 1.0F));
	cr_assert(zero(int, memcmp(n.out, n.z[2], sizeof n.out)));
	close_net(&n);
}

Test(fusion_weigh, who_is_missing_changes_the_weights_of_those_who_are_there)
{
	struct weigh_net n;
	struct fu_weigh_act a;
	float before;

	open_net(&n, 5);
	forward(&n, &a);
	before = a.w[0];
	n.ps.v[n.l.absent + FIX_D] += 1.0F; /* the token of part 1, which is absent */
	forward(&n, &a);
	cr_assert(lt(flt, 1e-4F, fabsf(a.w[0] - before)));
	close_net(&n);
}
