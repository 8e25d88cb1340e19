/* SPDX-License-Identifier: Apache-2.0
 * contribution.c - exact Shapley values of the parts.
 *
 *   φ_i = Σ_{S ⊆ N\{i}} |S|! (n - |S| - 1)! / n!  (v(S ∪ {i}) - v(S))      Σ_i φ_i = v(N) - v(∅)
 *
 *   Shapley, "A value for n-person games" (1953), Contributions to the Theory of Games II.
 *
 * v(S) is the network's answer where the parts outside of S are masked. What the subsets share is
 * computed once: the rows x_m and, because every pair of parts attends apart from the others,
 *
 *   B_mo = γ_m ⊙ A_mo V_o        u_m(S) = x_m + Σ_{o ∈ S, o ≠ m} B_mo
 *
 * and the parts' own judgments, which are the same in all of them.
 *
 * A part is pooled anew in each subset that has it, then projected in one product for all of them,
 * and so is the head. */
#include "fusion/contribution.h"

#include "core/tensor/gemm.h"
#include "core/tensor/rows.h"

#include <math.h>
#include <string.h>

/* One part in all subsets that have it. */
struct side {
	const float *mix[IO_PARTS_MAX]; /* B_mo [rows, d]; NULL where o is absent or m itself */
	float *z;                       /* [subsets / 2, d] by the bits without m's own */
};

struct work {
	const struct fu_model *m;
	const struct nn_step *s;
	const struct fu_act *a;
	size_t part[IO_PARTS_MAX]; /* the n that are present; subsets are counted in these */
	size_t n;
	struct side side[IO_PARTS_MAX]; /* [n] */
};

/* B_mo of present parts i and o. */
static const float *mix_of(const struct work *w, size_t i, size_t o)
{
	const struct fu_model *m = w->m;
	const size_t at = w->part[i];
	const size_t from = w->part[o];
	const size_t rows = w->a->rows[at];
	const float *gamma = w->s->p + m->align.gamma[at];
	float *b = as_zalloc(w->s->mem, rows * m->d, sizeof *b);

	tn_gemm_nn((struct tn_mat){ b, m->d },
		   (struct tn_cmat){ w->a->align.a[at][from], w->a->rows[from] },
		   (struct tn_cmat){ w->a->align.v[from], m->d }, rows, m->d, w->a->rows[from]);
	for (size_t r = 0; r < rows; r++) {
		for (size_t k = 0; k < m->d; k++) {
			b[r * m->d + k] *= gamma[k];
		}
	}
	return b;
}

/* The subset's bits without bit i. */
static size_t without(size_t subset, size_t i)
{
	const size_t low = ((size_t)1 << i) - 1;

	return (subset & low) | (subset >> 1 & ~low);
}

/* z of part i in every subset that has it. */
static void read_side(struct work *w, size_t i)
{
	const struct fu_model *m = w->m;
	const size_t at = w->part[i];
	const size_t rows = w->a->rows[at];
	const size_t half = (size_t)1 << (w->n - 1);
	struct side *side = &w->side[i];
	float *u = as_alloc(w->s->mem, rows * m->d, sizeof *u);
	float *pooled = as_alloc(w->s->mem, half * m->d, sizeof *pooled);

	for (size_t subset = 0; subset < (size_t)1 << w->n; subset++) {
		const size_t mark = w->s->mem->used;
		struct nn_pool_act act;

		if ((subset >> i & 1) == 0) {
			continue;
		}
		memcpy(u, w->a->x[at], rows * m->d * sizeof *u);
		for (size_t o = 0; o < w->n; o++) {
			if (o != i && (subset >> o & 1) != 0) {
				tn_axpy(u, 1.0F, side->mix[o], rows * m->d);
			}
		}
		nn_pool_fwd(&m->pool[at], w->s->p, &act, w->s->mem, u,
			    pooled + without(subset, i) * m->d, rows);
		as_arena_reset(w->s->mem, mark);
	}
	nn_linear_fwd(&m->project[at], w->s->p, pooled, side->z, half);
}

