/* SPDX-License-Identifier: Apache-2.0
 * schema.c - the tables, as the steps that made them. */
#include "core/store/db.h"

#define NO_DIGEST "0000000000000000000000000000000000000000000000000000000000000000"

static const char version_1[] =
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
    " body BLOB NOT NULL, PRIMARY KEY(stream, seq)) STRICT;";

/* Retention, subscribers, purging, restoring.
 *
 * stream.first is the first number that is kept, anchor the digest of the body before it, bytes
 * the size of the bodies kept. judgment.time (ns since the epoch) is when it was given; of what
 * version 1 wrote, when its case came. A purged judgment has its tombstone as body and the digest
 * of the body that was there. epoch has a row ('', 0) for each epoch of this journal, and one for
 * each stream that a restore found, with the last number that it found. */
static const char version_2[] =
    "ALTER TABLE stream ADD COLUMN first INTEGER NOT NULL DEFAULT 1;"
    "ALTER TABLE stream ADD COLUMN anchor TEXT NOT NULL DEFAULT '" NO_DIGEST "';"
    "ALTER TABLE stream ADD COLUMN bytes INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE judgment ADD COLUMN kase INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE judgment ADD COLUMN time INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE judgment ADD COLUMN purged INTEGER NOT NULL DEFAULT 0;"
    "CREATE INDEX kase_seq ON kase(stream, seq);"
    "UPDATE judgment SET (kase, time) = (SELECT id, received FROM kase k"
    " WHERE k.stream = judgment.stream AND k.seq = judgment.seq);"
    "DROP INDEX kase_seq;"
    "UPDATE stream SET bytes = (SELECT coalesce(sum(length(body)), 0) FROM judgment"
    " WHERE stream = name);"
    "CREATE INDEX submission_kase ON submission(kase);"
    "CREATE TABLE subscriber(stream TEXT NOT NULL, name TEXT NOT NULL, seq INTEGER NOT NULL,"
    " PRIMARY KEY(stream, name)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE epoch(epoch INTEGER NOT NULL, stream TEXT NOT NULL, since INTEGER NOT NULL,"
    " PRIMARY KEY(epoch, stream)) STRICT, WITHOUT ROWID;"
    "INSERT INTO epoch(epoch, stream, since) VALUES(1, '', 0);";

/* Attempts, waiting on disk, dead letters.
 *
 * kase.arrived is when its deadline began to run, in the daemon's steady time (ns). parked: it
 * waits for parts and is in nobody's memory. page.out is enum st_out, strikes the attempts that are
 * charged to it. dead has a row for each case that was given up; its pages keep their bytes. */
static const char version_3[] =
    "ALTER TABLE kase ADD COLUMN arrived INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE kase ADD COLUMN parked INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE page ADD COLUMN out INTEGER NOT NULL DEFAULT 0;"
    "ALTER TABLE page ADD COLUMN strikes INTEGER NOT NULL DEFAULT 0;"
    "UPDATE kase SET arrived = received WHERE seq IS NULL;"
    "DROP INDEX kase_unjudged;"
    "CREATE INDEX kase_unjudged ON kase(id) WHERE seq IS NULL AND parked = 0;"
    "CREATE INDEX kase_parked ON kase(stream, arrived) WHERE parked = 1;"
    "CREATE TABLE dead(id INTEGER PRIMARY KEY AUTOINCREMENT, kase INTEGER NOT NULL UNIQUE, part "
    "TEXT NOT NULL,"
    " page INTEGER NOT NULL, reason TEXT NOT NULL, attempts INTEGER NOT NULL, ended TEXT NOT NULL,"
    " time INTEGER NOT NULL) STRICT;"
    "CREATE TRIGGER kase_gone AFTER DELETE ON kase BEGIN"
    " DELETE FROM dead WHERE kase = old.id; END;";

/* journal.commits counts those that changed something. */
static const char version_4[] =
    "ALTER TABLE journal ADD COLUMN commits INTEGER NOT NULL DEFAULT 0;";

const char *const st_schema[ST_VERSION] = { version_1, version_2, version_3, version_4 };
