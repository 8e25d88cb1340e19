/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/tools/assay/capture.h"

#include "core/io/file.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

/* Points fd at a new file and returns what it was. */
static int divert(int fd, const char *path)
{
	const int kept = dup(fd);
	const int file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	cr_assert(ge(int, kept, 0));
	cr_assert(eq(int, dup2(file, fd), fd));
	(void)close(file);
	return kept;
}

static void restore(int fd, int kept)
{
	(void)dup2(kept, fd);
	(void)close(kept);
}

struct capture capture(int (*cmd)(int argc, char **argv), const char *const *args)
{
	const char *out = tmpdir_path("stdout");
	const char *err = tmpdir_path("stderr");
	struct capture c = { .rc = -1 };
	struct as_err e;
	int argc = 0;
	int kept[2];

	while (args[argc] != NULL) {
		argc++;
	}
	(void)fflush(NULL);
	kept[0] = divert(1, out);
	kept[1] = divert(2, err);
	c.rc = cmd(argc, (char **)args);
	(void)fflush(NULL);
	restore(1, kept[0]);
	restore(2, kept[1]);
	ok(io_read_file(out, 1 << 24, &c.out, &e));
	ok(io_read_file(err, 1 << 24, &c.err, &e));
	return c;
}

void capture_free(struct capture *c)
{
	as_buf_free(&c->out);
	as_buf_free(&c->err);
}
