/* SPDX-License-Identifier: Apache-2.0
 * The oracle is libm in double, or the order of sums that rows.h promises, one number at a time. */
#include "core/base/rng.h"
#include "core/tensor/rows.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdlib.h>

enum { MOST = 1200 };

static const size_t lengths[] = { 1, 2, 15, 16, 17, 31, 32, 33, 96, 144, 192, 257, 1024 };
enum { LENGTHS = sizeof lengths / sizeof *lengths };

static void randoms(float *v, size_t n, float sd, uint64_t seed)
{
	struct as_rng r;

	as_rng_seed(&r, seed, 0);
	for (size_t i = 0; i < n; i++) {
		v[i] = sd * as_rng_normal(&r);
	}
}

/* Sixteen lanes, then halves onto halves. volatile: no compiler may regroup or widen it. */
static float in_lanes(const float *x, const float *y, size_t n)
{
	volatile float lane[16] = { 0 };

	for (size_t i = 0; i < n; i++) {
		volatile const float product = x[i] * y[i];

		lane[i % 16] = lane[i % 16] + product;
	}
	for (size_t half = 8; half > 0; half /= 2) {
		for (size_t l = 0; l < half; l++) {
			lane[l] = lane[l] + lane[l + half];
		}
	}
	return lane[0];
}

Test(tensor_rows, dot_adds_sixteen_lanes_in_one_order_to_the_bit)
{
	float x[MOST];
	float y[MOST];

	randoms(x, MOST, 1.0F, 1);
	randoms(y, MOST, 1.0F, 2);
	for (size_t i = 0; i < LENGTHS; i++) {
		const float got = tn_dot(x, y, lengths[i]);
		const float want = in_lanes(x, y, lengths[i]);

		cr_assert(zero(int, memcmp(&got, &want, sizeof got)), "n %zu: %a, %a", lengths[i],
			  (double)got, (double)want);
	}
	cr_assert(eq(flt, tn_dot(x, y, 0), 0.0F));
}

/* Distance in representable numbers. */
static double ulps(float got, double want)
{
	int exponent;

	(void)frexp(want, &exponent);
	return fabs((double)got - want) / ldexp(1.0, exponent - 24);
}

Test(tensor_rows, exp_is_within_2_ulp)
{
	float x[MOST];
	float y[MOST];
	double worst = 0.0;

	for (double from = -87.0; from < 88.0; from += 0.5) {
		for (size_t i = 0; i < MOST; i++) {
			x[i] = (float)(from + 0.5 * (double)i / MOST);
		}
		tn_exp(x, y, MOST);
		for (size_t i = 0; i < MOST; i++) {
			worst = fmax(worst, ulps(y[i], exp((double)x[i])));
		}
	}
	cr_assert(le(dbl, worst, 2.0));
}

Test(tensor_rows, exp_ends_at_both_sides)
{
	const float x[] = { -87.5F, -1e30F, -INFINITY, 0.0F, -0.0F, 89.0F, INFINITY, NAN };
	float y[8];

	tn_exp(x, y, 8);
	cr_assert(eq(flt, y[0], 0.0F));
	cr_assert(eq(flt, y[1], 0.0F));
	cr_assert(eq(flt, y[2], 0.0F));
	cr_assert(eq(flt, y[3], 1.0F));
	cr_assert(eq(flt, y[4], 1.0F));
	cr_assert(le(dbl, ulps(y[5], exp(88.0)), 2.0));
	cr_assert(le(dbl, ulps(y[6], exp(88.0)), 2.0));
	cr_assert(isnan(y[7]));
}

Test(tensor_rows, exp_in_place_and_of_any_length_gives_the_same_bits)
{
	float x[MOST];
	float y[MOST];
	float one;

	randoms(x, MOST, 20.0F, 3);
	tn_exp(x, y, 1001);
	for (size_t i = 0; i < 1001; i++) {
		tn_exp(x + i, &one, 1);
		cr_assert(zero(int, memcmp(&one, y + i, sizeof one)));
	}
	tn_exp(x, x, 1001);
	cr_assert(zero(int, memcmp(x, y, 1001 * sizeof *x)));
}

Test(tensor_rows, softmax_of_a_row)
{
	const float scale = 0.3F;
	float x[MOST];
	float y[MOST];

	for (size_t i = 0; i < LENGTHS; i++) {
		const size_t n = lengths[i];
		double sum = 0.0;

		randoms(x, MOST, 9.0F, n);
		memcpy(y, x, sizeof y);
		tn_softmax_rows(y, 1, n, n, scale);
		for (size_t j = 0; j < n; j++) {
			sum += exp((double)scale * (double)x[j]);
		}
		for (size_t j = 0; j < n; j++) {
			cr_assert(epsilon_eq(dbl, (double)y[j],
					     exp((double)scale * (double)x[j]) / sum, 1e-6));
		}
		cr_assert(zero(int, memcmp(x + n, y + n, (MOST - n) * sizeof *x)));
	}
}

