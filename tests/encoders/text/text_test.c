/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/text/text.h"
#include "tests/encoders/kit.h"

static const char ini[] = "[task]\n"
			  "name = t\n"
			  "target = label\n"
			  "kind = class\n"
			  "labels = no, yes\n"
			  "[part.report]\n"
			  "modality = text\n"
			  "column = words\n"
			  "[model]\n"
			  "width = 16\n"
			  "text_buckets = 256\n"
			  "text_embed = 8\n"
			  "text_words = 100\n"
			  "gate_threshold = 0\n"
			  "[train]\n"
			  "dropout = 0\n";

static struct assay_item report(const char *text)
{
	return kit_item("report", text, strlen(text));
}

Test(text_kind, gradients_are_those_of_the_whole_encoder)
{
	const struct assay_item item = report("an irregular mass with a spiculated margin");
	struct kit k;

	kit_open(&k, &enc_text_kind, ini, NULL);
	cr_assert(kit_gradients(&k, &item, 7, NULL) < 1e-2);
	kit_close(&k);
}

Test(text_kind, gradients_hold_where_words_are_pooled)
{
	struct as_buf text = { 0 };
	struct assay_item item;
	struct kit k;

	for (int i = 0; i < 90; i++) {
		as_buf_printf(&text, "word%d ", i * 7);
	}
	item = kit_item("report", text.data, text.len);
	kit_open(&k, &enc_text_kind, ini, NULL);
	cr_assert(kit_gradients(&k, &item, 31, NULL) < 1e-2);
	kit_close(&k);
	as_buf_free(&text);
}

Test(text_kind, hidden_words_are_guessed_and_the_gradient_is_the_guess_s)
{
	struct as_buf text = { 0 };
	struct assay_item item = report("an irregular mass with a spiculated margin");
	struct kit k;
	double fresh;

	kit_open_to_guess(&k, &enc_text_kind, ini, NULL);
	cr_assert(kit_guess_gradients(&k, &item, 23, &fresh) < 1e-2);
	cr_assert(epsilon_eq(dbl, fresh, 1.0, 1e-6));
	kit_close(&k);
	for (int i = 0; i < 90; i++) { /* rows of one and of two words */
		as_buf_printf(&text, "word%d ", i * 7);
	}
	item = kit_item("report", text.data, text.len);
	kit_open_to_guess(&k, &enc_text_kind, ini, NULL);
	cr_assert(kit_guess_gradients(&k, &item, 61, &fresh) < 1e-2);
	kit_close(&k);
	as_buf_free(&text);
}

Test(text_kind, up_to_64_words_are_a_row_each_with_its_bytes)
{
	const struct assay_item item = report("Oval\nmass, \xC3\xA9t\xC3\xA9.");
	struct enc_input in;
	struct kit k;
	float *rows;

	kit_open(&k, &enc_text_kind, ini, NULL);
	rows = kit_encode(&k, &item, &in);
	cr_assert(eq(sz, in.rows, 3));
	cr_assert(eq(u32, in.place[0].a, 0));
	cr_assert(eq(u32, in.place[0].b, 4));
	same(in.place[0].label, "Oval");
	cr_assert(eq(u32, in.place[2].a, 11));
	cr_assert(eq(u32, in.place[2].b, 16));
	same(in.place[2].label, "\xC3\xA9t\xC3\xA9");
	k.kind->input_free(&in);
	free(rows);
	kit_close(&k);
}

Test(text_kind, more_words_are_64_runs_that_cover_them_all)
{
	struct as_buf text = { 0 };
	struct enc_input in;
	struct assay_item item;
	struct kit k;
	struct as_err e = { 0 };

	for (int i = 0; i < 100; i++) {
		as_buf_puts(&text, "ab\n");
	}
	item = kit_item("report", text.data, text.len);
	kit_open(&k, &enc_text_kind, ini, NULL);
	ok(k.kind->prepare(k.enc, &item, &in, &e));
	cr_assert(eq(sz, in.rows, 64));
	cr_assert(eq(u32, in.place[0].a, 0));
	cr_assert(eq(u32, in.place[63].b, 299));
	for (size_t r = 1; r < 64; r++) {
		cr_assert(eq(u32, in.place[r].a, in.place[r - 1].b + 1));
	}
	same(in.place[1].label, "ab ab");
	k.kind->input_free(&in);
	kit_close(&k);
	as_buf_free(&text);
}

Test(text_kind, a_label_is_cut_at_a_character)
{
	struct as_buf text = { 0 };
	struct enc_input in;
	struct assay_item item;
	struct kit k;
	struct as_err e = { 0 };

	for (int i = 0; i < 30; i++) {
		as_buf_puts(&text, "\xC3\xA9");
	}
	item = kit_item("report", text.data, text.len);
	kit_open(&k, &enc_text_kind, ini, NULL);
	ok(k.kind->prepare(k.enc, &item, &in, &e));
	cr_assert(eq(sz, strlen(in.place[0].label), 42));
	k.kind->input_free(&in);
	kit_close(&k);
	as_buf_free(&text);
}

