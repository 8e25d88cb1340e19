/* SPDX-License-Identifier: Apache-2.0
 * locate.c - where a plugin is. */
#include "core/base/buf.h"
#include "daemon/daemon.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int dm_plugin_find(const char *self, const char *plugin, struct as_buf *out, struct as_err *e)
{
	const char *const folders[] = { "../plugins", "../lib/assay" };
	const char *slash = strrchr(self, '/');
	const int folder = slash ? (int)(slash - self) : 0;

	if (plugin[0] == '/') {
		as_buf_puts(out, plugin);
		return access(plugin, R_OK) == 0
			   ? AS_OK
			   : as_fail(e, AS_ENOINPUT, "plugin %s cannot be read", plugin);
	}
	for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
		as_buf_clear(out);
		as_buf_printf(out, "%.*s/%s/%s", folder, self, folders[i], plugin);
		if (access(out->data, R_OK) == 0) {
			return AS_OK;
		}
	}
	return as_fail(e, AS_ENOINPUT, "plugin %s is neither in %.*s/%s nor in %.*s/%s", plugin,
		       folder, self, folders[0], folder, self, folders[1]);
}

/* Whether more than its owner, root and this program's own group may write it. A folder like /tmp
 * is one where only owners take away what is theirs. */
static bool is_open(const struct stat *st)
{
	if (S_ISDIR(st->st_mode) && (st->st_mode & S_ISVTX) != 0) {
		return false;
	}
	return (st->st_mode & S_IWOTH) != 0 ||
	       ((st->st_mode & S_IWGRP) != 0 && st->st_gid != 0 && st->st_gid != getegid());
}

/* Whoever may write the file or a folder above it decides what workers run. */
static int check_owners(const char *plugin, struct as_err *e)
{
	char *path = realpath(plugin, NULL);
	struct stat st;
	int rc = AS_OK;

	if (path == NULL) {
		return as_fail(e, AS_EIO, "plugin %s: %s", plugin, strerror(errno));
	}
	while (rc == AS_OK && path[1] != '\0') {
		char *slash = strrchr(path, '/');

		if (stat(path, &st) != 0) {
			rc = as_fail(e, AS_EIO, "plugin %s: %s", path, strerror(errno));
		} else if (is_open(&st)) {
			rc = as_fail(e, AS_ECONFIG,
				     "plugin %s: %s has mode %03o, others may write it", plugin,
				     path, st.st_mode & 0777);
		}
		slash[slash == path] = '\0';
	}
	free(path);
	return rc;
}

int dm_plugins_check(const char *self, const struct io_config *c, struct as_err *e)
{
	int rc = AS_OK;

	for (size_t i = 0; i < c->encoders && rc == AS_OK; i++) {
		struct as_buf path = { 0 };

		rc = dm_plugin_find(self, c->encoder[i].plugin, &path, e);
		rc = rc == AS_OK ? check_owners(path.data, e) : rc;
		if (rc != AS_OK) {
			e->code = AS_ECONFIG;
			rc = as_wrap(e, "%s: [encoder.%s]", c->path, c->encoder[i].name);
		}
		as_buf_free(&path);
	}
	return rc;
}
