/* SPDX-License-Identifier: Apache-2.0 */
#include "core/text/words.h"

#include "core/base/buf.h"
#include "core/base/clock.h"
#include "tests/support/check.h"
#include "tests/support/data.h"

#include <stdio.h>
#include <stdlib.h>

/* The folded words joined by a blank. */
static void reads(const char *text, const char *want)
{
	struct tx_words w;
	struct as_buf out = { 0 };
	struct as_err e;

	ok(tx_words_read(&w, text, strlen(text), 0, 1000, &e));
	as_buf_puts(&out, "");
	for (size_t i = 0; i < w.n; i++) {
		as_buf_printf(&out, "%s%s", i > 0 ? " " : "", w.folded + w.word[i].at);
	}
	same(out.data, want);
	as_buf_free(&out);
	tx_words_free(&w);
}

Test(text_words, punctuation_separates_and_is_dropped)
{
	reads("BI-RADS 4b: \"Suspicion (of) malignancy\"&mass.",
	      "bi rads 4b suspicion of malignancy mass");
	reads(" .,;!  ", "");
	reads("", "");
}

Test(text_words, case_and_composition_do_not_matter)
{
	reads("STRASSE Stra\xC3\x9F"
	      "e",
	      "strasse strasse");
	reads("Caf\xC3\x89 Cafe\xCC\x81", "caf\xC3\xA9 caf\xC3\xA9");
	reads("\xCE\xA3\xCE\x8A\xCE\xA3\xCE\xA5\xCE\xA6\xCE\x9F\xCE\xA3", /* final sigma */
	      "\xCF\x83\xCE\xAF\xCF\x83\xCF\x85\xCF\x86\xCE\xBF\xCF\x83");
	reads("\xE1\x84\x92\xE1\x85\xA1\xE1\x86\xAB", "\xED\x95\x9C"); /* Hangul jamo */
}

Test(text_words, long_words_fold_alike_composed_and_decomposed)
{
	struct as_buf a = { 0 };
	struct as_buf b = { 0 };
	struct tx_words x;
	struct tx_words y;
	struct as_err e;

	for (int i = 0; i < 500; i++) {
		as_buf_puts(&a, i % 3 ? "\xC3\xA9" : "x");
		as_buf_puts(&b, i % 3 ? "e\xCC\x81" : "x");
	}
	ok(tx_words_read(&x, a.data, a.len, 0, 10, &e));
	ok(tx_words_read(&y, b.data, b.len, 0, 10, &e));
	same(x.folded, y.folded);
	same(x.folded, a.data);
	tx_words_free(&x);
	tx_words_free(&y);
	as_buf_free(&a);
	as_buf_free(&b);
}

Test(text_words, a_script_without_spaces_gives_a_word_a_character)
{
	reads("\xE4\xB9\xB3\xE8\x85\xBA\xE7\x99\x8C ok",
	      "\xE4\xB9\xB3 \xE8\x85\xBA \xE7\x99\x8C ok");
	/* a Thai mark stays with its letter */
	reads("\xE0\xB8\x97\xE0\xB8\xB5\xE0\xB9\x88\xE0\xB8\x94",
	      "\xE0\xB8\x97\xE0\xB8\xB5\xE0\xB9\x88 \xE0\xB8\x94");
	/* Korean and Yoruba have spaces */
	reads("\xED\x95\x9C\xEA\xB5\xAD \xE1\xBA\xB9\xCC\x80k\xE1\xBB\x8D\xCC\x81",
	      "\xED\x95\x9C\xEA\xB5\xAD \xE1\xBA\xB9\xCC\x80k\xE1\xBB\x8D\xCC\x81");
}

Test(text_words, invisible_characters_do_not_split_a_word)
{
	reads("mam\xC2\xADma", "mamma");
	reads("\xEF\xBB\xBFmass", "mass");
}

Test(text_words, spans_are_bytes_of_the_text_as_submitted)
{
	const char *s = "\xFF\xFE \xC3\x84ga\xCC\x88 \xE2\x82 b";
	struct tx_words w;
	struct as_err e;

	ok(tx_words_read(&w, s, strlen(s), 0, 10, &e));
	cr_assert(eq(sz, w.n, 2));
	cr_assert(eq(u32, w.word[0].a, 3));
	cr_assert(eq(u32, w.word[0].b, 9));
	same(w.folded + w.word[0].at, "\xC3\xA4g\xC3\xA4");
	cr_assert(eq(u32, w.word[1].a, 13));
	cr_assert(eq(u32, w.word[1].b, 14));
	cr_assert(eq(u64, w.replaced, 4));
	tx_words_free(&w);
}

