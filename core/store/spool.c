/* SPDX-License-Identifier: Apache-2.0 */
#include "core/store/db.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	FILE_MODE = 0600,
	TOGETHER = 32 /* files that are open at once */
};

static void path_of(const struct st_store *s, const char *sha256, const char *suffix,
		    struct as_buf *out)
{
	as_buf_clear(out);
	as_buf_printf(out, "%s/%s%s", s->spool, sha256, suffix);
}

static int fail(const char *what, const char *path, struct as_err *e)
{
	return as_fail(e, AS_EIO, "spool: %s %s: %s", what, path, strerror(errno));
}

void st_spool_put(struct st_store *s, const struct st_page *page)
{
	struct st_spooled *in;

	if (s->ins == s->in_cap) {
		s->in_cap = s->in_cap ? 2 * s->in_cap : 16;
		s->in = as_realloc(s->in, s->in_cap, sizeof *s->in);
	}
	in = &s->in[s->ins++];
	*in = (struct st_spooled){ .data = page->data, .size = page->size, .fd = -1 };
	(void)snprintf(in->sha256, sizeof in->sha256, "%s", page->sha256);
}

void st_spool_drop(struct st_store *s, const char *sha256)
{
	if (s->outs == s->out_cap) {
		s->out_cap = s->out_cap ? 2 * s->out_cap : 16;
		s->out = as_realloc(s->out, s->out_cap, sizeof *s->out);
	}
	(void)snprintf(s->out[s->outs++], IO_DIGEST_SIZE, "%s", sha256);
}

bool st_lacks_room(int number)
{
	return number == ENOSPC || number == EDQUOT || number == EMFILE || number == ENFILE;
}

int st_write_all(int fd, const char *data, size_t n)
{
	while (n > 0) {
		const ssize_t w = write(fd, data, n);

		if (w < 0 && errno != EINTR) {
			return -1;
		}
		data += w > 0 ? w : 0;
		n -= w > 0 ? (size_t)w : 0;
	}
	return 0;
}

/* Writes one beside its place and leaves it open. One that finds no room has done nothing. fd stays
 * -1 where the same bytes are there, or were written by the group already. */
static int write_file(const struct st_store *s, struct st_spooled *in, struct as_err *e)
{
	struct as_buf path = { 0 };
	struct as_buf beside = { 0 };
	struct stat st;
	int rc = AS_OK;

	path_of(s, in->sha256, "", &path);
	if (stat(path.data, &st) == 0 && st.st_size == (off_t)in->size) {
		goto out;
	}
	path_of(s, in->sha256, ".new", &beside);
	in->fd = open(beside.data, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (in->fd < 0 && errno == EEXIST) {
		goto out;
	}
	if (in->fd < 0 || st_write_all(in->fd, in->data, in->size) != 0) {
		const bool full = st_lacks_room(errno);

		rc = fail("write", beside.data, e);
		rc = e->code = full ? AS_EFULL : rc;
	}
out:
	as_buf_free(&beside);
	as_buf_free(&path);
	return rc;
}

/* Syncs one and gives it its name: a file under its digest's name is whole. Of one that is not
 * synced nobody knows. */
static int keep_file(const struct st_store *s, const struct st_spooled *in, struct as_err *e)
{
	struct as_buf path = { 0 };
	struct as_buf beside = { 0 };
	int rc = AS_OK;

	path_of(s, in->sha256, "", &path);
	path_of(s, in->sha256, ".new", &beside);
	if (fsync(in->fd) != 0) {
		rc = fail("fsync", beside.data, e);
	} else if (rename(beside.data, path.data) != 0) {
		rc = fail("rename to", path.data, e);
	}
	as_buf_free(&beside);
	as_buf_free(&path);
	return rc;
}

/* Closes what is open; after a failure nothing stays beside its place. */
static void close_files(const struct st_store *s, struct st_spooled *in, size_t n, bool failed)
{
	struct as_buf beside = { 0 };

	for (size_t i = 0; i < n; i++) {
		if (in[i].fd < 0) {
			continue;
		}
		(void)close(in[i].fd);
		in[i].fd = -1;
		if (failed) {
			path_of(s, in[i].sha256, ".new", &beside);
			(void)unlink(beside.data);
		}
	}
	as_buf_free(&beside);
}

/* All are written before the first is synced: its sync takes most of the others' along. */
static int write_files(const struct st_store *s, struct st_spooled *in, size_t n, struct as_err *e)
{
	int rc = AS_OK;

	for (size_t i = 0; rc == AS_OK && i < n; i++) {
		rc = write_file(s, &in[i], e);
	}
	for (size_t i = 0; rc == AS_OK && i < n; i++) {
		rc = in[i].fd >= 0 ? keep_file(s, &in[i], e) : AS_OK;
	}
	close_files(s, in, n, rc != AS_OK);
	return rc;
}

int st_sync(const char *path, struct as_err *e)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC);
	int rc = AS_OK;

	if (fd < 0 || fsync(fd) != 0) {
		const int code = fd < 0 && st_lacks_room(errno) ? AS_EFULL : AS_EIO;

		rc = as_fail(e, code, "fsync %s: %s", path, strerror(errno));
	}
	if (fd >= 0) {
		(void)close(fd);
	}
	return rc;
}

int st_spool_sync(struct st_store *s, struct as_err *e)
{
	int rc = AS_OK;

	for (size_t i = 0; rc == AS_OK && i < s->ins; i += TOGETHER) {
		rc = write_files(s, s->in + i, s->ins - i < TOGETHER ? s->ins - i : TOGETHER, e);
	}
	if (rc == AS_OK && s->ins > 0) {
		rc = st_sync(s->spool, e);
	}
	return rc;
}

void st_spool_undo(struct st_store *s)
{
	for (size_t i = 0; i < s->ins; i++) {
		st_spool_drop(s, s->in[i].sha256);
	}
	s->ins = 0;
}

/* Removes the file unless a page that is not judged needs it. */
static int drop_file(struct st_store *s, const char *sha256, struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_FILE, (const char *const[]){ sha256, NULL });
	struct as_buf path = { 0 };
	bool needed;
	int rc = st_step(s, q, &needed, e);

	(void)sqlite3_reset(q);
	if (rc == AS_OK && !needed) {
		path_of(s, sha256, "", &path);
		if (unlink(path.data) != 0 && errno != ENOENT) {
			rc = fail("remove", path.data, e);
		}
		as_buf_free(&path);
	}
	return rc;
}

int st_spool_sweep(struct st_store *s, struct as_err *e)
{
	int rc = AS_OK;

	if (s->copies > 0) {
		return AS_OK; /* a backup may name them: after it */
	}
	for (size_t i = 0; rc == AS_OK && i < s->outs; i++) {
		rc = drop_file(s, s->out[i], e);
	}
	s->outs = 0;
	return rc;
}

int st_spool_open(struct st_store *s, struct as_err *e)
{
	DIR *dir = opendir(s->spool);
	const struct dirent *entry;
	int rc = AS_OK;

	if (dir == NULL) {
		return fail("open", s->spool, e);
	}
	/* What a process left that ended between the file and the commit, or the commit and the
	 * removal. */
	while (rc == AS_OK && (entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.') {
			rc = drop_file(s, entry->d_name, e);
		}
	}
	(void)closedir(dir);
	return rc;
}
