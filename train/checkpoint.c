/* SPDX-License-Identifier: Apache-2.0 */
#include "train/checkpoint.h"

#include "core/base/clock.h"
#include "core/io/file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char MAGIC[] = "assay-checkpoint-1\n";

enum {
	ABOUT_MAX = 16 << 20, /* bytes of the file `about` */
	SHARE = 10,           /* writing takes one SHARE-th of the time at most */
	DIGEST = IO_DIGEST_SIZE - 1,
	HEAD = sizeof MAGIC - 1 + DIGEST + DIGEST, /* then pieces, each a size and its bytes */
};

static char *path_of(const struct tr_checkpoint *c, const char *file)
{
	struct as_buf b = { 0 };

	as_buf_printf(&b, "%s/%s", c->folder, file);
	return b.data;
}

static char *state_path(const struct tr_checkpoint *c, size_t training, bool done)
{
	char file[40];

	(void)snprintf(file, sizeof file, "%03zu%s", training, done ? ".done" : "");
	return path_of(c, file);
}

/* Everything in the folder; its own files only, since nobody else writes there. */
static int empty(const struct tr_checkpoint *c, struct as_err *e)
{
	DIR *dir = opendir(c->folder);
	const struct dirent *entry;
	int rc = AS_OK;

	if (dir == NULL) {
		return errno == ENOENT ? AS_OK
				       : as_fail(e, AS_EIO, "%s: %s", c->folder, strerror(errno));
	}
	while (rc == AS_OK && (entry = readdir(dir)) != NULL) {
		char *path = path_of(c, entry->d_name);

		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0 &&
		    unlink(path) != 0) {
			rc = as_fail(e, AS_EIO, "%s: %s", path, strerror(errno));
		}
		free(path);
	}
	(void)closedir(dir);
	return rc;
}

/* The line of a that starts with the name, or NULL; *n its bytes. */
static const char *line_of(const char *a, const char *name, size_t size, size_t *n)
{
	for (const char *line = a; *line != '\0';) {
		*n = strcspn(line, "\n");
		if (*n > size && strncmp(line, name, size) == 0 && line[size] == ' ') {
			return line;
		}
		line += *n + (line[*n] == '\n');
	}
	*n = 0;
	return NULL;
}

/* Long values (the task) are not worth printing. */
static int refuse(const struct tr_checkpoint *c, const char *name, int size, const char *there,
		  const char *here, struct as_err *e)
{
	if (strlen(there) > 100 || strlen(here) > 100) {
		return as_fail(e, AS_EUSAGE, "--resume: %s is of another %.*s", c->folder, size,
			       name);
	}
	return as_fail(e, AS_EUSAGE, "--resume: %s is of another %.*s: %s there, %s here",
		       c->folder, size, name, *there ? there : "none", *here ? here : "none");
}

/* Finds the first line that differs. */
static int compare(const struct tr_checkpoint *c, const char *there, const char *here,
		   struct as_err *e)
{
	for (const char *line = here; *line != '\0';) {
		const size_t n = strcspn(line, "\n");
		const size_t name = strcspn(line, " \n");
		size_t m;
		const char *other = line_of(there, line, name, &m);

		if (other == NULL || m != n || memcmp(line, other, n) != 0) {
			char *a = other != NULL ? as_strndup(other + name + 1, m - name - 1)
						: as_strdup("");
			char *b = as_strndup(line + name + 1, n - name - 1);
			const int rc = refuse(c, line, (int)name, a, b, e);

			free(a);
			free(b);
			return rc;
		}
		line += n + (line[n] == '\n');
	}
	return strlen(there) == strlen(here)
		   ? AS_OK
		   : as_fail(e, AS_EUSAGE, "--resume: %s is of a command with more options",
			     c->folder);
}

int tr_checkpoint_open(struct tr_checkpoint *c, const char *folder, const char *about, bool resume,
		       struct as_err *e)
{
	struct as_buf there = { 0 };
	char *path;
	int rc;

