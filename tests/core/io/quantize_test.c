/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/quantize.h"

#include "core/tensor/q8.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { ROWS = 20, COLS = 24 };

/* A matrix that fits, whose row 3 is zero, one that is too narrow, and a vector. */
static void params(struct nn_params *ps, uint64_t seed)
{
	struct as_rng rng;

	as_rng_seed(&rng, seed, 0);
	(void)nn_param_add(ps, "text", "w", ROWS, COLS, NN_DECAY, NN_NORMAL, 1.0F);
	(void)nn_param_add(ps, "text", "late", 2, COLS, NN_DECAY, NN_NORMAL, 1.0F);
	(void)nn_param_add(ps, "text", "b", 1, COLS, 0, NN_CONST, 0.5F);
	nn_params_start(ps, &rng);
	for (size_t k = 0; k < COLS; k++) {
		ps->v[3 * COLS + k] = 0.0F;
		ps->v[5 * COLS + k] *= 1000.0F;
	}
}

static void open_model(struct io_model *m, const struct nn_params *ps)
{
	const char *path = tmpdir_path("m.safetensors");
	const struct nn_params *sets[] = { ps };
	const struct io_meta meta[] = { { "format", "assay-model-1" }, { "name", "x" } };
	struct as_err e;

	ok(io_model_save(path, sets, 1, meta, 2, &e));
	ok(io_model_open(m, path, &e));
}

Test(io_quantize, weights_come_back_within_half_a_step_of_their_row)
{
	struct nn_params ps = { 0 };
	struct nn_params back = { 0 };
	struct io_model m;
	struct io_model small;
	struct io_quantized q;
	struct io_quantized twice;
	struct json_t *note;
	struct as_err e;

	params(&ps, 1);
	params(&back, 2);
	open_model(&m, &ps);
	ok(io_quantize(&m, &q, &e));
	cr_assert(eq(sz, q.tensors, 1));
	ok(io_model_open_mem(&small, q.file.data, q.file.len, "q", &e));
	same(io_model_find(&small, "text.w")->dtype, "I8");
	cr_assert(eq(sz, io_model_find(&small, "text.w.scale")->size, ROWS * sizeof(float)));
	same(io_model_find(&small, "text.late")->dtype, "F32");
	same(io_json_find_str(small.meta, "name", ""), "x");
	ok(io_model_meta(&small, "quantized", &note, &e));
	same(io_json_find_str(note, "from", ""), m.sha256);
	io_json_free(note);
	ok(io_model_bind(&small, &back, NULL, &e));
	for (size_t o = 0; o < ROWS; o++) {
		const float *row = ps.v + o * COLS;
		float peak = 0.0F;

		for (size_t k = 0; k < COLS; k++) {
			peak = fmaxf(peak, fabsf(row[k]));
		}
		for (size_t k = 0; k < COLS; k++) {
			cr_assert(
			    le(flt, fabsf(back.v[o * COLS + k] - row[k]), 0.501F * peak / 127.0F),
			    "[%zu, %zu]", o, k);
		}
	}
	cr_assert(zero(int, memcmp(ps.v + ROWS * COLS, back.v + ROWS * COLS,
				   (ps.size - ROWS * COLS) * sizeof *ps.v)));
	fails(io_quantize(&small, &twice, &e), AS_EFORMAT, "q: is quantized already");
	io_model_close(&small);
	io_quantized_free(&twice);
	io_quantized_free(&q);
	io_model_close(&m);
	nn_params_free(&ps);
	nn_params_free(&back);
}

