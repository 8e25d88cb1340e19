/* SPDX-License-Identifier: Apache-2.0
 * weigh.c - dynamic weights of the parts present.
 *
 *   forward    Z = [ẑ_1; ...; ẑ_M]   ẑ_m = z_m, or the learned absent_m where m is absent
 *              s_m = a_m · Z + b_m    w = softmax(s) over present m, 0 elsewhere
 *              z = Σ_m w_m z_m
 *   backward   dw_m = dz · z_m        ds_m = w_m (dw_m - Σ_k w_k dw_k)
 *              da_m += ds_m Z         db_m += ds_m         dZ = Σ_m ds_m a_m
 *              dz_m += w_m dz + dZ_m  dabsent_m += dZ_m
 *
 * An absent token lets the weights of the others depend on who is missing. */
#include "fusion/weigh.h"

#include "core/nn/loss.h"
#include "core/tensor/rows.h"

#include <string.h>

void fu_weigh_init(struct fu_weigh *l, struct nn_params *ps, size_t parts, size_t d)
{
	*l = (struct fu_weigh){ .parts = parts, .d = d };
	l->a = nn_param_add(ps, "fusion.weigh", "a", parts, parts * d, NN_DECAY, NN_ZERO, 0.0F);
	l->b = nn_param_add(ps, "fusion.weigh", "b", 1, parts, 0, NN_ZERO, 0.0F);
	l->absent = nn_param_add(ps, "fusion.weigh", "absent", parts, d, 0, NN_NORMAL, 0.02F);
}

void fu_weigh_fwd(const struct fu_weigh *l, const struct nn_step *s, struct fu_weigh_act *a,
		  const bool present[IO_PARTS_MAX], float *const z[IO_PARTS_MAX], float *out)
{
	const size_t d = l->d;
	const size_t all = l->parts * d;
	float score[IO_PARTS_MAX];
	float share[IO_PARTS_MAX];
	size_t n = 0;

	a->zs = as_alloc(s->mem, all, sizeof *a->zs);
	a->w = as_zalloc(s->mem, l->parts, sizeof *a->w);
	for (size_t m = 0; m < l->parts; m++) {
		const float *from = present[m] ? z[m] : s->p + l->absent + m * d;

		memcpy(a->zs + m * d, from, d * sizeof *from);
	}
	for (size_t m = 0; m < l->parts; m++) {
		if (present[m]) {
			score[n++] = tn_dot(s->p + l->a + m * all, a->zs, all) + s->p[l->b + m];
		}
	}
	nn_softmax(score, share, n, 1.0F);
	n = 0;
	memset(out, 0, d * sizeof *out);
	for (size_t m = 0; m < l->parts; m++) {
		if (present[m]) {
			a->w[m] = share[n++];
			tn_axpy(out, a->w[m], z[m], d);
		}
	}
}

void fu_weigh_bwd(const struct fu_weigh *l, const struct nn_step *s, const struct fu_weigh_act *a,
		  const bool present[IO_PARTS_MAX], const float *dout,
		  float *const dz[IO_PARTS_MAX])
{
	const size_t d = l->d;
	const size_t all = l->parts * d;
	float *dzs = as_zalloc(s->mem, all, sizeof *dzs);
	float dw[IO_PARTS_MAX] = { 0 };
	float mean = 0.0F;

	for (size_t m = 0; m < l->parts; m++) {
		if (present[m]) {
			dw[m] = tn_dot(dout, a->zs + m * d, d);
			mean += a->w[m] * dw[m];
		}
	}
	for (size_t m = 0; m < l->parts; m++) {
		const float ds = a->w[m] * (dw[m] - mean);

		if (present[m]) {
			tn_axpy(s->g + l->a + m * all, ds, a->zs, all);
			s->g[l->b + m] += ds;
			tn_axpy(dzs, ds, s->p + l->a + m * all, all);
		}
	}
	for (size_t m = 0; m < l->parts; m++) {
		if (present[m]) {
			tn_axpy(dz[m], a->w[m], dout, d);
			tn_axpy(dz[m], 1.0F, dzs + m * d, d);
		} else {
			tn_axpy(s->g + l->absent + m * d, 1.0F, dzs + m * d, d);
		}
	}
}
