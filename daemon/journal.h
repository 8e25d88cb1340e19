/* SPDX-License-Identifier: Apache-2.0
 * journal.h - the thread that owns the store. An operation is handed to it by pointer and comes
 * back the same way when its group is committed: whoever holds the pointer owns the operation. */
#ifndef DM_JOURNAL_H
#define DM_JOURNAL_H

#include "core/bus/bus.h"
#include "core/io/task.h"
#include "core/store/store.h"

#include <pthread.h>

/* The limit of a case that was given up after DM_ATTEMPTS attempts at a page. */
#define DM_LIMIT_ATTEMPTS "attempts"

enum { DM_ENDED_SIZE = 64, DM_LIMIT_SIZE = 64 };

enum dm_op_kind {
	DM_OP_OPEN, /* a stream: its last number, its cases that are not judged */
	DM_OP_SUBMIT,
	DM_OP_LOAD, /* the bytes of a page */
	DM_OP_JUDGE,
	DM_OP_ATTEMPT, /* at a page: written before it leaves */
	DM_OP_OVER,    /* no attempt is under way: the daemon ends in order */
	DM_OP_LETTER,  /* a dead letter, or all of them */
	DM_OP_PARK,    /* a case: it waits on disk from now on */
	DM_OP_WAKE,    /* parked cases of a stream that arrived until then */
	DM_OP_FIND,
	DM_OP_REPLAY,
	DM_OP_SUBSCRIBE, /* kase: the subscriber's name */
	DM_OP_ACK,       /* up to seq */
	DM_OP_UNSUBSCRIBE,
	DM_OP_RETAIN, /* lets go of a few judgments */
	DM_OP_VERIFY, /* looks at a few rows */
	DM_OP_PURGE,
	DM_OP_BACKUP, /* comes back when it is written */
	DM_OP_ROOM,   /* whether a full disk has room again */
	DM_OP_STOP,
	DM_OP_STARTED, /* from the journal, first: what came of opening it */
	DM_OP_FAILED,  /* from the journal: nothing more can be written */
};

/* What became of a REPLAY. */
enum dm_replay {
	DM_REPLAY_SENT,
	DM_REPLAY_TRUNCATED, /* what follows `after` is kept no more */
	DM_REPLAY_RESYNC,    /* a restore changed what the peer has: it goes on after `sent` */
};

/* A page as it is named in a submission or found in the journal. */
struct dm_page {
	char name[IO_NAME_SIZE];
	uint32_t page;
	char type[128];
	char sha256[IO_DIGEST_SIZE];
	size_t size;
	enum st_out out;
	uint32_t strikes;
};

enum dm_letter { DM_LETTER_LIST, DM_LETTER_SHOW, DM_LETTER_RETRY, DM_LETTER_DROP };

/* A case that was found in the journal. */
struct dm_found {
	char id[IO_CASE_MAX + 1];
	int64_t received, arrived;
	bool complete;
	struct dm_page *page;
	size_t pages;
};

