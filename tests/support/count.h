/* SPDX-License-Identifier: Apache-2.0
 * count.h - counts the allocator's calls from what is linked into a runner: ours and the test's,
 * not the shared libraries'. For one file of a runner that is linked with the Makefile's `counted`.
 */
#ifndef TESTS_COUNT_H
#define TESTS_COUNT_H

#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
void *__real_aligned_alloc(size_t align, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
void *__wrap_aligned_alloc(size_t align, size_t size);

static _Thread_local size_t count_allocations;

void *__wrap_malloc(size_t size)
{
	count_allocations++;
	return __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	count_allocations++;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	count_allocations++;
	return __real_realloc(p, size);
}

void *__wrap_aligned_alloc(size_t align, size_t size)
{
	count_allocations++;
	return __real_aligned_alloc(align, size);
}

#endif
