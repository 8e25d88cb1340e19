/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/json.h"
#include "core/text/utf8.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

static void put_escaped(struct as_buf *b, uint32_t c)
{
	switch (c) {
	case '"':
		as_buf_puts(b, "\\\"");
		break;
	case '\\':
		as_buf_puts(b, "\\\\");
		break;
	case '\n':
		as_buf_puts(b, "\\n");
		break;
	case '\r':
		as_buf_puts(b, "\\r");
		break;
	case '\t':
		as_buf_puts(b, "\\t");
		break;
	default:
		as_buf_printf(b, "\\u%04" PRIx32, c);
		break;
	}
}

static void put_string(struct as_buf *b, const char *s, size_t n)
{
	size_t from = 0; /* what is read and not written is plain */
	size_t at = 0;

	as_buf_puts(b, "\"");
	while (at < n) {
		const size_t here = at;
		uint64_t bad = 0;
		const uint32_t c = tx_utf8_next(s, n, &at, &bad);

		if (bad == 0 && c >= 0x20 && c != '"' && c != '\\' && c != 0x7F) {
			continue;
		}
		as_buf_put(b, s + from, here - from);
		if (bad > 0) {
			as_buf_puts(b, "\xEF\xBF\xBD");
		} else {
			put_escaped(b, c);
		}
		from = at;
	}
	as_buf_put(b, s + from, n - from);
	as_buf_puts(b, "\"");
}

static void put_number(struct as_buf *b, uint64_t v)
{
	char digit[20];
	size_t at = sizeof digit;

	do {
		digit[--at] = (char)('0' + v % 10);
		v /= 10;
	} while (v > 0);
	as_buf_put(b, digit + at, sizeof digit - at);
}

/* The comma and the key in front of a value. */
static void before(struct io_jw *w, const char *key)
{
	if (w->comma) {
		as_buf_puts(w->b, ",");
	}
	if (key != NULL) {
		put_string(w->b, key, strlen(key));
		as_buf_puts(w->b, ":");
	}
	w->comma = true;
}

void io_jw_obj(struct io_jw *w, const char *key)
{
	before(w, key);
	as_buf_puts(w->b, "{");
	w->comma = false;
}

void io_jw_arr(struct io_jw *w, const char *key)
{
	before(w, key);
	as_buf_puts(w->b, "[");
	w->comma = false;
}

void io_jw_end_obj(struct io_jw *w)
{
	as_buf_puts(w->b, "}");
	w->comma = true;
}

void io_jw_end_arr(struct io_jw *w)
{
	as_buf_puts(w->b, "]");
	w->comma = true;
}

void io_jw_str(struct io_jw *w, const char *key, const char *v)
{
	if (v == NULL) {
		io_jw_raw(w, key, "null");
	} else {
		io_jw_strn(w, key, v, strlen(v));
	}
}

void io_jw_strn(struct io_jw *w, const char *key, const char *v, size_t n)
{
	before(w, key);
	put_string(w->b, v, n);
}

void io_jw_u64(struct io_jw *w, const char *key, uint64_t v)
{
	before(w, key);
	put_number(w->b, v);
}

void io_jw_float(struct io_jw *w, const char *key, float v)
{
	before(w, key);
	if (isfinite(v)) {
		as_buf_printf(w->b, "%.9g", (double)v);
	} else {
		as_buf_puts(w->b, "null");
	}
}

void io_jw_num(struct io_jw *w, const char *key, double v)
{
	before(w, key);
	if (isfinite(v)) {
		as_buf_printf(w->b, "%.17g", v);
	} else {
		as_buf_puts(w->b, "null");
	}
}

void io_jw_bool(struct io_jw *w, const char *key, bool v)
{
	io_jw_raw(w, key, v ? "true" : "false");
}

void io_jw_raw(struct io_jw *w, const char *key, const char *json)
{
	before(w, key);
	as_buf_puts(w->b, json);
}
