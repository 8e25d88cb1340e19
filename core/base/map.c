/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/map.h"

#include "core/base/buf.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST = 16 };

uint64_t as_hash(const void *data, size_t n, uint64_t seed)
{
	const unsigned char *p = data;
	uint64_t h = 0xcbf29ce484222325U ^ seed;

	for (size_t i = 0; i < n; i++) {
		h = (h ^ p[i]) * 0x100000001b3U;
	}
	h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdU;
	h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53U;
	return h ^ (h >> 33);
}

void as_map_free(struct as_map *m)
{
	for (size_t i = 0; i < m->cap; i++) {
		free(m->slot[i].key);
	}
	free(m->slot);
	*m = (struct as_map){ 0 };
}

/* The slot that holds key, or the empty one where it would go. */
static size_t seek(const struct as_map *m, const char *key, uint64_t hash)
{
	size_t i = hash & (m->cap - 1);

	while (m->slot[i].key != NULL &&
	       (m->slot[i].hash != hash || strcmp(m->slot[i].key, key) != 0)) {
		i = (i + 1) & (m->cap - 1);
	}
	return i;
}

static void grow(struct as_map *m)
{
	struct as_map wide = { .cap = m->cap == 0 ? FIRST : m->cap * 2, .n = m->n };

	wide.slot = as_calloc(wide.cap, sizeof *wide.slot);
	for (size_t i = 0; i < m->cap; i++) {
		if (m->slot[i].key != NULL) {
			wide.slot[seek(&wide, m->slot[i].key, m->slot[i].hash)] = m->slot[i];
		}
	}
	free(m->slot);
	*m = wide;
}

void *as_map_find(const struct as_map *m, const char *key)
{
	size_t i;

	if (m->n == 0) {
		return NULL;
	}
	i = seek(m, key, as_hash(key, strlen(key), 0));
	return m->slot[i].key == NULL ? NULL : m->slot[i].value;
}

void as_map_put(struct as_map *m, const char *key, void *value)
{
	const uint64_t hash = as_hash(key, strlen(key), 0);
	size_t i;

	if (m->n * 4 >= m->cap * 3) {
		grow(m);
	}
	i = seek(m, key, hash);
	if (m->slot[i].key == NULL) {
		m->slot[i].key = as_strdup(key);
		m->slot[i].hash = hash;
		m->n++;
	}
	m->slot[i].value = value;
}

void *as_map_remove(struct as_map *m, const char *key)
{
	size_t i;
	size_t j;
	void *value;

	if (m->n == 0) {
		return NULL;
	}
	i = seek(m, key, as_hash(key, strlen(key), 0));
	if (m->slot[i].key == NULL) {
		return NULL;
	}
	value = m->slot[i].value;
	free(m->slot[i].key);
	m->n--;
	/* Backward shift: what was pushed past the hole moves into it. Knuth, TAOCP 3, 6.4 R. */
	for (j = (i + 1) & (m->cap - 1); m->slot[j].key != NULL; j = (j + 1) & (m->cap - 1)) {
		const size_t home = m->slot[j].hash & (m->cap - 1);

		if (((j - home) & (m->cap - 1)) >= ((j - i) & (m->cap - 1))) {
			m->slot[i] = m->slot[j];
			i = j;
		}
	}
	m->slot[i] = (struct as_map_slot){ 0 };
	return value;
}
