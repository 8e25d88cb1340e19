/* SPDX-License-Identifier: Apache-2.0
 * gradcheck.h - central differences against a gradient. */
#ifndef TESTS_GRADCHECK_H
#define TESTS_GRADCHECK_H

#include <stddef.h>

/* The loss as a function of everything ctx holds, v included. */
typedef double (*gradcheck_loss)(void *ctx);

/* Largest |numeric - g| / max(1, |numeric| + |g|) over v[0..n), every stride-th, steps of h. */
double gradcheck(gradcheck_loss loss, void *ctx, float *v, const float *g, size_t n, size_t stride,
		 float h);

#endif
