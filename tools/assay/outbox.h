/* SPDX-License-Identifier: Apache-2.0
 * outbox.h - many submissions under way at once, each until the daemon has answered it.
 *
 * BUSY is tried again when the daemon says; what stays without an answer is sent again, since the
 * daemon knows a submission by its key: none is lost and none is judged twice. */
#ifndef CMD_OUTBOX_H
#define CMD_OUTBOX_H

#include "core/base/map.h"
#include "core/io/case.h"
#include "tools/assay/link.h"

enum {
	CMD_WINDOW = 64,             /* submissions under way */
	CMD_WINDOW_BYTES = 64 << 20, /* their bytes, unless one alone has more */
	CMD_AGAIN_MS = 3000,         /* silence after which all is sent again */
	CMD_SILENCE_MS = 30000,      /* silence after which the daemon is gone */
};

struct cmd_pending {
	struct io_case c;
	struct as_buf json;
	size_t bytes;
	int64_t due_ns; /* when to send, as_mono_ns; INT64_MAX: sent */
};

struct cmd_outbox {
	struct cmd_link *link; /* borrowed, as are all pointers up to json */
	const struct io_task *task;
	const char *stream;
	bool wait; /* for judgments, which are printed */
	bool json; /* as JSON */
	struct cmd_pending *pending[CMD_WINDOW];
	size_t n, bytes;
	struct as_map waiting;                          /* ids of cases accepted and not judged */
	int64_t heard_ns;                               /* the last message of the daemon */
	int64_t again_ns;                               /* the last time all was sent again */
	size_t accepted, duplicates, refused, rejected; /* answers; of judgments: rejected */
};

/* Sends a case as soon as there is room; c is the outbox's from here on, whatever the result.
 * AS_EUNAVAIL: the daemon is gone or takes nothing more. */
int cmd_outbox_put(struct cmd_outbox *o, struct io_case *c, bool complete,
		   struct as_err *e) AS_CHECKED;
/* Until all is answered, and judged where o->wait is set. */
int cmd_outbox_drain(struct cmd_outbox *o, struct as_err *e) AS_CHECKED;
void cmd_outbox_free(struct cmd_outbox *o);

#endif