	*c = (struct tr_checkpoint){ .folder = as_strdup(folder) };
	io_digest(about, strlen(about), c->key);
	path = path_of(c, "about");
	if (resume && access(path, F_OK) == 0) {
		TRY(io_read_file(path, ABOUT_MAX, &there, e));
		TRY(compare(c, there.data, about, e));
		c->resumed = true;
	} else {
		TRY(empty(c, e));
		TRY(io_make_dirs(folder, 0755, e));
		TRY(io_write_file(path, about, strlen(about), 0644, e));
	}
out:
	as_buf_free(&there);
	free(path);
	return rc;
}

void tr_checkpoint_close(struct tr_checkpoint *c)
{
	free(c->folder);
	*c = (struct tr_checkpoint){ 0 };
}

int tr_checkpoint_remove(struct tr_checkpoint *c, struct as_err *e)
{
	int rc;

	TRY(empty(c, e));
	if (rmdir(c->folder) != 0) {
		rc = as_fail(e, AS_EIO, "%s: %s", c->folder, strerror(errno));
	}
out:
	return rc;
}

size_t tr_checkpoint_begin(struct tr_checkpoint *c)
{
	return c->trainings++;
}

bool tr_checkpoint_due(const struct tr_checkpoint *c)
{
	return as_mono_ns() >= c->due;
}

int tr_checkpoint_save(struct tr_checkpoint *c, size_t training, bool done,
		       const struct tr_piece *piece, size_t pieces, struct as_err *e)
{
	const int64_t began = as_mono_ns();
	char *path = state_path(c, training, done);
	struct as_buf out = { 0 };
	char digest[IO_DIGEST_SIZE];
	int rc;

	as_buf_puts(&out, MAGIC);
	as_buf_puts(&out, c->key);
	as_buf_put(&out, c->key, DIGEST); /* room for the digest of what follows */
	for (size_t i = 0; i < pieces; i++) {
		as_buf_put(&out, &piece[i].size, sizeof piece[i].size);
		as_buf_put(&out, piece[i].at, piece[i].size);
	}
	io_digest(out.data + HEAD, out.len - HEAD, digest);
	memcpy(out.data + HEAD - DIGEST, digest, DIGEST);
	TRY(io_write_file(path, out.data, out.len, 0644, e));
	if (done) {
		free(path);
		path = state_path(c, training, false);
		(void)unlink(path); /* not there where no state was worth writing */
	}
	c->due = as_mono_ns() + SHARE * (as_mono_ns() - began);
out:
	as_buf_free(&out);
	free(path);
	return rc;
}

/* The pieces of the n bytes at p, if they are just those that are wanted. */
static bool fill(const char *p, size_t n, const struct tr_piece *piece, size_t pieces)
{
	for (size_t i = 0; i < pieces; i++) {
		size_t size;

		if (n < sizeof size) {
			return false;
		}
		memcpy(&size, p, sizeof size);
		p += sizeof size;
		n -= sizeof size;
		if (size != piece[i].size || size > n) {
			return false;
		}
		memcpy(piece[i].at, p, size);
		p += size;
		n -= size;
	}
	return n == 0;
}

int tr_checkpoint_load(const struct tr_checkpoint *c, size_t training, bool done,
		       const struct tr_piece *piece, size_t pieces, bool *found, struct as_err *e)
{
	char *path = state_path(c, training, done);
	struct io_map m = { 0 };
	char digest[IO_DIGEST_SIZE] = "";
	const char *p;
	int rc = AS_OK;

	*found = false;
	if (access(path, F_OK) != 0) {
		goto out;
	}
	TRY(io_map_open(&m, path, SIZE_MAX, e));
	p = m.data;
	if (m.size >= HEAD) {
		io_digest(p + HEAD, m.size - HEAD, digest);
	}
	*found = m.size >= HEAD && memcmp(p, MAGIC, sizeof MAGIC - 1) == 0 &&
		 memcmp(p + HEAD - DIGEST - DIGEST, c->key, DIGEST) == 0 &&
		 memcmp(p + HEAD - DIGEST, digest, DIGEST) == 0 &&
		 fill(p + HEAD, m.size - HEAD, piece, pieces);
	if (!*found) {
		rc = as_fail(e, AS_EFORMAT,
			     "%s: damaged, or of another training; without --resume the "
			     "training begins anew",
			     path);
	}
out:
	io_map_close(&m);
	free(path);
	return rc;
}
