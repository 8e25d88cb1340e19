/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nn/team.h"

#include "core/nn/block.h"
#include "tests/core/nn/probe.h"

#include <stdatomic.h>
#include <string.h>

enum { D = 64, HEADS = 4, MEMORY = 256 << 20 };

struct marks {
	_Atomic unsigned char seen[1000];
};

static void mark(void *ctx, const struct nn_step *s, size_t i0, size_t i1)
{
	struct marks *m = ctx;
	unsigned char *scratch = as_alloc(s->mem, 100, 1); /* everybody's own */

	memset(scratch, (int)i0, 100);
	cr_assert(zero(ptr, (void *)s->team));
	for (size_t i = i0; i < i1; i++) {
		(void)atomic_fetch_add(&m->seen[i], 1);
	}
	cr_assert(eq(int, scratch[99], (int)(unsigned char)i0));
}

Test(nn_team, every_part_is_done_once_and_before_the_job_ends)
{
	struct as_arena mem;
	struct as_err e = { 0 };
	struct nn_step s = { .mem = &mem };
	static struct marks m;

	ok(as_arena_init(&mem, "test", MEMORY, &e));
	for (size_t threads = 1; threads <= 4; threads++) {
		ok(nn_team_open(&s.team, threads, MEMORY, &e));
		for (size_t k = 0; k < 3000; k++) {
			const size_t n = 1 + k % 1000;

			memset(&m, 0, sizeof m);
			nn_team_run(&s, n, 1 + k % 37, mark, &m);
			cr_assert(zero(sz, mem.used));
			for (size_t i = 0; i < 1000; i++) {
				cr_assert(eq(int, m.seen[i], i < n), "%zu of %zu", i, n);
			}
		}
		nn_team_close(s.team);
	}
	as_arena_free(&mem);
}

/* Rows alone, then by three threads. n beyond 1,024: a band. */
static void same_bits(size_t n, bool int8, bool laid)
{
	struct nn_params ps = { 0 };
	struct nn_block b;
	struct as_rng rng;
	struct as_arena mem;
	struct as_err e = { 0 };
	struct nn_step s = { .mem = &mem };
	struct nn_block_act a;
	float *x = malloc(3 * n * D * sizeof *x);
	float *alone = x + n * D;
	float *shared = alone + n * D;

	nn_block_init(&b, &ps, "l",
		      &(struct nn_block_shape){ D, HEADS, D / HEADS, 2UL * D, true, 0.3F, false });
	as_rng_seed(&rng, n, 1);
	nn_params_start(&ps, &rng);
	for (size_t j = 0; j < D / HEADS; j++) {
		ps.v[b.attn.gate.b + D / HEADS + j] = -4.0F; /* head 1 is closed */
	}
	if (int8) {
		probe_quantize(&ps);
	}
	if (laid) {
		nn_params_serve(&ps);
	}
	for (size_t i = 0; i < n * D; i++) {
		x[i] = alone[i] = shared[i] = as_rng_normal(&rng);
	}
	s.p = ps.v;
	ok(as_arena_init(&mem, "test", MEMORY, &e));
	nn_block_fwd(&b, &s, &a, alone, n);
	cr_assert(eq(sz, a.attn.opened, HEADS - 1));
	ok(nn_team_open(&s.team, 3, MEMORY, &e));
	nn_block_fwd(&b, &s, &a, shared, n);
	cr_assert(ne(int, memcmp(alone, x, n * D * sizeof *x), 0));
	cr_assert(zero(int, memcmp(alone, shared, n * D * sizeof *x)), "n %zu int8 %d laid %d", n,
		  (int)int8, (int)laid);
	nn_team_close(s.team);
	as_arena_free(&mem);
	nn_params_free(&ps);
	free(x);
}

Test(nn_team, a_block_has_the_same_bits_alone_and_shared)
{
	static const size_t rows[] = { 1, 2, 150, 1100 };

	for (size_t i = 0; i < 4; i++) {
		same_bits(rows[i], false, false);
		same_bits(rows[i], false, true);
		same_bits(rows[i], true, false);
		same_bits(rows[i], true, true);
	}
}
