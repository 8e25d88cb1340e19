/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/json.h"

#include "tests/support/check.h"

#include <math.h>

static int parse(const char *text, struct json_t **doc, struct as_err *e)
{
	return io_json_parse(text, strlen(text), "the answer", doc, e);
}

Test(io_json, typed_members_are_found)
{
	struct json_t *d;
	const char *s;
	uint64_t u;
	double v;
	struct as_err e;

	ok(parse("{\"s\":\"x\",\"u\":7,\"n\":1.5,\"b\":true,\"a\":[1,\"z\"],\"o\":{\"k\":2}}", &d,
		 &e));
	ok(io_json_get_str(d, "s", &s, &e));
	same(s, "x");
	ok(io_json_get_u64(d, "u", &u, &e));
	cr_assert(eq(u64, u, 7));
	ok(io_json_get_num(d, "n", &v, &e));
	cr_assert(eq(dbl, v, 1.5));
	cr_assert(io_json_find_bool(d, "b", false));
	cr_assert(eq(sz, io_json_len(io_json_find(d, "a")), 2));
	same(io_json_str(io_json_at(io_json_find(d, "a"), 1)), "z");
	cr_assert(eq(u64, io_json_find_u64(io_json_find(d, "o"), "k", 0), 2));
	io_json_free(d);
}

Test(io_json, a_wrong_type_names_the_key)
{
	struct json_t *d;
	const char *s;
	uint64_t u;
	double v;
	struct as_err e;

	ok(parse("{\"s\":1,\"u\":-1,\"n\":\"x\"}", &d, &e));
	fails(io_json_get_str(d, "s", &s, &e), AS_EFORMAT, "s: not a string");
	fails(io_json_get_u64(d, "u", &u, &e), AS_EFORMAT, "u: not a whole number");
	fails(io_json_get_num(d, "n", &v, &e), AS_EFORMAT, "n: not a number");
	fails(io_json_get_str(d, "gone", &s, &e), AS_EFORMAT, "gone: missing");
	same(io_json_find_str(d, "s", "fallback"), "fallback");
	cr_assert(eq(u64, io_json_find_u64(d, "u", 9), 9));
	cr_assert(eq(u64, io_json_find_u64(NULL, "u", 9), 9));
	cr_assert(zero(ptr, io_json_find(NULL, "a")));
	io_json_free(d);
}

Test(io_json, what_is_not_one_object_is_refused)
{
	struct json_t *d;
	struct as_err e;

	fails(parse("", &d, &e), AS_EFORMAT, "the answer: not JSON");
	fails(parse("[1]", &d, &e), AS_EFORMAT, "not an object");
	fails(parse("{\"a\":1} x", &d, &e), AS_EFORMAT, "not JSON");
	fails(parse("{\"a\":1", &d, &e), AS_EFORMAT, "not JSON");
	fails(parse("{\"a\":\"\xFF\"}", &d, &e), AS_EFORMAT, "not JSON");
	fails(parse("{\"a\":1e999}", &d, &e), AS_EFORMAT, "not JSON");
	cr_assert(zero(ptr, d));
}

Test(io_json, duplicate_keys_are_refused)
{
	struct json_t *d;
	struct as_err e;

	fails(parse("{\"a\":1,\"a\":2}", &d, &e), AS_EFORMAT, "duplicate");
}

Test(io_json, depth_is_bounded)
{
	struct as_buf b = { 0 };
	struct json_t *d;
	struct as_err e;

	as_buf_puts(
	    &b,
	    "{\"quoted\":\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["
	    "\\\"[[[\"}");
	ok(io_json_parse(b.data, b.len, "quoted", &d, &e));
	io_json_free(d);
	as_buf_clear(&b);
	as_buf_puts(&b, "{\"a\":");
	for (int i = 0; i < 100000; i++) {
		as_buf_puts(&b, "[");
	}
	fails(io_json_parse(b.data, b.len, "deep", &d, &e), AS_EFORMAT, "deep: JSON nested deeper");
	as_buf_free(&b);
}

Test(io_json, objects_are_walked_in_order)
{
	struct json_t *d;
	struct json_t *v;
	void *it = NULL;
	const char *key;
	char keys[8] = "";
	struct as_err e;

	ok(parse("{\"z\":1,\"a\":2,\"m\":3}", &d, &e));
	while (io_json_next(d, &it, &key, &v)) {
		(void)strcat(keys, key);
	}
	same(keys, "zam");
	io_json_free(d);
}

Test(io_json, the_writer_puts_commas_and_escapes)
{
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	io_jw_obj(&w, NULL);
	io_jw_str(&w, "s", "a\"\\\n\x01\xFF\xC3\xA9");
	io_jw_arr(&w, "a");
	io_jw_u64(&w, NULL, UINT64_MAX);
	io_jw_obj(&w, NULL);
	io_jw_end_obj(&w);
	io_jw_bool(&w, NULL, false);
	io_jw_end_arr(&w);
	io_jw_num(&w, "nan", (double)NAN);
	io_jw_float(&w, "inf", INFINITY);
	io_jw_str(&w, "null", NULL);
	io_jw_raw(&w, "raw", "[]");
	io_jw_end_obj(&w);
	same(b.data, "{\"s\":\"a\\\"\\\\\\n\\u0001\xEF\xBF\xBD\xC3\xA9\","
		     "\"a\":[18446744073709551615,{},false],"
		     "\"nan\":null,\"inf\":null,\"null\":null,\"raw\":[]}");
	as_buf_free(&b);
}

Test(io_json, numbers_come_back_as_they_were)
{
	const double d = 0.1 + 0.2;
	const float f = 1.0F / 3.0F;
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };
	struct json_t *doc;
	struct as_err e;

	io_jw_obj(&w, NULL);
	io_jw_num(&w, "d", d);
	io_jw_float(&w, "f", f);
	io_jw_end_obj(&w);
	ok(io_json_parse(b.data, b.len, "numbers", &doc, &e));
	cr_assert(eq(dbl, io_json_find_num(doc, "d", 0), d));
	cr_assert(eq(flt, (float)io_json_find_num(doc, "f", 0), f));
	io_json_free(doc);
	as_buf_free(&b);
}
