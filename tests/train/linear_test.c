/* SPDX-License-Identifier: Apache-2.0 */
#include "train/linear.h"

#include "core/base/buf.h"
#include "core/base/rng.h"
#include "tests/support/check.h"

#include <math.h>

enum { N = 60 };

/* Two features and labels: y = 1 where x0 > x1. */
static void separable(struct tr_sparse *x, float *y, size_t *rows)
{
	struct as_rng rng;

	as_rng_seed(&rng, 3, 0);
	for (size_t i = 0; i < N; i++) {
		const float a = as_rng_normal(&rng);
		const float b = as_rng_normal(&rng);

		tr_sparse_put(x, 0, a);
		tr_sparse_put(x, 1, b);
		tr_sparse_end_row(x);
		y[2 * i] = a <= b;
		y[2 * i + 1] = a > b;
		rows[i] = i;
	}
}

Test(train_linear, a_separable_set_is_learned_without_a_fault)
{
	struct tr_sparse x = { 0 };
	struct tr_linear l = { .kind = IO_CLASS, .in = 2, .out = 2 };
	float y[2 * N];
	float p[2 * N];
	size_t rows[N];

	separable(&x, y, rows);
	l.w = as_calloc(6, sizeof *l.w);
	tr_linear_fit(&l, &x, y, rows, N, 1e-4);
	tr_linear_predict(&l, &x, rows, N, p);
	for (size_t i = 0; i < N; i++) {
		cr_assert(eq(int, p[2 * i + 1] > 0.5F, y[2 * i + 1] > 0.5F), "case %zu", i);
		cr_assert(epsilon_eq(flt, p[2 * i] + p[2 * i + 1], 1.0F, 1e-5F));
	}
	tr_linear_free(&l);
	tr_sparse_free(&x);
}

/* Where the gradient of the penalised loss is zero: checked by central differences. */
Test(train_linear, the_fit_is_a_minimum_for_every_kind)
{
	const enum io_kind kind[] = { IO_CLASS, IO_MULTI, IO_VALUE };

	for (size_t k = 0; k < 3; k++) {
		const size_t out = kind[k] == IO_VALUE ? 1 : 2;
		struct tr_linear l = { .kind = kind[k], .in = 2, .out = out };
		struct tr_sparse x = { 0 };
		float y[2 * N];
		size_t rows[N];
		const double l2 = 0.1;

		separable(&x, y, rows);
		l.w = as_calloc(out * 3, sizeof *l.w);
		tr_linear_fit(&l, &x, y, rows, N, l2);
		for (size_t i = 0; i < out * 3; i++) {
			const double h = 1e-4;
			const double w = l.w[i];
			const double slope = i % 3 == 2 ? 0 : l2 * w;
			double up;
			double down;

			l.w[i] = w + h;
			up = tr_linear_loss(&l, &x, y, rows, N);
			l.w[i] = w - h;
			down = tr_linear_loss(&l, &x, y, rows, N);
			l.w[i] = w;
			cr_assert(le(dbl, fabs((up - down) / (2 * h) + slope), 1e-4),
				  "kind %zu, weight %zu", k, i);
		}
		tr_linear_free(&l);
		tr_sparse_free(&x);
	}
}

/* y = 2 a - b + 3 exactly. */
Test(train_linear, ridge_finds_a_line)
{
	struct tr_sparse x = { 0 };
	struct tr_linear l = { .kind = IO_VALUE, .in = 2, .out = 1 };
	struct as_rng rng;
	float y[N];
	size_t rows[N];

	as_rng_seed(&rng, 4, 0);
	for (size_t i = 0; i < N; i++) {
		const float a = as_rng_normal(&rng);
		const float b = as_rng_normal(&rng);

		tr_sparse_put(&x, 0, a);
		tr_sparse_put(&x, 1, b);
		tr_sparse_end_row(&x);
		y[i] = 2 * a - b + 3;
		rows[i] = i;
	}
	l.w = as_calloc(3, sizeof *l.w);
	tr_linear_fit(&l, &x, y, rows, N, 1e-9);
	cr_assert(epsilon_eq(dbl, l.w[0], 2, 1e-3));
	cr_assert(epsilon_eq(dbl, l.w[1], -1, 1e-3));
	cr_assert(epsilon_eq(dbl, l.w[2], 3, 1e-3));
	tr_linear_free(&l);
	tr_sparse_free(&x);
}

Test(train_linear, a_stronger_penalty_gives_smaller_weights)
{
	struct tr_sparse x = { 0 };
	struct tr_linear weak = { .kind = IO_CLASS, .in = 2, .out = 2 };
	struct tr_linear strong = weak;
	float y[2 * N];
	size_t rows[N];

	separable(&x, y, rows);
	weak.w = as_calloc(6, sizeof *weak.w);
	strong.w = as_calloc(6, sizeof *strong.w);
	tr_linear_fit(&weak, &x, y, rows, N, 0.001);
	tr_linear_fit(&strong, &x, y, rows, N, 1);
	cr_assert(lt(dbl, fabs(strong.w[3]), fabs(weak.w[3]) / 2));
	tr_linear_free(&weak);
	tr_linear_free(&strong);
	tr_sparse_free(&x);
}
