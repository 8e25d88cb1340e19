/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/file.h"
#include "core/store/db.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum {
	STATE_MODE = 0700,
	RANDOM_BYTES = (ST_JOURNAL_SIZE - 1) / 2,
	WAL_IDLE = 256, /* pages in the WAL from which on they are copied when there is time */
	WAL_MAX = 4096, /* and when there is none */
};

static const char *const sql_text[] = {
#define SQL(name, text) text,
#include "core/store/sql.def"
#undef SQL
};

/* A second process on the journal would meet SQLite's WAL-reset bug (3.7.0 to 3.51.2), which needs
 * two connections: the lock is taken before the mode is WAL, so there is no shared memory either.
 */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
			       "PRAGMA trusted_schema = OFF;"
			       "PRAGMA foreign_keys = OFF;"
			       "PRAGMA mmap_size = 0;"
			       "PRAGMA secure_delete = ON;" /* what is let go of is overwritten */
			       "PRAGMA journal_mode = WAL;"
			       "PRAGMA wal_autocheckpoint = 0;"
			       "PRAGMA journal_size_limit = 67108864;"
			       "PRAGMA synchronous = FULL;";

/* Nothing is changed, not even what a daemon that was killed left in the WAL. */
static const char look_settings[] = "PRAGMA locking_mode = EXCLUSIVE;"
				    "PRAGMA trusted_schema = OFF;"
				    "PRAGMA mmap_size = 0;"
				    "PRAGMA query_only = ON;"
				    "SELECT count(*) FROM sqlite_schema;";

int st_fail(struct st_store *s, const char *what, struct as_err *e)
{
	const int extended = sqlite3_extended_errcode(s->db);
	int code = extended == SQLITE_IOERR_DATA ? AS_EDAMAGE : AS_EIO;

	switch (extended & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
		code = AS_EDAMAGE;
		break;
	case SQLITE_FULL:
		code = AS_EFULL;
		break;
	default:
		break;
	}
	return as_fail(e, code, "journal: %.80s: %s", what,
		       extended == SQLITE_IOERR_DATA ? "a page is not what was written"
						     : sqlite3_errmsg(s->db));
}

sqlite3_stmt *st_use(struct st_store *s, enum st_sql which, const char *const *text)
{
	sqlite3_stmt *q = s->stmt[which];

	/* What a failed statement returns on reset was reported when it failed. */
	(void)sqlite3_reset(q);
	for (int i = 0; text != NULL && text[i] != NULL; i++) {
		(void)sqlite3_bind_text(q, i + 1, text[i], -1, SQLITE_STATIC);
	}
	return q;
}

bool st_has_texts(sqlite3_stmt *q)
{
	for (int i = 0; i < sqlite3_column_count(q); i++) {
		if (sqlite3_column_type(q, i) == SQLITE_TEXT && sqlite3_column_text(q, i) == NULL) {
			return false;
		}
	}
	return true;
}

int st_step(struct st_store *s, sqlite3_stmt *q, bool *row, struct as_err *e)
{
	const int got = sqlite3_step(q);

	*row = got == SQLITE_ROW && st_has_texts(q);
	return *row || got == SQLITE_DONE ? AS_OK : st_fail(s, sqlite3_sql(q), e);
}

int st_run(struct st_store *s, sqlite3_stmt *q, struct as_err *e)
{
	bool row;
	const int rc = st_step(s, q, &row, e);

	(void)sqlite3_reset(q);
	return rc;
}

int st_text(struct st_store *s, const char *sql, struct as_err *e)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? AS_OK : st_fail(s, sql, e);
}

static int read_version(struct st_store *s, int *version, struct as_err *e)
{
	sqlite3_stmt *q = NULL;
	int rc = AS_OK;

	if (sqlite3_prepare_v2(s->db, "PRAGMA user_version", -1, &q, NULL) != SQLITE_OK ||
	    sqlite3_step(q) != SQLITE_ROW) {
		rc = st_fail(s, "user_version", e);
	} else {
		*version = sqlite3_column_int(q, 0);
	}
	(void)sqlite3_finalize(q);
	return rc;
}

static int make_journal(struct st_store *s, struct as_err *e)
{
	unsigned char random[RANDOM_BYTES];
	char sql[256];
	int n = 0;

	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
		return as_fail(e, AS_EIO, "journal: getrandom: %s", strerror(errno));
	}
	n = snprintf(sql, sizeof sql, "INSERT INTO journal(id, name, epoch) VALUES(1, '");
	for (size_t i = 0; i < sizeof random; i++) {
		n += snprintf(sql + n, sizeof sql - (size_t)n, "%02x", random[i]);
	}
	(void)snprintf(sql + n, sizeof sql - (size_t)n, "', 1)");
	return st_text(s, sql, e);
}