/* What the head is given for a subset: fused [d]. */
static void fuse(const struct work *w, size_t subset, float *fused)
{
	const struct fu_model *m = w->m;
	const size_t mark = w->s->mem->used;
	struct fu_weigh_act act;
	bool present[IO_PARTS_MAX] = { false };
	float *z[IO_PARTS_MAX] = { 0 };

	if (subset == 0) {
		memcpy(fused, w->s->p + m->base, m->d * sizeof *fused);
		return;
	}
	for (size_t i = 0; i < w->n; i++) {
		if ((subset >> i & 1) != 0) {
			present[w->part[i]] = true;
			z[w->part[i]] = w->side[i].z + without(subset, i) * m->d;
		}
	}
	fu_weigh_fwd(&m->weigh, w->s, &act, present, z, fused);
	as_arena_reset(w->s->mem, mark);
}

/* Adds the parts' own judgments to the head's; bits: the subset in the task's parts. */
static void add_late(const struct work *w, size_t subset, float *logits, size_t *bits)
{
	const struct fu_model *m = w->m;
	const float n = m->value ? (float)__builtin_popcountll(subset) : 1.0F;

	*bits = 0;
	for (size_t i = 0; i < w->n; i++) {
		if ((subset >> i & 1) != 0) {
			tn_axpy(logits, w->s->p[m->scale + w->part[i]] / n, w->a->late[w->part[i]],
				m->c);
			*bits |= (size_t)1 << w->part[i];
		}
	}
}

void fu_subsets(const struct fu_model *m, const struct nn_step *s, const struct fu_act *a,
		float *logits)
{
	const size_t mark = s->mem->used;
	struct work w = { .m = m, .s = s, .a = a };
	float *fused;
	float *out;
	size_t all;

	for (size_t i = 0; i < m->parts; i++) {
		if (a->present[i]) {
			w.part[w.n++] = i;
		}
	}
	all = (size_t)1 << w.n;
	for (size_t i = 0; i < w.n; i++) {
		w.side[i].z = as_alloc(s->mem, all / 2 * m->d, sizeof *w.side[i].z);
	}
	for (size_t i = 0; i < w.n; i++) {
		const size_t here = s->mem->used;

		for (size_t o = 0; o < w.n; o++) {
			w.side[i].mix[o] = o == i ? NULL : mix_of(&w, i, o);
		}
		read_side(&w, i);
		as_arena_reset(s->mem, here);
	}
	fused = as_alloc(s->mem, all * m->d, sizeof *fused);
	out = as_alloc(s->mem, all * m->c, sizeof *out);
	for (size_t subset = 0; subset < all; subset++) {
		fuse(&w, subset, fused + subset * m->d);
	}
	nn_linear_fwd(&m->head, s->p, fused, out, all);
	for (size_t subset = 0; subset < all; subset++) {
		size_t bits;

		add_late(&w, subset, out + subset * m->c, &bits);
		memcpy(logits + bits * m->c, out + subset * m->c, m->c * sizeof *logits);
	}
	as_arena_reset(s->mem, mark);
}

double fu_evidence(const struct io_task *task, const float *logits, size_t label)
{
	double top = -HUGE_VAL;
	double sum = 0;

	if (task->kind != IO_CLASS) {
		return (double)logits[label];
	}
	for (size_t k = 0; k < task->labels; k++) {
		top = k != label ? fmax(top, (double)logits[k]) : top;
	}
	for (size_t k = 0; k < task->labels; k++) {
		sum += k != label ? exp((double)logits[k] - top) : 0;
	}
	return (double)logits[label] - top - log(sum);
}

void fu_shapley(const double *v, size_t parts, size_t present, double *phi)
{
	const int n = __builtin_popcountll(present);
	double weight[IO_PARTS_MAX + 1]; /* |S|! (n - |S| - 1)! / n! */

	for (int k = 0; k < n; k++) {
		weight[k] = k == 0 ? 1.0 / n : weight[k - 1] * k / (n - k);
	}
	for (size_t i = 0; i < parts; i++) {
		const size_t bit = (size_t)1 << i;

		phi[i] = 0;
		for (size_t subset = 0; (present & bit) != 0 && subset <= present; subset++) {
			if ((subset & ~(present & ~bit)) == 0) {
				phi[i] += weight[__builtin_popcountll(subset)] *
					  (v[subset | bit] - v[subset]);
			}
		}
	}
}
