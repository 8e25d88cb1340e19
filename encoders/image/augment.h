/* SPDX-License-Identifier: Apache-2.0
 * augment.h - another view of a training picture. */
#ifndef ENC_IMAGE_AUGMENT_H
#define ENC_IMAGE_AUGMENT_H

#include "core/base/rng.h"

#include <stddef.h>

/* x, y [size, size, channels], y overwritten: mirrored left to right or not, moved by at most 8 %
 * of the side each way with zeros coming in, brighter or darker, with more or less contrast, and
 * with multiplicative noise, the speckle of coherent imaging. warp from 0 (none of it) to 1: also
 * turned, larger or smaller, and with a square of it hidden. */
void enc_augment(struct as_rng *rng, const float *x, float *y, size_t size, size_t channels,
		 float warp);

#endif
