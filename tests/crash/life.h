/* SPDX-License-Identifier: Apache-2.0
 * life.h - a daemon under faults, driven by one client and one subscriber that do what
 * docs/protocol.md says: retry until an answer comes, replay what is missing. What both see goes
 * into a ledger. A daemon that ends is started again without the fault. */
#ifndef TESTS_LIFE_H
#define TESTS_LIFE_H

#include "core/bus/call.h"
#include "core/store/store.h"
#include "tests/crash/ledger.h"
#include "tests/support/proc.h"
#include "tests/support/tmpdir.h"

enum {
	LIFE_MS = 60000,
	LIFE_ARGS = 24,
	LIFE_SPOOLED = ST_INLINE_MAX + 1, /* bytes of a part that is a file of the spool */
};

/* The beginning of a wrap: strace, with what it follows ("trace=CALL") and injects. */
#define LIFE_STRACE(trace, inject) \
	"/usr/bin/strace", "-f", "-qqq", "-o", tmpdir_path("trace"), "-e", trace, "-e", inject

struct life {
	char settings[256]; /* assayd.ini */
	char keys[256];     /* of [daemon] */
	char state[256], run[96];
	const char
	    *wrap[LIFE_ARGS]; /* in front of the daemon's command the first time; ends NULL */
	bool wrap_always;     /* and each other time */
	/* Where and how the client connects; NULL: over the sockets of run, in the clear. */
	const char *front_at, *feed_at;
	const struct bus_curve *curve;
	int workers; /* of the daemon's own: 1 */
	struct proc daemon;
	int ended;      /* times the daemon ended by itself or was killed */
	int code;       /* how it ended first */
	int duplicates; /* submissions that had been accepted before */
	struct bus *bus;
	struct bus_socket *front, *feed;
	struct bus_msg msg;
	uint64_t last; /* the subscriber has all up to here */
	struct ledger ledger;
};

/* State and sockets in the test's folder under `name`, a model of two parts of modality "null" and
 * its settings; keys go into [daemon]. Nothing runs yet. */
void life_init(struct life *l, const char *name, const char *keys);
/* The encoder is this plugin instead; before the start. */
void life_plugin(struct life *l, const char *so);
void life_free(struct life *l);
/* Starts the daemon, behind l->wrap where it has not been started before, and connects. */
void life_start(struct life *l);
/* Sees whether the daemon is still there; starts it again where not, and says so. */
bool life_tend(struct life *l);
/* Sends the signal and waits for the end: the exit code. */
int life_stop(struct life *l, int signal);
/* The same, and starts it again. */
void life_kill(struct life *l, int signal);

/* The daemon's own process, whatever it was started behind. */
pid_t life_pid(const struct life *l);
/* Its descriptors. */
int life_descriptors(const struct life *l);
/* To all workers of the daemon: SIGSTOP, SIGCONT. */
void life_signal_workers(const struct life *l, int signal);

/* One case of two parts, the first of `size` bytes; sent again until it is accepted. */
void life_submit(struct life *l, const char *id, size_t size);
/* One of its parts, "a" or "b", of a few bytes. */
void life_submit_part(struct life *l, const char *id, const char *part);
/* Sends it once; the verb of the answer, "" where none came in time. */
const char *life_try(struct life *l, const char *id, size_t size);
/* Asks STATUS; whether the member is true. */
bool life_is(struct life *l, const char *member);
/* Takes what the feed holds, and replays what is missing from it. */
void life_watch(struct life *l);
/* Waits until the subscriber has n judgments. */
void life_wait(struct life *l, uint64_t n);
/* Asks for the judgment of a case twice. */
void life_get(struct life *l, const char *id);
/* SIGTERM, a new start, a replay from 0: then all must fit. */
void life_audit(struct life *l);
/* The same without the stop before. */
void life_read_journal(struct life *l);

#endif
