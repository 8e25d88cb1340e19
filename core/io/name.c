/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/task.h"

#include <string.h>

enum { DISTANCE_MAX = 3, TYPED_MAX = 64 };

bool io_name_ok(const char *name)
{
	const size_t n = strlen(name);

	return n > 0 && n < IO_NAME_SIZE &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

static size_t least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Levenshtein (1966): insertions, deletions and replacements from a to b, a row at a time. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t row[TYPED_MAX + 1];

	for (size_t i = 0; i <= na; i++) {
		row[i] = i;
	}
	for (size_t j = 1; j <= nb; j++) {
		size_t corner = row[0];

		row[0] = j;
		for (size_t i = 1; i <= na; i++) {
			const size_t replaced = corner + (a[i - 1] != b[j - 1]);

			corner = row[i];
			row[i] = least(replaced, least(row[i], row[i - 1]) + 1);
		}
	}
	return row[na];
}

const char *io_nearest(const char *typed, const char *const *known, size_t n)
{
	const size_t size = strlen(typed);
	const char *best = NULL;
	size_t best_at =
	    least(DISTANCE_MAX + 1, size); /* as many changes as letters: no likeness */

	for (size_t i = 0; i < n && size <= TYPED_MAX; i++) {
		const size_t d = distance(typed, size, known[i], strlen(known[i]));

		if (d < best_at) {
			best_at = d;
			best = known[i];
		}
	}
	return best;
}
