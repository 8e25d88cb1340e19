/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/arena.h"
#include "tests/support/check.h"

#include <signal.h>
#include <stdint.h>

Test(base_arena, pieces_are_aligned_and_do_not_overlap)
{
	struct as_err e = { 0 };
	struct as_arena a;
	char *p;
	char *q;

	ok(as_arena_init(&a, "test", 1 << 16, &e));
	p = as_alloc(&a, 3, 7);
	q = as_zalloc(&a, 1, 1);
	cr_assert(eq(u64, (uintptr_t)p % 64, 0));
	cr_assert(eq(u64, (uintptr_t)q % 64, 0));
	cr_assert(ge(u64, (uintptr_t)(q - p), 21));
	cr_assert(eq(chr, *q, 0));
	as_arena_free(&a);
}

Test(base_arena, reset_gives_the_same_memory_again)
{
	struct as_err e = { 0 };
	struct as_arena a;
	size_t mark;
	char *p;
	char *q;

	ok(as_arena_init(&a, "test", 1 << 16, &e));
	(void)as_alloc(&a, 10, 1);
	mark = a.used;
	p = as_alloc(&a, 100, 1);
	memset(p, 1, 100);
	as_arena_reset(&a, mark);
	q = as_zalloc(&a, 100, 1);
	cr_assert(eq(ptr, p, q));
	cr_assert(eq(chr, q[99], 0));
	as_arena_free(&a);
}

Test(base_arena, may_be_filled_to_the_last_byte)
{
	struct as_err e = { 0 };
	struct as_arena a;

	ok(as_arena_init(&a, "test", 4096, &e));
	memset(as_alloc(&a, 4096, 1), 1, 4096);
	cr_assert(eq(sz, a.used, a.cap));
	as_arena_free(&a);
}

Test(base_arena, one_byte_more_than_there_is_aborts, .signal = SIGABRT)
{
	struct as_err e = { 0 };
	struct as_arena a;

	ok(as_arena_init(&a, "test", 4096, &e));
	(void)as_alloc(&a, 4097, 1);
}

Test(base_arena, a_product_that_overflows_aborts, .signal = SIGABRT)
{
	struct as_err e = { 0 };
	struct as_arena a;

	ok(as_arena_init(&a, "test", 4096, &e));
	(void)as_alloc(&a, SIZE_MAX / 2, 4);
}
