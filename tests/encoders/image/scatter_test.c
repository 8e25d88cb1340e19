/* SPDX-License-Identifier: Apache-2.0
 * The texture against PyTorch (tests/golden/make_image.py), and what it says of plain pictures. */
#include "core/base/buf.h"
#include "core/io/model.h"
#include "encoders/image/scatter.h"
#include "tests/support/check.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SIDE = 48 };

static float *texture_of(const float *x, size_t size, size_t channels)
{
	float *scratch = as_malloc(enc_scatter_scratch(size) * sizeof *scratch);
	float *y = as_malloc(ENC_SCATTER_N * sizeof *y);

	enc_scatter(x, size, channels, scratch, y);
	free(scratch);
	return y;
}

/* Where plane k of octave j of the first order begins. */
static size_t first_order(size_t j, size_t k)
{
	size_t at = 0;

	for (size_t i = 0; i < j; i++) {
		at += ENC_SCATTER_TURNS *
		      (ENC_SCATTER_PLACED + 2 * ENC_SCATTER_TURNS * (ENC_SCATTER_LEVELS - 1 - i));
	}
	return at + k * (ENC_SCATTER_PLACED + 2 * ENC_SCATTER_TURNS * (ENC_SCATTER_LEVELS - 1 - j));
}

static const float *tensor(const struct io_model *m, const char *name, size_t n)
{
	const struct io_tensor *t = io_model_find(m, name);

	cr_assert(ne(ptr, (void *)(uintptr_t)t, NULL), "%s", name);
	cr_assert(eq(sz, t->size, n * sizeof(float)));
	return (const float *)t->data;
}

Test(image_scatter, is_what_pytorch_makes_of_whole_kernels)
{
	static const struct {
		size_t side, channels;
	} picture[] = { { 72, 1 }, { 48, 3 } };
	struct io_model m = { 0 };
	struct as_err e = { 0 };

	ok(io_model_open(&m, SOURCE_DIR "/tests/golden/image.safetensors", &e));
	for (size_t i = 0; i < 2; i++) {
		const size_t side = picture[i].side;
		char name[32];
		const float *want;
		float *y;

		(void)snprintf(name, sizeof name, "%zu.x", side);
		y = texture_of(tensor(&m, name, side * side * picture[i].channels), side,
			       picture[i].channels);
		(void)snprintf(name, sizeof name, "%zu.texture", side);
		want = tensor(&m, name, ENC_SCATTER_N);
		for (size_t k = 0; k < ENC_SCATTER_N; k++) {
			cr_assert(epsilon_eq(flt, y[k], want[k], 1e-5F), "%zu: number %zu", side,
				  k);
		}
		free(y);
	}
	io_model_close(&m);
}

Test(image_scatter, a_picture_without_contrast_has_no_texture)
{
	float x[SIDE * SIDE];
	float *y;

	for (size_t i = 0; i < SIDE * SIDE; i++) {
		x[i] = 0.7F;
	}
	y = texture_of(x, SIDE, 1);
	for (size_t k = 0; k + ENC_SCATTER_PLACED < ENC_SCATTER_N; k++) {
		/* a root of eps, or an sd */
		cr_assert(y[k] < 1e-3F || fabsf(y[k] - powf(1e-3F, 0.25F)) < 1e-3F, "%zu: %g", k,
			  (double)y[k]);
	}
	cr_assert(epsilon_eq(flt, y[ENC_SCATTER_N - ENC_SCATTER_PLACED], 0.7F, 1e-5F));
	free(y);
}

/* Stripes of this many places, across columns or rows. */
static float *stripes(float period, bool down)
{
	static float x[SIDE * SIDE];

	for (size_t i = 0; i < SIDE * SIDE; i++) {
		x[i] = sinf(6.2831853F * (float)(down ? i / SIDE : i % SIDE) / period);
	}
	return texture_of(x, SIDE, 1);
}

Test(image_scatter, stripes_answer_in_their_direction_and_octave)
{
	static const struct {
		float period; /* 2.2 radians a place are 2.86 places, in octave 2 four times that */
		size_t octave;
	} of[] = { { 2.86F, 0 }, { 11.4F, 2 } };

	for (size_t n = 0; n < 2; n++) {
		const size_t j = of[n].octave;
		float *across = stripes(of[n].period, false);
		float *down = stripes(of[n].period, true);
		const float strongest = across[first_order(j, 0)];

		cr_assert(lt(flt, across[first_order(2 - j, 0)], strongest - 0.1F));
		for (size_t k = 1; k < ENC_SCATTER_TURNS; k++) {
			cr_assert(lt(flt, across[first_order(j, k)], strongest - 0.01F), "%zu", k);
		}
		for (size_t k = 0; k < ENC_SCATTER_TURNS;
		     k++) { /* a quarter turn is three of them */
			const size_t turned = first_order(j, (k + 3) % ENC_SCATTER_TURNS);

			cr_assert(epsilon_eq(flt, down[turned], across[first_order(j, k)], 1e-4F));
		}
		free(across);
		free(down);
	}
}

Test(image_scatter, cells_say_where)
{
	float x[SIDE * SIDE] = { 0 };
	float *y;

	for (size_t i = 0; i < SIDE * SIDE; i++) { /* noise in the cell at the lower left */
		if (i / SIDE >= 34 && i % SIDE < 14) {
			x[i] = (float)(i * 7919 % 101) / 50.0F - 1.0F;
		}
	}
	y = texture_of(x, SIDE, 1);
	for (size_t c = 0; c < 9; c++) {
		cr_assert(c == 6 || y[2 + c] < 0.5F * y[2 + 6], "cell %zu", c);
	}
	free(y);
}
