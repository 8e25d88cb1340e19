/* SPDX-License-Identifier: Apache-2.0
 * image.h - the image encoder: JPEG, PNG, WebP, TIFF and GIF, told apart by content and read with
 * libvips; everything else is refused. Of several pages or frames the first is read.
 *
 * Places are x, y, w, h in pixels of the file after its EXIF rotation. Refused by limit, before any
 * pixel is decoded: image_empty (no bytes), image_format (none of the five), pixels (over 100
 * million), side (over 32,768), pages (over 200). A damaged file is refused without a limit. */
#ifndef ENC_IMAGE_H
#define ENC_IMAGE_H

#include "encoders/kind.h"

/* open() readies libvips for the whole process (one thread, no cache, only loaders of the formats
 * above), so the first one belongs to the main thread, before others read images. */
extern const struct enc_kind enc_image_kind;
/* Its name and version by themselves: addresses that a constant (plugin.c) can hold. */
extern const char enc_image_kind_name[];
extern const char enc_image_kind_version[];

#endif
