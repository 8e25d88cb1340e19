/* SPDX-License-Identifier: Apache-2.0 */
#include "examples/breast/png.h"

#include "core/base/buf.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { STORED_MAX = 65535 }; /* bytes of a stored deflate block, RFC 1951 section 3.2.4 */

static void put32(struct as_buf *b, uint32_t v)
{
	const uint8_t be[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8),
				(uint8_t)v };

	as_buf_put(b, be, sizeof be);
}

/* CRC-32 of a chunk's type and data: PNG specification, annex D. */
static uint32_t crc32(const char *data, size_t n)
{
	uint32_t c = 0xffffffffU;

	for (size_t i = 0; i < n; i++) {
		c ^= (uint8_t)data[i];
		for (int k = 0; k < 8; k++) c = (c & 1U) != 0 ? 0xedb88320U ^ (c >> 1) : c >> 1;
	}
	return ~c;
}

static void put_chunk(struct as_buf *png, const char *type, const struct as_buf *body)
{
	const size_t at = png->len + 4;

	put32(png, (uint32_t)body->len);
	as_buf_puts(png, type);
	if (body->len > 0) {
		as_buf_put(png, body->data, body->len);
	}
	put32(png, crc32(png->data + at, png->len - at));
}

/* A zlib stream (RFC 1950) of stored blocks. */
static void put_zlib(struct as_buf *out, const struct as_buf *raw)
{
	uint32_t a = 1;
	uint32_t b = 0;

	as_buf_put(out, "\x78\x01", 2);
	for (size_t at = 0; at < raw->len;) {
		const size_t n = raw->len - at < STORED_MAX ? raw->len - at : STORED_MAX;
		const uint8_t head[5] = { at + n == raw->len, (uint8_t)n, (uint8_t)(n >> 8),
					  (uint8_t)~n, (uint8_t)(~n >> 8) };

		as_buf_put(out, head, sizeof head);
		as_buf_put(out, raw->data + at, n);
		at += n;
	}
	for (size_t i = 0; i < raw->len; i++) {
		a = (a + (uint8_t)raw->data[i]) % 65521;
		b = (b + a) % 65521;
	}
	put32(out, b << 16 | a);
}

int png_write(const char *path, const uint8_t *grey, size_t w, size_t h, struct as_err *e)
{
	struct as_buf png = { 0 };
	struct as_buf part = { 0 };
	struct as_buf raw = { 0 };
	FILE *f = NULL;
	int rc = AS_OK;

	as_buf_put(&png, "\x89PNG\r\n\x1a\n", 8);
	put32(&part, (uint32_t)w);
	put32(&part, (uint32_t)h);
	as_buf_put(&part, "\x08\0\0\0\0", 5); /* 8 bits, grey, no interlace */
	put_chunk(&png, "IHDR", &part);
	for (size_t y = 0; y < h; y++) {
		as_buf_put(&raw, "\0", 1); /* no filter */
		as_buf_put(&raw, grey + y * w, w);
	}
	as_buf_clear(&part);
	put_zlib(&part, &raw);
	put_chunk(&png, "IDAT", &part);
	as_buf_clear(&part);
	put_chunk(&png, "IEND", &part);
	f = fopen(path, "wb");
	if (f == NULL || fwrite(png.data, 1, png.len, f) != png.len) {
		rc = as_fail(e, AS_ECREATE, "%s: %s", path, strerror(errno));
	}
	if (f != NULL && fclose(f) != 0 && rc == AS_OK) {
		rc = as_fail(e, AS_ECREATE, "%s: %s", path, strerror(errno));
	}
	as_buf_free(&raw);
	as_buf_free(&part);
	as_buf_free(&png);
	return rc;
}
