/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/ini.h"

#include "core/base/buf.h"
#include "core/io/file.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

/* Writes what comes as "section.key=value@line;". */
static int record(void *ctx, const struct io_ini_item *it, struct as_err *e)
{
	struct as_buf *b = ctx;

	if (it->key == NULL) {
		as_buf_printf(b, "[%s]", it->section);
		return AS_OK;
	}
	if (strcmp(it->key, "bad") == 0) {
		return as_fail(e, AS_ECONFIG, "bad = %s: not wanted", it->value);
	}
	as_buf_printf(b, "%s.%s=%s@%d;", it->section, it->key, it->value, it->line);
	return AS_OK;
}

static int read_text(const char *text, struct as_buf *out, struct as_err *e)
{
	static const char *const repeats[] = { "columns", NULL };

	as_buf_clear(out);
	as_buf_puts(out, "");
	return io_ini_read(tmpdir_file("t.ini", text), repeats, record, out, e);
}

Test(io_ini, keys_come_with_section_and_line)
{
	struct as_buf out = { 0 };
	struct as_err e;

	ok(read_text("top = 1\n[a]\nx = one two ; said\n# note\n; note\n\ny =\n[b]\n\tx=2\n", &out,
		     &e));
	same(out.data, ".top=1@1;[a]a.x=one two@3;a.y=@7;[b]b.x=2@9;");
	as_buf_free(&out);
}

Test(io_ini, an_indented_line_continues_nothing)
{
	struct as_buf out = { 0 };
	struct as_err e;

	ok(read_text("[a]\nx = 1\n    y = 2\n", &out, &e));
	same(out.data, "[a]a.x=1@2;a.y=2@3;");
	fails(read_text("[a]\nx = 1\n    more\n", &out, &e), AS_ECONFIG,
	      "t.ini:3: neither [section] nor key = value");
	as_buf_free(&out);
}

Test(io_ini, windows_line_ends_and_a_byte_order_mark_are_dropped)
{
	struct as_buf out = { 0 };
	struct as_err e;

	ok(read_text("\xEF\xBB\xBF[a]\r\nx = 1\r\n", &out, &e));
	same(out.data, "[a]a.x=1@2;");
	as_buf_free(&out);
}

Test(io_ini, only_keys_that_may_come_again_do)
{
	struct as_buf out = { 0 };
	struct as_err e;

	ok(read_text("[a]\ncolumns = 1\ncolumns = 2\n", &out, &e));
	same(out.data, "[a]a.columns=1@2;a.columns=2@3;");
	ok(read_text("[a]\nx = 1\n[b]\nx = 1\n", &out, &e));
	fails(read_text("[a]\nx = 1\nx = 2\n", &out, &e), AS_ECONFIG, "t.ini:3: a second x");
	fails(read_text("[a]\nx = 1\n[b]\n[a]\n", &out, &e), AS_ECONFIG,
	      "t.ini:4: a second section a");
	as_buf_free(&out);
}

Test(io_ini, a_long_line_is_refused_not_cut)
{
	struct as_buf text = { 0 };
	struct as_buf out = { 0 };
	struct as_err e;

	as_buf_puts(&text, "[a]\nx = ");
	while (text.len < 4 + 198) {
		as_buf_puts(&text, "v");
	}
	ok(read_text(text.data, &out, &e));
	cr_assert(eq(sz, out.len, 3 + 4 + 194 + 3));
	as_buf_puts(&text, "v");
	fails(read_text(text.data, &out, &e), AS_ECONFIG, "t.ini:2: a line of more than 198");
	as_buf_free(&text);
	as_buf_free(&out);
}

Test(io_ini, a_long_section_name_is_refused_not_cut)
{
	struct as_buf out = { 0 };
	struct as_err e;

	ok(read_text("[a23456789b123456789c123456789d123456789e12345678]\n", &out, &e));
	fails(read_text("[a23456789b123456789c123456789d123456789e1234567890]\n", &out, &e),
	      AS_ECONFIG, "t.ini:1: a section name of more than 49");
	as_buf_free(&out);
}

Test(io_ini, what_is_no_setting_is_refused)
{
	struct as_buf out = { 0 };
	struct as_err e;

	fails(read_text("[a\nx = 1\n", &out, &e), AS_ECONFIG, "t.ini:1: a section without ]");
	fails(read_text("[]\n", &out, &e), AS_ECONFIG, "t.ini:1: a section has no name");
	fails(read_text("[a] x\n", &out, &e), AS_ECONFIG, "t.ini:1: text after ]");
	fails(read_text("[a]\n= 1\n", &out, &e), AS_ECONFIG, "t.ini:2: no key before =");
	fails(read_text("[a]\nx = \xFF\n", &out, &e), AS_ECONFIG, "t.ini:2: not UTF-8");
	fails(read_text("[a]\nword\n", &out, &e), AS_ECONFIG, "t.ini:2: neither");
	as_buf_free(&out);
}

Test(io_ini, a_nul_byte_is_refused)
{
	const char *path = tmpdir_path("nul.ini");
	struct as_buf out = { 0 };
	struct as_err e;

	ok(io_write_file(path, "[a]\nx\0y = 1\n", 12, 0600, &e));
	fails(io_ini_read(path, NULL, record, &out, &e), AS_ECONFIG, "nul.ini:2: a NUL byte");
	as_buf_free(&out);
}

Test(io_ini, the_callers_refusal_gets_file_and_line)
{
	struct as_buf out = { 0 };
	struct as_err e;

	fails(read_text("[a]\n\nbad = 3\nx = 1\n", &out, &e), AS_ECONFIG,
	      "t.ini:3: bad = 3: not wanted");
	same(out.data, "[a]");
	fails(io_ini_read(tmpdir_path("gone.ini"), NULL, record, &out, &e), AS_ENOINPUT,
	      "gone.ini");
	as_buf_free(&out);
}
