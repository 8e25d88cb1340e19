/* SPDX-License-Identifier: Apache-2.0
 * drawn.h - image files written byte by byte, honest and not. */
#ifndef TESTS_ENCODERS_IMAGE_DRAWN_H
#define TESTS_ENCODERS_IMAGE_DRAWN_H

#include "core/base/buf.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

static inline void put_big(struct as_buf *b, uint32_t v)
{
	const unsigned char s[4] = { (unsigned char)(v >> 24), (unsigned char)(v >> 16),
				     (unsigned char)(v >> 8), (unsigned char)v };

	as_buf_put(b, s, sizeof s);
}

static inline void put_little(struct as_buf *b, uint64_t v, size_t bytes)
{
	for (size_t i = 0; i < bytes; i++) {
		const unsigned char c = (unsigned char)(v >> (8 * i));

		as_buf_put(b, &c, 1);
	}
}

/* A PNG chunk with its CRC-32 (PNG specification, annex D). */
static inline void put_chunk(struct as_buf *b, const char *type, const struct as_buf *data)
{
	size_t from;
	uint32_t crc = 0xFFFFFFFF;

	put_big(b, (uint32_t)data->len);
	from = b->len;
	as_buf_put(b, type, 4);
	as_buf_put(b, data->data, data->len);
	for (size_t i = from; i < b->len; i++) {
		crc ^= (unsigned char)b->data[i];
		for (int k = 0; k < 8; k++) {
			crc = crc & 1 ? 0xEDB88320 ^ crc >> 1 : crc >> 1;
		}
	}
	put_big(b, ~crc);
}

/* The signature and header of a PNG. colour: 0 grey, 2 RGB, 4 grey and alpha, 6 RGB and alpha. */
static inline void put_png_header(struct as_buf *b, uint32_t w, uint32_t h, unsigned bits,
				  unsigned colour)
{
	struct as_buf head = { 0 };

	as_buf_put(b, "\x89PNG\r\n\x1A\n", 8);
	put_big(&head, w);
	put_big(&head, h);
	put_little(&head, bits | colour << 8, 5);
	put_chunk(b, "IHDR", &head);
	as_buf_free(&head);
}

/* A PNG of rows of `row` bytes each, stored without compression. */
static inline void put_png(struct as_buf *b, uint32_t w, uint32_t h, unsigned bits, unsigned colour,
			   const unsigned char *pixels, size_t row)
{
	struct as_buf data = { 0 };
	struct as_buf none = { 0 };
	uint32_t s1 = 1;
	uint32_t s2 = 0;

	put_png_header(b, w, h, bits, colour);
	as_buf_put(&data, "\x78\x01", 2);
	for (uint32_t y = 0; y < h; y++) {
		const uint32_t n = (uint32_t)row + 1;

		put_little(&data, y + 1 == h, 1);
		put_little(&data, n, 2);
		put_little(&data, ~n, 2);
		put_little(&data, 0, 1);
		as_buf_put(&data, pixels + y * row, row);
		for (uint32_t i = 0; i < n; i++) { /* Adler-32, RFC 1950 */
			s1 = (s1 + (unsigned char)data.data[data.len - n + i]) % 65521;
			s2 = (s2 + s1) % 65521;
		}
	}
	put_big(&data, s2 << 16 | s1);
	put_chunk(b, "IDAT", &data);
	put_chunk(b, "IEND", &none);
	as_buf_free(&data);
}

/* A TIFF of one strip of w * h grey bytes, with the orientation of EXIF. */
static inline void put_tiff(struct as_buf *b, uint32_t w, uint32_t h, uint32_t orientation,
			    const unsigned char *pixels)
{
	const uint32_t tag[][2] = { { 256, w },           { 257, h }, { 258, 8 },
				    { 259, 1 },           { 262, 1 }, { 273, 8 + 2 + 10 * 12 + 4 },
				    { 274, orientation }, { 277, 1 }, { 278, h },
				    { 279, w * h } };

	as_buf_put(b, "II*\0", 4);
	put_little(b, 8, 4);
	put_little(b, 10, 2);
	for (size_t i = 0; i < 10; i++) {
		put_little(b, tag[i][0], 2);
		put_little(b, 4, 2);
		put_little(b, 1, 4);
		put_little(b, tag[i][1], 4);
	}
	put_little(b, 0, 4);
	as_buf_put(b, pixels, (size_t)w * h);
}

/* A GIF of that many frames of one black pixel. */
static inline void put_gif(struct as_buf *b, size_t frames)
{
	static const unsigned char head[] = { 'G',  'I', 'F', '8', '9', 'a', 1,   0,   1,  0,
					      0x80, 0,   0,   0,   0,   0,   255, 255, 255 };
	static const unsigned char frame[] = { 0x21, 0xF9, 4, 0, 10, 0, 0, 0, 0x2C, 0, 0, 0,
					       0,    1,    0, 1, 0,  0, 2, 2, 0x44, 1, 0 };

	as_buf_put(b, head, sizeof head);
	for (size_t i = 0; i < frames; i++) {
		as_buf_put(b, frame, sizeof frame);
	}
	as_buf_puts(b, ";");
}

/* A grey picture v [side, side] as a PNG file. */
static inline bool write_png(const char *path, uint32_t side, const unsigned char *v)
{
	struct as_buf png = { 0 };
	FILE *f = fopen(path, "wb");
	bool whole = f != NULL;

	put_png(&png, side, side, 8, 0, v, side);
	if (f != NULL) {
		whole = fwrite(png.data, 1, png.len, f) == png.len;
		whole = fclose(f) == 0 && whole;
	}
	as_buf_free(&png);
	return whole;
}

#endif
