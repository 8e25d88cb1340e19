/* SPDX-License-Identifier: Apache-2.0
 * scan.c - B-mode ultrasound of a lesion in layered tissue.
 *
 *   speckle     g(x, y) = (n1 + i n2) · s(x, y)       n1, n2 ~ N(0, 1), s the tissue's echo
 *   beam        f = g * h,  h a Gaussian point-spread function, wider across than along the beam
 *   image       20 log10 |f|, its upper 48 dB mapped to 0 .. 255
 *
 * Wagner, Smith, Sandrik, Lopez, "Statistics of Speckle in Ultrasound B-Scans" (1983), IEEE
 * Transactions on Sonics and Ultrasonics 30(3): fully developed speckle is a circular Gaussian. */
#include "examples/breast/lesion.h"

#include "core/base/buf.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { PIXELS = SCAN_W * SCAN_H, RAYS_MAX = 14, WAVES = 6, PSF_R = 6 };

static const float TAU = 6.2831853F;

/* Where and how the outline runs: elliptical radius 1 + its waves and spikes at an angle. */
struct outline {
	float cx, cy, rx, ry;
	float wave[WAVES], wave_k[WAVES], phase[WAVES];
	float ray[RAYS_MAX], ray_at[RAYS_MAX];
	int rays;
	float soft; /* width of the edge, in radii */
};

static float between(struct as_rng *r, float lo, float hi)
{
	return lo + (hi - lo) * as_rng_float(r);
}

static void outline_init(struct outline *o, const struct lesion *l, struct as_rng *r)
{
	const float size = between(r, 26.0F, 40.0F);
	const float flat = l->shape == OVAL    ? between(r, 1.5F, 2.0F)
			   : l->shape == ROUND ? between(r, 0.95F, 1.05F)
					       : between(r, 0.75F, 1.25F);

	memset(o, 0, sizeof *o);
	o->cx = SCAN_W * between(r, 0.38F, 0.62F);
	o->cy = SCAN_H * between(r, 0.36F, 0.50F);
	o->rx = size * sqrtf(flat);
	o->ry = size / sqrtf(flat);
	o->soft = l->margin == INDISTINCT ? 0.22F : 0.06F;
	for (int k = 0; k < WAVES; k++) {
		const bool fine = l->margin == MICROLOBULATED && k >= 3;
		const float big = l->shape == IRREGULAR ? 0.18F : 0.02F;

		o->wave_k[k] = fine ? between(r, 9.0F, 15.0F) : (float)(k + 2);
		o->wave_k[k] = floorf(o->wave_k[k]);
		o->wave[k] =
		    fine ? 0.05F : big * between(r, 0.3F, 1.0F) / (1.0F + 0.25F * (float)k);
		o->phase[k] = between(r, 0.0F, TAU);
	}
	if (l->margin == SPICULATED || l->margin == ANGULAR) {
		const bool spikes = l->margin == SPICULATED;

		o->rays = spikes ? 9 + (int)as_rng_below(r, 5) : 4 + (int)as_rng_below(r, 3);
		for (int i = 0; i < o->rays; i++) {
			o->ray_at[i] = TAU * ((float)i + between(r, -0.3F, 0.3F)) / (float)o->rays;
			o->ray[i] = spikes ? between(r, 0.35F, 0.8F) : between(r, 0.2F, 0.35F);
		}
	}
}

/* Radius of the outline towards an angle; 1 for a plain ellipse. */
static float outline_at(const struct outline *o, float angle)
{
	const float width = o->rays > 7 ? 0.11F : 0.28F; /* spikes are narrow, corners wide */
	float radius = 1.0F;

	for (int k = 0; k < WAVES; k++)
		radius += o->wave[k] * cosf(o->wave_k[k] * angle + o->phase[k]);
	for (int i = 0; i < o->rays; i++) {
		const float d = remainderf(angle - o->ray_at[i], TAU) / width;

		radius += o->ray[i] * expf(-d * d);
	}
	return radius;
}

