/* SPDX-License-Identifier: Apache-2.0
 * json.h - JSON in (Jansson, duplicate keys refused, depth bounded) and JSON out (a writer over
 * struct as_buf). The only header through which the tree sees Jansson.
 *
 * Readers return borrowed values that live as long as the document. */
#ifndef IO_JSON_H
#define IO_JSON_H

#include "core/base/buf.h"
#include "core/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_t; /* Jansson's value, opaque here */

/* Parses n bytes as one object. what names the bytes in the error. Free with io_json_free. */
int io_json_parse(const void *data, size_t n, const char *what, struct json_t **out,
		  struct as_err *e) AS_CHECKED;
void io_json_free(struct json_t *doc); /* accepts NULL */

/* Typed members of an object. The get functions fail with AS_EFORMAT naming the key where it is
 * absent or of another type; the find functions return the fallback where the key is absent OR of
 * another type. obj may be NULL for the find functions. */
int io_json_get_str(const struct json_t *obj, const char *key, const char **out,
		    struct as_err *e) AS_CHECKED;
int io_json_get_u64(const struct json_t *obj, const char *key, uint64_t *out,
		    struct as_err *e) AS_CHECKED;
int io_json_get_num(const struct json_t *obj, const char *key, double *out,
		    struct as_err *e) AS_CHECKED;
const char *io_json_find_str(const struct json_t *obj, const char *key, const char *fallback);
uint64_t io_json_find_u64(const struct json_t *obj, const char *key, uint64_t fallback);
double io_json_find_num(const struct json_t *obj, const char *key, double fallback);
bool io_json_find_bool(const struct json_t *obj, const char *key, bool fallback);
/* An object or array member, NULL where absent or of another type. */
struct json_t *io_json_find(const struct json_t *obj, const char *key);

/* Arrays and objects. */
size_t io_json_len(const struct json_t *v); /* of an array or object; 0 for anything else, NULL */
struct json_t *io_json_at(const struct json_t *arr, size_t i);
const char *io_json_str(const struct json_t *v); /* NULL where not a string */
double io_json_num(const struct json_t *v, double fallback);
bool io_json_is_obj(const struct json_t *v);
bool io_json_is_arr(const struct json_t *v);
/* Walks an object in insertion order: start with *it = NULL; false at the end. */
bool io_json_next(const struct json_t *obj, void **it, const char **key, struct json_t **value);

/* The writer puts commas by itself. Keys are given for members of objects and NULL in arrays.
 * Numbers are written so that reading them gives the same float (%.9g) or double (%.17g);
 * NaN and infinities become null. Strings are written as valid UTF-8 with escapes. */
struct io_jw {
	struct as_buf *b; /* borrowed */
	bool comma;
};

void io_jw_obj(struct io_jw *w, const char *key);
void io_jw_arr(struct io_jw *w, const char *key);
void io_jw_end_obj(struct io_jw *w);
void io_jw_end_arr(struct io_jw *w);
void io_jw_str(struct io_jw *w, const char *key, const char *v);
void io_jw_strn(struct io_jw *w, const char *key, const char *v, size_t n);
void io_jw_u64(struct io_jw *w, const char *key, uint64_t v);
void io_jw_float(struct io_jw *w, const char *key, float v);
void io_jw_num(struct io_jw *w, const char *key, double v);
void io_jw_bool(struct io_jw *w, const char *key, bool v);
void io_jw_raw(struct io_jw *w, const char *key, const char *json); /* already JSON */

#endif
