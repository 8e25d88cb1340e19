/* SPDX-License-Identifier: Apache-2.0
 * restore.c - a state of a backup: the journal in a new epoch, its spool beside it. Everything is
 * written beside and verified before the journal gets its name. */
#include "core/base/clock.h"
#include "core/io/file.h"
#include "core/store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FOLDER_MODE = 0700, FILE_MODE = 0600, CHUNK = 1 << 20 };

static const char beside[] = "journal.db.new";

static int fail(const char *path, struct as_err *e)
{
	return as_fail(e, AS_ECREATE, "%s: %s", path, strerror(errno));
}

static int copy_bytes(int from, int to, const char *path, struct as_err *e)
{
	char *chunk = as_malloc(CHUNK);
	ssize_t n;
	int rc = AS_OK;

	while (rc == AS_OK && (n = read(from, chunk, CHUNK)) != 0) {
		if ((n < 0 && errno != EINTR) ||
		    (n > 0 && st_write_all(to, chunk, (size_t)n) != 0)) {
			rc = fail(path, e);
		}
	}
	free(chunk);
	return rc;
}

static int copy_file(const char *file, const char *path, struct as_err *e)
{
	const int from = open(file, O_RDONLY | O_CLOEXEC);
	int to = -1;
	int rc;

	if (from < 0) {
		return as_fail(e, AS_ENOINPUT, "%s: %s", file, strerror(errno));
	}
	to = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
	if (to < 0) {
		rc = fail(path, e);
		goto out;
	}
	TRY(copy_bytes(from, to, path, e));
	if (fsync(to) != 0) {
		rc = fail(path, e);
	}
out:
	if (to >= 0) {
		(void)close(to);
	}
	(void)close(from);
	return rc;
}

/* A journal that is there is not touched. */
static int check_free(const char *state, struct as_err *e)
{
	static const char *const names[] = { "journal.db", "journal.db-wal" };
	struct as_buf path = { 0 };
	int rc = AS_OK;

	for (size_t i = 0; i < sizeof names / sizeof *names && rc == AS_OK; i++) {
		as_buf_clear(&path);
		as_buf_printf(&path, "%s/%s", state, names[i]);
		if (access(path.data, F_OK) == 0) {
			rc = as_fail(e, AS_ECREATE, "%s is there: move it away first", path.data);
		}
	}
	as_buf_free(&path);
	return rc;
}

/* The next piece of the statement's rows goes to the file that it names, which is made with its
 * first. *fd: the file in hand. */
static int put_piece(const struct st_store *s, sqlite3_stmt *q, int *fd, struct as_err *e)
{
	const char *name = (const char *)sqlite3_column_text(q, 0);
	struct as_buf path = { 0 };
	int rc = AS_OK;

	if (strlen(name) != IO_DIGEST_SIZE - 1 ||
	    strspn(name, "0123456789abcdef") != strlen(name)) {
		return as_fail(e, AS_EFORMAT, "the backup's spool has a file that is no digest");
	}
	as_buf_printf(&path, "%s/%s", s->spool, name);
	if (*fd < 0 || sqlite3_column_int64(q, 1) == 0) {
		if (*fd >= 0) {
			(void)close(*fd);
		}
		*fd = open(path.data, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, FILE_MODE);
	}
	if (*fd < 0 ||
	    st_write_all(*fd, sqlite3_column_blob(q, 2), (size_t)sqlite3_column_bytes(q, 2)) != 0 ||
	    fsync(*fd) != 0) {
		rc = fail(path.data, e);
	}
	as_buf_free(&path);
	return rc;
}

/* The files are verified with the pages that name them. */
static int restore_spool(struct st_store *s, struct as_err *e)
{
	sqlite3_stmt *q = NULL;
	bool row = true;
	int rc = AS_OK;
	int fd = -1;

	if (sqlite3_prepare_v2(s->db,
			       "SELECT sha256, piece, bytes FROM spool ORDER BY sha256, piece", -1,
			       &q, NULL) != SQLITE_OK) {
		return as_fail(e, AS_EFORMAT, "it is no backup of a journal: %s",
			       sqlite3_errmsg(s->db));
	}
	while (rc == AS_OK && (rc = st_step(s, q, &row, e)) == AS_OK && row) {
		rc = put_piece(s, q, &fd, e);
	}
	(void)sqlite3_finalize(q);
	if (fd >= 0) {
		(void)close(fd);
	}
	return rc;
}

