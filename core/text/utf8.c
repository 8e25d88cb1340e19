/* SPDX-License-Identifier: Apache-2.0 */
#include "core/text/utf8.h"

/* What may follow a lead byte: how many bytes, and the range of the first of them (Unicode 15,
 * table 3-7), which rules out overlong forms, surrogates and characters beyond U+10FFFF. */
struct lead {
	unsigned more; /* 0: not a lead byte */
	unsigned char low, high;
};

static struct lead lead_of(unsigned char c)
{
	struct lead l = { 0, 0x80, 0xBF };

	if (c >= 0xC2 && c <= 0xDF) {
		l.more = 1;
	} else if (c >= 0xE0 && c <= 0xEF) {
		l.more = 2;
		l.low = c == 0xE0 ? 0xA0 : 0x80;
		l.high = c == 0xED ? 0x9F : 0xBF;
	} else if (c >= 0xF0 && c <= 0xF4) {
		l.more = 3;
		l.low = c == 0xF0 ? 0x90 : 0x80;
		l.high = c == 0xF4 ? 0x8F : 0xBF;
	}
	return l;
}

uint32_t tx_utf8_next(const void *s, size_t n, size_t *at, uint64_t *replaced)
{
	const unsigned char *p = s;
	const size_t start = *at;
	const unsigned char c = p[start];
	struct lead l;
	uint32_t u;

	*at = start + 1;
	if (c < 0x80) {
		return c;
	}
	l = lead_of(c);
	if (l.more == 0) {
		*replaced += 1;
		return TX_REPLACEMENT;
	}
	u = c & (0x3FU >> l.more);
	for (unsigned i = 0; i < l.more; i++) {
		if (*at >= n || p[*at] < l.low || p[*at] > l.high) {
			*replaced += *at - start;
			return TX_REPLACEMENT;
		}
		u = u << 6 | (p[*at] & 0x3FU);
		l.low = 0x80;
		l.high = 0xBF;
		*at += 1;
	}
	return u;
}

uint64_t tx_utf8_clean(const void *s, size_t n, bool nul, struct as_buf *out)
{
	const char *p = s;
	uint64_t replaced = 0;
	size_t kept = 0; /* bytes already in out */
	size_t at = 0;

	while (at < n) {
		const size_t from = at;
		const uint64_t before = replaced;
		const uint32_t u = tx_utf8_next(s, n, &at, &replaced);

		if (u == 0 && nul) {
			replaced++;
		}
		if (replaced != before) {
			as_buf_put(out, p + kept, from - kept);
			as_buf_put(out, "\xEF\xBF\xBD", 3);
			kept = at;
		}
	}
	as_buf_put(out, p + kept, n - kept);
	return replaced;
}

size_t tx_utf8_cut(const char *s, size_t n, size_t max)
{
	size_t at = max;

	if (n <= max) {
		return n;
	}
	while (at > 0 && ((unsigned char)s[at] & 0xC0U) == 0x80U) {
		at--;
	}
	return at;
}
