/* SPDX-License-Identifier: Apache-2.0
 * scatter.h - the texture of a picture: a scattering transform, which nothing has to learn. */
#ifndef ENC_IMAGE_SCATTER_H
#define ENC_IMAGE_SCATTER_H

#include <stddef.h>

enum {
	ENC_SCATTER_LEVELS = 4, /* octaves */
	ENC_SCATTER_TURNS = 6,  /* directions, 30 degrees apart */
	ENC_SCATTER_CELLS = 3,  /* a side, that have means of their own */
	ENC_SCATTER_PLACED = 2 + ENC_SCATTER_CELLS * ENC_SCATTER_CELLS, /* mean, sd, cells */
	/* planes of the first order, of the second; numbers in all */
	ENC_SCATTER_FIRST = ENC_SCATTER_LEVELS * ENC_SCATTER_TURNS,
	ENC_SCATTER_SECOND = ENC_SCATTER_FIRST * (ENC_SCATTER_LEVELS - 1) * ENC_SCATTER_TURNS / 2,
	ENC_SCATTER_N = (1 + ENC_SCATTER_FIRST) * ENC_SCATTER_PLACED + 2 * ENC_SCATTER_SECOND,
};

/* Floats of scratch for a picture of this side. */
size_t enc_scatter_scratch(size_t size);

/* x [size, size, channels], size a multiple of 8 from 32 on -> y [ENC_SCATTER_N], overwritten.
 * scratch [enc_scatter_scratch(size)]. The same bits on every instruction set. Any thread. */
void enc_scatter(const float *x, size_t size, size_t channels, float *scratch, float *y);

#endif