Test(io_quantize, what_cannot_be_quantized_is_named)
{
	struct nn_params ps = { 0 };
	struct nn_params vector = { 0 };
	struct io_quantized q;
	struct io_model m;
	struct as_rng rng;
	struct as_err e;

	params(&ps, 1);
	ps.v[2 * COLS + 7] = NAN;
	open_model(&m, &ps);
	fails(io_quantize(&m, &q, &e), AS_EFORMAT, "text.w[55] is not a finite number");
	io_quantized_free(&q);
	io_model_close(&m);
	as_rng_seed(&rng, 1, 0);
	(void)nn_param_add(&vector, "", "v", 1, 100, 0, NN_ONE, 0.0F);
	nn_params_start(&vector, &rng);
	open_model(&m, &vector);
	fails(io_quantize(&m, &q, &e), AS_EFORMAT, "no F32 matrix of at least 16 rows");
	io_quantized_free(&q);
	io_model_close(&m);
	nn_params_free(&ps);
	nn_params_free(&vector);
}

/* What a file of these tensors is refused for by a model of the one weight w [2, 3]. */
static void refuses(const struct io_tensor *t, size_t n, const char *why)
{
	struct nn_params ps = { 0 };
	struct as_buf file = { 0 };
	struct io_model m;
	struct as_rng rng;
	struct as_err e;

	as_rng_seed(&rng, 1, 0);
	(void)nn_param_add(&ps, "", "w", 2, 3, NN_DECAY, NN_ONE, 0.0F);
	nn_params_start(&ps, &rng);
	ok(io_model_put(&file, t, n, NULL, 0, &e));
	ok(io_model_open_mem(&m, file.data, file.len, "m.st", &e));
	if (why == NULL) {
		ok(io_model_bind(&m, &ps, NULL, &e));
		cr_assert(eq(flt, ps.v[0], 127.0F * 0.5F));
		cr_assert(eq(flt, ps.v[5], -3.0F));
	} else {
		fails(io_model_bind(&m, &ps, NULL, &e), AS_ESHAPE, why);
		cr_assert(eq(flt, ps.v[0], 1.0F), "something was loaded");
	}
	io_model_close(&m);
	as_buf_free(&file);
	nn_params_free(&ps);
}

Test(io_quantize, a_pair_that_is_none_is_refused_by_name)
{
	const int8_t w[] = { 127, -127, 0, 1, 2, -3 };
	const int8_t low[] = { 127, -127, 0, 1, -128, -3 };
	const float s[] = { 0.5F, 1.0F, 2.0F };
	const float bad[][2] = {
		{ 0.0F, 1.0F }, { 1.0F, -1.0F }, { NAN, 1.0F }, { 1.0F, INFINITY }, { 1.0F, 3e38F },
	};
	struct io_tensor t[] = {
		{ .name = "w", .dtype = "I8", .dims = 2, .shape = { 2, 3 }, .data = w, .size = 6 },
		{ .name = "w.scale",
		  .dtype = "F32",
		  .dims = 2,
		  .shape = { 1, 2 },
		  .data = s,
		  .size = 8 },
	};
	float wide[6] = { 0 };

	refuses(t, 2, NULL);
	refuses(t, 1, "m.st: w.scale: missing");
	refuses(t + 1, 1, "m.st: w: missing; w.scale: not a weight of this model");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		t[1].data = bad[i];
		refuses(t, 2, i == 0 || i == 2 ? "w.scale[0]: " : "w.scale[1]: ");
	}
	t[1] = (struct io_tensor){ "w.scale", "F32", 2, { 1, 3 }, s, 12 };
	refuses(t, 2, "w.scale: file has [1, 3], model wants [1, 2]");
	t[1] = (struct io_tensor){ "w.scale", "I32", 2, { 1, 2 }, s, 8 };
	refuses(t, 2, "w.scale: file has I32, model wants F32");
	t[1] = (struct io_tensor){ "w.scale", "F32", 1, { 2 }, s, 8 };
	refuses(t, 2, NULL);
	t[0].data = low;
	refuses(t, 2, "w[4]: -128, want -127 to 127");
	t[0] = (struct io_tensor){ "w", "I8", 2, { 3, 2 }, w, 6 };
	refuses(t, 2, "w: file has [3, 2], model wants [2, 3]");
	t[0] = (struct io_tensor){ "w", "F32", 2, { 2, 3 }, wide, 24 };
	refuses(t, 2, "w.scale: not a weight of this model");
}

