/* SPDX-License-Identifier: Apache-2.0
 * align.c - cross-modal alignment of the parts of one case.
 *
 *   forward    Q_m = x_m W_q'   K_m = x_m W_k'   V_m = x_m W_v'
 *              A_mm' = softmax(Q_m K_m'' / √d)            every present m' ≠ m
 *              mix_m = Σ_m' A_mm' V_m'                    u_m = x_m + γ_m ⊙ mix_m
 *   backward   dγ_m = Σ_rows du_m ⊙ mix_m    dmix_m = γ_m ⊙ du_m    dx_m = du_m
 *              dA_mm' = dmix_m V_m''         dV_m' += A_mm'' dmix_m
 *              dS = A ⊙ (dA - Σ_j A dA) / √d
 *              dQ_m += dS K_m'               dK_m' += dS' Q_m
 *              then through the three linear maps
 *
 * γ starts at zero, so that fusion starts as late fusion: a multimodal network may be worse than
 * its best modality otherwise (Wang, Tran, Feiszli, "What makes training multi-modal networks
 * hard?", CVPR 2020). Attention: Vaswani et al., "Attention is all you need" (2017), 3.2.1. */
#include "fusion/align.h"

#include "core/tensor/gemm.h"
#include "core/tensor/rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void fu_align_init(struct fu_align *l, struct nn_params *ps, const struct io_task *task, size_t d)
{
	*l = (struct fu_align){ .parts = task->parts, .d = d };
	if (l->parts < 2) {
		return;
	}
	for (size_t m = 0; m < l->parts; m++) {
		char at[NN_NAME_SIZE];
		char name[NN_NAME_SIZE];

		(void)snprintf(at, sizeof at, "fusion.part.%s.align", task->part[m].name);
		(void)snprintf(name, sizeof name, "fusion.part.%s.align.q", task->part[m].name);
		nn_linear_init(&l->q[m], ps, name, d, d, false, 1.0F);
		name[strlen(name) - 1] = 'k';
		nn_linear_init(&l->k[m], ps, name, d, d, false, 1.0F);
		name[strlen(name) - 1] = 'v';
		nn_linear_init(&l->v[m], ps, name, d, d, false, 1.0F);
		l->gamma[m] = nn_param_add(ps, at, "gamma", 1, d, 0, NN_ZERO, 0.0F);
	}
}

static struct tn_cmat cmat(const float *v, size_t ld)
{
	return (struct tn_cmat){ .v = v, .ld = ld };
}

static struct tn_mat mat(float *v, size_t ld)
{
	return (struct tn_mat){ .v = v, .ld = ld };
}

/* One direction: the rows of m look at the rows of m'. */
static void attend(const struct fu_align *l, const struct nn_step *s, struct fu_align_act *a,
		   const size_t rows[IO_PARTS_MAX], size_t m, size_t o)
{
	const size_t d = l->d;
	const float scale = 1.0F / sqrtf((float)d);
	float *A = as_zalloc(s->mem, rows[m] * rows[o], sizeof *A);

	tn_gemm_nt(mat(A, rows[o]), cmat(a->q[m], d), cmat(a->k[o], d), rows[m], rows[o], d);
	tn_softmax_rows(A, rows[m], rows[o], rows[o], scale);
	tn_gemm_nn(mat(a->mix[m], d), cmat(A, rows[o]), cmat(a->v[o], d), rows[m], d, rows[o]);
	a->a[m][o] = A;
}

/* One row: u += γ ⊙ mix, and its adjoint. */
static void add_mix(const float *restrict gamma, const float *restrict mix, float *restrict u,
		    size_t d)
{
	for (size_t i = 0; i < d; i++) {
		u[i] += gamma[i] * mix[i];
	}
}

static void add_mix_bwd(const float *restrict gamma, const float *restrict mix,
			const float *restrict du, float *restrict dgamma, float *restrict dmix,
			size_t d)
{
	for (size_t i = 0; i < d; i++) {
		dgamma[i] += du[i] * mix[i];
		dmix[i] = gamma[i] * du[i];
	}
}

