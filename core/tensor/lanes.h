/* SPDX-License-Identifier: Apache-2.0
 * lanes.h - what the row kernels are made of: compiled into each clone of its callers, never
 * called. The order of the sums is in clones.h. */
#ifndef TN_LANES_H
#define TN_LANES_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

enum { LANES = 16 };

#define INTO static inline __attribute__((always_inline))

/* The one order in which lanes are added. */
INTO float lanes_sum(float *lane)
{
	for (size_t half = LANES / 2; half > 0; half /= 2) {
		for (size_t l = 0; l < half; l++) {
			lane[l] += lane[l + half];
		}
	}
	return lane[0];
}

INTO float bits_float(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof f);
	return f;
}

INTO uint32_t float_bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof u);
	return u;
}

/* A number whose order among integers is the float's among floats; its own inverse. gcc makes
 * vectors of the greatest of integers, not of floats. */
INTO int32_t in_order(int32_t bits)
{
	return bits ^ ((bits >> 31) & 0x7fffffff);
}

INTO float row_max(const float *x, size_t n)
{
	int32_t max = INT32_MIN;

	for (size_t i = 0; i < n; i++) {
		const int32_t v = in_order((int32_t)float_bits(x[i]));

		max = v > max ? v : max;
	}
	return bits_float((uint32_t)in_order(max));
}

/* e^x; the polynomial is in rows.c. */
INTO float exp_one(float x)
{
	const float up = x > 88.0F ? 88.0F : x;
	const float in = up < -87.0F ? -87.0F : up;
	/* Adding 1.5 * 2^23 rounds to an integer and leaves it in the low bits. */
	const float t = in * 1.44269504088896341F + 0x1.8p23F;
	const float n = t - 0x1.8p23F;
	const float r = in - n * 0.693359375F + n * 2.12194440e-4F;
	float p = 1.9875691500e-4F;

	p = p * r + 1.3981999507e-3F;
	p = p * r + 8.3334519073e-3F;
	p = p * r + 4.1665795894e-2F;
	p = p * r + 1.6666665459e-1F;
	p = p * r + 5.0000001201e-1F;
	p = p * (r * r) + r + 1.0F;
	p *= bits_float((float_bits(t) << 23) + 0x3f800000U);
	return x < -87.0F ? 0.0F : p;
}

#endif