/* Version v + 1 of v; a journal is given its name in the first step. */
static int make_step(struct st_store *s, int v, struct as_err *e)
{
	const int rc = st_text(s, st_schema[v], e);

	return rc == AS_OK && v == 0 ? make_journal(s, e) : rc;
}

/* Brings the tables up to date, in one transaction: a start that is killed on the way leaves them
 * as they were. */
static int make_schema(struct st_store *s, int version, struct as_err *e)
{
	char sql[64];
	int rc;

	TRY(st_text(s, "BEGIN IMMEDIATE", e));
	for (int v = version; v < ST_VERSION; v++) {
		TRY(make_step(s, v, e));
	}
	(void)snprintf(sql, sizeof sql, "PRAGMA user_version = %d", (int)ST_VERSION);
	TRY(st_text(s, sql, e));
	TRY(st_text(s, "COMMIT", e));
out:
	return rc;
}

static int read_journal(struct st_store *s, struct as_err *e)
{
	sqlite3_stmt *q = NULL;
	int rc = AS_OK;

	if (sqlite3_prepare_v2(s->db, "SELECT name, epoch, commits FROM journal", -1, &q, NULL) !=
		SQLITE_OK ||
	    sqlite3_step(q) != SQLITE_ROW || !st_has_texts(q)) {
		rc = st_fail(s, "its name", e);
	} else {
		(void)snprintf(s->journal, sizeof s->journal, "%s", sqlite3_column_text(q, 0));
		s->epoch = (uint64_t)sqlite3_column_int64(q, 1);
		s->commits = (uint64_t)sqlite3_column_int64(q, 2);
	}
	(void)sqlite3_finalize(q);
	return rc;
}

static int prepare(struct st_store *s, struct as_err *e)
{
	for (size_t i = 0; i < ST_SQLS; i++) {
		if (sqlite3_prepare_v3(s->db, sql_text[i], -1, SQLITE_PREPARE_PERSISTENT,
				       &s->stmt[i], NULL) != SQLITE_OK) {
			return st_fail(s, sql_text[i], e);
		}
	}
	return AS_OK;
}

/* How far the WAL has grown: told after each commit. */
static int note_wal(void *ctx, sqlite3 *db, const char *name, int pages)
{
	struct st_store *s = ctx;

	(void)db;
	(void)name;
	s->wal = pages;
	return SQLITE_OK;
}

void st_keep_files(struct st_store *s)
{
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
}

/* Takes the lock and keeps it. */
static int set_up(struct st_store *s, const char *state, struct as_err *e)
{
	int sum = ST_SUM; /* of a file that is made now */
	int rc;

	(void)sqlite3_file_control(s->db, "main", SQLITE_FCNTL_RESERVE_BYTES, &sum);
	(void)sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
	if (s->look) {
		st_keep_files(s);
		rc = st_text(s, look_settings, e);
	} else {
		rc = st_text(s, settings, e);
		/* The lock is taken by the first write and then kept. */
		rc = rc == AS_OK ? st_text(s, "BEGIN IMMEDIATE; COMMIT", e) : rc;
	}
	if (rc != AS_OK && (sqlite3_errcode(s->db) & 0xff) == SQLITE_BUSY) {
		return as_fail(e, AS_EAGAIN, "%s is in use by another assayd", state);
	}
	return rc;
}

static int open_db(struct st_store *s, const char *state, const char *path, struct as_err *e)
{
	const int flags =
	    SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (s->look ? 0 : SQLITE_OPEN_CREATE);
	int version = 0;
	int rc;

	if (sqlite3_open_v2(path, &s->db, flags, st_pages()) != SQLITE_OK) {
		return as_fail(e, s->look ? AS_ENOINPUT : AS_ECREATE, "%s: %s", path,
			       sqlite3_errmsg(s->db)); /* of NULL: out of memory */
	}
	TRY(set_up(s, state, e));
	TRY(read_version(s, &version, e));
	if (version > ST_VERSION || (s->look && version < ST_VERSION)) {
		return as_fail(e, AS_ECONFIG, "%s has version %d, this %s %s %d", path, version,
			       s->look ? "program" : "assayd", s->look ? "reads" : "knows up to",
			       (int)ST_VERSION);
	}
	if (version < ST_VERSION) {
		TRY(make_schema(s, version, e));
	}
	(void)sqlite3_wal_hook(s->db, note_wal, s);
	TRY(read_journal(s, e));
	TRY(prepare(s, e));
out:
	return rc;
}

