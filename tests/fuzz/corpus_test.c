/* SPDX-License-Identifier: Apache-2.0
 * corpus_test.c - every file of every corpus through its harness, and a few thousand changes of
 * each: bytes flipped, cut and doubled by a seeded generator, so that `make test` looks a little
 * around what the fuzzer has found. */
#include "core/base/buf.h"
#include "core/base/rng.h"
#include "core/io/file.h"
#include "tests/support/check.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

enum { CHANGES = 200, FILE_MAX = 1 << 20 };

#define HARNESS(name) int fuzz_##name(const uint8_t *data, size_t n);
#include "tests/fuzz/harnesses.def"
#undef HARNESS

typedef int harness(const uint8_t *data, size_t n);

/* One to four changes of the bytes, in place; at most twice as many bytes. */
static void change(struct as_rng *r, struct as_buf *b)
{
	for (uint64_t k = 1 + as_rng_below(r, 4); k > 0 && b->len > 0; k--) {
		const size_t at = as_rng_below(r, b->len);

		switch (as_rng_below(r, 4)) {
		case 0:
			b->data[at] = (char)as_rng_below(r, 256);
			break;
		case 1:
			b->data[at] = (char)(b->data[at] ^ (1 << as_rng_below(r, 8)));
			break;
		case 2:
			b->len = at;
			break;
		default: { /* the tail once more; the buffer may move, so it is copied first */
			char *tail = as_malloc(b->len - at);

			memcpy(tail, b->data + at, b->len - at);
			as_buf_put(b, tail, b->len - at);
			free(tail);
		}
		}
	}
}

static void run_file(harness *h, const char *path, struct as_rng *r)
{
	struct as_buf whole = { 0 };
	struct as_buf changed = { 0 };
	struct as_err e = { 0 };

	ok(io_read_file(path, FILE_MAX, &whole, &e));
	cr_assert(zero(int, h((const uint8_t *)whole.data, whole.len)));
	for (int i = 0; i < CHANGES; i++) {
		changed.len = 0;
		as_buf_put(&changed, whole.data, whole.len);
		change(r, &changed);
		cr_assert(zero(int, h((const uint8_t *)changed.data, changed.len)));
	}
	as_buf_free(&whole);
	as_buf_free(&changed);
}

static void run_corpus(const char *name, harness *h)
{
	struct as_rng r;
	struct dirent **file;
	char folder[512];
	char path[1024];
	int n;
	int ran = 0;

	(void)snprintf(folder, sizeof folder, "%s/tests/fuzz/corpus/%s", SOURCE_DIR, name);
	n = scandir(folder, &file, NULL, alphasort);
	cr_assert(lt(int, 0, n), "no corpus at %s", folder);
	as_rng_seed(&r, 1, 0);
	for (int i = 0; i < n; i++) {
		if (file[i]->d_name[0] != '.') {
			(void)snprintf(path, sizeof path, "%s/%s", folder, file[i]->d_name);
			run_file(h, path, &r);
			ran++;
		}
		free(file[i]);
	}
	free(file);
	cr_assert(lt(int, 0, ran), "no file in %s", folder);
}

#define HARNESS(name)                           \
	Test(fuzz_corpus, name)                 \
	{                                       \
		run_corpus(#name, fuzz_##name); \
	}
#include "tests/fuzz/harnesses.def"
