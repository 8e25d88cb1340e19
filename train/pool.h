/* SPDX-License-Identifier: Apache-2.0
 * pool.h - threads that share out the numbers 0 .. n-1 always in the same way, so that sums over
 * threads have one order. */
#ifndef TR_POOL_H
#define TR_POOL_H

#include "core/base/err.h"

#include <stddef.h>

struct tr_pool; /* the caller's thread is one of them */

enum { TR_THREADS_MAX = 64 };

/* threads: 1 .. TR_THREADS_MAX. */
int tr_pool_open(struct tr_pool **out, size_t threads, struct as_err *e) AS_CHECKED;
void tr_pool_close(struct tr_pool *p); /* accepts NULL */
size_t tr_pool_threads(const struct tr_pool *p);

/* Calls fn(ctx, i, thread) for every i < n and returns when all are done. Thread t works on
 * [n t / T, n (t + 1) / T) in ascending order. */
void tr_pool_run(struct tr_pool *p, size_t n, void (*fn)(void *ctx, size_t i, size_t thread),
		 void *ctx);

#endif