struct dm_op {
	struct dm_op *next; /* REPLAY: in the loop's queue */
	enum dm_op_kind kind;
	enum dm_letter letter; /* LETTER: what */
	enum dm_replay replay; /* REPLAY */
	enum st_state state;   /* FIND, PURGE */
	int rc;                /* of what may fail and the daemon goes on; FAILED */
	char stream[IO_NAME_SIZE];
	char kase[IO_CASE_MAX + 1];
	struct bus_bytes *peer; /* whom to answer, or NULL */
	void *owner;            /* the loop's: a job, a case, a model */
	/* SUBMIT, LOAD */
	char *key; /* BACKUP: the file */
	char manifest[IO_DIGEST_SIZE];
	bool complete, closed, wait;
	bool refused; /* SUBMIT: the disk is full */
	bool full;  /* from the journal, with every operation: whether it is; rc AS_OK: e is why */
	bool early; /* its pages are queued for workers already */
	bool dead;  /* JUDGE: page is the one that the case is given up for */
	bool known; /* SUBSCRIBE, ACK, UNSUBSCRIBE: there is such a name */
	int64_t received; /* ns since the epoch; JUDGE: when it was given */
	/* The same in steady time; OPEN: now; WAKE: until when, then when the first of the others
	 * did (INT64_MAX: none) */
	int64_t arrived;
	struct dm_page *page;
	struct bus_bytes **bytes; /* [pages], SUBMIT */
	size_t pages;
	struct st_answer answer;
	/* LETTER: of which (LIST: after which); as: RETRY's name. JUDGE: ended is how the last
	 * attempt at a dead page did */
	uint64_t id;
	char ended[DM_ENDED_SIZE];
	char limit[DM_LIMIT_SIZE]; /* JUDGE of a dead page: that of the rejection */
	char as[IO_CASE_MAX + 1];
	/* JUDGE: body; FIND, LOAD: appended to body; REPLAY: bodies one after another in it */
	uint64_t seq;  /* JUDGE; REPLAY: after */
	size_t credit; /* REPLAY: bodies at most; WAKE: cases */
	struct as_buf body;
	char sha256[IO_DIGEST_SIZE];
	size_t *end; /* REPLAY: where each body ends; [ends] */
	size_t ends;
	uint64_t epoch;          /* REPLAY: what the peer knows; 0: not said */
	struct st_bounds bounds; /* OPEN, REPLAY, SUBSCRIBE, ACK, RETAIN */
	uint64_t last, sent;     /* OPEN, REPLAY: the stream's last number; the last one in body */
	uint64_t cursor;         /* SUBSCRIBE, ACK: where the name is */
	struct st_keep keep;     /* RETAIN; received: now */
	size_t gone;             /* how many it let go */
	struct st_verify verify; /* VERIFY: so far */
	int64_t told;            /* monotonic ns: when the peer was told how far it is */
	struct st_backed backed; /* BACKUP */
	struct dm_found *found;  /* OPEN, WAKE; FIND and SUBMIT: the case itself */
	size_t founds;
	size_t parked; /* OPEN: cases of the stream that wait on disk */
	int64_t parked_first;
	struct as_err e;
};

struct dm_op *dm_op_make(enum dm_op_kind kind, const char *stream, const char *kase);
void dm_op_free(struct dm_op *op); /* accepts NULL */

/* letters.c: the journal's side of LETTER. */
int dm_letter_do(struct st_store *s, struct dm_op *op, struct as_err *e) AS_CHECKED;
/* Collects the cases that the store reports, a call a page, in found of the op that is ctx. */
void dm_op_found(void *ctx, const struct st_case *c, const struct st_page *p);

/* keep.c: the journal's side of VERIFY and PURGE. */
int dm_keep_do(struct st_store *s, struct dm_op *op, struct as_err *e) AS_CHECKED;
/* Whether nothing more can be done with the store after this. */
bool dm_is_fatal(int rc);
/* What the journal found for it: an operation that is done again begins anew. */
void dm_op_forget(struct dm_op *op);
/* Does the operation, in the transaction that is open. */
int dm_op_run(struct st_store *s, struct dm_op *op, struct as_err *e) AS_CHECKED;

struct dm_journal {
	uint64_t reserve;        /* bytes of it; this and look are set before the start */
	bool look;               /* nothing is written */
	bool full;               /* the thread's: the disk is, and the reserve is given up */
	struct dm_op *backup;    /* under way, between the groups */
	struct st_backup *copy;  /* of it */
	struct bus_socket *here; /* the loop's end */
	struct bus_socket *there;
	const char *state;      /* borrowed, until the thread has started */
	struct st_store *store; /* the thread's */
	pthread_t thread;
	bool running;
	char name[ST_JOURNAL_SIZE];
	uint64_t epoch;
	size_t inside; /* operations handed over and not back */
};

/* keep.c: a backup is taken by the thread between the groups, a little at a time. Whether the
 * operation is one, and is kept until it is over; one that cannot begin goes back with its error.
 */
bool dm_backup_take(struct dm_journal *j, struct dm_op *op);
int dm_backup_step(struct dm_journal *j, struct as_err *e) AS_CHECKED;

/* Starts the thread, which opens the store. */
int dm_journal_start(struct dm_journal *j, struct bus *bus, const char *state,
		     struct as_err *e) AS_CHECKED;
/* Finishes what it has and ends; the operations not yet taken back are freed. */
void dm_journal_stop(struct dm_journal *j);
/* Hands it over. Running out of memory is the only failure and aborts. */
void dm_journal_give(struct dm_journal *j, struct dm_op *op);
/* NULL: nothing has come back. */
struct dm_op *dm_journal_get(struct dm_journal *j);

#endif
