/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/hyper.h"
#include "core/io/cell.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

#define IS_u32 true
#define IS_f32 false
static const struct io_hyper_key keys[] = {
#define HYPER(section, key, type, def, min, max, doc) \
	{ #section, #key, IS_##type, offsetof(struct io_hyper, key), def, min, max, doc },
#include "core/io/hyper.def"
#undef HYPER
};
enum { KEYS = sizeof keys / sizeof *keys };

const struct io_hyper_key *io_hyper_keys(size_t *n)
{
	*n = KEYS;
	return keys;
}

void io_hyper_defaults(struct io_hyper *h)
{
	for (size_t i = 0; i < KEYS; i++) {
		io_hyper_put(h, &keys[i], keys[i].def);
	}
}

void io_hyper_put(struct io_hyper *h, const struct io_hyper_key *k, double v)
{
	void *at = (char *)h + k->at;

	if (k->whole) {
		*(io_u32 *)at = (io_u32)v;
	} else {
		*(io_f32 *)at = (io_f32)v;
	}
}

double io_hyper_get(const struct io_hyper *h, const struct io_hyper_key *k)
{
	const void *at = (const char *)h + k->at;

	return k->whole ? (double)*(const io_u32 *)at : (double)*(const io_f32 *)at;
}

const struct io_hyper_key *io_hyper_find(const char *section, const char *key)
{
	for (size_t i = 0; i < KEYS; i++) {
		if (strcmp(keys[i].section, section) == 0 && strcmp(keys[i].key, key) == 0) {
			return &keys[i];
		}
	}
	return NULL;
}

int io_hyper_check(const struct io_hyper_key *k, double v, struct as_err *e)
{
	/* bounds are compared as the floats they are stored as: 1e-7 is a bound and a legal value
	 */
	const bool low = k->whole ? v < k->min : (float)v < (float)k->min;
	const bool high = k->whole ? v > k->max : (float)v > (float)k->max;

	if (!low && !high && (!k->whole || v == floor(v))) {
		return AS_OK;
	}
	return as_fail(e, AS_ECONFIG, "%s = %.9g: want %s from %.9g to %.9g (%s)", k->key, v,
		       k->whole ? "a whole number" : "a number", k->min, k->max, k->doc);
}

int io_hyper_set(struct io_hyper *h, const char *section, const char *key, const char *value,
		 struct as_err *e)
{
	const struct io_hyper_key *k = io_hyper_find(section, key);
	const char *known[KEYS];
	const char *near;
	size_t n = 0;
	double v;
	int rc;

	if (k == NULL) {
		for (size_t i = 0; i < KEYS; i++) {
			if (strcmp(keys[i].section, section) == 0) {
				known[n++] = keys[i].key;
			}
		}
		near = io_nearest(key, known, n);
		return as_fail(e, AS_ECONFIG, "[%s] has no key \"%s\"%s%s%s", section, key,
			       near ? " (did you mean \"" : "", near ? near : "",
			       near ? "\"?)" : "");
	}
	if (!io_cell_number(value, &v)) {
		return as_fail(e, AS_ECONFIG, "%s = %s: not a number", key, value);
	}
	rc = io_hyper_check(k, v, e);
	if (rc == AS_OK) {
		io_hyper_put(h, k, v);
	}
	return rc;
}
