/* SPDX-License-Identifier: Apache-2.0
 * small.h - a small task with its table and a model of it, for commands run in the test's process.
 */
#ifndef TESTS_SMALL_H
#define TESTS_SMALL_H

#include "core/base/buf.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"
#include "tests/tools/assay/capture.h"
#include "tools/assay/cmd.h"

static const char small_ini[] = "[task]\nname = small\ntarget = y\nlabels = no, yes\nsplit = s\n"
				"[part.record]\nmodality = table\ncolumns = a:number\n"
				"[part.note]\nmodality = text\ncolumn = t\n"
				"[model]\nwidth = 16\nheads = 2\ntext_buckets = 256\n"
				"[train]\nrate = 0.003\n";

/* 60 cases to train on and 8 of a split "dev"; y is told by a. */
static inline const char *table(void)
{
	struct as_buf b = { 0 };
	const char *path;

	as_buf_puts(&b, "case,s,a,t,y\n");
	for (int i = 0; i < 68; i++) {
		as_buf_printf(&b, "c%d,%s,%d,%s,%s\n", i, i < 60 ? "train" : "dev",
			      i % 2 ? 10 + i % 7 : i % 5, i % 3 ? "plain words" : "",
			      i % 2 ? "yes" : "no");
	}
	path = tmpdir_file("cases.csv", b.data);
	as_buf_free(&b);
	return path;
}

#define run(cmd, ...) capture(cmd, (const char *const[]){ __VA_ARGS__, NULL })

static inline const char *trained(void)
{
	const char *model = tmpdir_path("m.safetensors");
	struct capture c = run(cmd_train, "train", tmpdir_file("t.ini", small_ini), "--data",
			       table(), "--out", model, "--epochs", "6", "--threads", "1");

	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	capture_free(&c);
	return model;
}

static inline bool says(const struct as_buf *b, const char *text)
{
	return strstr(b->data, text) != NULL;
}

static inline size_t lines(const struct as_buf *b)
{
	size_t n = 0;

	for (size_t i = 0; i < b->len; i++) {
		n += b->data[i] == '\n';
	}
	return n;
}

#endif
