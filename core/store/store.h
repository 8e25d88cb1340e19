/* SPDX-License-Identifier: Apache-2.0
 * store.h - the journal: what was accepted and judged, in SQLite; the only header through which
 * the tree sees SQLite.
 *
 * One connection, held exclusively: a second daemon on the same folder is refused. One thread.
 * Work is done in groups: st_begin, any number of operations, st_commit; nothing of a group may be
 * answered before st_commit has returned AS_OK. Pages over ST_INLINE_MAX bytes are files named by
 * their digest in STATE/spool, fsynced before the commit. After any AS_EIO the outcome is unknown:
 * the process ends, and the next one finds out. AS_EFULL is known: see st_rollback. After
 * AS_EDAMAGE nothing more is to be believed. */
#ifndef ST_STORE_H
#define ST_STORE_H

#include "core/base/buf.h"
#include "core/base/err.h"
#include "core/io/digest.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ST_INLINE_MAX = 64 << 10, /* bytes of a page that lives in its row */
	ST_GROUP_MAX = 256,       /* operations of one commit */
	ST_PAGES_MAX = 128,       /* of one submission */
	ST_JOURNAL_SIZE = 33,     /* 32 hexadecimal digits and a NUL */
	ST_SUBSCRIBERS_MAX = 256, /* names of one stream */
	ST_RETAIN_MAX = 64,       /* judgments that one st_retain lets go */
};

struct st_store;

/* Opens or makes STATE/journal.db and STATE/spool. AS_EAGAIN: another process has it. AS_ECONFIG:
 * it was written by a newer assayd. */
int st_open(struct st_store **out, const char *state, struct as_err *e) AS_CHECKED;
/* Opens the journal of a daemon that is not running, to read it: what lies there is not changed,
 * nor is the WAL copied. Nobody else may open it meanwhile. AS_ENOINPUT: there is none. AS_ECONFIG:
 * its version is another. */
int st_look(struct st_store **out, const char *state, struct as_err *e) AS_CHECKED;
void st_close(struct st_store *s); /* accepts NULL */
/* Made once with the journal, random. */
const char *st_journal(const struct st_store *s);
uint64_t st_epoch(const struct st_store *s);

int st_begin(struct st_store *s, struct as_err *e) AS_CHECKED;
int st_commit(struct st_store *s, struct as_err *e) AS_CHECKED;
/* After AS_EFULL, of st_commit too: the group has not happened, and may be tried again with less.
 */
int st_rollback(struct st_store *s, struct as_err *e) AS_CHECKED;
/* Makes STATE/reserve of so many bytes; *held is false where there is no room for it and as much
 * again. The other removes it. */
int st_reserve(struct st_store *s, uint64_t bytes, bool *held, struct as_err *e) AS_CHECKED;
int st_reserve_give_up(struct st_store *s, struct as_err *e) AS_CHECKED;
/* Between groups: copies what the WAL holds into the database where it has become long; idle:
 * nobody waits, so sooner. */
int st_rest(struct st_store *s, bool idle, struct as_err *e) AS_CHECKED;

/* Whether an attempt at a page is under way: what a process that ends leaves behind. */
enum st_out {
	ST_HERE,
	ST_GIVEN, /* given to a worker, or about to be */
	ST_ALONE, /* the same, while no other page was */
};

/* One page of a part. Everything is borrowed, until the commit. */
struct st_page {
	const char *name;
	uint32_t page;
	const char *type;
	const char *sha256;
	const void *data; /* NULL in what is reported */
	size_t size;
	enum st_out out;
	uint32_t strikes; /* attempts charged to it; reported only */
};

struct st_submission {
	const char *stream, *kase;
	const char *key;      /* what makes a retry the same submission */
	const char *manifest; /* digest of everything in it */
	bool complete;        /* no more parts will come */
	bool closed;          /* the caller has closed the case: nothing new is taken */
	bool wait;            /* a parked case is woken although nothing new comes for it */
	int64_t received;     /* ns since the epoch */
	int64_t arrived;      /* the same in the daemon's steady time, for its deadline */
	const struct st_page *page;
	size_t pages; /* at most ST_PAGES_MAX */
};

enum st_verdict {
	ST_ACCEPTED,
	ST_DUPLICATE, /* nothing new in it, or its key was seen before with the same manifest */
	ST_CONFLICT,  /* other bytes under a used name, or another submission under a used key */
	ST_CLOSED,    /* new pages for a case that is closed or judged */
};

struct st_answer {
	enum st_verdict verdict;
	size_t pages; /* of the case after this submission; of a repeated key: after its first */
	bool fresh[ST_PAGES_MAX]; /* pages that are new, by index in the submission */
	bool judged;              /* the case has its judgment */
	bool woken;               /* the case was parked, and is no more */
	char message[128];        /* of CONFLICT and CLOSED */
};

/* AS_EIO only: every other outcome is a verdict. */
int st_submit(struct st_store *s, const struct st_submission *in, struct st_answer *out,
	      struct as_err *e) AS_CHECKED;

