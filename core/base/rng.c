/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/rng.h"

#include <math.h>

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = (*x += 0x9e3779b97f4a7c15U);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return z ^ (z >> 31);
}

void as_rng_seed(struct as_rng *r, uint64_t seed, uint64_t stream)
{
	uint64_t x = stream;

	x = seed ^ splitmix(&x);
	for (size_t i = 0; i < 4; i++) {
		r->s[i] = splitmix(&x);
	}
}

static uint64_t rotl(uint64_t x, int k)
{
	return (x << k) | (x >> (64 - k));
}

uint64_t as_rng_u64(struct as_rng *r)
{
	uint64_t *s = r->s;
	const uint64_t out = rotl(s[1] * 5, 7) * 9;
	const uint64_t t = s[1] << 17;

	s[2] ^= s[0];
	s[3] ^= s[1];
	s[1] ^= s[2];
	s[0] ^= s[3];
	s[2] ^= t;
	s[3] = rotl(s[3], 45);
	return out;
}

uint64_t as_rng_below(struct as_rng *r, uint64_t n)
{
	const uint64_t low = (uint64_t)-n % n; /* 2^64 mod n: values below it would favour some */
	uint64_t x;

	do {
		x = as_rng_u64(r);
	} while (x < low);
	return x % n;
}

float as_rng_float(struct as_rng *r)
{
	return (float)(as_rng_u64(r) >> 40) * 0x1p-24F;
}

float as_rng_normal(struct as_rng *r)
{
	const double u = 1.0 - (double)(as_rng_u64(r) >> 11) * 0x1p-53; /* (0, 1] */
	const double v = (double)(as_rng_u64(r) >> 11) * 0x1p-53;

	return (float)(sqrt(-2.0 * log(u)) * cos(6.283185307179586 * v));
}

void as_rng_shuffle(struct as_rng *r, size_t *v, size_t n)
{
	for (size_t i = n; i > 1; i--) {
		const size_t j = (size_t)as_rng_below(r, i);
		const size_t t = v[i - 1];

		v[i - 1] = v[j];
		v[j] = t;
	}
}
