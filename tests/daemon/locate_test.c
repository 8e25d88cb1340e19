/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/daemon.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A tree as it is installed or built; the path of its program. */
static const char *tree(const char *plugins)
{
	(void)mkdir(tmpdir_path("bin"), 0700);
	(void)mkdir(tmpdir_path("lib"), 0700);
	(void)mkdir(tmpdir_path(plugins), 0700);
	return tmpdir_path("bin/assayd");
}

Test(daemon_locate, plugins_are_beside_the_program_built_or_installed)
{
	struct as_buf out = { 0 };
	struct as_err e = { 0 };
	const char *self = tree("lib/assay");

	(void)tmpdir_file("lib/assay/x.so", "");
	ok(dm_plugin_find(self, "x.so", &out, &e));
	cr_assert(ne(ptr, strstr(out.data, "/bin/../lib/assay/x.so"), NULL), "%s", out.data);
	(void)tree("plugins");
	(void)tmpdir_file("plugins/x.so", "");
	ok(dm_plugin_find(self, "x.so", &out, &e));
	cr_assert(ne(ptr, strstr(out.data, "/bin/../plugins/x.so"), NULL), "%s", out.data);
	as_buf_free(&out);
}

Test(daemon_locate, absolute_paths_are_taken_as_they_are)
{
	struct as_buf out = { 0 };
	struct as_err e = { 0 };
	const char *path = tmpdir_file("x.so", "");

	ok(dm_plugin_find("/nonexistent/assayd", path, &out, &e));
	same(out.data, path);
	as_buf_clear(&out);
	fails(dm_plugin_find("/nonexistent/assayd", "/nonexistent/x.so", &out, &e), AS_ENOINPUT,
	      "/nonexistent/x.so");
	as_buf_free(&out);
}

Test(daemon_locate, absent_plugin_says_where_it_was_looked_for)
{
	struct io_config c = { .path = (char *)"a.ini", .encoders = 1 };
	struct as_err e = { 0 };

	c.encoder[0].plugin = (char *)"y.so";
	(void)snprintf(c.encoder[0].name, sizeof c.encoder[0].name, "why");
	fails(dm_plugins_check("/x/bin/assayd", &c, &e), AS_ECONFIG,
	      "a.ini: [encoder.why]: plugin y.so is neither in /x/bin/../plugins nor in "
	      "/x/bin/../lib/assay");
}

Test(daemon_locate, attack_37_plugin_that_others_may_write_is_refused)
{
	struct io_config c = { .path = (char *)"a.ini", .encoders = 1 };
	const char *self = tree("plugins");
	const char *file = tmpdir_file("plugins/x.so", "");
	struct as_err e = { 0 };

	c.encoder[0].plugin = (char *)"x.so";
	(void)snprintf(c.encoder[0].name, sizeof c.encoder[0].name, "x");
	ok(dm_plugins_check(self, &c, &e));
	cr_assert(zero(int, chmod(file, 0666)));
	fails(dm_plugins_check(self, &c, &e), AS_ECONFIG, "plugins/x.so has mode 666");
	cr_assert(zero(int, chmod(file, 0644)));
	cr_assert(zero(int, chmod(tmpdir_path("plugins"), 0777)));
	fails(dm_plugins_check(self, &c, &e), AS_ECONFIG, "plugins has mode 777");
	cr_assert(zero(int, chmod(tmpdir_path("plugins"), 01777)));
	ok(dm_plugins_check(self, &c, &e));
	/* A group of one's own may, another may not. */
	cr_assert(zero(int, chmod(tmpdir_path("plugins"), 0775)));
	ok(dm_plugins_check(self, &c, &e));
	if (chown(tmpdir_path("plugins"), (uid_t)-1, getegid() + 1) != 0) {
		(void)fprintf(stderr, "skipped: only root gives a folder to another group\n");
		return;
	}
	fails(dm_plugins_check(self, &c, &e), AS_ECONFIG, "plugins has mode 775");
}
