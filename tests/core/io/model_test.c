/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/model.h"

#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>

/* A file of a header and n bytes of data. */
static void build(struct as_buf *b, const char *header, size_t n)
{
	const size_t size = strlen(header);

	as_buf_clear(b);
	for (int i = 0; i < 8; i++) {
		const char byte = (char)(size >> 8 * i & 0xFFU);

		as_buf_put(b, &byte, 1);
	}
	as_buf_puts(b, header);
	memset(as_buf_reserve(b, n), 1, n);
	b->len += n;
}

static void refuses(const char *header, size_t n, const char *why)
{
	struct as_buf b = { 0 };
	struct io_model m;
	struct as_err e;

	build(&b, header, n);
	fails(io_model_open_mem(&m, b.data, b.len, "m.st", &e), AS_EFORMAT, why);
	cr_assert(ne(ptr, strstr(e.msg, "m.st: "), NULL));
	as_buf_free(&b);
}

#define T(name, dtype, shape, at) \
	"\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" at "}"

static void params(struct nn_params *ps)
{
	struct as_rng rng;

	as_rng_seed(&rng, 1, 0);
	(void)nn_param_add(ps, "text", "w", 3, 5, NN_DECAY, NN_NORMAL, 1.0F);
	(void)nn_param_add(ps, "text", "b", 1, 5, 0, NN_CONST, 0.5F);
	(void)nn_param_add(ps, "", "scale", 1, 1, 0, NN_ONE, 0.0F);
	nn_params_start(ps, &rng);
}

/* Path of a model file with two metadata entries. */
static const char *save(const struct nn_params *ps)
{
	const char *path = tmpdir_path("m.safetensors");
	const struct nn_params *sets[] = { ps };
	const struct io_meta meta[] = { { "format", "assay-model-1" },
					{ "task", "{\"name\":\"x\"}" } };
	struct as_err e;

	ok(io_model_save(path, sets, 1, meta, 2, &e));
	return path;
}

Test(io_model, what_is_saved_is_loaded)
{
	struct nn_params ps = { 0 };
	struct nn_params back = { 0 };
	char digest[IO_DIGEST_SIZE];
	struct json_t *task;
	const char *path;
	struct io_model m;
	struct as_err e;

	params(&ps);
	params(&back);
	path = save(&ps);
	memset(back.v, 0, back.size * sizeof *back.v);
	ok(io_model_open(&m, path, &e));
	cr_assert(eq(sz, m.tensors, 3));
	cr_assert(
	    eq(sz, (size_t)((const char *)m.tensor[0].data - (const char *)m.file.data) % 8, 0));
	cr_assert(eq(sz, io_model_find(&m, "text.w")->shape[1], 5));
	ok(io_digest_file(path, digest, &e));
	same(m.sha256, digest);
	ok(io_model_meta(&m, "task", &task, &e));
	same(io_json_find_str(task, "name", ""), "x");
	io_json_free(task);
	fails(io_model_meta(&m, "statistics", &task, &e), AS_EFORMAT, "no \"statistics\"");
	fails(io_model_meta(&m, "format", &task, &e), AS_EFORMAT, "format: not JSON");
	ok(io_model_bind(&m, &back, NULL, &e));
	cr_assert(zero(int, memcmp(ps.v, back.v, ps.size * sizeof *ps.v)));
	io_model_close(&m);
	nn_params_free(&ps);
	nn_params_free(&back);
}

Test(io_model, features_are_a_set_of_one)
{
	struct nn_params ps = { 0 };
	const struct nn_params *sets[] = { &ps };
	const char *path = tmpdir_path("k.scan.safetensors");
	struct as_rng rng;
	const struct io_tensor *v;
	struct io_model m;
	struct as_err e;

	as_rng_seed(&rng, 1, 0);
	(void)nn_param_add(&ps, "", "v", 1, 7, 0, NN_ONE, 0.0F);
	nn_params_start(&ps, &rng);
	ok(io_model_save(path, sets, 1, NULL, 0, &e));
	ok(io_model_open(&m, path, &e));
	v = io_model_find(&m, "v");
	cr_assert(eq(sz, v->dims, 2));
	cr_assert(eq(sz, v->shape[0], 1));
	cr_assert(eq(sz, v->shape[1], 7));
	cr_assert(zero(ptr, m.meta));
	cr_assert(zero(ptr, (void *)io_model_find(&m, "w")));
	io_model_close(&m);
	nn_params_free(&ps);
}

