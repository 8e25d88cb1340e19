/* SPDX-License-Identifier: Apache-2.0
 * augment.h - other views of a picture: drawn in training, the same always in judging. */
#ifndef ENC_IMAGE_AUGMENT_H
#define ENC_IMAGE_AUGMENT_H

#include "core/base/rng.h"

#include <stdbool.h>
#include <stddef.h>

/* x, y [size, size, channels], y overwritten: mirrored left to right or not, moved by at most 8 %
 * of the side each way with zeros coming in, brighter or darker, with more or less contrast, and
 * with multiplicative noise, the speckle of coherent imaging. warp from 0 (none of it) to 1: also
 * turned, larger or smaller, and with a square of it hidden. */
void enc_augment(struct as_rng *rng, const float *x, float *y, size_t size, size_t channels,
		 float warp);

enum { ENC_VIEWS_MAX = 8 };

/* The k-th view, k < ENC_VIEWS_MAX, of a picture that is judged: x itself, then mirrored left to
 * right, then moved by 4 % of the side each way and mirrored, zeros coming in. Each is one that
 * enc_augment may draw, but for brightness, contrast and noise. x, y as there. */
void enc_view(size_t k, const float *x, float *y, size_t size, size_t channels);
bool enc_view_mirrored(size_t k);

#endif