Test(text_kind, the_page_of_the_item_is_in_its_places)
{
	struct assay_item item = report("two words");
	struct enc_input in;
	struct kit k;
	struct as_err e = { 0 };

	item.page = 3;
	kit_open(&k, &enc_text_kind, ini, NULL);
	ok(k.kind->prepare(k.enc, &item, &in, &e));
	cr_assert(eq(u32, in.place[1].page, 3));
	k.kind->input_free(&in);
	kit_close(&k);
}

Test(text_kind, signs_without_a_word_are_one_row)
{
	const struct assay_item item = report(" ??? ");
	struct enc_input in;
	struct kit k;
	float *rows;

	kit_open(&k, &enc_text_kind, ini, NULL);
	rows = kit_encode(&k, &item, &in);
	cr_assert(eq(sz, in.rows, 1));
	cr_assert(eq(u32, in.place[0].b, 5));
	same(in.place[0].label, " ??? ");
	for (size_t i = 0; i < 16; i++) {
		cr_assert(isfinite(rows[i]));
	}
	k.kind->input_free(&in);
	free(rows);
	kit_close(&k);
}

Test(text_kind, an_empty_or_blank_text_is_refused)
{
	const struct assay_item none = kit_item("report", NULL, 0);
	const struct assay_item blank = report(" \r\n\t ");
	struct kit k;

	kit_open(&k, &enc_text_kind, ini, NULL);
	kit_refuses(&k, &none, "text_empty", "0 bytes");
	kit_refuses(&k, &blank, "text_empty", "5 bytes");
	kit_close(&k);
}

Test(text_kind, the_limit_of_bytes_holds_exactly)
{
	const size_t max = 4 << 20;
	char *text = as_malloc(max + 1);
	struct assay_item item = kit_item("report", text, max);
	struct kit k;

	memset(text, '.', max + 1);
	kit_open(&k, &enc_text_kind, ini, NULL);
	cr_assert(eq(sz, kit_takes(&k, &item), 1));
	item.size = max + 1;
	kit_refuses(&k, &item, "text_bytes", "4194305 bytes, 4194304 at most");
	kit_close(&k);
	free(text);
}

Test(text_kind, a_limit_of_bytes_that_is_set_holds_at_one_less_and_one_more)
{
	const char text[] = "0123456789 123456789 x";
	struct assay_item item = kit_item("report", text, 19);
	struct kit k;

	kit_open(&k, &enc_text_kind, ini, NULL);
	kit_limit(&k, "bytes", 20);
	(void)kit_takes(&k, &item);
	item.size = 20;
	(void)kit_takes(&k, &item);
	item.size = 21;
	kit_refuses(&k, &item, "text_bytes", "21 bytes, 20 at most");
	kit_close(&k);
}

Test(text_kind, the_limit_of_words_holds_exactly)
{
	struct as_buf text = { 0 };
	struct assay_item item;
	struct kit k;

	for (int i = 0; i < 101; i++) {
		as_buf_puts(&text, "w ");
	}
	kit_open(&k, &enc_text_kind, ini, NULL);
	item = kit_item("report", text.data, text.len - 2);
	cr_assert(eq(sz, kit_takes(&k, &item), 64));
	item.size = text.len;
	kit_refuses(&k, &item, "text_words", "more than 100 words");
	kit_close(&k);
	as_buf_free(&text);
}

Test(text_kind, invalid_bytes_are_replaced_and_counted)
{
	const struct assay_item item = report("mass \xFF\xFE oval");
	struct enc_input in;
	struct kit k;
	struct as_err e = { 0 };

	kit_open(&k, &enc_text_kind, ini, NULL);
	ok(k.kind->prepare(k.enc, &item, &in, &e));
	cr_assert(eq(u64, in.replaced, 2));
	cr_assert(eq(sz, in.rows, 2));
	k.kind->input_free(&in);
	kit_close(&k);
}

Test(text_kind, encoding_twice_gives_the_same_bits)
{
	const struct assay_item item = report("oval, circumscribed, hypoechoic");
	struct enc_input a;
	struct enc_input b;
	struct kit k;
	float *x;
	float *y;

	kit_open(&k, &enc_text_kind, ini, NULL);
	x = kit_encode(&k, &item, &a);
	y = kit_encode(&k, &item, &b);
	cr_assert(zero(int, memcmp(x, y, a.rows * 16 * sizeof *x)));
	k.kind->input_free(&a);
	k.kind->input_free(&b);
	free(x);
	free(y);
	kit_close(&k);
}