Test(io_model, a_file_cut_at_any_byte_is_refused)
{
	struct nn_params ps = { 0 };
	struct as_buf b = { 0 };
	struct io_model m;
	struct as_err e;

	params(&ps);
	ok(io_read_file(save(&ps), 1 << 20, &b, &e));
	for (size_t n = 0; n < b.len; n++) {
		/* a copy of its own, so that the sanitizer sees a read beyond the cut */
		char *cut = malloc(n + 1);

		memcpy(cut, b.data, n);
		cut = realloc(cut, n > 0 ? n : 1);
		cr_assert(eq(int, io_model_open_mem(&m, cut, n, "cut", &e), AS_EFORMAT), "%zu", n);
		free(cut);
	}
	ok(io_model_open_mem(&m, b.data, b.len, "whole", &e));
	io_model_close(&m);
	as_buf_free(&b);
	nn_params_free(&ps);
}

Test(io_model, any_byte_of_the_header_may_be_wrong)
{
	struct nn_params ps = { 0 };
	struct as_buf b = { 0 };
	struct io_model m;
	struct as_err e;

	params(&ps);
	ok(io_read_file(save(&ps), 1 << 20, &b, &e));
	for (size_t i = 0; i < b.len; i++) {
		for (int bit = 0; bit < 8; bit++) {
			b.data[i] = (char)(b.data[i] ^ 1 << bit);
			if (io_model_open_mem(&m, b.data, b.len, "flipped", &e) == AS_OK) {
				io_model_close(&m);
			}
			b.data[i] = (char)(b.data[i] ^ 1 << bit);
		}
	}
	as_buf_free(&b);
	nn_params_free(&ps);
}

Test(io_model, the_header_is_checked)
{
	struct io_model m;
	struct as_err e;

	fails(io_model_open_mem(&m, "1234567", 7, "m.st", &e), AS_EFORMAT,
	      "m.st: 7 bytes are no safetensors file");
	fails(io_model_open_mem(&m, "\0\0\0\0\0\0\0\0", 8, "m.st", &e), AS_EFORMAT,
	      "header: does not start with {");
	fails(io_model_open_mem(&m, "\1\0\0\1\0\0\0\0{", 9, "m.st", &e), AS_EFORMAT,
	      "header: 16777217 bytes, the limit is 16777216");
	fails(io_model_open_mem(&m, "\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF{", 9, "m.st", &e), AS_EFORMAT,
	      "header: 18446744073709551615 bytes, the limit");
	fails(io_model_open_mem(&m, "\3\0\0\0\0\0\0\0{}", 10, "m.st", &e), AS_EFORMAT,
	      "header: 3 bytes, the file has 2");
	refuses("[]", 0, "does not start with {");
	refuses(" {}", 0, "does not start with {");
	refuses("{\"a\":", 0, "header: not JSON");
	refuses("{\"\xFF\":1}", 0, "header: not JSON");
	refuses("{" T("a", "U8", "[1]", "[0,1]") "," T("a", "U8", "[1]", "[0,1]") "}", 1,
		"duplicate");
}

