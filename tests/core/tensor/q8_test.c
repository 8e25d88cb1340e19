/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor/q8.h"

#include "core/base/rng.h"
#include "core/tensor/q8_onednn.h"
#include "core/tensor/q8_quantize.h"
#include "core/tensor/q8_rows.h"
#include "core/tensor/rows.h"
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

/* One product of quantised rows, its right side in panels. */
struct panels {
	uint8_t xq[MOST_N * MOST_WIDE];
	int8_t panel[MOST_WIDE * MOST_WIDE];
	int32_t shift[MOST_WIDE];
	float row[MOST_N], y[2][MOST_N * MOST_WIDE];
	struct tn_q8_left a;
	struct tn_q8_right b;
};

static struct panels *lay_out(const struct product *t)
{
	struct panels *p = calloc(1, sizeof *p);
	const size_t ld = tn_round_up(t->in, TN_STEP);

	tn_quantize_rows(&(struct tn_float_rows){ t->x, t->in, NULL }, p->xq, ld, p->row, t->n,
			 t->in);
	tn_q8_pack(t->wq, t->in, t->out, t->in, p->panel, p->shift);
	p->a = (struct tn_q8_left){ p->xq, ld, p->row };
	p->b = (struct tn_q8_right){ p->panel, t->out,   t->in,  tn_panel_size(t->in),
				     t->scale, p->shift, t->bias };
	return p;
}

Test(tn_q8, the_processors_products_are_the_loops)
{
	static const size_t sizes[][3] = { { 1, 3, 5 },    { 23, 40, 159 }, { 13, 160, 32 },
					   { 61, 48, 64 }, { 300, 31, 48 }, { 12, 16, 4 } };

	if (!tn_has_vnni()) {
		cr_skip_test("this processor has no VNNI");
	}
	for (size_t i = 0; i < 2 * sizeof sizes / sizeof *sizes; i++) {
		struct product *t = draw(sizes[i / 2][0], sizes[i / 2][1], sizes[i / 2][2]);
		struct panels *p = lay_out(t);
		const struct tn_out y[] = { { p->y[0], MOST_WIDE, i % 2 == 1 },
					    { p->y[1], MOST_WIDE, i % 2 == 1 } };

		p->b.bias = i % 2 == 0 ? t->bias : NULL;
		p->b.shift = i % 2 == 0 ? p->shift : NULL;
		tn_q8_portable(&p->a, &p->b, &y[0], t->n);
		tn_q8_vnni(&p->a, &p->b, &y[1], t->n);
		cr_assert(zero(int, memcmp(p->y[0], p->y[1], sizeof p->y[0])), "size %zu", i);
		free(p);
		drop(t);
	}
}

Test(tn_q8, onednns_sums_are_the_loops)
{
	static const size_t rows[] = { 1, 2, 8, 16, 48 };
	struct product *t = draw(48, 40, 160);
	struct panels *p = lay_out(t);
	struct tn_onednn *q = tn_onednn_open(t->wq, t->out, t->in);
	int32_t acc[48 * 40];

	for (size_t i = 0; q != NULL && i < sizeof rows / sizeof *rows; i++) {
		const struct tn_out y = { p->y[0], t->out, false };

		cr_assert(tn_onednn_mul(q, p->xq, acc, rows[i]));
		tn_q8_scale(acc, p->row, &p->b, p->y[1], rows[i]);
		tn_q8_portable(&p->a, &p->b, &y, rows[i]);
		cr_assert(zero(int, memcmp(p->y[0], p->y[1], rows[i] * t->out * sizeof(float))));
	}
	cr_assert(eq(sz, tn_onednn_rows(300, 256), 256));
	cr_assert(eq(sz, tn_onednn_rows(47, 256), 32));
	cr_assert(eq(sz, tn_onednn_rows(15, 256), 8));
	tn_onednn_close(q);
	free(p);
	drop(t);
}