void fu_align_fwd(const struct fu_align *l, const struct nn_step *s, struct fu_align_act *a,
		  const size_t rows[IO_PARTS_MAX], const float *const x[IO_PARTS_MAX],
		  float *const u[IO_PARTS_MAX])
{
	const size_t d = l->d;
	size_t present = 0;

	*a = (struct fu_align_act){ 0 };
	for (size_t m = 0; m < l->parts; m++) {
		if (rows[m] > 0) {
			memcpy(u[m], x[m], rows[m] * d * sizeof *u[m]);
			present++;
		}
	}
	if (present < 2) {
		return;
	}
	for (size_t m = 0; m < l->parts; m++) {
		if (rows[m] == 0) {
			continue;
		}
		a->q[m] = as_alloc(s->mem, rows[m] * d, sizeof *a->q[m]);
		a->k[m] = as_alloc(s->mem, rows[m] * d, sizeof *a->k[m]);
		a->v[m] = as_alloc(s->mem, rows[m] * d, sizeof *a->v[m]);
		a->mix[m] = as_zalloc(s->mem, rows[m] * d, sizeof *a->mix[m]);
		nn_linear_fwd(&l->q[m], s->p, x[m], a->q[m], rows[m]);
		nn_linear_fwd(&l->k[m], s->p, x[m], a->k[m], rows[m]);
		nn_linear_fwd(&l->v[m], s->p, x[m], a->v[m], rows[m]);
	}
	for (size_t m = 0; m < l->parts; m++) {
		for (size_t o = 0; o < l->parts; o++) {
			if (o != m && rows[m] > 0 && rows[o] > 0) {
				attend(l, s, a, rows, m, o);
			}
		}
		for (size_t r = 0; r < rows[m]; r++) {
			add_mix(s->p + l->gamma[m], a->mix[m] + r * d, u[m] + r * d, d);
		}
	}
}

/* Gradients of Q, K and V of every part, [rows, d]. */
struct dqkv {
	float *q[IO_PARTS_MAX], *k[IO_PARTS_MAX], *v[IO_PARTS_MAX];
};

static void attend_bwd(const struct fu_align *l, const struct nn_step *s,
		       const struct fu_align_act *a, const size_t rows[IO_PARTS_MAX], size_t m,
		       size_t o, const float *dmix, const struct dqkv *g)
{
	const size_t d = l->d;
	const float scale = 1.0F / sqrtf((float)d);
	const float *A = a->a[m][o];
	float *dA = as_zalloc(s->mem, rows[m] * rows[o], sizeof *dA);

	tn_gemm_nt(mat(dA, rows[o]), cmat(dmix, d), cmat(a->v[o], d), rows[m], rows[o], d);
	tn_gemm_tn(mat(g->v[o], d), cmat(A, rows[o]), cmat(dmix, d), rows[o], d, rows[m]);
	tn_softmax_rows_bwd(A, dA, rows[m], rows[o], rows[o], scale);
	tn_gemm_nn(mat(g->q[m], d), cmat(dA, rows[o]), cmat(a->k[o], d), rows[m], d, rows[o]);
	tn_gemm_tn(mat(g->k[o], d), cmat(dA, rows[o]), cmat(a->q[m], d), rows[o], d, rows[m]);
}

/* From du of one part to dγ, and to dQ, dK, dV of it and of those it looked at. */
static void mix_bwd(const struct fu_align *l, const struct nn_step *s, const struct fu_align_act *a,
		    const size_t rows[IO_PARTS_MAX], size_t m, const float *du,
		    const struct dqkv *g)
{
	const size_t d = l->d;
	float *dmix = as_alloc(s->mem, rows[m] * d, sizeof *dmix);

	for (size_t r = 0; r < rows[m]; r++) {
		add_mix_bwd(s->p + l->gamma[m], a->mix[m] + r * d, du + r * d, s->g + l->gamma[m],
			    dmix + r * d, d);
	}
	for (size_t o = 0; o < l->parts; o++) {
		if (a->a[m][o] != NULL) {
			attend_bwd(l, s, a, rows, m, o, dmix, g);
		}
	}
}

void fu_align_bwd(const struct fu_align *l, const struct nn_step *s, const struct fu_align_act *a,
		  const size_t rows[IO_PARTS_MAX], const float *const x[IO_PARTS_MAX],
		  float *const du[IO_PARTS_MAX], float *const dx[IO_PARTS_MAX])
{
	const size_t d = l->d;
	struct dqkv g = { 0 };

	for (size_t m = 0; m < l->parts; m++) {
		if (rows[m] > 0 && dx[m] != NULL) {
			tn_axpy(dx[m], 1.0F, du[m], rows[m] * d);
		}
		if (a->mix[m] != NULL) {
			g.q[m] = as_zalloc(s->mem, rows[m] * d, sizeof *g.q[m]);
			g.k[m] = as_zalloc(s->mem, rows[m] * d, sizeof *g.k[m]);
			g.v[m] = as_zalloc(s->mem, rows[m] * d, sizeof *g.v[m]);
		}
	}
	for (size_t m = 0; m < l->parts; m++) {
		if (a->mix[m] != NULL) {
			mix_bwd(l, s, a, rows, m, du[m], &g);
		}
	}
	for (size_t m = 0; m < l->parts; m++) {
		if (a->mix[m] != NULL) {
			nn_linear_bwd(&l->q[m], s->p, s->g, x[m], g.q[m], dx[m], rows[m]);
			nn_linear_bwd(&l->k[m], s->p, s->g, x[m], g.k[m], dx[m], rows[m]);
			nn_linear_bwd(&l->v[m], s->p, s->g, x[m], g.v[m], dx[m], rows[m]);
		}
	}
}