Test(io_model, every_entry_is_checked_by_name)
{
	refuses("{\"a\":1}", 0, "tensor a: not an object");
	refuses("{\"a\":{}}", 0, "tensor a: dtype: missing");
	refuses("{" T("a", "F33", "[1]", "[0,4]") "}", 4, "tensor a: dtype: F33 is not known");
	refuses("{\"a\":{\"dtype\":\"U8\",\"data_offsets\":[0,1]}}", 1, "tensor a: shape: missing");
	refuses("{" T("a", "U8", "[-1]", "[0,1]") "}", 1, "tensor a: shape: not whole numbers");
	refuses("{" T("a", "U8", "[1.5]", "[0,1]") "}", 1, "tensor a: shape: not whole numbers");
	refuses("{" T("a", "U8", "[1,1,1,1,1,1,1,1,1]", "[0,1]") "}", 1,
		"tensor a: shape: 9 dimensions, the limit is 8");
	refuses("{" T("a", "F64", "[4294967296,4294967296]", "[0,0]") "}", 0,
		"tensor a: shape: more bytes than can be counted");
	refuses("{" T("a", "U8", "[9007199254740993]", "[0,1]") "}", 1,
		"tensor a: shape: not whole numbers");
	refuses("{" T("a", "F32", "[1]", "[0]") "}", 4, "tensor a: data_offsets: not two");
	refuses("{" T("a", "F32", "[1]", "[0,-4]") "}", 4, "tensor a: data_offsets: not two");
	refuses("{" T("a", "F32", "[1]", "[-4,0]") "}", 4, "tensor a: data_offsets: not two");
	refuses("{" T("a", "F32", "[1]", "{}") "}", 4, "tensor a: data_offsets: not two");
	refuses("{" T("a", "F32", "[1]", "[4,0]") "}", 4, "tensor a: data_offsets: [4, 0]");
	refuses("{" T("a", "F32", "[2]", "[0,8]") "}", 4,
		"tensor a: data_offsets: [0, 8], the file has 4 bytes of data");
	refuses("{" T("a", "F32", "[2]", "[0,4]") "}", 4,
		"tensor a: 4 bytes, its shape and dtype need 8");
	refuses("{\"a\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1],\"x\":1}}", 1,
		"tensor a: keys beside dtype, shape and data_offsets");
	refuses("{\"__metadata__\":[]}", 0, "__metadata__: not an object");
	refuses("{\"__metadata__\":{\"k\":1}}", 0, "__metadata__: k: not a string");
}

Test(io_model, a_long_tensor_name_is_refused)
{
	char header[800];
	char name[514];

	memset(name, 'n', 513);
	name[513] = '\0';
	(void)snprintf(header, sizeof header,
		       "{\"%s\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]}}", name);
	refuses(header, 1, "a name of more than 512 bytes");
}

Test(io_model, tensors_lie_one_after_another)
{
	refuses("{" T("a", "U8", "[4]", "[0,4]") "," T("b", "U8", "[4]", "[3,7]") "}", 7,
		"tensor b overlaps tensor a");
	refuses("{" T("a", "U8", "[2]", "[0,2]") "," T("b", "U8", "[2]", "[0,2]") "}", 2,
		"overlaps");
	refuses("{" T("b", "U8", "[2]", "[3,5]") "," T("a", "U8", "[2]", "[0,2]") "}", 5,
		"1 bytes before tensor b belong to none");
	refuses("{" T("a", "U8", "[2]", "[1,3]") "}", 3, "1 bytes before tensor a belong to none");
	refuses("{" T("a", "U8", "[2]", "[0,2]") "}", 5, "3 bytes at the end belong to no tensor");
	refuses("{" T("a", "U8", "[4]", "[0,4]") "," T("z", "U8", "[0]", "[2,2]") "}", 4,
		"overlaps");
	refuses("{" T("a", "U8", "[4]", "[0,4]") "," T("b", "U8", "[4]", "[3,7]") "," T(
		    "c", "U8", "[1]", "[7,8]") "}",
		8, "tensor b overlaps tensor a");
	refuses("{}", 1, "1 bytes at the end belong to no tensor");
}

/* What the file has is bound to weights w [3, 5] and b [1, 5]: each way in which it does not fit.
 */
