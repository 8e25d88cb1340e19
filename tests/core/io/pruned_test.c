/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/pruned.h"
#include "tests/support/check.h"

#include <string.h>

static const struct io_hyper hyper = { .heads = 4, .mlp = 2, .width = 16, .text_buckets = 6 };

static int parse(struct io_pruned *p, const char *text, size_t blocks, struct as_err *e)
{
	struct json_t *doc = NULL;
	int rc;

	*p = (struct io_pruned){ 0 };
	TRY(io_json_parse(text, strlen(text), "statistics", &doc, e));
	TRY(io_pruned_parse(p, doc, "text", &hyper, blocks, e));
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
	io_pruned_write(&w, "text", size, 2, keep, 6);
	io_jw_end_obj(&w);
	io_jw_end_obj(&w);
	same(text.data, "{\"pruned\":{\"text\":{\"blocks\":[{\"heads\":1,\"hidden\":5},"
			"{\"heads\":4,\"hidden\":32}],\"buckets\":\"21\"}}}");
	ok(parse(&p, text.data, 2, &e));
	cr_assert(zero(int, memcmp(p.size, size, sizeof size)));
	cr_assert(eq(sz, p.rows, 3));
	cr_assert(zero(int, memcmp(p.row, row, sizeof row)));
	io_pruned_free(&p);
	as_buf_free(&text);
}

Test(io_pruned, without_an_entry_nothing_is_pruned)
{
	struct as_err e = { 0 };
	struct io_pruned p;

	ok(io_pruned_parse(&p, NULL, "text", &hyper, 1, &e));
	cr_assert(p.size == NULL && p.row == NULL && p.rows == 6);
	ok(parse(&p, "{\"pruned\":{\"image\":{\"blocks\":[]}}}", 1, &e));
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

		fails(parse(&p, bad[i][0], 1, &e), AS_EFORMAT, bad[i][1]);
		cr_assert(ne(ptr, strstr(e.msg, "statistics: pruned: text"), NULL), "%s", e.msg);
		io_pruned_free(&p);
	}
}