/* Everything that does not fit stands in one message; names are too short or too long for a
 * scale's. */
Test(io_quantize, all_that_is_wrong_is_named_at_once)
{
	const int8_t low[] = { 1, 2, 3, 4, -128, 6 };
	const float s[] = { 0.5F, 0.0F };
	const float good[] = { 0.5F, 1.0F };
	char name[NN_NAME_SIZE + 8];
	struct io_tensor t[] = {
		{ .name = "w",
		  .dtype = "I8",
		  .dims = 2,
		  .shape = { 2, 3 },
		  .data = low,
		  .size = 6 },
		{ "w.scale", "F32", 1, { 2 }, s, 8 },
		{ "z", "F32", 1, { 2 }, good, 8 },
		{ .dtype = "F32", .dims = 1, .shape = { 2 }, .data = good, .size = 8 },
	};
	struct nn_params ps = { 0 };
	struct as_buf file = { 0 };
	struct io_model m;
	struct as_rng rng;
	struct as_err e;

	as_rng_seed(&rng, 1, 0);
	memset(name, 'n', sizeof name);
	(void)snprintf(name + NN_NAME_SIZE, sizeof name - NN_NAME_SIZE, ".scale");
	t[3].name = name;
	(void)nn_param_add(&ps, "", "b", 1, 2, 0, NN_ONE, 0.0F);
	(void)nn_param_add(&ps, "", "w", 2, 3, NN_DECAY, NN_ONE, 0.0F);
	nn_params_start(&ps, &rng);
	for (int i = 0; i < 2; i++) {
		t[1].data = i == 0 ? s : good;
		ok(io_model_put(&file, t, 4, NULL, 0, &e));
		ok(io_model_open_mem(&m, file.data, file.len, "m.st", &e));
		fails(io_model_bind(&m, &ps, NULL, &e), AS_ESHAPE,
		      i == 0 ? "m.st: b: missing; w.scale[1]: 0 is no scale; z: not a weight"
			     : "m.st: b: missing; w[4]: -128, want -127 to 127; z: not a weight");
		cr_assert(ne(ptr, strstr(e.msg, ".scale: not a weight of this model"), NULL));
		io_model_close(&m);
		as_buf_clear(&file);
	}
	as_buf_free(&file);
	nn_params_free(&ps);
}

/* One column more than its layer's integer sums may have terms. */
Test(io_quantize, matrix_that_is_too_wide_for_int8_is_named)
{
	enum { WIDE = TN_Q8_IN_MAX + 1 };
	static int8_t w[WIDE];
	const float s[] = { 1.0F };
	const struct io_tensor t[] = {
		{ .name = "w",
		  .dtype = "I8",
		  .dims = 2,
		  .shape = { 1, WIDE },
		  .data = w,
		  .size = WIDE },
		{ "w.scale", "F32", 1, { 1 }, s, 4 },
	};
	struct nn_params ps = { 0 };
	struct nn_laid laid = { 0 };
	struct as_buf file = { 0 };
	struct io_model m;
	struct as_rng rng;
	struct as_err e;

	as_rng_seed(&rng, 1, 0);
	nn_param_serve(&ps, nn_param_add(&ps, "", "w", 1, WIDE, 0, NN_ONE, 0.0F), &laid, true);
	nn_params_start(&ps, &rng);
	ok(io_model_put(&file, t, 2, NULL, 0, &e));
	ok(io_model_open_mem(&m, file.data, file.len, "m.st", &e));
	fails(io_model_bind(&m, &ps, NULL, &e), AS_ESHAPE,
	      "m.st: w: int8 weights of 65537 columns");
	io_model_close(&m);
	as_buf_free(&file);
	nn_params_free(&ps);
}
