/* SPDX-License-Identifier: Apache-2.0
 * backup.c - a copy of the journal while it is written, and with it what the spool has: one file,
 * an SQLite database that has the tables of the journal and a table `spool` of pieces of files.
 *
 * The pages are copied through the store's own connection, a few at a time; SQLite copies those
 * anew that change meanwhile. From the last page on the copy is what the journal was at that
 * moment: the files that its pages name are added, and none is removed from the spool until then.
 */
#include "core/store/db.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PAGES = 256,      /* copied in a step */
	PIECE = ST_PIECE, /* bytes of a row of `spool` */
	PIECES = 4,       /* in a step */
	FILE_MODE = 0600,
};

struct st_backup {
	struct st_store *store;
	char *path, *beside; /* beside: written to, and renamed when it is whole */
	bool made;           /* beside is there */
	sqlite3 *db;
	sqlite3_backup *copy; /* NULL: all pages are there */
	sqlite3_stmt *files;  /* those to be added */
	sqlite3_stmt *add;
	int fd; /* the file in hand, or -1 */
	char sha256[IO_DIGEST_SIZE];
	sqlite3_int64 piece;
	char *buffer; /* [PIECE] */
};

static int fail_db(const struct st_backup *b, struct as_err *e)
{
	return as_fail(e, AS_ECREATE, "%s: %s", b->path, sqlite3_errmsg(b->db));
}

static int fail(const char *path, struct as_err *e)
{
	return as_fail(e, AS_ECREATE, "%s: %s", path, strerror(errno));
}

static int run(const struct st_backup *b, const char *sql, struct as_err *e)
{
	return sqlite3_exec(b->db, sql, NULL, NULL, NULL) == SQLITE_OK ? AS_OK : fail_db(b, e);
}

