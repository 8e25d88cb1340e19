/* SPDX-License-Identifier: Apache-2.0
 * db.h - what the files of this room share: the connection and its prepared statements. */
#ifndef ST_DB_H
#define ST_DB_H

#include "core/base/map.h"
#include "core/store/store.h"

#include <sqlite3.h>

enum st_sql {
#define SQL(name, text) ST_SQL_##name,
#include "core/store/sql.def"
#undef SQL
	ST_SQLS,
};

/* Version of the tables (PRAGMA user_version), and the steps to it: st_schema[v] makes version v +
 * 1 of v. A step that has been released is never changed. */
enum { ST_VERSION = 4 };
extern const char *const st_schema[ST_VERSION];

enum { ST_SUM = 8 };         /* bytes at the end of a page that pages.c fills */
enum { ST_PIECE = 1 << 20 }; /* bytes of a file of the spool that a row of a backup has */

/* A page to be written to the spool before the commit; its bytes are the submitter's. */
struct st_spooled {
	char sha256[IO_DIGEST_SIZE];
	const void *data;
	size_t size;
	int fd; /* of its file until that is synced; else -1 */
};

struct st_store {
	sqlite3 *db;
	sqlite3_stmt *stmt[ST_SQLS];
	char journal[ST_JOURNAL_SIZE];
	uint64_t epoch;
	uint64_t commits;      /* that changed something, since the journal was made */
	int64_t changes;       /* SQLite's count at the last of them */
	struct st_mark *mark;  /* NULL: none is kept */
	int wal;               /* pages in the WAL that are not in the database yet */
	bool look;             /* only reads */
	int copies;            /* backups under way: files stay in the spool */
	bool scrub;            /* what the group removed must leave the WAL too */
	char *spool;           /* folder */
	char *reserve;         /* file */
	struct st_spooled *in; /* of the group in hand */
	size_t ins, in_cap;
	char (*out)[IO_DIGEST_SIZE]; /* files that the group may have made useless */
	size_t outs, out_cap;
};

/* SQLite's message; AS_EIO, AS_EFULL where there is no room, AS_EDAMAGE where pages are not what
 * they were. */
int st_fail(struct st_store *s, const char *what, struct as_err *e);
/* Runs statements that give no row and are not prepared. */
int st_text(struct st_store *s, const char *sql, struct as_err *e) AS_CHECKED;
/* The statement, reset, with the texts bound from 1 on (up to NULL). They are borrowed until it has
 * run, as all that is bound: a copy would need memory, and what is not bound is NULL to SQLite. */
sqlite3_stmt *st_use(struct st_store *s, enum st_sql which, const char *const *text);
/* Runs a statement that gives no row. */
int st_run(struct st_store *s, sqlite3_stmt *q, struct as_err *e) AS_CHECKED;
/* Of a row: a text that SQLite has no memory to end with a zero is NULL. */
bool st_has_texts(sqlite3_stmt *q);
/* Steps once: *row is whether there is one, and then all its texts are. Reset by the next st_use.
 */
int st_step(struct st_store *s, sqlite3_stmt *q, bool *row, struct as_err *e) AS_CHECKED;

/* STATE/name; look: only to read. The spool is not tidied. */
int st_open_file(struct st_store **out, const char *state, const char *name, bool look,
		 struct as_err *e) AS_CHECKED;

/* Closing it will not copy the WAL and remove it: what is damaged stays as it was found. */
void st_keep_files(struct st_store *s);

/* The id of a case, 0 where there is none, and its number, 0 where it is not judged. */
int st_case_id(struct st_store *s, const char *stream, const char *kase, sqlite3_int64 *id,
	       sqlite3_int64 *seq, struct as_err *e) AS_CHECKED;
/* Of a number that is given: its statement, on the row of body, sha256, purged; to be reset.
 * AS_EFORMAT: it is not there. */
int st_judgment(struct st_store *s, const char *stream, sqlite3_int64 seq, sqlite3_stmt **q,
		struct as_err *e) AS_CHECKED;
/* The case's pages are needed no more: its rows let go of the bytes now, the files after the
 * commit. */
int st_pages_drop(struct st_store *s, sqlite3_int64 id, struct as_err *e) AS_CHECKED;
/* verify.c: whether the body of a judgment has its digest; else AS_EFORMAT. */
int st_body_check(const char *stream, sqlite3_int64 seq, sqlite3_stmt *q, int column,
		  struct as_err *e) AS_CHECKED;
/* dead.c: the case is given up for a page. */
int st_dead_add(struct st_store *s, sqlite3_int64 id, const struct st_dead *dead,
		struct as_err *e) AS_CHECKED;

/* pages.c: the name of the layer through which journals are opened. */
const char *st_pages(void);

/* mark.c: nothing may be made where there is a mark and no journal. The other is AS_EDAMAGE where
 * it knows of commits that the journal has not. */
int st_mark_check(const char *db, const char *mark, struct as_err *e) AS_CHECKED;
int st_mark_open(struct st_store *s, const char *path, struct as_err *e) AS_CHECKED;
void st_mark_put(struct st_store *s);
void st_mark_close(struct st_store *s);

/* spool.c */
/* Whether an errno says that there is no more of what a file takes: blocks, quota, descriptors. */
bool st_lacks_room(int number);
int st_write_all(int fd, const char *data, size_t n);       /* -1: errno */
int st_sync(const char *path, struct as_err *e) AS_CHECKED; /* of a file or a folder */
void st_spool_put(struct st_store *s, const struct st_page *page);
void st_spool_drop(struct st_store *s, const char *sha256);
int st_spool_sync(struct st_store *s, struct as_err *e) AS_CHECKED;  /* before the commit */
void st_spool_undo(struct st_store *s);                              /* there is no commit */
int st_spool_sweep(struct st_store *s, struct as_err *e) AS_CHECKED; /* after it */
int st_spool_open(struct st_store *s, struct as_err *e) AS_CHECKED;  /* and removes strays */

#endif