/* Why a case was given up. */
struct st_dead {
	const char *part;
	uint32_t page;
	const char *reason; /* the limit of its rejection */
	uint32_t attempts;
	const char *ended; /* how the last attempt did: "signal 9", "exit 3" */
	int64_t time;      /* ns since the epoch */
};

struct st_judgment {
	const char *stream, *kase;
	uint64_t seq; /* one more than the stream's last */
	const void *body;
	size_t size;
	const char *sha256;         /* of body */
	int64_t time;               /* when it was given, ns since the epoch */
	const struct st_dead *dead; /* or NULL; then the case's pages keep their bytes */
};

/* Takes the judgment and its number, and lets go of the bytes of the case's pages.
 * AS_EFORMAT: the number is not the next, or the case is not there or judged. */
int st_judge(struct st_store *s, const struct st_judgment *j, struct as_err *e) AS_CHECKED;

/* The last number of a stream (0: none) and the digest of its body (64 zeros: none). */
int st_last(struct st_store *s, const char *stream, uint64_t *seq, char sha256[IO_DIGEST_SIZE],
	    struct as_err *e) AS_CHECKED;

enum st_state { ST_UNKNOWN, ST_OPEN, ST_JUDGED };

/* What is known of a case; appends the body to out where it is judged. AS_EFORMAT: it is not the
 * body that was written. */
int st_find(struct st_store *s, const char *stream, const char *kase, enum st_state *state,
	    struct as_buf *out, struct as_err *e) AS_CHECKED;

/* What is kept of a stream: numbers first to last (first = last + 1: none). */
struct st_bounds {
	uint64_t first, last;
	uint64_t bytes; /* of the bodies */
};
int st_bounds(struct st_store *s, const char *stream, struct st_bounds *out,
	      struct as_err *e) AS_CHECKED;

/* A named subscriber's cursor: the number up to which it has handled all. st_subscribe makes it, at
 * the beginning of what is kept; *known is false where the stream has ST_SUBSCRIBERS_MAX already.
 * st_ack never moves it back. *seq is where it is after (st_unsubscribe: was). */
int st_subscribe(struct st_store *s, const char *stream, const char *name, bool *known,
		 uint64_t *seq, struct as_err *e) AS_CHECKED;
int st_ack(struct st_store *s, const char *stream, const char *name, uint64_t to, bool *known,
	   uint64_t *seq, struct as_err *e) AS_CHECKED;
int st_unsubscribe(struct st_store *s, const char *stream, const char *name, bool *known,
		   uint64_t *seq, struct as_err *e) AS_CHECKED;

/* Up to which number the stream is still what it was in that epoch: 0 for an epoch that is none of
 * this journal's. */
int st_shared(struct st_store *s, const char *stream, uint64_t epoch, uint64_t *seq,
	      struct as_err *e) AS_CHECKED;

/* How long judgments are kept; 0: no limit. A judgment goes when it is over days or bytes and each
 * named subscriber has it, or when it is over the subscribers' own limits too. */
struct st_keep {
	uint32_t days;
	uint64_t bytes; /* of the stream's bodies */
	uint32_t subscriber_days;
	uint64_t subscriber_bytes;
};
/* Lets go of at most ST_RETAIN_MAX; *gone is how many. now: ns since the epoch. */
int st_retain(struct st_store *s, const char *stream, const struct st_keep *keep, int64_t now,
	      size_t *gone, struct as_err *e) AS_CHECKED;

/* Judgments after a number, in order: each is given to fn, until it returns false or there is no
 * more. *last is the stream's last number. AS_EFORMAT: a body is not the one that was written. */
typedef bool (*st_replay_fn)(void *ctx, uint64_t seq, const void *body, size_t size);
int st_replay(struct st_store *s, const char *stream, uint64_t after, st_replay_fn fn, void *ctx,
	      uint64_t *last, struct as_err *e) AS_CHECKED;

/* Cases that are not judged and not parked, in the order in which they came, a call a page
 * (page->name NULL where the case has none). */
struct st_case {
	const char *stream, *kase; /* valid during the call */
	int64_t received, arrived;
	bool complete;
};
typedef void (*st_case_fn)(void *ctx, const struct st_case *c, const struct st_page *page);
int st_unjudged(struct st_store *s, st_case_fn fn, void *ctx, struct as_err *e) AS_CHECKED;
/* The same of one case, whatever its state; no call where there is none. */
int st_case(struct st_store *s, const char *stream, const char *kase, st_case_fn fn, void *ctx,
	    struct as_err *e) AS_CHECKED;

/* An attempt at a page of an unjudged case (name and page are read) is to be made, or is over. */
int st_attempt(struct st_store *s, const char *stream, const char *kase, const struct st_page *page,
	       struct as_err *e) AS_CHECKED;
/* A process that ends in order: no attempt is under way. */
int st_attempts_over(struct st_store *s, struct as_err *e) AS_CHECKED;

/* Cases of a stream that are not judged and say that they came after now (ns, steady time) have
 * come now: the clock went back while no process ran, and no deadline is to wait for it. Nothing
 * changes where the store was opened to look: nothing is judged there. */
