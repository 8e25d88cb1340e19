/* SPDX-License-Identifier: Apache-2.0
 * pixels.h - an image file's bytes to a square of normalised pixels, and back to boxes of the file.
 * pixels.c is the only file that knows libvips. */
#ifndef ENC_IMAGE_PIXELS_H
#define ENC_IMAGE_PIXELS_H

#include "core/base/err.h"
#include "plugins/assay_plugin.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ENC_IMAGE_PIXELS_MAX = 100000000,
	ENC_IMAGE_SIDE_MAX = 32768,
	ENC_IMAGE_PAGES_MAX = 200,
};

/* What is wanted of a file. */
struct enc_picture {
	size_t size;     /* pixels a side of the square */
	size_t channels; /* 1: luminance, 3: RGB */
	bool pad;        /* the whole picture, padded; else its centre square */
	/* of a file, at most; 0: ENC_IMAGE_..._MAX */
	uint64_t side_max, pixels_max, pages_max;
};

/* What came of it. */
struct enc_pixels {
	float *v;             /* [size, size, channels]: mean 0 and sd 1 where the picture is */
	float *texture;       /* [ENC_SCATTER_N]; NULL: nobody asked */
	size_t width, height; /* of the file after its EXIF rotation */
	/* the file scaled to [high, wide] lies with its upper left pixel at row top, column left of
	 * the square: negative where it is cropped, positive where it is padded */
	size_t wide, high;
	long left, top;
};

/* Readies libvips: image.h. Any number of times, on the main thread. */
int enc_pixels_init(struct as_err *e) AS_CHECKED;

/* AS_EFORMAT says what is wrong and sets *limit (NULL: no limit). Any thread. Free with
 * enc_pixels_free whatever the result. */
int enc_pixels_read(struct enc_pixels *px, const struct enc_picture *want, const void *data,
		    size_t size, const char **limit, struct as_err *e) AS_CHECKED;
void enc_pixels_free(struct enc_pixels *px);

/* The box of the file that columns [x0, x1) and rows [y0, y1) of the square show; false where they
 * show nothing but padding. */
bool enc_pixels_box(const struct enc_pixels *px, size_t x0, size_t y0, size_t x1, size_t y1,
		    struct assay_place *box);

#endif