Test(tn_q8, some_outputs_and_some_inputs_are_those_of_the_whole)
{
	struct product *t = draw(9, 48, 64);
	struct panels *p = lay_out(t);
	struct as_arena mem;
	struct as_err e = { 0 };
	struct tn_q8_right b = tn_q8_outputs(t->q, 16, 48);

	ok(as_arena_init(&mem, "test", 1 << 20, &e));
	b.bias = t->bias + 16;
	tn_q8_mul(t->q, t->x, t->bias, t->y, t->n);
	tn_q8_product(&p->a, &b, &(struct tn_out){ p->y[0], 32, false }, t->n);
	for (size_t r = 0; r < t->n; r++) {
		cr_assert(zero(int, memcmp(p->y[0] + r * 32, t->y + r * 48 + 16, 32 * 4)));
		memset(t->x + r * 64, 0, 16 * sizeof(float)); /* what the other inputs see of x */
		memset(t->x + r * 64 + 56, 0, 8 * sizeof(float));
	}
	tn_quantize_rows(&(struct tn_float_rows){ t->x, t->in, NULL }, p->xq, t->in, p->row, t->n,
			 t->in);
	b = tn_q8_inputs(t->q, 16, 56, &mem);
	p->a.q += 16;
	tn_q8_mul(t->q, t->x, NULL, t->y, t->n);
	tn_q8_product(&p->a, &b, &(struct tn_out){ p->y[0], 48, false }, t->n);
	for (size_t i = 0; i < t->n * 48; i++) {
		cr_assert(eq(flt, p->y[0][i], t->y[i])); /* 0 and -0 are one */
	}
	as_arena_free(&mem);
	free(p);
	drop(t);
}

Test(tn_q8, a_softmax_in_int8_is_within_a_step_of_softmax)
{
	float x[2][32];
	float want[2][32];
	float part[2];
	uint8_t q[2][32];
	struct as_rng rng;

	as_rng_seed(&rng, 3, 1);
	memset(q, 77, sizeof q);
	for (size_t i = 0; i < 42; i++) {
		x[i / 21][i % 21] = i == 5 ? -INFINITY : as_rng_normal(&rng);
	}
	memcpy(want, x, sizeof x);
	tn_softmax_rows(want[0], 2, 21, 32, 1.5F);
	tn_softmax_q8(&(struct tn_float_rows){ x[0], 32, NULL }, q[0], part, 2, 21, 1.5F);
	for (size_t r = 0; r < 2; r++) {
		float sum = 0;

		for (size_t j = 0; j < 21; j++) {
			const float p = (float)q[r][j] * part[r];

			sum += p;
			cr_assert(
			    lt(flt, fabsf(p - want[r][j]), 0.02F * want[r][j] + 0.6F * part[r]));
		}
		cr_assert(epsilon_eq(flt, sum, 1.0F, 1e-5F));
		cr_assert(zero(int, q[r][21] + q[r][22] + q[r][23]));
	}
	cr_assert(zero(int, q[0][5]));
}

Test(tn_q8, gelu_to_int8_is_gelu_within_half_a_step)
{
	enum { ROWS = 3, COLS = 50 };
	float x[ROWS * COLS];
	float want[ROWS * COLS];
	uint8_t q[ROWS * COLS];
	float scale[ROWS];

	for (size_t i = 0; i < (size_t)ROWS * COLS; i++) {
		x[i] = (float)(i % COLS) * 0.25F - 6.0F - (float)(i / COLS) * 40.0F;
	}
	tn_gelu(x, want, (size_t)ROWS * COLS);
	tn_gelu_q8(x, q, scale, ROWS, COLS);
	for (size_t i = 0; i < (size_t)ROWS * COLS; i++) {
		const float is = (float)(q[i] - 128) * scale[i / COLS];

		cr_assert(lt(flt, fabsf(is - want[i]), 0.51F * scale[i / COLS] + 1e-30F));
	}
}

/* Everything from far below the least to the peak, in rows that end within a register's 16. */
static void fill(float x[7][48], uint64_t seed)
{
	struct as_rng rng;

	as_rng_seed(&rng, seed, 1);
	for (size_t i = 0; i < (size_t)7 * 48; i++) {
		x[i / 48][i % 48] = as_rng_normal(&rng) * powf(10.0F, (float)(i % 5) - 2.0F);
	}
	x[1][3] = -INFINITY;
	x[2][0] = -0.0F;
}

