/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/arena.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { ALIGN = 64 }; /* one cache line, one AVX-512 vector */

int as_arena_init(struct as_arena *a, const char *name, size_t cap, struct as_err *e)
{
	void *p;

	*a = (struct as_arena){ 0 };
	p = mmap(NULL, cap, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
		 0);
	if (p == MAP_FAILED) {
		return as_fail(e, AS_ENOMEM, "arena %s: cannot reserve %zu bytes: %s", name, cap,
			       strerror(errno));
	}
	*a = (struct as_arena){ .name = name, .base = p, .cap = cap };
	return AS_OK;
}

void as_arena_free(struct as_arena *a)
{
	if (a->base != NULL) {
		(void)munmap(a->base, a->cap);
	}
	*a = (struct as_arena){ 0 };
}

void *as_alloc(struct as_arena *a, size_t count, size_t size)
{
	size_t bytes;
	void *p;

	if (__builtin_mul_overflow(count, size, &bytes) || bytes > a->cap - a->used) {
		(void)fprintf(stderr, "arena %s: %zu * %zu bytes asked, %zu of %zu used\n", a->name,
			      count, size, a->used, a->cap);
		abort();
	}
	p = a->base + a->used;
	bytes = (bytes + ALIGN - 1) / ALIGN * ALIGN;
	a->used = bytes > a->cap - a->used ? a->cap : a->used + bytes;
	return p;
}

void *as_zalloc(struct as_arena *a, size_t count, size_t size)
{
	void *p = as_alloc(a, count, size);

	memset(p, 0, count * size);
	return p;
}

void as_arena_reset(struct as_arena *a, size_t mark)
{
	a->used = mark;
}
