/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/ini.h"

#include "core/base/buf.h"
#include "core/base/map.h"
#include "core/io/file.h"
#include "core/text/utf8.h"

#include <ini.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct reader {
	const char *path;
	struct as_buf text;
	size_t at;
	int line; /* the one handed to inih last */
	const char *const *repeats;
	struct as_map seen; /* "section" and "section]key" */
	io_ini_fn fn;
	void *ctx;
	int rc; /* of the first failure, after which nothing more is read */
	struct as_err *e;
};

static int refuse(struct reader *r, const char *why, const char *what)
{
	r->rc = as_fail(r->e, AS_ECONFIG, "%s:%d: %s %s", r->path, r->line, why, what);
	return r->rc;
}

static int item(struct reader *r, const char *section, const char *key, const char *value)
{
	const struct io_ini_item it = { section, key, value, r->line };

	r->rc = r->fn(r->ctx, &it, r->e);
	if (r->rc != AS_OK) {
		r->rc = as_wrap(r->e, "%s:%d", r->path, r->line);
	}
	return r->rc;
}

/* A line that opens a section is checked here: inih cuts its name in silence and does not say
 * that it saw it. */
static int check_section(struct reader *r, const char *s, size_t n)
{
	const char *end = memchr(s, ']', n);
	char name[IO_INI_SECTION_MAX + 1];
	const char *rest;

	if (end == NULL) {
		return refuse(r, "a section without", "]");
	}
	if (end - s - 1 > IO_INI_SECTION_MAX) {
		return refuse(r, "a section name of more than 49", "bytes");
	}
	(void)snprintf(name, sizeof name, "%.*s", (int)(end - s - 1), s + 1);
	rest = end + 1 + strspn(end + 1, " \t");
	if (rest < s + n && *rest != ';' && *rest != '#') {
		return refuse(r, "text after", "]");
	}
	if (name[0] == '\0' || strchr(name, ';') != NULL) {
		return refuse(r, "a section has no name, or a name with", "\";\"");
	}
	if (as_map_find(&r->seen, name) != NULL) {
		return refuse(r, "a second section", name);
	}
	as_map_put(&r->seen, name, r);
	return item(r, name, NULL, "");
}

static int check_line(struct reader *r, const char *s, size_t n)
{
	uint64_t replaced = 0;
	size_t at = 0;

	if (n > IO_INI_LINE_MAX) {
		return refuse(r, "a line of more than 198", "bytes");
	}
	while (at < n) {
		if (tx_utf8_next(s, n, &at, &replaced) == 0) {
			return refuse(r, "a NUL", "byte");
		}
	}
	if (replaced > 0) {
		return refuse(r, "not", "UTF-8");
	}
	return s[0] == '[' ? check_section(r, s, n) : AS_OK;
}

/* inih's fgets: the next line without what it is indented by, so that inih never takes it for the
 * continuation of the one before. */
static char *next_line(char *str, int num, void *stream)
{
	struct reader *r = stream;
	const char *s = r->text.data + r->at;
	const char *end;
	size_t n;

	if (r->rc != AS_OK || r->at >= r->text.len) {
		return NULL;
	}
	end = memchr(s, '\n', r->text.len - r->at);
	n = end ? (size_t)(end - s) : r->text.len - r->at;
	r->at += n + (end != NULL);
	r->line++;
	while (n > 0 && (*s == ' ' || *s == '\t')) {
		s++;
		n--;
	}
	while (n > 0 && (s[n - 1] == '\r' || s[n - 1] == ' ' || s[n - 1] == '\t')) {
		n--;
	}
	if (check_line(r, s, n) != AS_OK || n + 2 > (size_t)num) {
		return NULL;
	}
	memcpy(str, s, n);
	memcpy(str + n, "\n", 2);
	return str;
}

static bool may_repeat(const struct reader *r, const char *key)
{
	for (size_t i = 0; r->repeats != NULL && r->repeats[i] != NULL; i++) {
		if (strcmp(r->repeats[i], key) == 0) {
			return true;
		}
	}
	return false;
}

/* inih's handler: 1 goes on. */
static int take(void *user, const char *section, const char *key, const char *value)
{
	struct reader *r = user;
	struct as_buf name = { 0 };

	if (r->rc != AS_OK) {
		return 1;
	}
	if (key[0] == '\0') {
		(void)refuse(r, "no key before", "=");
		return 1;
	}
	as_buf_printf(&name, "%s]%s", section, key);
	if (as_map_find(&r->seen, name.data) != NULL && !may_repeat(r, key)) {
		(void)refuse(r, "a second", key);
	} else {
		as_map_put(&r->seen, name.data, r);
		(void)item(r, section, key, value);
	}
	as_buf_free(&name);
	return 1;
}

int io_ini_read(const char *path, const char *const *repeats, io_ini_fn fn, void *ctx,
		struct as_err *e)
{
	struct reader r = { .path = path, .repeats = repeats, .fn = fn, .ctx = ctx, .e = e };
	int bad;
	int rc;

	rc = io_read_file(path, IO_INI_BYTES_MAX, &r.text, e);
	if (rc == AS_EFORMAT) {
		rc = e->code = AS_ECONFIG;
	}
	if (rc != AS_OK) {
		goto out;
	}
	if (r.text.len >= 3 && memcmp(r.text.data, "\xEF\xBB\xBF", 3) == 0) {
		r.at = 3;
	}
	bad = ini_parse_stream(next_line, &r, take, &r);
	rc = r.rc;
	if (bad != 0 && (rc == AS_OK || bad < r.line)) {
		rc = as_fail(e, AS_ECONFIG, "%s:%d: neither [section] nor key = value", path, bad);
	}
out:
	as_map_free(&r.seen);
	as_buf_free(&r.text);
	return rc;
}
