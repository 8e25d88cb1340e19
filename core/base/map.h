/* SPDX-License-Identifier: Apache-2.0
 * map.h - string to pointer, open addressing; keys are copied. */
#ifndef AS_MAP_H
#define AS_MAP_H

#include <stddef.h>
#include <stdint.h>

struct as_map_slot {
	char *key; /* NULL: empty */
	void *value;
	uint64_t hash;
};

struct as_map {
	struct as_map_slot *slot; /* cap slots; walk them to visit all, skipping NULL keys */
	size_t n, cap;            /* cap is 0 or a power of two */
};

/* Does not free the values. */
void as_map_free(struct as_map *m);
/* NULL where there is none. */
void *as_map_find(const struct as_map *m, const char *key);
/* Adds or replaces; value is not NULL. */
void as_map_put(struct as_map *m, const char *key, void *value);
/* Takes the key out and returns its value, or NULL. */
void *as_map_remove(struct as_map *m, const char *key);

/* FNV-1a over n bytes, then an avalanche (murmur3's finaliser): the hash of words and names. */
uint64_t as_hash(const void *data, size_t n, uint64_t seed);

#endif