Test(tensor_rows, softmax_keeps_to_its_rows_and_masks_exactly)
{
	float x[3][20];

	randoms(&x[0][0], 60, 50.0F, 4);
	x[1][3] = -INFINITY;
	x[1][16] = -INFINITY;
	tn_softmax_rows(&x[0][0], 3, 18, 20, 1.0F);
	for (size_t i = 0; i < 3; i++) {
		float sum = 0.0F;

		for (size_t j = 0; j < 18; j++) {
			sum += x[i][j];
		}
		cr_assert(epsilon_eq(flt, sum, 1.0F, 1e-6F));
	}
	cr_assert(eq(flt, x[1][3], 0.0F));
	cr_assert(eq(flt, x[1][16], 0.0F));
	cr_assert(lt(flt, 1.0F, fabsf(x[0][18]) + fabsf(x[2][19])), "between the rows");
}

Test(tensor_rows, softmax_backward_is_the_jacobian)
{
	const float scale = 0.7F;
	float a[2][40];
	float da[2][40];
	float dx[2][40];

	randoms(&a[0][0], 80, 1.0F, 5);
	randoms(&da[0][0], 80, 1.0F, 6);
	memcpy(dx, da, sizeof dx);
	tn_softmax_rows(&a[0][0], 2, 37, 40, 1.0F);
	tn_softmax_rows_bwd(&a[0][0], &dx[0][0], 2, 37, 40, scale);
	for (size_t r = 0; r < 2; r++) {
		for (size_t j = 0; j < 37; j++) {
			double want = 0.0;

			for (size_t i = 0; i < 37; i++) {
				want += (double)da[r][i] * (double)a[r][i] *
					((i == j ? 1.0 : 0.0) - (double)a[r][j]);
			}
			cr_assert(epsilon_eq(dbl, (double)dx[r][j], (double)scale * want, 1e-6));
		}
	}
}

Test(tensor_rows, gelu_is_within_its_bound)
{
	float x[MOST];
	float y[MOST];
	float dx[MOST] = { 0 };
	float one[MOST];

	for (size_t i = 0; i < MOST; i++) {
		x[i] = (float)((double)i / 60.0 - 10.0);
		one[i] = 1.0F;
	}
	tn_gelu(x, y, MOST);
	tn_gelu_bwd(x, one, dx, MOST);
	for (size_t i = 0; i < MOST; i++) {
		const double at = (double)x[i];
		const double below = 0.5 * erfc(-at / sqrt(2.0));
		const double bell = exp(-at * at / 2.0) / sqrt(6.283185307179586);

		cr_assert(le(dbl, fabs((double)y[i] - at * below), 2e-7 * fmax(1.0, fabs(at))),
			  "gelu(%g)", at);
		cr_assert(le(dbl, fabs((double)dx[i] - below - at * bell), 6e-7), "gelu'(%g)", at);
	}
}

Test(tensor_rows, rows_are_added_and_summed)
{
	float y[3][21];
	float b[21];
	float sum[21];
	float want[3][21];

	randoms(&y[0][0], 63, 1.0F, 7);
	randoms(b, 21, 1.0F, 8);
	memcpy(sum, b, sizeof sum);
	for (size_t j = 0; j < 21; j++) {
		for (size_t r = 0; r < 3; r++) {
			want[r][j] = b[j];
		}
	}
	tn_sum_rows(sum, &y[0][0], 3, 21);
	for (size_t j = 0; j < 21; j++) {
		cr_assert(epsilon_eq(flt, sum[j], b[j] + y[0][j] + y[1][j] + y[2][j], 1e-6F));
	}
	tn_set_rows(&y[0][0], b, 3, 21);
	cr_assert(zero(int, memcmp(y, want, sizeof y)));
	tn_set_rows(&y[1][0], NULL, 1, 21);
	memset(want[1], 0, sizeof want[1]);
	cr_assert(zero(int, memcmp(y, want, sizeof y)));
}

