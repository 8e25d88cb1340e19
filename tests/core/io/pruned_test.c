/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/pruned.h"
#include "tests/support/check.h"

#include <string.h>

static const struct io_hyper hyper = {
	.heads = 4, .mlp = 2, .width = 16, .text_buckets = 6, .image_channels = 8
};

static int parse(struct io_pruned *p, const char *modality, const char *text, size_t blocks,
		 struct as_err *e)
{
	struct json_t *doc = NULL;
	int rc;

	*p = (struct io_pruned){ 0 };
	TRY(io_json_parse(text, strlen(text), "statistics", &doc, e));
	TRY(io_pruned_parse(p, doc, modality, &(struct io_whole){ &hyper, blocks, 6 }, e));
out:
	io_json_free(doc);
	return rc;
}

Test(io_pruned, what_is_written_is_read)
{
	const struct nn_block_size size[] = { { 1, 5 }, { 4, 32 } };
	const bool keep[6] = { false, true, false, false, true, false };
	const uint32_t row[6] = { 2, 0, 2, 2, 1, 2 }; /* the third is shared */
	struct as_buf text = { 0 };
	struct io_jw w = { .b = &text };
	struct as_err e = { 0 };
	struct io_pruned p;

	io_jw_obj(&w, NULL);
	io_jw_obj(&w, "pruned");
	io_pruned_write(
	    &w, "text",
	    &(struct io_left){ .size = size, .blocks = 2, .bucket = keep, .buckets = 6 });
	io_jw_end_obj(&w);
	io_jw_end_obj(&w);
	same(text.data, "{\"pruned\":{\"text\":{\"blocks\":[{\"heads\":1,\"hidden\":5},"
			"{\"heads\":4,\"hidden\":32}],\"buckets\":\"21\"}}}");
	ok(parse(&p, "text", text.data, 2, &e));
	cr_assert(zero(int, memcmp(p.size, size, sizeof size)));
	cr_assert(eq(sz, p.rows, 3));
	cr_assert(zero(int, memcmp(p.row, row, sizeof row)));
	io_pruned_free(&p);
	as_buf_free(&text);
}

Test(io_pruned, channels_and_numbers_of_pictures_are_read)
{
	const size_t channels[IO_STAGES] = { 8, 16, 8, 40 };
	const bool read[6] = { true, false, false, true, false, true };
	const uint32_t number[] = { 0, 3, 5 };
	struct as_buf text = { 0 };
	struct io_jw w = { .b = &text };
	struct as_err e = { 0 };
	struct io_pruned p;

	io_jw_obj(&w, NULL);
	io_jw_obj(&w, "pruned");
	io_pruned_write(&w, "image",
			&(struct io_left){ .channels = channels, .number = read, .numbers = 6 });
	io_jw_end_obj(&w);
	io_jw_end_obj(&w);
	same(text.data, "{\"pruned\":{\"image\":{\"blocks\":[],\"channels\":[8,16,8,40],"
			"\"texture\":\"92\"}}}");
	ok(parse(&p, "image", text.data, 0, &e));
	cr_assert(zero(int, memcmp(p.channels, channels, sizeof channels)));
	cr_assert(eq(sz, p.numbers, 3));
	cr_assert(zero(int, memcmp(p.number, number, sizeof number)));
	io_pruned_free(&p);
	as_buf_free(&text);
}

Test(io_pruned, pictures_that_do_not_fit_the_model_are_refused)
{
	static const char *const bad[][2] = {
		{ "\"channels\":[8,16,32]", "channels: want an array of 4" },
		{ "\"channels\":[8,16,40,64]", "stage 2: want a multiple of 8 up to 32" },
		{ "\"channels\":[8,12,32,64]", "stage 1: want a multiple of 8 up to 16" },
		{ "\"channels\":[0,16,32,64]", "stage 0: want a multiple of 8 up to 8" },
		{ "\"channels\":[8,16,32,\"a\"]", "stage 3: want" },
		{ "\"texture\":\"921\"", "texture: want 2 hexadecimal digits" },
		{ "\"texture\":\"00\"", "texture: no number is read" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct as_err e = { 0 };
		struct as_buf text = { 0 };
		struct io_pruned p;

		as_buf_printf(&text, "{\"pruned\":{\"image\":{\"blocks\":[],%s}}}", bad[i][0]);
		fails(parse(&p, "image", text.data, 0, &e), AS_EFORMAT, bad[i][1]);
		io_pruned_free(&p);
		as_buf_free(&text);
	}
}

Test(io_pruned, without_an_entry_nothing_is_pruned)
{
	struct as_err e = { 0 };
	struct io_pruned p;

	ok(io_pruned_parse(&p, NULL, "text", &(struct io_whole){ &hyper, 1, 6 }, &e));
	cr_assert(p.size == NULL && p.row == NULL && p.rows == 6);
	cr_assert(p.number == NULL && p.numbers == 6 && p.channels[0] == 8 && p.channels[3] == 64);
	ok(parse(&p, "text", "{\"pruned\":{\"image\":{\"blocks\":[]}}}", 1, &e));
	cr_assert(p.size == NULL && p.row == NULL && p.rows == 6);
}

Test(io_pruned, what_does_not_fit_the_model_is_refused)
{
	static const char *const bad[][2] = {
		{ "{\"pruned\":{\"text\":{}}}", "want an array of 1" },
		{ "{\"pruned\":{\"text\":{\"blocks\":[{\"heads\":5,\"hidden\":5}]}}}",
		  "heads: want 1 to 4" },
		{ "{\"pruned\":{\"text\":{\"blocks\":[{\"heads\":4,\"hidden\":33}]}}}",
		  "block 0: hidden: want 1 to 32" },
		{ "{\"pruned\":{\"text\":{\"blocks\":[{\"heads\":4,\"hidden\":5}],\"buckets\":"
		  "\"210\"}}}",
		  "want 2 hexadecimal digits" },
		{ "{\"pruned\":{\"text\":{\"blocks\":[{\"heads\":4,\"hidden\":5}],\"buckets\":"
		  "\"2x\"}}}",
		  "want 2 hexadecimal digits" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct as_err e = { 0 };
		struct io_pruned p;

		fails(parse(&p, "text", bad[i][0], 1, &e), AS_EFORMAT, bad[i][1]);
		cr_assert(ne(ptr, strstr(e.msg, "statistics: pruned: text"), NULL), "%s", e.msg);
		io_pruned_free(&p);
	}
}