static void does_not_bind(const char *header, size_t n, const char *why)
{
	struct nn_params ps = { 0 };
	struct as_buf b = { 0 };
	struct as_rng rng;
	struct io_model m;
	struct as_err e;

	as_rng_seed(&rng, 1, 0);
	(void)nn_param_add(&ps, "", "w", 3, 5, 0, NN_ZERO, 0.0F);
	(void)nn_param_add(&ps, "", "b", 1, 5, 0, NN_ZERO, 0.0F);
	nn_params_start(&ps, &rng);
	build(&b, header, n);
	ok(io_model_open_mem(&m, b.data, b.len, "m", &e));
	fails(io_model_bind(&m, &ps, NULL, &e), AS_ESHAPE, why);
	io_model_close(&m);
	as_buf_free(&b);
	nn_params_free(&ps);
}

#define B(at) T("b", "F32", "[5]", at)
#define LONG  "n2345678901234567890123456789012345678901234567890123456789012345678901234567890"

Test(io_model, shapes_scales_and_what_is_left_over_are_told_apart)
{
	does_not_bind("{" T("w", "F32", "[15]", "[0,60]") "," B("[60,80]") "}", 80,
		      "m: w: file has [15], model wants [3, 5]");
	does_not_bind("{" T("w", "F32", "[3,5]", "[0,60]") "," T("b", "F32", "[4]", "[60,76]") "}",
		      76, "m: b: file has [4], model wants [1, 5]");
	does_not_bind("{" T("w", "F32", "[5,5]", "[0,100]") "," B("[100,120]") "}", 120,
		      "w: file has [5, 5], model wants [3, 5]");
	does_not_bind("{" T("w", "F32", "[3,4]", "[0,48]") "," B("[48,68]") "}", 68,
		      "w: file has [3, 4], model wants [3, 5]");
	does_not_bind("{" T("w", "F32", "[3,5,1]", "[0,60]") "," B("[60,80]") "}", 80,
		      "w: file has [3, 5, 1], model wants [3, 5]");
	does_not_bind("{" T("w", "I8", "[3,5]", "[0,15]") "," B("[15,35]") "}", 35,
		      "w.scale: missing");
	does_not_bind("{" T("w", "I8", "[3,5]", "[0,15]") "," T("w.scale", "F32", "[2]",
								"[15,23]") "," B("[23,43]") "}",
		      43, "w.scale: file has [2], model wants [1, 3]");
	/* A scale belongs to a weight that came as I8, and to nothing else. */
	does_not_bind("{" T("w", "F32", "[3,5]", "[0,60]") "," T("w.scale", "F32", "[3]",
								 "[60,72]") "," B("[72,92]") "}",
		      92, "w.scale: not a weight of this model");
	does_not_bind("{" T("w", "F32", "[3,5]", "[0,60]") "," T("x.scale", "F32", "[3]",
								 "[60,72]") "," B("[72,92]") "}",
		      92, "x.scale: not a weight of this model");
	does_not_bind("{" T("w", "F32", "[3,5]", "[0,60]") "," T(".scale", "F32", "[3]",
								 "[60,72]") "," B("[72,92]") "}",
		      92, ".scale: not a weight of this model");
	does_not_bind("{" T("w", "F32", "[3,5]", "[0,60]") "," T(LONG ".scale", "U8", "[0]",
								 "[60,60]") "," B("[60,80]") "}",
		      80, ".scale: not a weight of this model");
	does_not_bind(
	    "{" T("w", "I8", "[3,5]", "[0,15]") "," T("w.scale", "F32", "[3]", "[15,27]") "," T(
		"w.sCale", "U8", "[0]", "[27,27]") "," B("[27,47]") "}",
	    47, "w.sCale: not a weight of this model");
}

Test(io_model, header_over_the_limit_is_not_written)
{
	char *text = as_malloc(IO_HEADER_MAX + 1);
	const struct io_meta meta = { "k", text };
	struct as_err e;

	memset(text, 'x', IO_HEADER_MAX);
	text[IO_HEADER_MAX] = '\0';
	fails(io_model_save(tmpdir_path("big"), NULL, 0, &meta, 1, &e), AS_EFORMAT,
	      "the limit is 16777216");
	free(text);
}

