/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/quantize.h"
#include "encoders/text/text.h"
#include "tests/encoders/kit.h"
#include "tests/support/count.h"

#include <stdio.h>

enum { TEXTS = 12, BATCHES = 1000, MOST = 8, WIDTH = 32, WORDS = 90 };

static const char ini[] = "[task]\n"
			  "name = t\n"
			  "target = label\n"
			  "kind = class\n"
			  "labels = no, yes\n"
			  "[part.report]\n"
			  "modality = text\n"
			  "column = words\n"
			  "[model]\n"
			  "width = 32\n"
			  "heads = 2\n"
			  "text_buckets = 256\n"
			  "text_embed = 16\n"
			  "text_words = 100\n";

/* Texts of 1 to WORDS words. */
static void write_texts(char text[TEXTS][8 * WORDS], struct as_rng *r)
{
	for (size_t i = 0; i < TEXTS; i++) {
		size_t n = 0;

		for (size_t w = 0; w <= i * i * (WORDS - 1) / (TEXTS * TEXTS); w++) {
			n += (size_t)sprintf(text[i] + n, "w%u ", (unsigned)(as_rng_u64(r) % 500));
		}
	}
}

static const char *save_int8(struct kit *k)
{
	struct io_quantized q = { 0 };
	struct io_model m = { 0 };
	struct as_err e = { 0 };
	const char *path;
	FILE *f;

	ok(io_model_open(&m, kit_save(k, NULL), &e));
	ok(io_quantize(&m, &q, &e));
	path = tmpdir_path("int8.safetensors");
	f = fopen(path, "wb");
	cr_assert(eq(sz, fwrite(q.file.data, 1, q.file.len, f), q.file.len));
	cr_assert(zero(int, fclose(f)));
	io_quantized_free(&q);
	io_model_close(&m);
	return path;
}

struct batch {
	struct assay_item item[MOST];
	struct assay_features out[MOST];
	float v[MOST][ENC_ROWS_MAX * WIDTH];
	struct assay_place place[MOST][ENC_ROWS_MAX];
};

static void put(struct batch *b, size_t at, const char *text)
{
	b->item[at] = kit_item("report", text, strlen(text));
	b->out[at] = (struct assay_features){
		.v = b->v[at], .place = b->place[at], .dim = WIDTH, .rows_max = ENC_ROWS_MAX
	};
}

struct section {
	const char *model, *threads;
};

static const char *section_config(void *ctx, const char *key)
{
	const struct section *s = ctx;

	return strcmp(key, "model") == 0     ? s->model
	       : strcmp(key, "threads") == 0 ? s->threads
					     : NULL;
}

/* Each alone on one thread, then in batches of which `threads` share each item. */
static void encodes_the_same_in_any_batch(const char *model, const char *threads)
{
	const struct assay_plugin *entry = kit_plugin(&enc_text_kind);
	struct section s = { model, NULL };
	const struct assay_host host = {
		.size = sizeof host, .ctx = &s, .config = section_config, .log = kit_log
	};
	char text[TEXTS][8 * WORDS];
	struct batch *alone = as_calloc(TEXTS, sizeof *alone);
	struct batch *b = as_calloc(1, sizeof *b);
	struct assay_encoder *encoder;
	char why[256] = "";
	struct as_rng r;

	as_rng_seed(&r, 11, 1);
	write_texts(text, &r);
	cr_assert(zero(int, entry->create(&host, &encoder, why, sizeof why)), "%s", why);
	for (size_t i = 0; i < TEXTS; i++) {
		put(&alone[i], 0, text[i]);
		cr_assert(zero(int, entry->encode(encoder, alone[i].item, alone[i].out, 1)));
		cr_assert(lt(u32, 0, alone[i].out[0].rows), "%s", alone[i].out[0].why);
	}
	entry->destroy(encoder);
	s.threads = threads;
	cr_assert(zero(int, entry->create(&host, &encoder, why, sizeof why)), "%s", why);
	for (size_t k = 0; k < BATCHES; k++) {
		const uint32_t n = 1 + (uint32_t)(as_rng_u64(&r) % MOST);
		size_t is[MOST];

		for (size_t i = 0; i < n; i++) {
			is[i] = as_rng_u64(&r) % TEXTS;
			put(b, i, text[is[i]]);
		}
		cr_assert(zero(int, entry->encode(encoder, b->item, b->out, n)));
		for (size_t i = 0; i < n; i++) {
			const struct assay_features *want = &alone[is[i]].out[0];

			cr_assert(eq(u32, b->out[i].rows, want->rows));
			cr_assert(
			    zero(int, memcmp(b->v[i], want->v, want->rows * WIDTH * sizeof(float))),
			    "batch %zu, item %zu of %u", k, i, n);
		}
	}
	entry->destroy(encoder);
	free(b);
	free(alone);
}

Test(text_batch, a_text_has_the_same_bits_alone_and_in_a_thousand_batches)
{
	struct kit k;

	kit_open(&k, &enc_text_kind, ini, NULL);
	encodes_the_same_in_any_batch(kit_save(&k, NULL), NULL);
	kit_close(&k);
}

Test(text_batch, in_int8_too)
{
	struct kit k;

	kit_open(&k, &enc_text_kind, ini, NULL);
	encodes_the_same_in_any_batch(save_int8(&k), NULL);
	kit_close(&k);
}

Test(text_batch, shared_by_two_threads_too)
{
	struct kit k;

	kit_open(&k, &enc_text_kind, ini, NULL);
	encodes_the_same_in_any_batch(kit_save(&k, NULL), "2");
	encodes_the_same_in_any_batch(save_int8(&k), "2");
	kit_close(&k);
}

Test(text_batch, a_number_of_threads_is_within_its_range)
{
	static const char *const wrong[] = { "0", "65", "two", "2x", "-1", "" };
	const struct assay_plugin *entry = kit_plugin(&enc_text_kind);
	struct kit k;

	kit_open(&k, &enc_text_kind, ini, NULL);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct section s = { kit_save(&k, NULL), wrong[i] };
		const struct assay_host host = {
			.size = sizeof host, .ctx = &s, .config = section_config, .log = kit_log
		};
		struct assay_encoder *encoder;
		char why[256] = "";

		cr_assert(
		    eq(int, entry->create(&host, &encoder, why, sizeof why), ASSAY_BAD_CONFIG));
		cr_assert(ne(ptr, strstr(why, "threads: want 1 to 64, got \""), NULL), "%s", why);
	}
	kit_close(&k);
}

Test(text_batch, a_text_that_is_read_is_encoded_without_the_allocator)
{
	const struct assay_item item = kit_item("report", "an irregular mass", 17);
	struct as_err e = { 0 };
	struct enc_input in;
	struct kit k;

	kit_open(&k, &enc_text_kind, ini, NULL);
	ok(k.kind->prepare(k.enc, &item, &in, &e));
	for (size_t i = 0; i < 3; i++) {
		const struct nn_step s = { .p = k.ps.v, .mem = &k.mem };
		const size_t before = count_allocations;
		float rows[3 * WIDTH];
		void *act;

		k.kind->fwd(k.enc, &s, &in, rows, &act);
		as_arena_reset(&k.mem, 0);
		cr_assert(eq(sz, count_allocations, before));
	}
	k.kind->input_free(&in);
	kit_close(&k);
}