/* One line of n values, step apart, in place; replicated at its ends. */
static void blur_line(float *v, int n, size_t step, const float tap[PSF_R + 1])
{
	float line[SCAN_W > SCAN_H ? SCAN_W : SCAN_H];

	for (int i = 0; i < n; i++) line[i] = v[(size_t)i * step];
	for (int i = 0; i < n; i++) {
		float sum = tap[0] * line[i];

		for (int k = 1; k <= PSF_R; k++) {
			const int lo = i - k < 0 ? 0 : i - k;
			const int hi = i + k >= n ? n - 1 : i + k;

			sum += tap[k] * (line[lo] + line[hi]);
		}
		v[(size_t)i * step] = sum;
	}
}

static void gaussian(float tap[PSF_R + 1], float sigma)
{
	for (int k = 0; k <= PSF_R; k++) {
		tap[k] = expf(-0.5F * (float)(k * k) / (sigma * sigma));
	}
}

/* Separable, in place. */
static void blur(float *v, float sigma_x, float sigma_y)
{
	float tap[PSF_R + 1];

	gaussian(tap, sigma_x);
	for (size_t y = 0; y < SCAN_H; y++) blur_line(v + y * SCAN_W, SCAN_W, 1, tap);
	gaussian(tap, sigma_y);
	for (size_t x = 0; x < SCAN_W; x++) blur_line(v + x, SCAN_H, SCAN_W, tap);
}

/* Slow variation with standard deviation near 1: noise on a coarse grid, between its points
 * linear. */
static void clouds(float *v, int cell, struct as_rng *r)
{
	float grid[(SCAN_W / 4 + 2) * (SCAN_H / 4 + 2)];
	const int gw = SCAN_W / cell + 2;
	const int gh = SCAN_H / cell + 2;

	for (int i = 0; i < gw * gh; i++) grid[i] = as_rng_normal(r);
	for (int y = 0; y < SCAN_H; y++) {
		for (int x = 0; x < SCAN_W; x++) {
			const float fx = (float)(x % cell) / (float)cell;
			const float fy = (float)(y % cell) / (float)cell;
			const float *g = &grid[(y / cell) * gw + x / cell];
			const float top = g[0] * (1.0F - fx) + g[1] * fx;
			const float low = g[gw] * (1.0F - fx) + g[gw + 1] * fx;

			v[y * SCAN_W + x] = 1.5F * (top * (1.0F - fy) + low * fy);
		}
	}
}

/* Echo of skin, fat with ligaments, glandular tissue and muscle. */
static void draw_tissue(float *echo, const float *cloud, enum tissue tissue, struct as_rng *r)
{
	const bool fatty = tissue == FAT || tissue == MOSTLY_FAT;
	const float fat_end = fatty ? between(r, 42.0F, 70.0F) : between(r, 20.0F, 36.0F);
	const float muscle = between(r, 146.0F, 164.0F);
	const float gland = tissue == FAT ? 0.6F : tissue == FIBROGLANDULAR ? 1.15F : 0.95F;
	const float p1 = between(r, 0.0F, TAU);
	const float p2 = between(r, 0.0F, TAU);
	const float slant = between(r, 0.25F, 0.6F);

	for (int y = 0; y < SCAN_H; y++) {
		for (int x = 0; x < SCAN_W; x++) {
			const float c = cloud[y * SCAN_W + x];
			const float fx = (float)x;
			const float fy = (float)y;
			const float d1 = fat_end + 5.0F * sinf(fx * 0.045F + p1);
			const float d2 = muscle + 3.0F * sinf(fx * 0.03F + p2);
			float v = gland * expf(0.3F * c);

			if (fy < 9.0F) {
				v = 1.5F;
			} else if (fy < d1) {
				const float strand =
				    fmodf(fx + slant * fy + 8.0F * c + 400.0F, 46.0F);

				v = strand < 2.0F ? 1.3F : 0.42F * expf(0.2F * c);
			} else if (fy > d2) {
				v = fy < d2 + 3.0F ? 2.2F : 0.4F + 0.15F * sinf(fy * 0.9F + c);
			}
			echo[y * SCAN_W + x] = v;
		}
	}
}