Test(text_words, the_limit_is_refused_by_name)
{
	struct tx_words w;
	struct as_err e;

	ok(tx_words_read(&w, "one two three", 13, 64, 3, &e));
	tx_words_free(&w);
	fails(tx_words_read(&w, "one two three four", 18, 64, 3, &e), AS_EFORMAT,
	      "words: the text has more than 3");
	tx_words_free(&w);
}

Test(text_words, ids_are_below_buckets_and_bags_are_closed)
{
	const char *s = "irregular mass \xE4\xB9\xB3\xE8\x85\xBA";
	struct tx_words w;
	struct as_err e;

	ok(tx_words_read(&w, s, strlen(s), 257, 10, &e));
	cr_assert(eq(sz, w.n, 4));
	/* "<mass>": 4 + 3 + 2 n-grams and the word, two hashes each */
	cr_assert(eq(u32, w.start[2] - w.start[1], 20));
	/* a character of three bytes: 3 + 2 + 1 n-grams, the word, and its pair; the last has none
	 */
	cr_assert(eq(u32, w.start[3] - w.start[2], 16));
	cr_assert(eq(u32, w.start[4] - w.start[3], 14));
	cr_assert(eq(u32, w.start[0], 0));
	for (uint32_t i = 0; i < w.start[w.n]; i++) {
		cr_assert(lt(u32, w.ids[i], 257));
	}
	tx_words_free(&w);
}

Test(text_words, salts_keep_uses_of_one_table_apart)
{
	uint32_t a[TX_IDS_MAX];
	uint32_t b[TX_IDS_MAX];
	const size_t n = tx_hash_word("yes", 3, 1, 8192, a, TX_IDS_MAX);
	size_t same = 0;

	cr_assert(eq(sz, n, 14));
	cr_assert(eq(sz, tx_hash_word("yes", 3, 2, 8192, b, TX_IDS_MAX), n));
	for (size_t i = 0; i < n; i++) {
		same += a[i] == b[i];
	}
	cr_assert(lt(sz, same, 3));
}

Test(text_words, hashing_stays_inside_its_room)
{
	uint32_t ids[8] = { 0 };
	char word[1000];

	memset(word, 'q', sizeof word);
	cr_assert(eq(sz, tx_hash_word(word, sizeof word, 0, 99, ids, 7), 6));
	cr_assert(eq(u32, ids[7], 0));
}

/* Time for n bytes made of one piece, in nanoseconds. */
static int64_t time_of(const char *piece, size_t n, size_t *words)
{
	const size_t size = strlen(piece);
	char *s = as_malloc(n);
	struct tx_words w;
	struct as_err e;
	int64_t t;

	for (size_t i = 0; i < n; i++) {
		s[i] = i == 0 ? 'a' : piece[(i - 1) % size];
	}
	t = as_mono_ns();
	ok(tx_words_read(&w, s, n, 1024, 10, &e));
	t = as_mono_ns() - t;
	*words = w.n;
	tx_words_free(&w);
	free(s);
	return t;
}

Test(text_words, ten_megabytes_without_a_blank_are_one_word)
{
	size_t words;

	(void)time_of("x", 10 << 20, &words);
	cr_assert(eq(sz, words, 1));
}

Test(text_words, a_million_marks_take_linear_time)
{
	size_t words;
	/* classes 230 and 220 in turn: the worst case of canonical ordering */
	const int64_t small = time_of("\xCC\x81\xCC\xA3", 1 + 400000, &words);
	const int64_t large = time_of("\xCC\x81\xCC\xA3", 1 + 4000000, &words);

	cr_assert(eq(sz, words, 1));
	/* ten times the bytes: about 10 where time is linear, 100 where it is quadratic */
	cr_assert(lt(i64, large, 40 * small));
}

Test(text_words, naughty_strings_are_read_without_harm)
{
	const char *path = data_path("robustness/naughty_strings/blns.txt");
	FILE *f = path ? fopen(path, "r") : NULL;
	char *line = NULL;
	size_t cap = 0;
	size_t lines = 0;
	ssize_t n;

	if (f == NULL) {
		cr_skip("no data");
	}
	while ((n = getline(&line, &cap, f)) > 0) {
		struct tx_words w;
		struct as_err e;

		ok(tx_words_read(&w, line, (size_t)n, 512, 4096, &e));
		for (size_t i = 0; i < w.n; i++) {
			cr_assert(lt(u32, w.word[i].a, w.word[i].b));
			cr_assert(le(u32, w.word[i].b, (uint32_t)n));
			cr_assert(le(u32, i > 0 ? w.word[i - 1].b : 0, w.word[i].a));
		}
		tx_words_free(&w);
		lines++;
	}
	cr_assert(lt(sz, 400, lines));
	free(line);
	(void)fclose(f);
}
