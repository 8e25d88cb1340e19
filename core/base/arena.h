/* SPDX-License-Identifier: Apache-2.0
 * arena.h - memory freed all at once.
 *
 * One range of addresses is reserved at init, the only call that can fail; pages cost memory when
 * first touched. Running out is a sizing mistake of ours and aborts with name and sizes: sizes
 * that come from outside are bounded before they get here. One arena belongs to one thread. */
#ifndef AS_ARENA_H
#define AS_ARENA_H

#include "core/base/err.h"

#include <stddef.h>

struct as_arena {
	const char *name; /* borrowed; for the message when it runs out */
	char *base;
	size_t used, cap; /* bytes */
};

int as_arena_init(struct as_arena *a, const char *name, size_t cap, struct as_err *e) AS_CHECKED;
void as_arena_free(struct as_arena *a);

/* count * size bytes, aligned to 64, not cleared. */
void *as_alloc(struct as_arena *a, size_t count, size_t size);
/* The same, cleared. */
void *as_zalloc(struct as_arena *a, size_t count, size_t size);

/* Frees all that was allocated since mark (a value of a->used). */
void as_arena_reset(struct as_arena *a, size_t mark);

#endif
