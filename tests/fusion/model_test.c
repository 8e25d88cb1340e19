/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/model.h"

#include "tests/fusion/fixture.h"
#include "tests/support/gradcheck.h"

#include <math.h>

/* Steps of 1e-2 in float: the loss is exact to about 1e-6, its third derivative of order 1. */
static const float STEP = 1e-2F;
static const double TOLERANCE = 2e-3;

/* The scale is a calibration, not a weight: Adam must see no gradient. */
static double worst_weight(struct fix_net *n)
{
	double worst = 0.0;

	for (size_t i = 0; i < n->ps.n; i++) {
		const struct nn_param *p = &n->ps.p[i];
		const size_t size = p->rows * p->cols;

		if (p->at == n->model.scale) {
			for (size_t k = 0; k < size; k++) {
				cr_assert(eq(flt, n->g[p->at + k], 0.0F));
			}
			continue;
		}
		worst = fmax(worst, gradcheck(fix_net_loss, n, n->ps.v + p->at, n->g + p->at, size,
					      size > 40 ? 5 : 1, STEP));
	}
	return worst;
}

static void check_gradients(enum io_kind kind, unsigned present, float dropout)
{
	struct fix_net n;
	double worst;

	fix_net_init(&n, kind, present);
	n.s.dropout = dropout;
	fix_net_bwd(&n);
	worst = worst_weight(&n);
	cr_assert(lt(dbl, worst, TOLERANCE), "parts %u: weights differ by %g", present, worst);
	for (size_t m = 0; m < FIX_PARTS; m++) {
		const size_t size = n.rows[m].rows * n.model.dim[m];

		worst = gradcheck(fix_net_loss, &n, n.x[m], n.dx[m], size, 1, STEP);
		cr_assert(lt(dbl, worst, TOLERANCE), "parts %u: rows of %zu differ by %g", present,
			  m, worst);
	}
	fix_net_free(&n);
}

Test(fusion_model, gradients_are_those_of_the_loss_with_any_parts_present)
{
	for (unsigned present = 0; present < 1U << FIX_PARTS; present++) {
		check_gradients(IO_CLASS, present, 0.0F);
	}
}

Test(fusion_model, gradients_are_those_of_the_loss_for_a_value)
{
	check_gradients(IO_VALUE, 7, 0.0F);
	check_gradients(IO_VALUE, 2, 0.0F);
}

Test(fusion_model, gradients_are_those_of_the_loss_with_dropout)
{
	check_gradients(IO_CLASS, 7, 0.4F);
}

Test(fusion_model, the_backward_pass_adds_to_what_is_there)
{
	struct fix_net n;
	float *once;

	fix_net_init(&n, IO_CLASS, 7);
	once = as_calloc(n.ps.size, sizeof *once);
	fix_net_bwd(&n);
	memcpy(once, n.g, n.ps.size * sizeof *once);
	fix_net_bwd(&n);
	for (size_t i = 0; i < n.ps.size; i++) {
		cr_assert(epsilon_eq(flt, n.g[i], 2.0F * once[i], 1e-4F), "weight %zu", i);
	}
	free(once);
	fix_net_free(&n);
}

Test(fusion_model, the_parts_estimates_of_a_value_are_averaged)
{
	struct fix_net n;
	struct fu_act a;
	float mean;

	fix_net_init(&n, IO_VALUE, 5);
	memset(n.ps.v + n.model.head.w, 0, FIX_D * sizeof(float));
	n.ps.v[n.model.head.b] = 0.25F;
	for (size_t m = 0; m < FIX_PARTS; m++) {
		n.ps.v[n.model.scale + m] = 1.0F;
	}
	fix_net_fwd(&n, &a);
	mean = (a.late[0][0] + a.late[2][0]) / 2.0F;
	cr_assert(epsilon_eq(flt, a.logits[0], 0.25F + mean, 1e-5F));
	fix_net_free(&n);
}

Test(fusion_model, dropout_hides_a_part_of_z_from_the_logits)
{
	struct fix_net n;
	struct fu_act a;
	size_t zero = 0;

	fix_net_init(&n, IO_CLASS, 7);
	n.s.dropout = 0.5F;
	fix_net_fwd(&n, &a);
	for (size_t m = 0; m < FIX_PARTS; m++) {
		for (size_t i = 0; i < FIX_D; i++) {
			zero += a.seen[m].zd[i] == 0.0F ? 1 : 0;
			cr_assert(ne(flt, a.seen[m].z[i], 0.0F));
		}
	}
	cr_assert(lt(sz, 4, zero));
	cr_assert(lt(sz, zero, 20));
	fix_net_free(&n);
}

Test(fusion_model, what_nobody_wants_is_left_out_of_the_backward_pass)
{
	struct fix_net n;
	struct fu_act a;
	float *all;

	fix_net_init(&n, IO_CLASS, 7);
	for (size_t m = 0; m < FIX_PARTS; m++) {
		memset(n.dlate[m], 0, sizeof n.dlate[m]);
		memset(n.dz[m], 0, sizeof n.dz[m]);
	}
	fix_net_bwd(&n);
	all = n.g;
	n.g = as_calloc(n.ps.size, sizeof *n.g);
	n.s.g = n.g;
	fix_net_fwd(&n, &a);
	fu_model_bwd(&n.model, &n.s, n.rows, &a, n.dlogits, NULL, NULL, NULL);
	cr_assert(zero(int, memcmp(all, n.g, n.ps.size * sizeof *all)));
	free(all);
	fix_net_free(&n);
}

