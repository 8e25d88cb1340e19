/* SPDX-License-Identifier: Apache-2.0
 * rng.h - seeded random numbers, the same on every machine; the state is in the struct.
 *
 * xoshiro256** seeded by splitmix64: Blackman, Vigna, "Scrambled Linear Pseudorandom Number
 * Generators" (2021), ACM TOMS 47(4). */
#ifndef AS_RNG_H
#define AS_RNG_H

#include <stddef.h>
#include <stdint.h>

struct as_rng {
	uint64_t s[4];
};

/* Different streams of one seed are independent. */
void as_rng_seed(struct as_rng *r, uint64_t seed, uint64_t stream);
uint64_t as_rng_u64(struct as_rng *r);
/* Uniform in [0, n), n > 0, without bias. */
uint64_t as_rng_below(struct as_rng *r, uint64_t n);
/* Uniform in [0, 1). */
float as_rng_float(struct as_rng *r);
/* Standard normal (Box, Muller 1958). */
float as_rng_normal(struct as_rng *r);
/* Fisher-Yates on n indices. */
void as_rng_shuffle(struct as_rng *r, size_t *v, size_t n);

#endif