int st_clock(struct st_store *s, const char *stream, int64_t now, struct as_err *e) AS_CHECKED;

/* A case that waits for parts goes out of memory: no attempt at its pages is under way. */
int st_park(struct st_store *s, const char *stream, const char *kase, struct as_err *e) AS_CHECKED;
/* Parked cases of a stream, and when the first of them arrived (INT64_MAX: there is none). */
int st_parked(struct st_store *s, const char *stream, size_t *n, int64_t *first,
	      struct as_err *e) AS_CHECKED;
/* Takes at most `max` that arrived until then, earliest first, a call a page as in st_unjudged,
 * *first as in st_parked, of those left. */
struct st_due {
	const char *stream;
	int64_t until;
	size_t max;
};
int st_wake(struct st_store *s, const struct st_due *due, st_case_fn fn, void *ctx, int64_t *first,
	    struct as_err *e) AS_CHECKED;

/* Dead letters: cases that were given up, their pages kept. */
struct st_letter {
	uint64_t id;
	const char *stream, *kase; /* all valid during the call */
	uint64_t seq;
	struct st_dead dead;
};
typedef void (*st_letter_fn)(void *ctx, const struct st_letter *l);
/* At most `max` with an id over `after`. */
int st_dead_list(struct st_store *s, uint64_t after, size_t max, st_letter_fn fn, void *ctx,
		 struct as_err *e) AS_CHECKED;
/* The letter and its pages are let go. AS_ENOINPUT: there is none. */
int st_dead_drop(struct st_store *s, uint64_t id, struct as_err *e) AS_CHECKED;
/* A judgment is never changed: the pages go to a new, complete case of the same stream, named as
 * `as` says or, where that is empty, ID~2, ID~3...; then the letter is let go. as is written.
 * AS_ENOINPUT: no such letter. AS_EFORMAT: the name is taken or too long. */
struct st_retry {
	uint64_t id;
	char as[257];
	char stream[41];
	int64_t received, arrived;
};
int st_dead_retry(struct st_store *s, struct st_retry *r, struct as_err *e) AS_CHECKED;

/* Appends the bytes of a page of a case that is not judged. AS_EFORMAT: they are not those that
 * were accepted, or gone. AS_EAGAIN: there is no descriptor for their file. */
int st_load(struct st_store *s, const char *stream, const char *kase, const struct st_page *page,
	    struct as_buf *out, struct as_err *e) AS_CHECKED;

/* Forgets the pages and the judgment of a judged case; the number, the judgment's digest and the
 * case's id and keys stay, and a tombstone is replayed in its place. time: now, as text. Nothing
 * happens to a case that is not judged (state says so) or purged already. AS_EFORMAT: the judgment
 * cannot be read. */
struct st_purged {
	enum st_state state;
	uint64_t seq;
};
int st_purge(struct st_store *s, const char *stream, const char *kase, const char *time,
	     struct st_purged *out, struct as_err *e) AS_CHECKED;

/* Looks at the next few rows until v->done: start with a zeroed one. The store may change in
 * between. AS_EFORMAT or AS_EDAMAGE names the first break. */
struct st_verify {
	bool tail;  /* only the last judgments of each stream, nothing else */
	bool whole; /* the structure of a file of any size; else of one that is quickly read */
	bool done;
	uint64_t streams, judgments, purged, cases, pages; /* looked at so far */
	bool structure;                                    /* of the file, too */
	/* Where it is: */
	int walk;
	int64_t at;
	char stream[64], prev[IO_DIGEST_SIZE]; /* prev "": not known */
	uint64_t next;
};
int st_verify(struct st_store *s, struct st_verify *v, struct as_err *e) AS_CHECKED;
/* All of it at once, from a zeroed v but for tail and whole. */
int st_verify_all(struct st_store *s, struct st_verify *v, struct as_err *e) AS_CHECKED;
/* What a start looks at: the structure of a file that is quickly read, and the last judgments of
 * each stream. */
int st_check(struct st_store *s, struct as_err *e) AS_CHECKED;

/* Copies the journal and what its spool has to one file, a little with each step, while groups are
 * committed in between; the file is there when it is whole. Not within a group. AS_ECREATE; the
 * store is as before. */
struct st_backup;
struct st_backed {
	uint64_t pages; /* of the database */
	uint64_t files; /* of the spool */
};
int st_backup_open(struct st_store *s, const char *path, struct st_backup **out,
		   struct as_err *e) AS_CHECKED;
int st_backup_step(struct st_backup *b, bool *done, struct st_backed *so_far,
		   struct as_err *e) AS_CHECKED;
void st_backup_close(struct st_backup *b); /* accepts NULL; one that is not whole is removed */

/* Makes the state of a backup in a folder without a journal, verified, in an epoch that is new.
 * AS_ECREATE: there is a journal. AS_EFORMAT, AS_EDAMAGE: the file is not whole. */
struct st_restored {
	char journal[ST_JOURNAL_SIZE];
	uint64_t epoch;
	struct st_verify verified;
};
int st_restore(const char *file, const char *state, struct st_restored *out,
	       struct as_err *e) AS_CHECKED;

#endif
