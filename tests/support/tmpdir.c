/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/tmpdir.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[256];
static pid_t owner;

static int remove_one(const char *path, const struct stat *s, int type, struct FTW *f)
{
	(void)s;
	(void)type;
	(void)f;
	return remove(path);
}

static void remove_all(void)
{
	if (getpid() == owner) {
		(void)nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	}
}

const char *tmpdir(void)
{
	const char *base = getenv("TMPDIR");

	if (owner != getpid()) {
		(void)snprintf(folder, sizeof folder, "%s/assay-test-XXXXXX", base ? base : "/tmp");
		if (mkdtemp(folder) == NULL) {
			perror(folder);
			abort();
		}
		owner = getpid();
		(void)atexit(remove_all);
	}
	return folder;
}

const char *tmpdir_path(const char *name)
{
	static char *kept[256]; /* so that the paths stay reachable */
	static size_t n;
	char *path;

	if (asprintf(&path, "%s/%s", tmpdir(), name) < 0) {
		abort();
	}
	for (size_t i = 0; i < n && i < sizeof kept / sizeof *kept; i++) {
		if (strcmp(kept[i], path) == 0) {
			free(path);
			return kept[i];
		}
	}
	return kept[n++ % (sizeof kept / sizeof *kept)] = path;
}

const char *tmpdir_file(const char *name, const char *text)
{
	const char *path = tmpdir_path(name);
	FILE *f = fopen(path, "w");

	if (f == NULL || fputs(text, f) < 0 || fclose(f) != 0) {
		perror(path);
		abort();
	}
	return path;
}