Test(io_model, order_and_empty_tensors_are_free)
{
	struct as_buf b = { 0 };
	struct io_model m;
	struct as_err e;

	build(&b,
	      "{" T("b", "BF16", "[2]", "[1,5]") "," T("z", "F32", "[0,3]", "[1,1]") "," T(
		  "s", "U8", "[]", "[0,1]") "," T("y", "F32", "[0]", "[5,5]") "}   ",
	      5);
	ok(io_model_open_mem(&m, b.data, b.len, "m", &e));
	cr_assert(eq(sz, m.tensors, 4));
	cr_assert(eq(sz, io_model_find(&m, "s")->dims, 0));
	io_model_close(&m);
	build(&b, "{}", 0);
	ok(io_model_open_mem(&m, b.data, b.len, "m", &e));
	io_model_close(&m);
	as_buf_free(&b);
}

Test(io_model, weights_that_do_not_fit_are_each_named)
{
	struct nn_params ps = { 0 };
	struct nn_params other = { 0 };
	struct as_rng rng;
	struct io_model m;
	struct as_err e;

	params(&ps);
	as_rng_seed(&rng, 1, 0);
	(void)nn_param_add(&other, "text", "w", 5, 3, 0, NN_ZERO, 0.0F);
	(void)nn_param_add(&other, "text", "c", 1, 5, 0, NN_ZERO, 0.0F);
	nn_params_start(&other, &rng);
	ok(io_model_open(&m, save(&ps), &e));
	fails(io_model_bind(&m, &other, NULL, &e), AS_ESHAPE,
	      "text.w: file has [3, 5], model wants [5, 3]; text.c: missing; "
	      "text.b: not a weight of this model; scale: not a weight of this model");
	fails(io_model_bind(&m, &other, "text.", &e), AS_ESHAPE, "text.b: not a weight");
	cr_assert(zero(ptr, strstr(e.msg, "scale")), "%s", e.msg);
	cr_assert(eq(flt, other.v[0], 0));
	io_model_close(&m);
	nn_params_free(&ps);
	nn_params_free(&other);
}

Test(io_model, a_vector_may_have_one_dimension)
{
	struct nn_params ps = { 0 };
	struct as_buf b = { 0 };
	struct as_rng rng;
	struct io_model m;
	struct as_err e;

	as_rng_seed(&rng, 1, 0);
	(void)nn_param_add(&ps, "", "b", 1, 2, 0, NN_ZERO, 0.0F);
	nn_params_start(&ps, &rng);
	build(&b, "{" T("b", "F32", "[2]", "[0,8]") "}", 8);
	ok(io_model_open_mem(&m, b.data, b.len, "m", &e));
	ok(io_model_bind(&m, &ps, NULL, &e));
	io_model_close(&m);
	build(&b, "{" T("b", "I32", "[2]", "[0,8]") "}", 8);
	ok(io_model_open_mem(&m, b.data, b.len, "m", &e));
	fails(io_model_bind(&m, &ps, NULL, &e), AS_ESHAPE, "b: file has I32, model wants F32");
	io_model_close(&m);
	as_buf_free(&b);
	nn_params_free(&ps);
}

Test(io_model, what_cannot_be_read_or_written_is_named)
{
	struct as_buf path = { 0 };
	struct io_model m;
	struct as_err e;

	fails(io_model_open(&m, tmpdir_path("gone"), &e), AS_ENOINPUT, "gone: No such file");
	fails(io_model_open(&m, tmpdir_file("zero", ""), &e), AS_EFORMAT,
	      "zero: 0 bytes are no safetensors file");
	as_buf_printf(&path, "%s/no/folder", tmpdir());
	fails(io_model_save(path.data, NULL, 0, NULL, 0, &e), AS_ECREATE, "no/folder");
	as_buf_free(&path);
}