Test(fusion_model, starts_with_equal_weights_no_alignment_and_every_part_at_full_scale)
{
	static const size_t dim[IO_PARTS_MAX] = { 0 };
	struct nn_params ps = { 0 };
	struct io_task task;
	struct fu_model m;
	struct as_rng r;

	fix_task(&task, IO_CLASS, 2);
	fu_model_init(&m, &ps, &task, dim);
	as_rng_seed(&r, 1, 0);
	nn_params_start(&ps, &r);
	for (size_t i = 0; i < FIX_PARTS; i++) {
		cr_assert(eq(flt, ps.v[m.scale + i], 1.0F));
		cr_assert(eq(flt, ps.v[m.align.gamma[i]], 0.0F));
		cr_assert(eq(flt, ps.v[m.weigh.b + i], 0.0F));
		cr_assert(eq(flt, ps.v[m.weigh.a + i], 0.0F));
	}
	nn_params_free(&ps);
}

Test(fusion_model, scale_silences_a_part_in_the_sum_but_not_its_own_judgment)
{
	struct fix_net n;
	struct fu_act loud;
	struct fu_act quiet;
	float logits[FIX_LABELS];
	float late[FIX_LABELS];
	float scale;

	fix_net_init(&n, IO_CLASS, 7);
	fix_net_fwd(&n, &loud);
	memcpy(logits, loud.logits, sizeof logits);
	memcpy(late, loud.late[1], sizeof late);
	scale = n.ps.v[n.model.scale + 1];
	n.ps.v[n.model.scale + 1] = 0.0F;
	fix_net_fwd(&n, &quiet);
	for (size_t k = 0; k < FIX_LABELS; k++) {
		cr_assert(eq(flt, quiet.late[1][k], late[k]));
		cr_assert(epsilon_eq(flt, logits[k] - quiet.logits[k], scale * late[k], 1e-5F));
	}
	fix_net_free(&n);
}

/* However much it makes of the other parts elsewhere. */
Test(fusion_model, a_parts_own_judgment_knows_nothing_of_the_others)
{
	struct fix_net n;
	struct fu_act a;
	float late[FIX_PARTS][FIX_LABELS];
	float z[FIX_D];

	fix_net_init(&n, IO_CLASS, 7);
	n.s.rng = NULL;
	fix_net_fwd(&n, &a);
	for (size_t m = 0; m < FIX_PARTS; m++) {
		memcpy(late[m], a.late[m], sizeof late[m]);
	}
	memcpy(z, a.seen[0].z, sizeof z);
	for (size_t m = 0; m < FIX_PARTS; m++) {
		struct fu_rows only[IO_PARTS_MAX] = { 0 };

		only[m] = n.rows[m];
		fu_model_fwd(&n.model, &n.s, only, &a);
		cr_assert(zero(int, memcmp(late[m], a.late[m], sizeof late[m])), "part %zu", m);
		cr_assert(m != 0 || memcmp(z, a.seen[0].z, sizeof z) != 0);
	}
	fix_net_free(&n);
}

Test(fusion_model, an_absent_part_leaves_no_trace_of_its_rows)
{
	struct fix_net n;
	struct fu_act a;
	float logits[FIX_LABELS];

	fix_net_init(&n, IO_CLASS, 5);
	fix_net_fwd(&n, &a);
	memcpy(logits, a.logits, sizeof logits);
	cr_assert(eq(ptr, a.late[1], NULL));
	cr_assert(eq(flt, a.weight[1], 0.0F));
	cr_assert(epsilon_eq(flt, a.weight[0] + a.weight[2], 1.0F, 1e-6F));
	for (size_t i = 0; i < FIX_ROWS * FIX_D; i++) {
		n.x[1][i] = NAN;
	}
	fix_net_fwd(&n, &a);
	cr_assert(zero(int, memcmp(logits, a.logits, sizeof logits)));
	fix_net_free(&n);
}

Test(fusion_model, without_parts_the_learned_base_is_judged)
{
	struct fix_net n;
	struct fu_act a;

	fix_net_init(&n, IO_CLASS, 0);
	fix_net_fwd(&n, &a);
	for (size_t k = 0; k < FIX_LABELS; k++) {
		const float *w = n.ps.v + n.model.head.w + k * FIX_D;
		const double want =
		    fix_dot(w, n.ps.v + n.model.base, FIX_D) + (double)n.ps.v[n.model.head.b + k];

		cr_assert(epsilon_eq(dbl, (double)a.logits[k], want, 1e-5));
	}
	for (size_t m = 0; m < FIX_PARTS; m++) {
		cr_assert(eq(flt, a.weight[m], 0.0F));
	}
	fix_net_free(&n);
}
