/* SPDX-License-Identifier: Apache-2.0
 * model.c - the fusion network of one case, forward and backward.
 *
 *   forward    x_m = rows of part m (frozen features: norm(in_m(rows)))
 *              u   = align(x)                          rows look at the other parts' rows
 *              z_m = P_m pool_m(u_m)                   dropped out in training
 *              z   = weigh(z_1 .. z_M), or base where no part is present
 *              late_m = late_m(P_m pool_m(x_m))        likewise
 *              logits = head(z) + Σ_m σ_m late_m       over present m
 *
 *   σ_m is the part's scale (1 / its temperature: an over-confident part would shout the others
 *   down), divided by the number of parts present where the target is a value: log-odds of
 *   independent evidence add up, estimates of one number are averaged.
 *
 *   late_m is of x_m: a judgment that had seen the other parts could not contradict them.
 *
 *   backward   dlate_m = σ_m dlogits + its own loss's; then each step's adjoint in reverse.
 *
 * A head per part beside the fused one: Wang, Tran, Feiszli (CVPR 2020). */
#include "fusion/model.h"

#include "core/nn/drop.h"
#include "core/tensor/rows.h"

#include <stdio.h>
#include <string.h>

static void init_part(struct fu_model *m, struct nn_params *ps, const char *part, size_t i,
		      size_t dim)
{
	char name[NN_NAME_SIZE];
	const int at = snprintf(name, sizeof name, "fusion.part.%s.", part);
	const size_t room = sizeof name - (size_t)at;

	m->frozen[i] = dim > 0;
	m->dim[i] = dim > 0 ? dim : m->d;
	if (m->frozen[i]) {
		(void)snprintf(name + at, room, "in");
		nn_linear_init(&m->in[i], ps, name, dim, m->d, true, 1.0F);
		(void)snprintf(name + at, room, "norm");
		nn_norm_init(&m->norm[i], ps, name, m->d);
	}
	(void)snprintf(name + at, room, "pool");
	nn_pool_init(&m->pool[i], ps, name, m->d);
	(void)snprintf(name + at, room, "project");
	nn_linear_init(&m->project[i], ps, name, m->d, m->d, true, 1.0F);
	(void)snprintf(name + at, room, "late");
	nn_linear_init(&m->late[i], ps, name, m->d, m->c, true, 1.0F);
}

void fu_model_init(struct fu_model *m, struct nn_params *ps, const struct io_task *task,
		   const size_t dim[IO_PARTS_MAX])
{
	*m = (struct fu_model){
		.parts = task->parts,
		.d = task->hyper.width,
		.c = task->kind == IO_VALUE ? 1 : task->labels,
		.value = task->kind == IO_VALUE,
	};
	for (size_t i = 0; i < m->parts; i++) {
		init_part(m, ps, task->part[i].name, i, dim[i]);
	}
	fu_align_init(&m->align, ps, task, m->d);
	fu_weigh_init(&m->weigh, ps, m->parts, m->d);
	m->base = nn_param_add(ps, "fusion", "base", 1, m->d, 0, NN_ZERO, 0.0F);
	nn_linear_init(&m->head, ps, "fusion.head", m->d, m->c, true, 1.0F);
	m->scale = nn_param_add(ps, "fusion", "scale", 1, m->parts, 0, NN_ONE, 1.0F);
}

/* σ_m */
static float late_share(const struct fu_model *m, const float *p, const struct fu_act *a, size_t i)
{
	const float scale = p[m->scale + i];

	return m->value ? scale / (float)a->n : scale;
}

/* x_m and the room for u_m. */
static void enter(const struct fu_model *m, const struct nn_step *s, const struct fu_rows *part,
		  struct fu_act *a, size_t i)
{
	const size_t n = part->rows;
	float *h;
	float *x;

	a->present[i] = n > 0;
	a->rows[i] = n;
	if (n == 0) {
		return;
	}
	a->n++;
	a->u[i] = as_alloc(s->mem, n * m->d, sizeof *a->u[i]);
	if (!m->frozen[i]) {
		a->x[i] = part->v;
		return;
	}
	h = as_alloc(s->mem, n * m->d, sizeof *h);
	x = as_alloc(s->mem, n * m->d, sizeof *x);
	nn_linear_fwd(&m->in[i], s->p, part->v, h, n);
	nn_norm_fwd(&m->norm[i], s->p, &a->norm[i], s->mem, h, x, n);
	a->x[i] = x;
}