int st_backup_open(struct st_store *s, const char *path, struct st_backup **out, struct as_err *e)
{
	struct st_backup *b = as_calloc(1, sizeof *b);
	struct as_buf beside = { 0 };
	int rc = AS_OK;
	int fd = -1;

	as_buf_printf(&beside, "%s.new", path);
	*b = (struct st_backup){ .store = s,
				 .path = as_strdup(path),
				 .beside = beside.data,
				 .fd = -1,
				 .buffer = as_malloc(PIECE) };
	s->copies++;
	if (access(path, F_OK) == 0) {
		rc = as_fail(e, AS_ECREATE, "%s is there already", path);
		goto out;
	}
	(void)unlink(b->beside);
	fd = open(b->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (fd < 0) {
		rc = fail(b->beside, e);
		goto out;
	}
	b->made = true;
	(void)close(fd);
	if (sqlite3_open_v2(b->beside, &b->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
			    st_pages()) != SQLITE_OK) {
		rc = fail_db(b, e);
		goto out;
	}
	TRY(run(b, "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF", e));
	b->copy = sqlite3_backup_init(b->db, "main", s->db, "main");
	if (b->copy == NULL) {
		rc = fail_db(b, e);
	}
out:
	*out = rc == AS_OK ? b : NULL;
	if (rc != AS_OK) {
		st_backup_close(b);
	}
	return rc;
}

void st_backup_close(struct st_backup *b)
{
	if (b == NULL) {
		return;
	}
	(void)sqlite3_finalize(b->files);
	(void)sqlite3_finalize(b->add);
	(void)sqlite3_backup_finish(b->copy);
	(void)sqlite3_close(b->db);
	if (b->made) {
		(void)unlink(b->beside);
	}
	if (b->fd >= 0) {
		(void)close(b->fd);
	}
	b->store->copies--;
	free(b->path);
	free(b->beside);
	free(b->buffer);
	free(b);
}

/* The copy becomes a database to add the files to. */
static int start_files(struct st_backup *b, struct as_err *e)
{
	int rc;

	(void)sqlite3_backup_finish(b->copy); /* its last step said what there was to say */
	b->copy = NULL;
	TRY(run(b,
		"PRAGMA journal_mode = MEMORY; BEGIN;"
		"CREATE TABLE spool(sha256 TEXT NOT NULL, piece INTEGER NOT NULL, bytes BLOB NOT "
		"NULL, PRIMARY KEY(sha256, piece)) STRICT",
		e));
	if (sqlite3_prepare_v2(b->db, "SELECT DISTINCT sha256 FROM page WHERE spooled = 1", -1,
			       &b->files, NULL) != SQLITE_OK ||
	    sqlite3_prepare_v2(b->db, "INSERT INTO spool(sha256, piece, bytes) VALUES(?1, ?2, ?3)",
			       -1, &b->add, NULL) != SQLITE_OK) {
		rc = fail_db(b, e);
	}
out:
	return rc;
}

static int next_file(struct st_backup *b, bool *over, struct st_backed *so_far, struct as_err *e)
{
	const int got = sqlite3_step(b->files);
	struct as_buf path = { 0 };
	int rc = AS_OK;

	*over = got == SQLITE_DONE;
	if (got != SQLITE_ROW || !st_has_texts(b->files)) {
		return *over ? AS_OK : fail_db(b, e);
	}
	(void)snprintf(b->sha256, sizeof b->sha256, "%s", sqlite3_column_text(b->files, 0));
	as_buf_printf(&path, "%s/%s", b->store->spool, b->sha256);
	b->piece = 0;
	b->fd = open(path.data, O_RDONLY | O_CLOEXEC);
	if (b->fd < 0) {
		rc = fail(path.data, e);
	}
	so_far->files++;
	as_buf_free(&path);
	return rc;
}

/* Reads until the buffer is full or the file ends; -1: errno. */
static ssize_t read_piece(struct st_backup *b)
{
	size_t n = 0;
	ssize_t got = 1;

	while (n < PIECE && got > 0) {
		got = read(b->fd, b->buffer + n, PIECE - n);
		if (got < 0 && errno != EINTR) {
			return -1;
		}
		n += got > 0 ? (size_t)got : 0;
		got = got < 0 ? 1 : got;
	}
	return (ssize_t)n;
}

static int add_piece(struct st_backup *b, struct as_err *e)
{
	const ssize_t n = read_piece(b);

	if (n < 0) {
		return fail(b->sha256, e);
	}
	(void)sqlite3_reset(b->add);
	(void)sqlite3_bind_text(b->add, 1, b->sha256, -1, SQLITE_STATIC);
	(void)sqlite3_bind_int64(b->add, 2, b->piece++);
	(void)sqlite3_bind_blob(b->add, 3, b->buffer, (int)n, SQLITE_STATIC);
	if (sqlite3_step(b->add) != SQLITE_DONE) {
		return fail_db(b, e);
	}
	if (n < PIECE) {
		(void)close(b->fd);
		b->fd = -1;
	}
	return AS_OK;
}

static int end(struct st_backup *b, struct as_err *e)
{
	char *slash = strrchr(b->path, '/');
	int rc;

	(void)sqlite3_finalize(b->files);
	(void)sqlite3_finalize(b->add);
	b->files = b->add = NULL;
	TRY(run(b, "COMMIT", e));
	(void)sqlite3_close(b->db); /* fails only where a statement is left */
	b->db = NULL;
	TRY(st_sync(b->beside, e));
	if (rename(b->beside, b->path) != 0) {
		return fail(b->path, e);
	}
	b->made = false;
	if (slash != NULL) {
		slash[slash == b->path] = '\0';
	}
	TRY(st_sync(slash != NULL ? b->path : ".", e));
out:
	return rc;
}

static int copy_pages(struct st_backup *b, struct st_backed *so_far, struct as_err *e)
{
	const int got = sqlite3_backup_step(b->copy, PAGES);

	so_far->pages = (uint64_t)sqlite3_backup_pagecount(b->copy);
	if (got == SQLITE_DONE) {
		return start_files(b, e);
	}
	return got == SQLITE_OK ? AS_OK
				: as_fail(e, AS_ECREATE, "%s: %s", b->path, sqlite3_errstr(got));
}

int st_backup_step(struct st_backup *b, bool *done, struct st_backed *so_far, struct as_err *e)
{
	bool over = false;
	int rc = AS_OK;

	*done = false;
	if (b->copy != NULL) {
		return copy_pages(b, so_far, e);
	}
	for (int i = 0; i < PIECES && rc == AS_OK && !over; i++) {
		rc = b->fd < 0 ? next_file(b, &over, so_far, e) : add_piece(b, e);
	}
	if (rc == AS_OK && over) {
		rc = end(b, e);
		*done = rc == AS_OK;
	}
	return rc;
}