Test(text_kind, case_and_composition_do_not_matter_and_words_do)
{
	const struct assay_item lower = report("\xC3\xA9t\xC3\xA9 oval");
	const struct assay_item upper = report("E\xCC\x81T\xC3\x89 OVAL");
	const struct assay_item other = report("\xC3\xA9t\xC3\xA9 round");
	struct enc_input in[3];
	float *x[3];
	struct kit k;

	kit_open(&k, &enc_text_kind, ini, NULL);
	x[0] = kit_encode(&k, &lower, &in[0]);
	x[1] = kit_encode(&k, &upper, &in[1]);
	x[2] = kit_encode(&k, &other, &in[2]);
	cr_assert(zero(int, memcmp(x[0], x[1], 32 * sizeof(float))));
	cr_assert(ne(int, memcmp(x[0], x[2], 32 * sizeof(float)), 0));
	for (size_t i = 0; i < 3; i++) {
		k.kind->input_free(&in[i]);
		free(x[i]);
	}
	kit_close(&k);
}

Test(text_kind, an_odd_width_is_refused)
{
	struct io_task task = { 0 };
	struct nn_params ps = { 0 };
	struct as_err e = { 0 };
	void *enc;

	io_hyper_defaults(&task.hyper);
	task.hyper.width = 9;
	fails(enc_text_kind.open(&enc, &ps, &task, NULL, &e), AS_ECONFIG, "width = 9");
}

/* Models written before there were spans have no such weights, and need none. */
Test(text_kind, only_a_task_with_spans_has_their_weights)
{
	for (io_u32 spans = 0; spans < 2; spans++) {
		struct io_task task = { 0 };
		struct nn_params ps = { 0 };
		struct as_err e = { 0 };
		void *enc;

		io_hyper_defaults(&task.hyper);
		cr_assert(eq(u32, task.hyper.spans, 0));
		task.hyper.spans = spans;
		ok(enc_text_kind.open(&enc, &ps, &task, NULL, &e));
		cr_assert(
		    eq(int, nn_param_find(&ps, "text.block.0.attn.span.w") != NULL, spans == 1));
		enc_text_kind.close(enc);
		nn_params_free(&ps);
	}
}

Test(text_plugin, gives_the_bits_of_the_kind_and_refuses_by_item)
{
	const struct assay_item good = report("an irregular, hypoechoic mass");
	const struct assay_item bad = report("   ");
	struct kit k;

	kit_open(&k, &enc_text_kind, ini, NULL);
	kit_plugin_agrees(&k, NULL, &good, &bad, "text_empty");
	kit_close(&k);
}

Test(text_plugin, create_says_what_is_wrong_with_the_model)
{
	const struct assay_plugin *entry = kit_plugin(&enc_text_kind);
	const char *path = tmpdir_file("bad.safetensors", "no model");
	struct assay_host host = { .size = sizeof host,
				   .ctx = (void *)(uintptr_t)path,
				   .config = kit_config,
				   .log = kit_log };
	struct assay_encoder *encoder;
	char why[256];

	cr_assert(eq(int, entry->create(&host, &encoder, why, sizeof why), ASSAY_BAD_CONFIG));
	cr_assert(ne(ptr, strstr(why, "bad.safetensors"), NULL));
	cr_assert(eq(ptr, encoder, NULL));
	host.ctx = NULL;
	cr_assert(eq(int, entry->create(&host, &encoder, why, sizeof why), ASSAY_BAD_CONFIG));
	cr_assert(ne(ptr, strstr(why, "model:"), NULL));
}

Test(text_plugin, a_weight_that_is_not_a_number_refuses_the_item)
{
	const struct assay_plugin *entry = kit_plugin(&enc_text_kind);
	const struct assay_item item = report("mass");
	struct assay_place place[ENC_ROWS_MAX];
	float v[ENC_ROWS_MAX * 16];
	struct assay_features out = { .v = v, .place = place, .dim = 16, .rows_max = ENC_ROWS_MAX };
	struct assay_host host = { .size = sizeof host, .config = kit_config, .log = kit_log };
	struct assay_encoder *encoder;
	char why[256];
	struct kit k;

	kit_open(&k, &enc_text_kind, ini, NULL);
	k.ps.v[nn_param_find(&k.ps, "text.norm.gamma")->at] = NAN;
	host.ctx = (void *)(uintptr_t)kit_save(&k, NULL);
	cr_assert(eq(int, entry->create(&host, &encoder, why, sizeof why), ASSAY_DONE), "%s", why);
	cr_assert(eq(int, entry->encode(encoder, &item, &out, 1), ASSAY_DONE));
	cr_assert(eq(u32, out.rows, 0));
	cr_assert(ne(ptr, strstr(out.why, "not numbers"), NULL));
	entry->destroy(encoder);
	kit_close(&k);
}
