/* SPDX-License-Identifier: Apache-2.0
 * The template, built by the C compiler alone: it must be a plugin as it stands. */
#include "plugins/host.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>

static const struct as_log quiet = { .fd = -1, .level = AS_ERROR, .who = "test" };

/* The path of the object. */
static const char *build(const char *name)
{
	const char *path = tmpdir_path(name);
	char command[1024];

	(void)snprintf(command, sizeof command,
		       "cc -std=c11 -Wall -Werror -shared -fPIC -fvisibility=hidden -I%s -o %s "
		       "%s/plugins/null/null.c",
		       SOURCE_DIR, path, SOURCE_DIR);
	cr_assert(zero(int, system(command)), "%s", command);
	return path;
}

Test(plugins_null, encodes_the_same_page_the_same)
{
	const struct assay_item item = { .data = "\x10\x1f\xf0\x20", .size = 4, .part = "a" };
	const struct pl_setting setting = { "null.scale", "2" };
	struct pl_encoder c;
	struct assay_features f;
	struct pl_plugin p;
	struct as_err e = { 0 };

	ok(pl_load(&p, build("null.so"), &e));
	same(p.entry->modality, "null");
	ok(pl_encoder_open(&c, &p, &setting, 1, &quiet, &e));
	cr_assert(eq(u32, c.dim, 16));
	ok(pl_encode(&c, &item, &f, &e));
	cr_assert(eq(flt, f.v[1], 1.0F)); /* two of four, times the scale */
	cr_assert(eq(flt, f.v[15], 0.5F));
	cr_assert(eq(flt, f.v[0], 0.0F));
	same(f.place[0].label, "4 bytes");
	pl_encoder_close(&c);
}

Test(plugins_null, refuses_an_empty_page_and_a_wrong_setting)
{
	const struct assay_item item = { .data = "", .size = 0, .part = "a" };
	const struct pl_setting wrong = { "null.scale", "none" };
	struct pl_encoder c;
	struct assay_features f;
	struct pl_plugin p;
	struct as_err e = { 0 };

	ok(pl_load(&p, build("null.so"), &e));
	fails(pl_encoder_open(&c, &p, &wrong, 1, &quiet, &e), AS_ECONFIG, "null.scale = none");
	ok(pl_encoder_open(&c, &p, NULL, 0, &quiet, &e));
	fails(pl_encode(&c, &item, &f, &e), AS_EFORMAT, "an empty page");
	same(f.limit, "bytes");
	pl_encoder_close(&c);
}

Test(plugins_null, other_abi_and_cut_entry_are_refused_by_name)
{
	static const char source[] = "#include \"%s/plugins/assay_plugin.h\"\n"
				     "const struct assay_plugin assay_plugin_entry = "
				     "{ .abi_major = %d, .size = %d };\n";
	static const struct {
		int major, size;
		const char *why;
	} wrong[] = {
		{ 7, 72, "speaks plugin ABI 7, this host 1" },
		{ 1, 24, "an entry of 24 bytes, at least 72 needed" },
		{ 1, 72, "a required function of the entry is NULL" },
	};

	for (int i = 0; i < 3; i++) {
		char name[16];
		char text[512];
		char command[1024];
		struct pl_plugin p;
		struct as_err e = { 0 };

		(void)snprintf(name, sizeof name, "wrong%d.so", i % 10);
		(void)snprintf(text, sizeof text, source, SOURCE_DIR, wrong[i].major,
			       wrong[i].size);
		(void)snprintf(command, sizeof command, "cc -shared -fPIC -o %s -x c %s",
			       tmpdir_path(name), tmpdir_file("wrong.c", text));
		cr_assert(zero(int, system(command)), "%s", command);
		fails(pl_load(&p, tmpdir_path(name), &e), AS_EFORMAT, wrong[i].why);
		cr_assert(ne(ptr, strstr(e.msg, name), NULL), "%s", e.msg);
	}
}
