/* SPDX-License-Identifier: Apache-2.0
 * join.h - what is known of the cases that are not judged: which pages were accepted, where they
 * are, and when a case closes. No sockets and no clock: time comes in.
 *
 * A case closes when
 *   - every part that its task declares has been accepted, and none of them may repeat (of a part
 *     that repeats nobody but the submitter knows how many pages there are), or
 *   - a submission said that it is complete, or
 *   - its deadline has passed, counted from its first accepted part;
 * but not while a submission for it is being written to the journal (`pending`). A closed case is
 * ready when every accepted page is encoded: an accepted page is waited for, however long. */
#ifndef FU_JOIN_H
#define FU_JOIN_H

#include "core/base/map.h"
#include "core/io/task.h"
#include "plugins/assay_plugin.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum fu_page_state { FU_QUEUED, FU_RUNNING, FU_ENCODED };

/* One accepted page of a part. */
struct fu_slot {
	uint32_t part; /* index in the task */
	uint32_t page;
	enum fu_page_state state;
	uint32_t attempts;            /* times it was given to a worker */
	int64_t accepted;             /* monotonic ns */
	double queue, decode, encode; /* ms: waited for a worker, was decoded, was encoded */
	uint32_t rows, dim;
	float *v;                  /* [rows, dim]; owned, NULL until encoded */
	struct assay_place *place; /* [rows] */
	void *job;                 /* the daemon's own, borrowed */
};

struct fu_case {
	char stream[IO_NAME_SIZE];
	char id[IO_CASE_MAX + 1];
	const struct io_task *task; /* borrowed: the model's, which outlives the case */
	struct fu_slot **slot;
	size_t slots, slot_cap;
	size_t encoded;   /* slots that are */
	size_t pending;   /* submissions on their way through the journal */
	int64_t received; /* ns since the epoch; 0: nothing accepted yet */
	int64_t deadline; /* monotonic ns; INT64_MAX: none */
	size_t at;        /* place in the heap of deadlines, from 1; 0: not in it */
	bool complete, closed;
	void *owner; /* the daemon's own, borrowed */
};

struct fu_join {
	struct as_map cases;   /* "stream/id" */
	struct fu_case **heap; /* by deadline, earliest first */
	size_t heaped, heap_cap;
};

void fu_join_free(struct fu_join *j); /* and all its cases */

/* NULL where there is none. */
struct fu_case *fu_join_find(const struct fu_join *j, const char *stream, const char *id);
/* A case without pages; there is none of that name. */
struct fu_case *fu_join_open(struct fu_join *j, const char *stream, const char *id,
			     const struct io_task *task);
/* Forgets a case that is judged, or one that nothing was accepted for. */
void fu_join_close(struct fu_join *j, struct fu_case *c);

/* The first submission was accepted: `received` (ns since the epoch) is in the judgment, deadline
 * is monotonic ns. */
void fu_case_start(struct fu_join *j, struct fu_case *c, int64_t received, int64_t deadline);
/* A page was accepted at `now` (monotonic ns). */
struct fu_slot *fu_case_accept(struct fu_case *c, uint32_t part, uint32_t page, int64_t now);
/* Lets go of all pages: none of them was accepted. Opens the case again. */
void fu_case_clear(struct fu_case *c);
/* Features of a slot that is not encoded; v [rows, dim] and place [rows] are copied. */
void fu_slot_encoded(struct fu_case *c, struct fu_slot *s, uint32_t rows, uint32_t dim,
		     const void *v, const void *place);

/* Whether the case closes now; sets closed. Once closed it stays so. */
bool fu_case_closes(struct fu_case *c, int64_t now);
/* Closed, and every accepted page is encoded. */
bool fu_case_ready(const struct fu_case *c);
/* Whether a part has no page. */
bool fu_case_misses(const struct fu_case *c, uint32_t part);

/* The case whose deadline is the earliest, or NULL. */
struct fu_case *fu_join_next(const struct fu_join *j);
/* Takes it out of the deadlines: it is being closed. */
void fu_join_late(struct fu_join *j, struct fu_case *c);

#endif
