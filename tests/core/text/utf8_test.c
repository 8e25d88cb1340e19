/* SPDX-License-Identifier: Apache-2.0 */
#include "core/text/utf8.h"

#include "tests/support/check.h"
#include "tests/support/data.h"

#include <stdio.h>
#include <stdlib.h>

#define R "\xEF\xBF\xBD"

/* Cleans n bytes and compares with what is wanted. */
static void becomes(const char *s, size_t n, const char *want, size_t size, const char *who)
{
	struct as_buf out = { 0 };

	(void)tx_utf8_clean(s, n, false, &out);
	cr_assert(eq(sz, out.len, size), "%s: \"%s\"", who, out.data);
	cr_assert(eq(int, memcmp(out.data, want, size), 0), "%s: \"%s\"", who, out.data);
	as_buf_free(&out);
}

Test(text_utf8, a_valid_text_is_left_as_it_is)
{
	const char *s = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80";

	becomes(s, strlen(s), s, strlen(s), "all lengths");
}

Test(text_utf8, one_replacement_stands_for_a_maximal_subpart)
{
	/* Unicode 15, table 3-8 to 3-11 */
	becomes("\xC0\xAF\xE0\x80\xBF\xF0\x81\x82\x41", 9, R R R R R R R R "A", 25, "overlong");
	becomes("\xED\xA0\x80\xED\xBF\xBF\xED\xAF\x41", 9, R R R R R R R R "A", 25, "surrogates");
	becomes("\xF4\x91\x92\x93\xFF\x41\x80\xBF\x42", 9, R R R R R "A" R R "B", 23, "too big");
	becomes("\xE1\x80\xE2\xF0\x91\x92\xF1\xBF\x41", 9, R R R R "A", 13, "truncated");
	becomes("\xE2\x82", 2, R, 3, "cut at the end");
}

Test(text_utf8, replaced_bytes_are_counted)
{
	struct as_buf out = { 0 };

	cr_assert(eq(u64, tx_utf8_clean("a\xE2\x82z\xFF", 5, true, &out), 3));
	same(out.data, "a" R "z" R);
	as_buf_free(&out);
}

Test(text_utf8, a_nul_is_replaced_only_where_asked)
{
	struct as_buf out = { 0 };

	cr_assert(eq(u64, tx_utf8_clean("a\0b", 3, false, &out), 0));
	cr_assert(eq(sz, out.len, 3));
	as_buf_clear(&out);
	cr_assert(eq(u64, tx_utf8_clean("a\0b", 3, true, &out), 1));
	same(out.data, "a" R "b");
	as_buf_free(&out);
}

Test(text_utf8, a_cut_never_splits_a_character)
{
	cr_assert(eq(sz, tx_utf8_cut("a\xE2\x82\xAC", 4, 4), 4));
	cr_assert(eq(sz, tx_utf8_cut("a\xE2\x82\xAC", 4, 3), 1));
	cr_assert(eq(sz, tx_utf8_cut("a\xE2\x82\xAC", 4, 1), 1));
	cr_assert(eq(sz, tx_utf8_cut("\xE2\x82\xAC", 3, 2), 0));
}

/* Hexadecimal digits with blanks, up to ':' or the end of the line. */
static size_t from_hex(const char *s, char *out)
{
	size_t n = 0;

	while (*s != '\0' && *s != ':' && *s != '\n') {
		unsigned byte;

		if (*s == ' ') {
			s++;
		} else {
			cr_assert(eq(int, sscanf(s, "%2x", &byte), 1), "%s", s);
			out[n++] = (char)byte;
			s += 2;
		}
	}
	return n;
}

static void check_case(const char *line)
{
	const char *kind = strchr(line, ':');
	char in[256];
	char want[256];
	const char *hex;

	if (line[0] == '#' || kind == NULL) {
		return;
	}
	hex = strchr(kind + 1, ':') + 1;
	if (strncmp(kind, ":valid hex:", 11) == 0) {
		const size_t n = from_hex(hex, in);

		becomes(in, n, in, n, line);
	} else if (strncmp(kind, ":invalid hex:", 13) == 0) {
		const char *skipped = strchr(hex, ':') + 1;
		const size_t n = from_hex(hex, in);
		const size_t size = from_hex(strchr(skipped, ':') + 1, want);

		becomes(in, n, want, size, line);
	}
}

Test(text_utf8, the_published_cases_come_out_as_published)
{
	const char *path = data_path("robustness/utf8/utf8tests.txt");
	FILE *f = path ? fopen(path, "r") : NULL;
	char *line = NULL;
	size_t cap = 0;
	size_t cases = 0;

	if (f == NULL) {
		cr_skip("no data");
	}
	while (getline(&line, &cap, f) > 0) {
		check_case(line);
		cases += strstr(line, "valid hex:") != NULL;
	}
	cr_assert(lt(sz, 100, cases));
	free(line);
	(void)fclose(f);
}