int st_open_file(struct st_store **out, const char *state, const char *name, bool look,
		 struct as_err *e)
{
	struct st_store *s = as_calloc(1, sizeof *s);
	struct as_buf path = { 0 };
	int rc;

	*out = NULL;
	s->look = look;
	as_buf_printf(&path, "%s/spool", state);
	s->spool = path.data;
	path = (struct as_buf){ 0 };
	as_buf_printf(&path, "%s/reserve", state);
	s->reserve = path.data;
	path = (struct as_buf){ 0 };
	as_buf_printf(&path, "%s/%s", state, name);
	if (!look) {
		TRY(io_make_dirs(s->spool, STATE_MODE, e));
	}
	TRY(open_db(s, state, path.data, e));
	*out = s;
	s = NULL;
out:
	as_buf_free(&path);
	st_close(s);
	return rc;
}

/* The journal of the folder, and its mark. */
static int open_state(struct st_store **out, const char *state, bool look, struct as_err *e)
{
	struct as_buf db = { 0 };
	struct as_buf mark = { 0 };
	int rc;

	*out = NULL;
	as_buf_printf(&db, "%s/journal.db", state);
	as_buf_printf(&mark, "%s/journal.mark", state);
	TRY(st_mark_check(db.data, mark.data, e));
	TRY(st_open_file(out, state, "journal.db", look, e));
	rc = st_mark_open(*out, mark.data, e);
	if (rc != AS_OK) {
		st_keep_files(*out);
		goto out;
	}
	TRY(look ? AS_OK : st_spool_open(*out, e));
out:
	if (rc != AS_OK) {
		st_close(*out);
		*out = NULL;
	}
	as_buf_free(&mark);
	as_buf_free(&db);
	return rc;
}

int st_open(struct st_store **out, const char *state, struct as_err *e)
{
	return open_state(out, state, false, e);
}

int st_look(struct st_store **out, const char *state, struct as_err *e)
{
	return open_state(out, state, true, e);
}

void st_close(struct st_store *s)
{
	if (s == NULL) {
		return;
	}
	for (size_t i = 0; i < ST_SQLS; i++) {
		(void)sqlite3_finalize(s->stmt[i]);
	}
	(void)sqlite3_close(s->db);
	st_mark_close(s);
	free(s->spool);
	free(s->reserve);
	free(s->in);
	free(s->out);
	free(s);
}

const char *st_journal(const struct st_store *s)
{
	return s->journal;
}

uint64_t st_epoch(const struct st_store *s)
{
	return s->epoch;
}

int st_begin(struct st_store *s, struct as_err *e)
{
	s->changes = sqlite3_total_changes64(s->db);
	return st_run(s, st_use(s, s->look ? ST_SQL_BEGIN_LOOK : ST_SQL_BEGIN, NULL), e);
}

int st_rest(struct st_store *s, bool idle, struct as_err *e)
{
	int frames;
	int copied;

	if (s->wal <= (idle ? WAL_IDLE : WAL_MAX)) {
		return AS_OK;
	}
	if (sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &copied) !=
	    SQLITE_OK) {
		return st_fail(s, "checkpoint", e);
	}
	s->wal = frames - copied;
	return AS_OK;
}

/* A group that changed something is counted; one that only read writes nothing. */
static int count_commit(struct st_store *s, bool *counted, struct as_err *e)
{
	sqlite3_stmt *q = st_use(s, ST_SQL_COMMITS, NULL);

	*counted = sqlite3_total_changes64(s->db) != s->changes;
	(void)sqlite3_bind_int64(q, 1, (sqlite3_int64)s->commits + 1);
	return *counted ? st_run(s, q, e) : AS_OK;
}

int st_commit(struct st_store *s, struct as_err *e)
{
	bool counted;
	int rc;

	TRY(st_spool_sync(s, e));
	TRY(count_commit(s, &counted, e));
	TRY(st_run(s, st_use(s, ST_SQL_COMMIT, NULL), e));
	s->commits += counted;
	st_mark_put(s);
	s->ins = 0;
	TRY(st_spool_sweep(s, e));
	rc = s->scrub ? st_text(s, "PRAGMA wal_checkpoint(TRUNCATE)", e) : AS_OK;
	s->scrub = rc == AS_EFULL; /* then with the next one: this one has happened */
	rc = rc == AS_EFULL ? AS_OK : rc;
out:
	return rc;
}

int st_rollback(struct st_store *s, struct as_err *e)
{
	/* SQLite may have done so itself. */
	const int rc = sqlite3_get_autocommit(s->db) != 0 ? AS_OK : st_text(s, "ROLLBACK", e);

	st_spool_undo(s);
	return rc == AS_OK ? st_spool_sweep(s, e) : rc;
}