Test(tn_q8, softmax_and_gelu_by_the_processor_have_the_bits_of_the_loops)
{
	static const size_t cols[] = { 1, 15, 16, 17, 33, 48 };
	static float x[2][7][48];
	static uint8_t q[2][7 * 48];
	float scale[2][7];

	if (!tn_has_vnni()) {
		cr_skip_test("this processor has no VNNI");
	}
	for (size_t i = 0; i < sizeof cols / sizeof *cols; i++) {
		const struct tn_float_rows rows = { x[0][0], 48, NULL };

		fill(x[0], i);
		memset(q, 77, sizeof q);
		tn_softmax_q8_portable(&rows, q[0], scale[0], 7, cols[i], 1.3F);
		tn_softmax_q8_avx512(&rows, q[1], scale[1], 7, cols[i], 1.3F);
		cr_assert(zero(int, memcmp(q[0], q[1], sizeof q[0])));
		cr_assert(zero(int, memcmp(scale[0], scale[1], sizeof scale[0])));
		x[0][1][3] = 40.0F;
		memcpy(x[1], x[0], sizeof x[0]);
		tn_gelu_q8_portable(x[0][0], q[0], scale[0], 7, cols[i]);
		tn_gelu_q8_avx512(x[1][0], q[1], scale[1], 7, cols[i]);
		cr_assert(zero(int, memcmp(q[0], q[1], sizeof q[0])));
		cr_assert(zero(int, memcmp(x[0], x[1], sizeof x[0])));
		cr_assert(zero(int, memcmp(scale[0], scale[1], sizeof scale[0])));
	}
}

Test(tn_q8, rows_quantised_by_the_processor_have_the_bits_of_the_loops)
{
	static const size_t cols[] = { 1, 15, 16, 17, 33, 48 };
	static float x[7][48];
	static uint8_t q[2][7 * 48];
	float scale[2][7];

	if (!tn_has_vnni()) {
		cr_skip_test("this processor has no VNNI");
	}
	for (size_t i = 0; i < 2 * sizeof cols / sizeof *cols; i++) {
		const struct tn_float_rows rows = { x[0], 48, i % 2 ? x[4] : NULL };
		const int32_t add = i % 2 ? 0 : TN_ZERO;

		fill(x, i);
		x[1][3] = 0.0F;
		memset(x[5], 0, sizeof x[5]);
		memset(q, 77, sizeof q);
		tn_quantize_portable(&rows, q[0], 48, scale[0], 7, cols[i / 2], add);
		tn_quantize_avx512(&rows, q[1], 48, scale[1], 7, cols[i / 2], add);
		cr_assert(zero(int, memcmp(q[0], q[1], sizeof q[0])));
		cr_assert(zero(int, memcmp(scale[0], scale[1], sizeof scale[0])));
	}
}

Test(tn_q8, columns_are_quantised_by_their_own_peaks_and_woven_by_four)
{
	enum { IN = 7, OUT = 18 };
	float v[IN * OUT];
	int8_t q[IN * OUT];
	int8_t panel[2 * 8 * TN_PANEL];
	float scale[OUT];

	for (size_t i = 0; i < (size_t)IN * OUT; i++) {
		v[i] = (float)(i % OUT + 1) * ((float)(i / OUT) - 3.0F);
	}
	tn_quantize_columns(&(struct tn_float_rows){ v, OUT, NULL }, q, OUT, scale, IN, OUT);
	tn_q8_pack_columns(q, OUT, OUT, IN, panel);
	for (size_t c = 0; c < OUT; c++) {
		cr_assert(epsilon_eq(flt, scale[c], 3.0F * (float)(c + 1) / 127.0F, 1e-6F));
		for (size_t r = 0; r < IN; r++) {
			cr_assert(lt(flt, fabsf((float)q[r * OUT + c] * scale[c] - v[r * OUT + c]),
				     0.51F * scale[c]));
			cr_assert(
			    eq(int,
			       panel[c / 16 * tn_panel_size(IN) + r / 4 * 64 + c % 16 * 4 + r % 4],
			       q[r * OUT + c]));
		}
		cr_assert(zero(int, panel[c / 16 * tn_panel_size(IN) + 64 + c % 16 * 4 + 3]));
	}
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
