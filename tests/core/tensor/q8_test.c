/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor/q8.h"

#include "core/base/rng.h"
#include "core/tensor/q8_rows.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_N = 300, MOST_WIDE = 160 };

struct product {
	size_t n, out, in;
	float x[MOST_N * MOST_WIDE], w[MOST_WIDE * MOST_WIDE], bias[MOST_WIDE];
	float y[MOST_N * MOST_WIDE], scale[MOST_WIDE];
	int8_t wq[MOST_WIDE * MOST_WIDE];
	struct tn_q8 *q;
};

static struct product *draw(size_t n, size_t out, size_t in)
{
	struct product *t = calloc(1, sizeof *t);
	struct as_err e = { 0 };
	struct as_rng rng;

	as_rng_seed(&rng, n, out);
	t->n = n;
	t->out = out;
	t->in = in;
	for (size_t i = 0; i < n * in; i++) {
		t->x[i] = as_rng_normal(&rng) * (float)(1 + i / in);
	}
	for (size_t i = 0; i < out * in; i++) {
		t->w[i] = as_rng_normal(&rng);
	}
	for (size_t o = 0; o < out; o++) {
		t->bias[o] = as_rng_normal(&rng);
		t->scale[o] = tn_quantize_weights(t->w + o * in, t->wq + o * in, in);
	}
	ok(tn_q8_open(&t->q, t->wq, t->scale, out, in, &e));
	return t;
}

static void drop(struct product *t)
{
	tn_q8_close(t->q);
	free(t);
}

/* |q s - x| <= s / 2 for each factor, s the peak over 127: the bound on a sum of products. */
static double bound(const struct product *t, size_t r, size_t o, const float *xs)
{
	const double dx = (double)xs[r] * 0.5001;
	const double dw = (double)t->scale[o] * 0.5001;
	double sum = 1e-5;

	for (size_t k = 0; k < t->in; k++) {
		const double x = fabs((double)t->x[r * t->in + k]);
		const double w = fabs((double)t->w[o * t->in + k]);

		sum += x * dw + w * dx + dx * dw;
	}
	return sum * (1 + 1e-5);
}

Test(tn_q8, a_product_is_within_what_rounding_its_factors_allows)
{
	static const size_t sizes[][3] = {
		{ 1, 3, 5 }, { 7, 16, 9 }, { 31, 48, 64 }, { 300, 20, 33 }, { 16, 160, 160 }
	};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct product *t = draw(sizes[i][0], sizes[i][1], sizes[i][2]);
		float *xs = calloc(t->n, sizeof *xs);
		uint8_t row[MOST_WIDE];

		tn_q8_mul(t->q, t->x, t->bias, t->y, t->n);
		for (size_t r = 0; r < t->n; r++) {
			xs[r] = tn_quantize_row(t->x + r * t->in, row, t->in);
			for (size_t o = 0; o < t->out; o++) {
				double want = (double)t->bias[o];

				for (size_t k = 0; k < t->in; k++) {
					want += (double)t->x[r * t->in + k] *
						(double)t->w[o * t->in + k];
				}
				cr_assert(lt(dbl, fabs(want - (double)t->y[r * t->out + o]),
					     bound(t, r, o, xs)),
					  "row %zu column %zu", r, o);
			}
		}
		free(xs);
		drop(t);
	}
}

Test(tn_q8, a_row_is_the_same_bits_alone_and_among_any_others)
{
	struct product *t = draw(300, 48, 100);
	float alone[MOST_WIDE];

	tn_q8_mul(t->q, t->x, t->bias, t->y, t->n);
	for (size_t r = 0; r < t->n; r++) {
		tn_q8_mul(t->q, t->x + r * t->in, t->bias, alone, 1);
		cr_assert(zero(int, memcmp(alone, t->y + r * t->out, t->out * sizeof *alone)),
			  "row %zu", r);
	}
	drop(t);
}

Test(tn_q8, the_processors_sums_are_the_loops)
{
	struct product *t = draw(23, 40, 160);
	uint8_t xq[23 * 160];
	int32_t acc[23 * 40];
	int32_t shift[40] = { 0 };
	float row[23];
	float y[23 * 40];

	for (size_t r = 0; r < t->n; r++) {
		row[r] = tn_quantize_row(t->x + r * t->in, xq + r * t->in, t->in);
	}
	for (size_t i = 0; i < t->out * t->in; i++) {
		shift[i / t->in] += 128 * t->wq[i];
	}
	tn_q8_portable(xq, t->wq, acc, t->n, t->out, t->in);
	tn_q8_scale(acc, &(struct tn_q8_scales){ row, t->scale, shift, t->bias }, y, t->n, t->out);
	tn_q8_mul(t->q, t->x, t->bias, t->y, t->n);
	cr_assert(zero(int, memcmp(y, t->y, sizeof y)));
	drop(t);
}

Test(tn_q8, the_largest_numbers_do_not_saturate)
{
	struct product *t = draw(4, 16, 160);
	struct as_err e = { 0 };

	for (size_t i = 0; i < t->n * t->in; i++) {
		t->x[i] = 127.0F;
	}
	for (size_t i = 0; i < t->out * t->in; i++) {
		t->wq[i] = i / t->in % 2 == 0 ? 127 : -127;
	}
	for (size_t o = 0; o < t->out; o++) {
		t->scale[o] = 1.0F;
	}
	tn_q8_close(t->q);
	ok(tn_q8_open(&t->q, t->wq, t->scale, t->out, t->in, &e));
	tn_q8_mul(t->q, t->x, NULL, t->y, t->n);
	for (size_t i = 0; i < t->n * t->out; i++) {
		const float want = 127.0F * 127.0F * 160.0F;

		cr_assert(eq(flt, t->y[i], i % t->out % 2 == 0 ? want : -want));
	}
	drop(t);
}

Test(tn_q8, a_row_of_zeros_is_the_bias)
{
	struct product *t = draw(2, 8, 24);

	memset(t->x, 0, t->in * sizeof *t->x);
	tn_q8_mul(t->q, t->x, t->bias, t->y, t->n);
	cr_assert(zero(int, memcmp(t->y, t->bias, t->out * sizeof *t->y)));
	drop(t);
}

Test(tn_q8, more_columns_than_a_sum_holds_are_refused)
{
	const int8_t w = 1;
	const float scale = 1.0F;
	struct tn_q8 *q;
	struct as_err e = { 0 };

	fails(tn_q8_open(&q, &w, &scale, 1, TN_Q8_IN_MAX + 1, &e), AS_ESHAPE,
	      "int8 weights of 65537 columns, the limit is 65536");
}
