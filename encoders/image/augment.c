/* SPDX-License-Identifier: Apache-2.0
 * augment.c - other views of a picture.
 *
 * Of a training picture:
 *
 *   (u, v)  place in the view from its centre, u mirrored in half of the views
 *   place in the picture   = centre + R(-t) (u, v) / zoom - shift            zero outside
 *   y = (gain x + offset) (1 + speckle),  x between its four neighbours      zero in the hole
 *
 *   t uniform within warp * TURN, log zoom within warp * ZOOM; a hole, in half of the views, has a
 *   side up to warp * HOLE of the view's.
 *
 * Hole: DeVries, Taylor, "Improved regularization of convolutional neural networks with cutout"
 * (2017), arXiv:1708.04552. */
#include "encoders/image/augment.h"

#include <math.h>
#include <string.h>

static const float SHIFT = 0.08F;   /* of the side, at most */
static const float CONTRAST = 0.2F; /* factor 0.8 .. 1.2 */
static const float BRIGHTER = 0.2F; /* of the picture's sd, at most */
static const float SPECKLE = 0.1F;  /* sd of the noise, relative to the pixel */
static const float TURN = 0.52F;    /* radians: 30 degrees */
static const float ZOOM = 0.4F;     /* of the logarithm */
static const float HOLE = 0.5F;     /* of the side */

struct view {
	bool mirror;
	float cos, sin; /* of the turn, over the zoom */
	float right, down;
	float gain, offset;
	long hole, top, left; /* of pixels; 0: no hole */
};

/* A picture [size, size, channels]. */
struct picture {
	const float *v;
	long size;
	size_t channels;
};

/* Uniform in [-most, most). */
static float draw(struct as_rng *rng, float most)
{
	return (2.0F * as_rng_float(rng) - 1.0F) * most;
}

static long draw_shift(struct as_rng *rng, size_t size)
{
	const long most = (long)(SHIFT * (float)size);

	return (long)as_rng_below(rng, (uint64_t)(2 * most + 1)) - most;
}

static struct view draw_view(struct as_rng *rng, size_t size, float warp)
{
	struct view w = { .mirror = as_rng_below(rng, 2) == 1 };
	float turn;
	float shrink;

	w.right = (float)draw_shift(rng, size);
	w.down = (float)draw_shift(rng, size);
	w.gain = 1.0F + draw(rng, CONTRAST);
	w.offset = draw(rng, BRIGHTER);
	turn = draw(rng, warp * TURN);
	shrink = expf(draw(rng, warp * ZOOM));
	w.cos = cosf(turn) * shrink;
	w.sin = sinf(turn) * shrink;
	if (as_rng_below(rng, 2) == 1) {
		w.hole = (long)(warp * HOLE * as_rng_float(rng) * (float)size);
		w.top = (long)as_rng_below(rng, size) - w.hole / 2;
		w.left = (long)as_rng_below(rng, size) - w.hole / 2;
	}
	return w;
}

/* to [channels] = weight * the pixel there; nothing outside the picture. */
static void add_pixel(const struct picture *x, long row, long col, float weight, float *to)
{
	const float *from = x->v + (row * x->size + col) * (long)x->channels;

	if (row < 0 || row >= x->size || col < 0 || col >= x->size) {
		return;
	}
	for (size_t k = 0; k < x->channels; k++) {
		to[k] += weight * from[k];
	}
}

/* Between four pixels. */
static void sample(const struct picture *x, float row, float col, float *to)
{
	const float top = floorf(row);
	const float left = floorf(col);
	const float down = row - top;
	const float right = col - left;

	add_pixel(x, (long)top, (long)left, (1.0F - down) * (1.0F - right), to);
	add_pixel(x, (long)top, (long)left + 1, (1.0F - down) * right, to);
	add_pixel(x, (long)top + 1, (long)left, down * (1.0F - right), to);
	add_pixel(x, (long)top + 1, (long)left + 1, down * right, to);
}

static bool in_hole(const struct view *w, long row, long col)
{
	return row >= w->top && row < w->top + w->hole && col >= w->left && col < w->left + w->hole;
}

void enc_augment(struct as_rng *rng, const float *x, float *y, size_t size, size_t channels,
		 float warp)
{
	const struct view w = draw_view(rng, size, warp);
	const struct picture from = { x, (long)size, channels };
	const float centre = 0.5F * (float)(size - 1);

	memset(y, 0, size * size * channels * sizeof *y);
	for (size_t i = 0; i < size * size; i++) {
		const size_t r = i / size;
		const float u = ((float)(i % size) - centre) * (w.mirror ? -1.0F : 1.0F);
		const float v = (float)r - centre;
		const float row = centre + w.cos * v - w.sin * u - w.down;
		const float col = centre + w.cos * u + w.sin * v - w.right;
		float *to = y + i * channels;

		if (row <= -1.0F || col <= -1.0F || row >= (float)size || col >= (float)size ||
		    in_hole(&w, (long)(i / size), (long)(i % size))) {
			continue;
		}
		sample(&from, row, col, to);
		for (size_t k = 0; k < channels; k++) {
			to[k] = (w.gain * to[k] + w.offset) * (1.0F + SPECKLE * as_rng_normal(rng));
		}
	}
}

static const struct {
	bool mirror;
	signed char right, down; /* in SHIFT / 2 of the side */
} VIEWS[ENC_VIEWS_MAX] = {
	{ false, 0, 0 }, { true, 0, 0 },  { false, 1, 1 },  { false, -1, -1 },
	{ true, 1, -1 }, { true, -1, 1 }, { false, 1, -1 }, { false, -1, 1 },
};

bool enc_view_mirrored(size_t k)
{
	return VIEWS[k].mirror;
}

void enc_view(size_t k, const float *x, float *y, size_t size, size_t channels)
{
	const long n = (long)size;
	const long by = (long)(SHIFT * 0.5F * (float)size);

	for (long i = 0; i < n * n; i++) {
		const long u = i % n;
		const long row = i / n - VIEWS[k].down * by;
		const long col = (VIEWS[k].mirror ? n - 1 - u : u) - VIEWS[k].right * by;
		const bool in = row >= 0 && row < n && col >= 0 && col < n;

		for (size_t c = 0; c < channels; c++) {
			y[(size_t)i * channels + c] =
			    in ? x[(size_t)(row * n + col) * channels + c] : 0.0F;
		}
	}
}
