/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/store/kit.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

/* SHA-256 of "one" and of "two2". */
#define ONE "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
#define TWO "57920dd7d131ee68c80a2b1561bd2df7081b2eedb4c31b3777d6df8321b95eba"

/* The tables as version 1 made them, with two judged cases and one that is open. */
static const char old[] =
    "PRAGMA journal_mode = WAL;"
    "CREATE TABLE journal(id INTEGER PRIMARY KEY CHECK(id = 1), name TEXT NOT NULL,"
    " epoch INTEGER NOT NULL) STRICT;"
    "CREATE TABLE stream(name TEXT PRIMARY KEY, last INTEGER NOT NULL, sha256 TEXT NOT NULL)"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE kase(id INTEGER PRIMARY KEY, stream TEXT NOT NULL, name TEXT NOT NULL,"
    " received INTEGER NOT NULL, complete INTEGER NOT NULL, seq INTEGER, UNIQUE(stream, name))"
    " STRICT;"
    "CREATE INDEX kase_unjudged ON kase(id) WHERE seq IS NULL;"
    "CREATE TABLE submission(stream TEXT NOT NULL, key TEXT NOT NULL, manifest TEXT NOT NULL,"
    " pages INTEGER NOT NULL, kase INTEGER NOT NULL, PRIMARY KEY(stream, key))"
    " STRICT, WITHOUT ROWID;"
    "CREATE TABLE page(kase INTEGER NOT NULL, name TEXT NOT NULL, page INTEGER NOT NULL,"
    " type TEXT NOT NULL, sha256 TEXT NOT NULL, size INTEGER NOT NULL, spooled INTEGER NOT NULL,"
    " bytes BLOB, PRIMARY KEY(kase, name, page)) STRICT;"
    "CREATE INDEX page_spooled ON page(sha256) WHERE spooled = 1;"
    "CREATE TABLE judgment(stream TEXT NOT NULL, seq INTEGER NOT NULL, sha256 TEXT NOT NULL,"
    " body BLOB NOT NULL, PRIMARY KEY(stream, seq)) STRICT;"
    "INSERT INTO journal VALUES(1, '0123456789abcdef0123456789abcdef', 1);"
    "INSERT INTO stream VALUES('s', 2, '" TWO "');"
    "INSERT INTO kase VALUES(1, 's', 'a', 1000, 1, 2);"
    "INSERT INTO kase VALUES(2, 's', 'b', 2000, 1, 1);"
    "INSERT INTO kase VALUES(3, 's', 'c', 3000, 0, NULL);"
    "INSERT INTO page VALUES(3, 'x', 0, 'text/plain', 'of x', 1, 0, x'31');"
    "INSERT INTO judgment VALUES('s', 1, '" ONE "', CAST('one' AS BLOB));"
    "INSERT INTO judgment VALUES('s', 2, '" TWO "', CAST('two2' AS BLOB));"
    "PRAGMA user_version = 1;";

static sqlite3 *open_db(void)
{
	sqlite3 *db;

	cr_assert(zero(int, sqlite3_open(tmpdir_path("state/journal.db"), &db)));
	return db;
}

/* The first column of the first row. */
static sqlite3_int64 number(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *q;
	sqlite3_int64 n;

	cr_assert(zero(int, sqlite3_prepare_v2(db, sql, -1, &q, NULL)), "%s", sqlite3_errmsg(db));
	cr_assert(eq(int, sqlite3_step(q), SQLITE_ROW));
	n = sqlite3_column_int64(q, 0);
	(void)sqlite3_finalize(q);
	return n;
}

static bool hear(void *ctx, uint64_t seq, const void *body, size_t size)
{
	as_buf_printf(ctx, "%u:", (unsigned)seq);
	as_buf_put(ctx, body, size);
	as_buf_puts(ctx, " ");
	return true;
}

static void make_first(void)
{
	sqlite3 *db;

	cr_assert(zero(int, mkdir(tmpdir_path("state"), 0700)));
	db = open_db();
	cr_assert(zero(int, sqlite3_exec(db, old, NULL, NULL, NULL)), "%s", sqlite3_errmsg(db));
	(void)sqlite3_close(db);
}

Test(store_schema, journal_of_version_1_is_taken_over_whole)
{
	struct as_buf all = { 0 };
	struct as_err e = { 0 };
	char sha256[IO_DIGEST_SIZE];
	struct st_store *s;
	uint64_t last;
	sqlite3 *db;

	make_first();
	s = kit_open();
	same(st_journal(s), "0123456789abcdef0123456789abcdef");
	ok(st_last(s, "s", &last, sha256, &e));
	cr_assert(eq(u64, last, 2));
	ok(st_replay(s, "s", 0, hear, &all, &last, &e));
	same(all.data, "1:one 2:two2 ");
	ok(kit_judge(s, "c", 3, "three", &e));
	st_close(s);
	db = open_db();
	cr_assert(eq(i64, number(db, "PRAGMA user_version"), 4));
	cr_assert(eq(i64, number(db, "SELECT kase FROM judgment WHERE seq = 1"), 2));
	cr_assert(eq(i64, number(db, "SELECT kase FROM judgment WHERE seq = 2"), 1));
	cr_assert(eq(i64, number(db, "SELECT kase FROM judgment WHERE seq = 3"), 3));
	cr_assert(eq(i64, number(db, "SELECT time FROM judgment WHERE seq = 1"), 2000));
	cr_assert(eq(i64, number(db, "SELECT bytes FROM stream"), 3 + 4 + 5));
	cr_assert(eq(i64, number(db, "SELECT first FROM stream"), 1));
	cr_assert(zero(i64, number(db, "SELECT arrived FROM kase WHERE name = 'a'")));
	cr_assert(eq(i64, number(db, "SELECT arrived FROM kase WHERE name = 'c'"), 3000));
	cr_assert(zero(i64, number(db, "SELECT sum(out + strikes) FROM page")));
	(void)sqlite3_close(db);
	as_buf_free(&all);
}

Test(store_schema, journal_that_does_not_fit_is_left_as_it_was)
{
	struct as_err e = { 0 };
	struct st_store *s;
	sqlite3 *db;

	make_first();
	db = open_db();
	cr_assert(zero(int, sqlite3_exec(db, "CREATE TABLE epoch(x)", NULL, NULL, NULL)));
	(void)sqlite3_close(db);
	cr_assert(eq(int, st_open(&s, tmpdir_path("state"), &e), AS_EIO));
	cr_assert(ne(ptr, strstr(e.msg, "epoch already exists"), NULL), "%s", e.msg);
	db = open_db();
	cr_assert(eq(i64, number(db, "PRAGMA user_version"), 1));
	cr_assert(eq(i64, number(db, "SELECT count(*) FROM pragma_table_info('stream')"), 3));
	(void)sqlite3_close(db);
}

/* Of more than a gigabyte; almost all of it is a hole. It has no sums that a page would miss. */
Test(store_schema, structure_of_a_large_journal_is_not_looked_at_while_others_wait)
{
	const uint32_t pages = (1U << 30) / 4096 + 1;
	const unsigned char count[] = { pages >> 24 & 255, pages >> 16 & 255, pages >> 8 & 255,
					pages & 255 };
	struct st_verify v = { 0 };
	struct as_err e = { 0 };
	struct st_store *s;
	FILE *f;

	make_first();
	s = kit_open();
	ok(st_verify(s, &v, &e));
	cr_assert(v.structure);
	st_close(s);
	f = fopen(tmpdir_path("state/journal.db"), "r+b");
	cr_assert(f != NULL && fseek(f, 28, SEEK_SET) == 0);
	cr_assert(eq(sz, fwrite(count, 1, sizeof count, f), sizeof count));
	cr_assert(zero(int, ftruncate(fileno(f), (off_t)pages * 4096)));
	cr_assert(zero(int, fclose(f)));
	ok(st_look(&s, tmpdir_path("state"), &e));
	v = (struct st_verify){ 0 };
	ok(st_verify(s, &v, &e));
	cr_assert(not(v.structure));
	st_close(s);
}