static float inside_echo(const struct lesion *l, float cloud, float side)
{
	switch (l->echo) {
	case ANECHOIC:
		return 0.03F;
	case HYPOECHOIC:
		return 0.2F;
	case ISOECHOIC:
		return 0.5F;
	case HYPERECHOIC:
		return 2.6F;
	case HETEROGENEOUS:
		return 0.3F * expf(0.8F * cloud);
	case COMPLEX:
		return side > 0.0F ? 0.05F : 0.55F;
	}
	return 0.2F;
}

/* Puts the lesion over the tissue, and its shadow or enhancement below it. */
static void draw_lesion(float *echo, const float *cloud, const struct lesion *l, struct as_rng *r)
{
	const float depth = between(r, 1.0F, 2.0F); /* how strong the shadow or enhancement is */
	const float gain = l->posterior == SHADOWING     ? expf(-depth)
			   : l->posterior == ENHANCEMENT ? 1.0F + 0.6F * depth
							 : 1.0F;
	const float turn = between(r, 0.0F, TAU);
	struct outline o;

	outline_init(&o, l, r);
	for (int y = 0; y < SCAN_H; y++) {
		for (int x = 0; x < SCAN_W; x++) {
			const float dx = ((float)x - o.cx) / o.rx;
			const float dy = ((float)y - o.cy) / o.ry;
			const float angle = atan2f(dy, dx);
			const float d = sqrtf(dx * dx + dy * dy) / outline_at(&o, angle);
			const float in = 1.0F / (1.0F + expf((d - 1.0F) / (0.5F * o.soft)));
			const float under = 1.0F / (1.0F + expf((fabsf(dx) - 0.85F) / 0.08F));
			const float below =
			    dy > 0.0F && d > 0.9F ? fminf(1.0F, (d - 0.9F) * 3.0F) : 0.0F;
			const size_t i = (size_t)y * SCAN_W + (size_t)x;
			const float body =
			    inside_echo(l, cloud[i], cosf(turn) * dx + sinf(turn) * dy);
			float around = echo[i] * (1.0F + (gain - 1.0F) * under * below);

			if (l->halo && d > 1.0F && d < 1.3F && under * below < 0.3F) {
				around *= 1.8F;
			}
			echo[i] = in * body + (1.0F - in) * around;
		}
	}
	for (int k = l->calcified ? 7 : 0; k > 0; k--) {
		const int x = (int)(o.cx + o.rx * between(r, -0.6F, 0.6F));
		const int y = (int)(o.cy + o.ry * between(r, -0.6F, 0.6F));

		echo[y * SCAN_W + x] = 9.0F;
	}
}

void scan_draw(const struct lesion *l, struct as_rng *rng, uint8_t *grey)
{
	float *echo = as_malloc(4 * (size_t)PIXELS * sizeof *echo);
	float *cloud = echo + PIXELS;
	float *re = echo + 2 * (size_t)PIXELS;
	float *im = echo + 3 * (size_t)PIXELS;
	float top = 0.0F;

	clouds(cloud, 16, rng);
	draw_tissue(echo, cloud, l->tissue, rng);
	draw_lesion(echo, cloud, l, rng);
	for (int i = 0; i < PIXELS; i++) {
		re[i] = echo[i] * as_rng_normal(rng);
		im[i] = echo[i] * as_rng_normal(rng);
	}
	blur(re, 1.7F, 0.9F);
	blur(im, 1.7F, 0.9F);
	for (int i = 0; i < PIXELS; i++) {
		re[i] = 20.0F * log10f(sqrtf(re[i] * re[i] + im[i] * im[i]) + 1e-4F);
		top = fmaxf(top, re[i]);
	}
	for (int i = 0; i < PIXELS; i++) {
		const float v = 255.0F * (re[i] - (top - 48.0F)) / 48.0F;

		grey[i] = (uint8_t)fmaxf(0.0F, fminf(255.0F, v));
	}
	free(echo);
}
