/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/json.h"

#include <jansson.h>
#include <stdbool.h>

enum { DEPTH_MAX = 64 };

/* Jansson recurses per level, so the depth is looked at first. */
static bool is_too_deep(const char *s, size_t n)
{
	size_t depth = 0;
	bool quoted = false;

	for (size_t i = 0; i < n; i++) {
		if (quoted) {
			if (s[i] == '\\') {
				i++;
			} else if (s[i] == '"') {
				quoted = false;
			}
		} else if (s[i] == '"') {
			quoted = true;
		} else if (s[i] == '{' || s[i] == '[') {
			if (++depth > DEPTH_MAX) {
				return true;
			}
		} else if ((s[i] == '}' || s[i] == ']') && depth > 0) {
			depth--;
		}
	}
	return false;
}

int io_json_parse(const void *data, size_t n, const char *what, struct json_t **out,
		  struct as_err *e)
{
	json_error_t why;
	json_t *doc;

	*out = NULL;
	if (is_too_deep(data, n)) {
		return as_fail(e, AS_EFORMAT, "%s: JSON nested deeper than %d", what, DEPTH_MAX);
	}
	doc = json_loadb(n > 0 ? data : "", n, JSON_REJECT_DUPLICATES, &why);
	if (doc == NULL) {
		return as_fail(e, AS_EFORMAT, "%s: not JSON: %s (line %d, column %d)", what,
			       why.text, why.line, why.column);
	}
	if (!json_is_object(doc)) {
		json_decref(doc);
		return as_fail(e, AS_EFORMAT, "%s: JSON, but not an object", what);
	}
	*out = doc;
	return AS_OK;
}

void io_json_free(struct json_t *doc)
{
	json_decref(doc);
}

int io_json_get_str(const struct json_t *obj, const char *key, const char **out, struct as_err *e)
{
	const json_t *v = json_object_get(obj, key);

	if (!json_is_string(v)) {
		return as_fail(e, AS_EFORMAT, "%s: %s", key, v ? "not a string" : "missing");
	}
	*out = json_string_value(v);
	return AS_OK;
}

int io_json_get_u64(const struct json_t *obj, const char *key, uint64_t *out, struct as_err *e)
{
	const json_t *v = json_object_get(obj, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0) {
		return as_fail(e, AS_EFORMAT, "%s: %s", key,
			       v ? "not a whole number of 0 or more" : "missing");
	}
	*out = (uint64_t)json_integer_value(v);
	return AS_OK;
}

int io_json_get_num(const struct json_t *obj, const char *key, double *out, struct as_err *e)
{
	const json_t *v = json_object_get(obj, key);

	if (!json_is_number(v)) {
		return as_fail(e, AS_EFORMAT, "%s: %s", key, v ? "not a number" : "missing");
	}
	*out = json_number_value(v);
	return AS_OK;
}

const char *io_json_find_str(const struct json_t *obj, const char *key, const char *fallback)
{
	const char *s = json_string_value(json_object_get(obj, key));

	return s ? s : fallback;
}

uint64_t io_json_find_u64(const struct json_t *obj, const char *key, uint64_t fallback)
{
	const json_t *v = json_object_get(obj, key);

	return json_is_integer(v) && json_integer_value(v) >= 0 ? (uint64_t)json_integer_value(v)
								: fallback;
}

double io_json_find_num(const struct json_t *obj, const char *key, double fallback)
{
	return io_json_num(json_object_get(obj, key), fallback);
}

bool io_json_find_bool(const struct json_t *obj, const char *key, bool fallback)
{
	const json_t *v = json_object_get(obj, key);

	return json_is_boolean(v) ? json_is_true(v) : fallback;
}

struct json_t *io_json_find(const struct json_t *obj, const char *key)
{
	json_t *v = json_object_get(obj, key);

	return json_is_object(v) || json_is_array(v) ? v : NULL;
}

size_t io_json_len(const struct json_t *v)
{
	return json_is_object(v) ? json_object_size(v) : json_array_size(v);
}

struct json_t *io_json_at(const struct json_t *arr, size_t i)
{
	return json_array_get(arr, i);
}

const char *io_json_str(const struct json_t *v)
{
	return json_string_value(v);
}

double io_json_num(const struct json_t *v, double fallback)
{
	return json_is_number(v) ? json_number_value(v) : fallback;
}

bool io_json_is_obj(const struct json_t *v)
{
	return json_is_object(v);
}

bool io_json_is_arr(const struct json_t *v)
{
	return json_is_array(v);
}

bool io_json_next(const struct json_t *obj, void **it, const char **key, struct json_t **value)
{
	json_t *o = (json_t *)obj; /* Jansson's iterators take no const; nothing is changed */

	*it = *it == NULL ? json_object_iter(o) : json_object_iter_next(o, *it);
	if (*it == NULL) {
		return false;
	}
	*key = json_object_iter_key(*it);
	*value = json_object_iter_value(*it);
	return true;
}