/* No epoch is given twice, also where the same backup is restored again: it is the time, in seconds
 * since 1970. Attempts that were under way are nobody's. */
static int raise_epoch(struct st_store *s, uint64_t *epoch, struct as_err *e)
{
	const uint64_t now = (uint64_t)(as_wall_ns() / 1000000000);
	char sql[640];
	int rc;

	*epoch = now > s->epoch ? now : s->epoch + 1;
	(void)snprintf(sql, sizeof sql,
		       "BEGIN; DROP TABLE spool;"
		       "INSERT INTO epoch(epoch, stream, since) VALUES(%" PRIu64 ", '', 0);"
		       "INSERT INTO epoch(epoch, stream, since) SELECT %" PRIu64
		       ", name, last FROM stream;"
		       "UPDATE journal SET epoch = %" PRIu64 ";"
		       "UPDATE page SET out = 0 WHERE out > 0;"
		       "COMMIT; PRAGMA wal_checkpoint(TRUNCATE)",
		       *epoch, *epoch, *epoch);
	TRY(st_text(s, sql, e));
out:
	return rc;
}

/* What an attempt left that was cut short: its WAL, above all, is not that of the next. */
static int remove_beside(const char *path, struct as_err *e)
{
	static const char *const names[] = { "-wal", "-journal", "" };
	struct as_buf name = { 0 };
	int rc = AS_OK;

	for (size_t i = 0; i < sizeof names / sizeof *names && rc == AS_OK; i++) {
		as_buf_clear(&name);
		as_buf_printf(&name, "%s%s", path, names[i]);
		if (unlink(name.data) != 0 && errno != ENOENT) {
			rc = fail(name.data, e);
		}
	}
	as_buf_free(&name);
	return rc;
}

/* What is beside becomes the journal: all of it is in the one file by now. */
static int give_name(const char *state, const char *path, struct as_err *e)
{
	struct as_buf to = { 0 };
	int rc = AS_OK;

	as_buf_printf(&to, "%s/journal.mark", state);
	if (unlink(to.data) != 0 && errno != ENOENT) {
		rc = fail(to.data, e);
		goto out;
	}
	as_buf_clear(&to);
	as_buf_printf(&to, "%s/journal.db", state);
	if (renameat2(AT_FDCWD, path, AT_FDCWD, to.data, RENAME_NOREPLACE) != 0) {
		rc = fail(to.data, e);
		goto out;
	}
	TRY(st_sync(state, e));
out:
	as_buf_free(&to);
	return rc;
}

int st_restore(const char *file, const char *state, struct st_restored *out, struct as_err *e)
{
	struct st_store *s = NULL;
	struct as_buf path = { 0 };
	struct as_err ignored;
	int rc;

	*out = (struct st_restored){ 0 };
	as_buf_printf(&path, "%s/%s", state, beside);
	TRY(check_free(state, e));
	TRY(io_make_dirs(state, FOLDER_MODE, e));
	TRY(remove_beside(path.data, e));
	TRY(copy_file(file, path.data, e));
	TRY(st_open_file(&s, state, beside, false, e));
	(void)snprintf(out->journal, sizeof out->journal, "%s", s->journal);
	TRY(restore_spool(s, e));
	TRY(st_sync(s->spool, e));
	out->verified = (struct st_verify){ .whole = true };
	TRY(st_verify_all(s, &out->verified, e));
	TRY(raise_epoch(s, &out->epoch, e));
	st_close(s);
	s = NULL;
	TRY(give_name(state, path.data, e));
out:
	st_close(s);
	if (rc != AS_OK && remove_beside(path.data, &ignored) != AS_OK) {
		rc = as_wrap(e, "not all of it could be removed");
	}
	as_buf_free(&path);
	return rc;
}
