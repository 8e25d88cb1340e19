/* SPDX-License-Identifier: Apache-2.0 */
#include "core/text/fold.h"

#include <stdbool.h>
#include <utf8proc.h>

static int class_of(int32_t c)
{
	return utf8proc_get_property(c)->combining_class;
}

/* Whether a window may begin with c: neither a mark nor a Hangul vowel or final, which composes
 * with what is before it. */
static bool begins(int32_t c)
{
	return class_of(c) == 0 && !(c >= 0x1160 && c <= 0x11FF);
}

/* Canonical ordering: a stable insertion of marks by class. */
static void order(int32_t *c, size_t n)
{
	for (size_t i = 1; i < n; i++) {
		const int32_t mark = c[i];
		const int class = class_of(mark);
		size_t j = i;

		while (class > 0 && j > 0 && class_of(c[j - 1]) > class) {
			c[j] = c[j - 1];
			j--;
		}
		c[j] = mark;
	}
}

void tx_fold_end(struct tx_fold *f)
{
	utf8proc_ssize_t n;

	if (f->n == 0) {
		return;
	}
	order(f->window, f->n);
	n = utf8proc_normalize_utf32(f->window, (utf8proc_ssize_t)f->n,
				     UTF8PROC_COMPOSE | UTF8PROC_STABLE);
	for (utf8proc_ssize_t i = 0; i < n; i++) {
		char *at = as_buf_reserve(f->out, 4);

		f->out->len += (size_t)utf8proc_encode_char(f->window[i], (utf8proc_uint8_t *)at);
		f->out->data[f->out->len] = '\0';
	}
	f->n = 0;
}

static bool is_full(const struct tx_fold *f, int32_t next)
{
	return f->n >= TX_FOLD_HARD || (f->n >= TX_FOLD_SOFT && begins(next));
}

void tx_fold_put(struct tx_fold *f, uint32_t c)
{
	int32_t d[TX_FOLD_CHAR] = { 0 };
	int last = 0;
	utf8proc_ssize_t n;

	if (c < 0x80) {
		d[0] = c >= 'A' && c <= 'Z' ? (int32_t)c + 32 : (int32_t)c;
		n = 1;
	} else {
		n = utf8proc_decompose_char((utf8proc_int32_t)c, d, TX_FOLD_CHAR,
					    UTF8PROC_DECOMPOSE | UTF8PROC_CASEFOLD, &last);
	}
	for (utf8proc_ssize_t i = 0; i < n && i < TX_FOLD_CHAR; i++) {
		if (is_full(f, d[i])) {
			tx_fold_end(f);
		}
		f->window[f->n++] = d[i];
	}
}