static void view(const struct fu_model *m, const struct nn_step *s, size_t i, const float *rows,
		 size_t n, struct fu_view *v)
{
	v->pooled = as_alloc(s->mem, m->d, sizeof *v->pooled);
	v->z = as_alloc(s->mem, m->d, sizeof *v->z);
	v->zd = as_alloc(s->mem, m->d, sizeof *v->zd);
	nn_pool_fwd(&m->pool[i], s->p, &v->pool, s->mem, rows, v->pooled, n);
	nn_linear_fwd(&m->project[i], s->p, v->pooled, v->z, 1);
	memcpy(v->zd, v->z, m->d * sizeof *v->z);
	v->keep = nn_drop_fwd(s, v->zd, m->d);
}

/* Whether what part i has seen is more than its own. */
static bool has_others(const struct fu_act *a, size_t i)
{
	return a->align.mix[i] != NULL;
}

/* z_m and late_m. */
static void read_part(const struct fu_model *m, const struct nn_step *s, struct fu_act *a, size_t i)
{
	const struct fu_view *own = &a->seen[i];

	view(m, s, i, a->u[i], a->rows[i], &a->seen[i]);
	if (has_others(a, i)) {
		view(m, s, i, a->x[i], a->rows[i], &a->own[i]);
		own = &a->own[i];
	}
	a->late[i] = as_alloc(s->mem, m->c, sizeof(float));
	nn_linear_fwd(&m->late[i], s->p, own->zd, a->late[i], 1);
}

void fu_model_fwd(const struct fu_model *m, const struct nn_step *s,
		  const struct fu_rows part[IO_PARTS_MAX], struct fu_act *a)
{
	float *z[IO_PARTS_MAX] = { 0 };

	*a = (struct fu_act){ 0 };
	for (size_t i = 0; i < m->parts; i++) {
		enter(m, s, &part[i], a, i);
	}
	fu_align_fwd(&m->align, s, &a->align, a->rows, a->x, a->u);
	for (size_t i = 0; i < m->parts; i++) {
		if (a->present[i]) {
			read_part(m, s, a, i);
			z[i] = a->seen[i].zd;
		}
	}
	a->logits = as_alloc(s->mem, m->c, sizeof *a->logits);
	if (a->n == 0) {
		a->fused = s->p + m->base;
		a->weight = as_zalloc(s->mem, m->parts, sizeof *a->weight);
		nn_linear_fwd(&m->head, s->p, a->fused, a->logits, 1);
	} else {
		float *fused = as_alloc(s->mem, m->d, sizeof *fused);

		fu_weigh_fwd(&m->weigh, s, &a->weigh, a->present, z, fused);
		a->weight = a->weigh.w;
		a->fused = fused;
		nn_linear_fwd(&m->head, s->p, fused, a->logits, 1);
		for (size_t i = 0; i < m->parts; i++) {
			if (a->present[i]) {
				tn_axpy(a->logits, late_share(m, s->p, a, i), a->late[i], m->c);
			}
		}
	}
}

/* From dlogits and the part's own dlate to what it adds to dzd of the view that late_m is of. */
static void late_bwd(const struct fu_model *m, const struct nn_step *s, const struct fu_act *a,
		     size_t i, const float *dlogits, const float *own, float *dzd)
{
	const struct fu_view *of = has_others(a, i) ? &a->own[i] : &a->seen[i];
	float *dlate = as_zalloc(s->mem, m->c, sizeof *dlate);

	tn_axpy(dlate, late_share(m, s->p, a, i), dlogits, m->c);
	if (own != NULL) {
		tn_axpy(dlate, 1.0F, own, m->c);
	}
	nn_linear_bwd(&m->late[i], s->p, s->g, of->zd, dlate, dzd, 1);
}

/* From dz, which is of zd and becomes that of z, to the rows. own: of a loss on z itself, or NULL.
 * drows [rows, d] is added to. */
