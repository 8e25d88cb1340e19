/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/map.h"
#include "core/base/rng.h"
#include "tests/support/check.h"

#include <stdio.h>

Test(base_map, an_empty_map_finds_and_removes_nothing)
{
	struct as_map m = { 0 };

	cr_assert(eq(ptr, as_map_find(&m, "a"), NULL));
	cr_assert(eq(ptr, as_map_remove(&m, "a"), NULL));
	as_map_free(&m);
}

Test(base_map, put_replaces)
{
	struct as_map m = { 0 };
	int x;
	int y;

	as_map_put(&m, "a", &x);
	as_map_put(&m, "a", &y);
	cr_assert(eq(ptr, as_map_find(&m, "a"), &y));
	cr_assert(eq(sz, m.n, 1));
	as_map_free(&m);
}

/* Random puts and removes against a plain array of 500 keys. */
Test(base_map, agrees_with_an_array_over_random_operations)
{
	struct as_map m = { 0 };
	bool there[500] = { false };
	static int value[500];
	struct as_rng r;
	size_t n = 0;

	as_rng_seed(&r, 1, 0);
	for (int i = 0; i < 20000; i++) {
		const size_t k = (size_t)as_rng_below(&r, 500);
		char key[16];

		(void)snprintf(key, sizeof key, "key%zu", k);
		if (as_rng_below(&r, 2) == 0) {
			as_map_put(&m, key, &value[k]);
			n += !there[k];
			there[k] = true;
		} else {
			void *was = as_map_remove(&m, key);

			cr_assert(eq(ptr, was, there[k] ? (void *)&value[k] : NULL));
			n -= there[k];
			there[k] = false;
		}
		cr_assert(eq(sz, m.n, n));
	}
	for (size_t k = 0; k < 500; k++) {
		char key[16];

		(void)snprintf(key, sizeof key, "key%zu", k);
		cr_assert(eq(ptr, as_map_find(&m, key), there[k] ? (void *)&value[k] : NULL));
	}
	as_map_free(&m);
}

Test(base_map, hashes_of_one_text_differ_by_seed)
{
	cr_assert(ne(u64, as_hash("word", 4, 1), as_hash("word", 4, 2)));
	cr_assert(eq(u64, as_hash("word", 4, 1), as_hash("words", 4, 1)));
}