Test(tensor_rows, products_and_sums_of_numbers)
{
	float x[37];
	float z[37];
	float y[3][37];
	float from[37];

	randoms(x, 37, 1.0F, 9);
	randoms(z, 37, 1.0F, 10);
	randoms(from, 37, 1.0F, 11);
	for (size_t i = 0; i < 3; i++) {
		memcpy(y[i], from, sizeof from);
	}
	tn_axpy(y[0], 0.3F, x, 37);
	tn_mul(y[1], x, 37);
	tn_mul_add(y[2], x, z, 37);
	for (size_t i = 0; i < 37; i++) {
		cr_assert(epsilon_eq(flt, y[0][i], from[i] + 0.3F * x[i], 1e-6F));
		cr_assert(eq(flt, y[1][i], from[i] * x[i]));
		cr_assert(epsilon_eq(flt, y[2][i], from[i] + x[i] * z[i], 1e-6F));
	}
}

/* Layer norm itself is held to PyTorch in tests/core/nn; here: rows that sixteen does not divide,
 * and numbers far from zero, where a one-pass variance would lose everything. */
Test(tensor_rows, norm_of_numbers_far_from_zero)
{
	float x[2][35];
	float xhat[2][35];
	float y[2][35];
	float rstd[2];
	float gamma[35];
	float beta[35] = { 0 };
	const struct tn_norm l = { .gamma = gamma, .beta = beta, .d = 35, .eps = 1e-5F };

	randoms(&x[0][0], 70, 1.0F, 12);
	for (size_t j = 0; j < 35; j++) {
		gamma[j] = 1.0F;
		x[0][j] += 1000.0F;
	}
	tn_norm_rows(&l, &x[0][0], &xhat[0][0], rstd, &y[0][0], 2);
	for (size_t r = 0; r < 2; r++) {
		double mean = 0.0;
		double var = 0.0;

		for (size_t j = 0; j < 35; j++) {
			mean += (double)x[r][j] / 35.0;
		}
		for (size_t j = 0; j < 35; j++) {
			var += ((double)x[r][j] - mean) * ((double)x[r][j] - mean) / 35.0;
		}
		for (size_t j = 0; j < 35; j++) {
			cr_assert(epsilon_eq(dbl, (double)y[r][j],
					     ((double)x[r][j] - mean) / sqrt(var + 1e-5), 3e-4));
		}
	}
}

/* FNV-1a of bytes. */
static void hash(uint64_t *h, const float *v, size_t n)
{
	const unsigned char *bytes = (const void *)v;

	for (size_t i = 0; i < n * sizeof *v; i++) {
		*h = (*h ^ bytes[i]) * 0x100000001b3U;
	}
}

/* The hash is that of gcc 12 and clang 14, at -O1 and -O3, for x86-64, AVX2 and AVX-512. Inputs are
 * multiples of 2^-24, so that no libm takes part. */
Test(tensor_rows, every_kernel_gives_the_same_bits_on_every_instruction_set)
{
	enum { N = 1000, D = 37, ROWS = N / D };
	float x[N];
	float y[N];
	float z[N];
	float v[N];
	float rstd[ROWS];
	const struct tn_norm norm = { .gamma = y, .beta = x, .d = D, .eps = 1e-5F };
	const struct tn_adam adam = { 0.9F, 0.98F, 1e-8F, 3.0F, 4.0F, 0.01F, 0.1F, 0.3F };
	uint64_t h = 0xcbf29ce484222325U;
	struct as_rng r;

	as_rng_seed(&r, 1, 1);
	for (size_t i = 0; i < N; i++) {
		x[i] = as_rng_float(&r) * 16.0F - 8.0F;
		y[i] = as_rng_float(&r) * 2.0F - 1.0F;
	}
	tn_exp(x, z, N);
	hash(&h, z, N);
	tn_gelu(x, z, N);
	tn_gelu_bwd(x, y, z, N);
	hash(&h, z, N);
	memcpy(z, x, sizeof z);
	memcpy(v, y, sizeof v);
	tn_softmax_rows(z, ROWS, D - 2, D, 0.3F);
	tn_softmax_rows_bwd(z, v, ROWS, D - 2, D, 0.3F);
	hash(&h, z, N);
	hash(&h, v, N);
	tn_norm_rows(&norm, x, z, rstd, v, ROWS);
	tn_norm_rows_bwd(&norm, z, rstd, x, v, ROWS);
	hash(&h, v, N);
	memcpy(v, z, sizeof v);
	tn_mul(v, z, N); /* not negative: v of Adam is a mean of squares */
	tn_adam(&adam, z, x, y, v, ROWS * D);
	tn_axpy(z, 0.3F, x, N);
	tn_mul_add(z, x, y, N);
	tn_sum_rows(z, x, ROWS, D);
	hash(&h, z, N);
	hash(&h, v, ROWS * D);
	cr_assert(eq(u64, h, 14717591920676708263U));
}