static void view_bwd(const struct fu_model *m, const struct nn_step *s, const struct fu_view *v,
		     size_t i, float *dz, const float *own, float *drows)
{
	float *dpooled = as_zalloc(s->mem, m->d, sizeof *dpooled);

	nn_drop_bwd(v->keep, dz, m->d);
	if (own != NULL) {
		tn_axpy(dz, 1.0F, own, m->d);
	}
	nn_linear_bwd(&m->project[i], s->p, s->g, v->pooled, dz, dpooled, 1);
	nn_pool_bwd(&m->pool[i], s->p, s->g, &v->pool, dpooled, drows);
}

/* From dx_m to the frozen features. */
static void enter_bwd(const struct fu_model *m, const struct nn_step *s, const struct fu_rows *part,
		      const struct fu_act *a, size_t i, const float *dx, float *drows)
{
	float *dh = as_zalloc(s->mem, a->rows[i] * m->d, sizeof *dh);

	nn_norm_bwd(&m->norm[i], s->p, s->g, &a->norm[i], dx, dh, a->rows[i]);
	nn_linear_bwd(&m->in[i], s->p, s->g, part->v, dh, drows, a->rows[i]);
}

/* What the parts' own judgments add to dx, NULL where it is not wanted. */
static void own_bwd(const struct fu_model *m, const struct nn_step *s, const struct fu_act *a,
		    float *const down[IO_PARTS_MAX], float *const dx[IO_PARTS_MAX])
{
	for (size_t i = 0; i < m->parts; i++) {
		if (has_others(a, i)) {
			float *to = dx[i] != NULL
					? dx[i]
					: as_zalloc(s->mem, a->rows[i] * m->d, sizeof *to);

			view_bwd(m, s, &a->own[i], i, down[i], NULL, to);
		}
	}
}

void fu_model_bwd(const struct fu_model *m, const struct nn_step *s,
		  const struct fu_rows part[IO_PARTS_MAX], const struct fu_act *a,
		  const float *dlogits, float *const dlate[IO_PARTS_MAX],
		  float *const dz[IO_PARTS_MAX], float *const drows[IO_PARTS_MAX])
{
	float *dzd[IO_PARTS_MAX] = { 0 };
	float *down[IO_PARTS_MAX] = { 0 }; /* of zd of the part's own rows */
	float *du[IO_PARTS_MAX] = { 0 };
	float *dx[IO_PARTS_MAX] = { 0 };
	float *dfused;

	if (a->n == 0) {
		nn_linear_bwd(&m->head, s->p, s->g, a->fused, dlogits, s->g + m->base, 1);
		return;
	}
	dfused = as_zalloc(s->mem, m->d, sizeof *dfused);
	nn_linear_bwd(&m->head, s->p, s->g, a->fused, dlogits, dfused, 1);
	for (size_t i = 0; i < m->parts; i++) {
		if (a->present[i]) {
			dzd[i] = as_zalloc(s->mem, m->d, sizeof *dzd[i]);
			down[i] =
			    has_others(a, i) ? as_zalloc(s->mem, m->d, sizeof *down[i]) : dzd[i];
			late_bwd(m, s, a, i, dlogits, dlate != NULL ? dlate[i] : NULL, down[i]);
		}
	}
	fu_weigh_bwd(&m->weigh, s, &a->weigh, a->present, dfused, dzd);
	for (size_t i = 0; i < m->parts; i++) {
		if (!a->present[i]) {
			continue;
		}
		du[i] = as_zalloc(s->mem, a->rows[i] * m->d, sizeof *du[i]);
		view_bwd(m, s, &a->seen[i], i, dzd[i], dz != NULL ? dz[i] : NULL, du[i]);
		dx[i] = m->frozen[i]    ? as_zalloc(s->mem, a->rows[i] * m->d, sizeof *dx[i])
			: drows != NULL ? drows[i]
					: NULL;
	}
	fu_align_bwd(&m->align, s, &a->align, a->rows, a->x, du, dx);
	own_bwd(m, s, a, down, dx);
	for (size_t i = 0; i < m->parts; i++) {
		if (a->present[i] && m->frozen[i]) {
			enter_bwd(m, s, &part[i], a, i, dx[i], drows != NULL ? drows[i] : NULL);
		}
	}
}
