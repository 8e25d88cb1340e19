/* SPDX-License-Identifier: Apache-2.0
 * daemon.h - assayd's state, all of it the loop's: the journal and the fusion threads get what they
 * work on by message and give it back. */
#ifndef DM_DAEMON_H
#define DM_DAEMON_H

#include "core/base/log.h"
#include "core/bus/call.h"
#include "core/bus/guard.h"
#include "core/io/config.h"
#include "core/io/digest.h"
#include "daemon/fuse.h"
#include "daemon/journal.h"
#include "fusion/judge.h"
#include "fusion/stage/join.h"

#include <signal.h>
#include <sys/types.h>

enum {
	DM_ATTEMPTS = 3,           /* of one page, charged to it; then its case is rejected */
	DM_CREDIT_MAX = 64,        /* jobs a worker may hold */
	DM_JOBS_BYTES = 64 << 20,  /* and their bytes; one job may have more */
	DM_HELD_BYTES = 16 << 20,  /* of jobs that wait for a worker, in memory; all are on disk */
	DM_SMALL_BYTES = 64 << 10, /* from a worker's third job on: few large ones, many small */
	DM_INSIDE_MAX = 1024, /* operations in the journal from which on clients are not read */
	DM_CLEARED_MAX = 256, /* jobs of a lane that wait with their attempt written down */
	DM_TICK_MS = 1000,
	DM_FEED_FAULTS = 256, /* of one client; then it subscribes no more */
	DM_FAILURES = 3,      /* daemons in a row that could not write; the next one only reads */
	DM_TYPE_SIZE = 128,   /* of a media type and its NUL */
	DM_PAGES_MAX = IO_PARTS_MAX * IO_PAGES_MAX,
	DM_TOKEN_SIZE = 33,
	DM_INSTANCE_SIZE = 33,
};

/* A model file as it is served: a copy in STATE/models that nobody changes. */
struct dm_model {
	struct dm_model *next;
	char sha256[IO_DIGEST_SIZE];
	char *path;
	struct fu_judge *judge; /* [judges]: one a fusion thread; judge[0] also answers questions */
	size_t judges;
	size_t users; /* streams and cases */
};

struct dm_stream {
	struct dm_stream *next;
	char name[IO_NAME_SIZE];
	struct dm_model *model; /* current; NULL where it is no longer served */
	uint64_t deadline_ms;
	struct st_keep keep;
	bool retaining;            /* the journal has been asked to let go of some */
	bool open;                 /* its numbers are known: cases may come */
	uint64_t first;            /* number of the first judgment that is kept */
	uint64_t last;             /* number of the last judgment that is in the journal */
	uint64_t given;            /* number given last, perhaps still on its way there */
	char prev[IO_DIGEST_SIZE]; /* of the body with number `given` */
	size_t cases;              /* not judged, and in memory */
	size_t parked;             /* waiting on disk */
	int64_t parked_first;      /* steady ns: none of these arrived before */
	bool waking;               /* the journal has been asked for those that are due */
};

/* Where the pages of one encoder wait: what a model asks for (fu_source) and a worker offers. */
struct dm_lane {
	struct dm_lane *next;
	char modality[IO_NAME_SIZE], encoder[IO_NAME_SIZE], version[IO_NAME_SIZE];
	struct dm_job *first, *last;           /* oldest first */
	struct dm_job *suspect, *suspect_last; /* were in a worker that died: given out alone */
	size_t queued;
	size_t cleared; /* of them, those that may leave */
};

/* A case on its way, beside what the join knows of it. */
struct dm_case {
	struct fu_case *kase;
	struct dm_stream *stream;
	struct dm_model *model;
	struct dm_job *jobs;       /* pages not encoded, through dm_job.sibling */
	struct bus_bytes **waiter; /* addresses of the peers that wait for the judgment */
	size_t waiters;
	int64_t arrived; /* ns, steady time */
	size_t client;   /* who submitted it first: its place in the list + 1; 0: nobody's */
	uint64_t queued; /* bytes of its pages that are not encoded */
	bool judging;    /* handed to fusion, or to the journal */
	bool judged;     /* in the journal: forgotten when no submission for it is pending */
	bool parked;     /* in the journal: the same */
	bool idle;       /* waits for parts, and for nothing else */
	struct dm_case *before, *after; /* of those that are idle */
	bool rejected;
	char part[IO_NAME_SIZE], limit[DM_LIMIT_SIZE], message[512]; /* of a rejection */
	/* Given up: the page, the attempts at it, how the last one ended. */
	bool dead;
	uint32_t page, strikes;
	char ended[DM_ENDED_SIZE];
};

/* One accepted page that is not encoded. */
struct dm_job {
	uint64_t id;
	struct dm_case *owner;
	struct fu_slot *slot;
	struct dm_lane *lane;
	char type[DM_TYPE_SIZE], sha256[IO_DIGEST_SIZE];
	size_t size;
	struct bus_bytes *bytes; /* NULL: in the journal only */
	bool loading;            /* asked for there */
	int64_t load_at;         /* monotonic ns: not before; 0: at once */
	bool clearing, cleared;  /* its attempt is being written down; is, or with its submission */
	bool dead;               /* its case is judged: freed when the journal gives it back */
	bool suspect, alone;     /* was in a worker that died; is in one by itself */
	bool grave;              /* was out when a daemon died: given out while nothing else is */
	uint32_t strikes;        /* attempts charged to it */
	char blamed[DM_INSTANCE_SIZE]; /* the worker whose loss was charged last; "": no name */
	struct dm_worker *worker;
	int64_t lease;                 /* monotonic ns when it ends */
	struct dm_job *before, *after; /* in the lane */
	struct dm_job *sibling;
};

struct dm_child;

enum dm_has { DM_ASKED, DM_LOADED, DM_FAILED };

struct dm_worker {
	struct dm_worker *next;
	struct bus_bytes *address;
	struct dm_lane *lane;
	struct dm_child *child; /* NULL: not started by this daemon */
	size_t credit;
	struct dm_job *job[DM_CREDIT_MAX];
	size_t jobs;
	uint64_t bytes;   /* of its jobs */
	uint64_t running; /* the job it named last; 0: none */
	int64_t heard;    /* monotonic ns */
	struct {
		struct dm_model *model; /* borrowed: FORGET is sent before it goes */
		enum dm_has has;
	} * model;
	size_t models;
	bool retiring;
	bool far;                        /* over TCP */
	char instance[DM_INSTANCE_SIZE]; /* the same as long as its process lives; "": none */
	char user[BUS_KEY_SIZE];         /* its key; "": none was asked for */
	char sandbox[64];                /* layers, as READY named them; "": none */
	const char *limit; /* what its end broke: "sandbox", "cpu", "lease"; NULL: none of them */
};

/* A worker process of this daemon, or one to be started. */
struct dm_child {
	struct dm_child *next;
	char name[IO_NAME_SIZE]; /* of its [encoder.NAME] */
	char **argv;
	char token[DM_TOKEN_SIZE];
	pid_t pid; /* 0: not running */
	int pidfd;
	struct dm_worker *worker;
	bool proved;   /* it has come as far as answering for its models */
	bool retiring; /* not started again */
	uint32_t backoff_ms;
	int64_t start_at; /* monotonic ns, while not running */
};

/* How fast something is worked off. */
struct dm_rate {
	uint64_t done; /* since it was measured last */
	double per_s;  /* smoothed over the last seconds */
	bool known;    /* there was something */
};

struct dm_counters {
	uint64_t malformed, late, restarts, expired, forbidden;
};

/* The service manager. path and watchdog are main's to set, fusion_gave and journal_gave the
 * loop's. */
struct dm_notify {
	const char *path; /* $NOTIFY_SOCKET; NULL: none */
	int64_t watchdog; /* ns within which it wants to hear that all is well; 0: it does not */
	int64_t journal, fusion[IO_THREADS_MAX]; /* monotonic ns when the thread last moved */
	bool journal_gave;                       /* since the last look */
	uint64_t fusion_gave;                    /* bits of threads */
	bool ready, told;
};

/* Whom a message came from. user NULL: over an address that asks for no key; client NULL beside a
 * user: the key is in the list no more. */
struct dm_peer {
	const char *user;
	const struct bus_client *client;
	bool claims; /* it has a key, and a routing id of its own choice */
};

/* What a client's submissions take of the daemon's room. */
struct dm_held {
	size_t cases;   /* not judged, and in memory */
	uint64_t bytes; /* of their pages, not encoded */
};

struct dm_daemon {
	struct as_log log;
	struct io_config config;
	const char *self; /* path of this program: workers and plugins are found beside it */
	struct bus *bus;
	struct bus_socket *front, *control, *work, *features, *feed;
	struct bus_keys keys; /* this daemon's, where sockets ask for keys */
	struct bus_guard *guard;
	struct bus_clients *clients;
	int64_t forbidden_at;                  /* monotonic ns of the last line about a refusal */
	struct dm_held held[BUS_CLIENTS_MAX];  /* by place in the list of clients */
	unsigned feed_faults[BUS_CLIENTS_MAX]; /* subscriptions to what is not there */
	char feed_culprit[BUS_KEY_SIZE];       /* who had too many; "": nobody */
	char features_ipc[BUS_ENDPOINT_SIZE], work_ipc[BUS_ENDPOINT_SIZE];
	int lock;    /* RUNTIME/lock */
	int signals; /* signalfd */
	int deaths;  /* epoll over the children's pidfds */
	struct dm_journal journal;
	struct dm_fuse fuse;
	struct fu_join join;
	struct dm_model *models;
	struct dm_stream *streams;
	struct dm_lane *lanes;
	struct dm_worker *workers;
	struct dm_child *children;
	struct as_map jobs;               /* by id in hexadecimal */
	struct dm_case *idle, *idle_last; /* that for the longest first */
	size_t idles;
	uint64_t next_job, next_token;
	uint64_t queued_bytes;
	uint64_t held_bytes;                   /* of them, in memory and not in a worker */
	struct dm_rate cases_rate, bytes_rate; /* judged; encoded or given up */
	struct dm_op *reads, *reads_last;      /* REPLAYs, first come first */
	size_t reading;                        /* of them, the first so many are in the journal */
	size_t graves;                         /* jobs that are */
	bool holding;                          /* for them: nothing else is given out */
	struct dm_case *alone;                 /* the case that is out while nothing else is */
	int64_t steady;          /* steady time is monotonic time + this: the wall's at the start */
	size_t judging;          /* cases between the join and the feed */
	int64_t started, ticked; /* monotonic ns */
	int64_t stop_at;         /* draining until then at most; 0: not draining */
	bool stop;
	bool full;         /* the disk is: nothing is accepted */
	bool read_only;    /* too many daemons before this one could not write */
	unsigned failures; /* how many; 0 again when this one has lived long enough */
	struct dm_notify notify;
	struct as_err broken; /* code other than AS_OK: what the loop ends with */
	struct dm_counters count;
};

/* daemon.c: starts everything, or says what is in the way; stop undoes it in the reverse order
 * and may be called after a start that failed. */
int dm_start(struct dm_daemon *d, struct as_err *e) AS_CHECKED;
void dm_stop(struct dm_daemon *d);
/* Begins to stop: nothing new is accepted, what is in hand is finished within grace_ms. */
void dm_drain(struct dm_daemon *d);

/* sockets.c */
int dm_sockets_open(struct dm_daemon *d, struct as_err *e) AS_CHECKED;
void dm_sockets_close(struct dm_daemon *d);
/* Another list of clients counts from now on: also for workers and subscribers that are there. Any
 * failure is one of the guard or the feed, after which the daemon must not go on. */
int dm_clients_change(struct dm_daemon *d, struct bus_clients *now, struct as_err *e) AS_CHECKED;

/* notify.c: once a tick, and around what takes longer. */
void dm_notify(struct dm_daemon *d, int64_t now);
void dm_notify_reload(struct dm_daemon *d, bool begins);
void dm_notify_stopping(struct dm_daemon *d);

/* rights.c */
struct dm_peer dm_peer_of(const struct dm_daemon *d, const struct bus_msg *m, size_t frame);
/* stream NULL: on all there are and will be. */
bool dm_peer_may(const struct dm_peer *p, enum bus_right r, const char *stream);
bool dm_peer_sees(const struct dm_peer *p, const char *stream); /* by any right */
bool dm_peer_works(const struct dm_peer *p);
bool dm_front_allows(const struct dm_peer *p, const struct bus_call *c);
bool dm_control_allows(const struct dm_peer *p, const struct bus_call *c);
/* FORBIDDEN, and a line of the log. */
void dm_forbid(struct dm_daemon *d, struct bus_socket *s, const struct bus_bytes *to,
	       const struct dm_peer *p, const struct bus_call *c);
void dm_feed_take(struct dm_daemon *d, struct bus_msg *m);
/* Takes the right to subscribe from the one that had too many faults, if there is one. */
void dm_feed_guard(struct dm_daemon *d);

/* share.c: no client may take all of the daemon's room. */
bool dm_share_is_over(const struct dm_daemon *d, const struct dm_peer *p, uint64_t bytes,
		      bool known);
void dm_share_case(struct dm_daemon *d, struct dm_case *c, const struct dm_peer *p);
void dm_share_leave(struct dm_daemon *d, struct dm_case *c);
/* Bytes of a case that wait to be encoded, or do no more: its client's and the daemon's. */
void dm_queue_more(struct dm_daemon *d, struct dm_case *c, uint64_t bytes);
void dm_queue_less(struct dm_daemon *d, struct dm_case *c, uint64_t bytes);
/* Another list of clients: what each has is counted anew. */
void dm_share_move(struct dm_daemon *d, const struct bus_clients *was,
		   const struct bus_clients *is);

/* loop.c: until the daemon is to stop. AS_EIO: the journal failed. */
int dm_loop(struct dm_daemon *d, struct as_err *e) AS_CHECKED;

/* models.c */
int dm_model_open(struct dm_daemon *d, const char *file, struct dm_model **out,
		  struct as_err *e) AS_CHECKED;
void dm_model_use(struct dm_model *m);
void dm_model_leave(struct dm_daemon *d, struct dm_model *m); /* the last to leave closes it */
/* Whether the model has parts for the lane; *dim is their width. */
bool dm_model_needs(const struct dm_model *m, const struct dm_lane *l, uint32_t *dim);
const struct io_task *dm_model_task(const struct dm_model *m);

/* streams.c */
struct dm_stream *dm_stream_find(struct dm_daemon *d, const char *name);
/* Applies the streams of the settings to the daemon's; all or nothing. */
int dm_streams_apply(struct dm_daemon *d, const struct io_config *c, struct as_err *e) AS_CHECKED;
/* What the journal knows of a stream has come. */
void dm_stream_opened(struct dm_daemon *d, struct dm_op *op);
/* Takes up a case that was found in the journal; pages that come with `with` (or NULL) are left to
 * it. */
void dm_case_restore(struct dm_daemon *d, struct dm_case *c, const struct dm_found *f,
		     const struct dm_op *with);
void dm_stream_found(struct dm_daemon *d, struct dm_stream *s, const struct dm_found *f);

/* front.c */
void dm_front_take(struct dm_daemon *d, struct bus_msg *m);
void dm_control_take(struct dm_daemon *d, struct bus_msg *m);
void dm_front_found(struct dm_daemon *d, struct dm_op *op);
/* The stream that a request names, or NULL after an ERROR. */
struct dm_stream *dm_front_stream(struct dm_daemon *d, const struct bus_bytes *peer,
				  const struct bus_call *c);
/* Says something to a peer of front or control; one that is gone or full misses it: false. */
bool dm_say(struct dm_daemon *d, struct bus_socket *s, const struct bus_bytes *peer,
	    const char *verb, const struct as_buf *json);
/* ERROR with the member or frame at fault. */
void dm_say_error(struct dm_daemon *d, struct bus_socket *s, const struct bus_bytes *peer,
		  const char *field, const char *message);

/* pace.c: measures, over the last s seconds. */
void dm_pace(struct dm_daemon *d, double s);
/* Milliseconds after which a submission of so many bytes should find room. full: cases are at their
 * bound. */
uint64_t dm_retry_ms(const struct dm_daemon *d, uint64_t bytes, bool full);

/* replay.c: what subscribers ask. The take functions have taken peer where they return true. */
bool dm_replay_take(struct dm_daemon *d, struct bus_bytes *peer, const struct bus_call *c);
void dm_replayed(struct dm_daemon *d, struct dm_op *op);
/* Those that were not handed to the journal. */
void dm_reads_free(struct dm_daemon *d);
bool dm_cursor_is(const char *verb);
bool dm_cursor_take(struct dm_daemon *d, struct bus_bytes *peer, const struct bus_call *c);
void dm_cursor_moved(struct dm_daemon *d, struct dm_op *op);

/* failures.c: daemons in a row that ended because they could not write. */
unsigned dm_failures(const struct dm_daemon *d);
void dm_failures_put(const struct dm_daemon *d, unsigned n);

/* retain.c: lets go of judgments that are old enough, a few at a time. */
void dm_retain(struct dm_daemon *d);
void dm_retained(struct dm_daemon *d, struct dm_op *op);

/* status.c */
/* What the peer sees of it. */
void dm_status_write(const struct dm_daemon *d, const struct dm_peer *p, struct as_buf *out);
void dm_hello_write(const struct dm_daemon *d, const struct dm_peer *p, struct as_buf *out);
bool dm_ready(const struct dm_daemon *d);

/* submit.c */
/* Why nothing is accepted now, or NULL. */
const char *dm_unwritable(const struct dm_daemon *d);
bool dm_case_named(const char *id); /* whether it can be a case's id */
void dm_submit_take(struct dm_daemon *d, struct bus_bytes *peer, const struct dm_peer *who,
		    struct bus_call *c, struct bus_msg *m);
void dm_submit_answered(struct dm_daemon *d, struct dm_op *op);

/* cases.c */
struct dm_case *dm_case_open(struct dm_daemon *d, struct dm_stream *s, const char *id);
/* Whether an attempt at a page that is about to be accepted is to be written down with it. */
enum st_out dm_case_out(struct dm_daemon *d, const struct dm_case *c, const struct dm_page *page);
/* A page was accepted: a job is made and queued. bytes NULL: they are in the journal. */
void dm_case_add(struct dm_daemon *d, struct dm_case *c, const struct dm_page *page,
		 struct bus_bytes *bytes);
/* The pages that were queued early were not accepted: they are taken back. */
void dm_case_undo(struct dm_daemon *d, struct dm_case *c);
/* The first submission of a case was accepted at `received`, `arrived` in steady time. */
void dm_case_start(struct dm_daemon *d, struct dm_case *c, int64_t received, int64_t arrived);
/* Moves the case on as far as it goes: closes it, judges it, forgets it. c may be gone after. */
void dm_case_advance(struct dm_daemon *d, struct dm_case *c);
void dm_case_reject(struct dm_daemon *d, struct dm_case *c, const char *part, const char *limit,
		    const char *message);
void dm_case_encoded(struct dm_daemon *d, struct dm_job *j);
void dm_case_forget(struct dm_daemon *d, struct dm_case *c);
/* Closes the cases whose deadline has passed. */
void dm_cases_late(struct dm_daemon *d, int64_t now);

/* waiting.c: cases that wait for parts, in memory and on disk. */
/* The case has nothing to do until something comes for it: the one that is idle for the longest is
 * parked where there are too many. */
void dm_case_settle(struct dm_daemon *d, struct dm_case *c);
void dm_case_stir(struct dm_daemon *d, struct dm_case *c); /* something came */
void dm_parked(struct dm_daemon *d, struct dm_op *op);
/* A submission woke the case: what the journal has of it comes back to memory. */
void dm_case_woken(struct dm_daemon *d, struct dm_case *c, const struct dm_op *op);
/* Asks for the parked cases whose deadline has passed, while there is room for them. */
void dm_wake(struct dm_daemon *d, int64_t now);
void dm_woken(struct dm_daemon *d, struct dm_op *op);
int64_t dm_wake_next(const struct dm_daemon *d); /* monotonic ns; INT64_MAX: nothing to wait for */

/* publish.c */
void dm_judge(struct dm_daemon *d, struct dm_fusing *f); /* fusion gave it back */
void dm_judged(struct dm_daemon *d, struct dm_op *op);   /* the journal has it */
void dm_reject(struct dm_daemon *d, struct dm_case *c);
void dm_tick(struct dm_daemon *d);

/* jobs.c */
struct dm_lane *dm_lane_get(struct dm_daemon *d, const char *modality, const char *encoder,
			    const char *version);
struct dm_job *dm_job_find(const struct dm_daemon *d, uint64_t id);
void dm_job_queue(struct dm_daemon *d, struct dm_job *j); /* j->lane's, by j->suspect */
/* Takes the job out of wherever it is and frees it. */
void dm_job_end(struct dm_daemon *d, struct dm_job *j);
void dm_job_loaded(struct dm_daemon *d, struct dm_op *op);
void dm_job_cleared(struct dm_daemon *d, struct dm_op *op);
/* The attempt at the slot's page is over although its case waits for others. */
void dm_job_over(struct dm_daemon *d, const struct dm_case *c, const struct fu_slot *slot,
		 uint32_t strikes);
/* Charges an attempt; the case is rejected after the last one. ended: how it did. */
void dm_job_strike(struct dm_daemon *d, struct dm_job *j, const char *limit, const char *ended);
/* A worker ended: whose page ended it in spite of being out alone was charged, and others may come
 * before it now. */
void dm_jobs_choose_anew(struct dm_daemon *d);
/* What is in the journal and is not soon to leave goes out of memory. */
void dm_jobs_lighten(struct dm_daemon *d, struct dm_case *c);
/* Gives queued jobs to workers that have room. */
void dm_dispatch(struct dm_daemon *d);

/* letters.c: DLQ, through control only. Takes peer. */
void dm_letters_take(struct dm_daemon *d, struct bus_bytes *peer, const struct bus_call *c);
void dm_letters_answered(struct dm_daemon *d, struct dm_op *op);

/* keep.c: VERIFY, PURGE and BACKUP, through control only. Takes peer. */
bool dm_keep_is(const char *verb);
void dm_keep_take(struct dm_daemon *d, struct bus_bytes *peer, const struct bus_call *c);
/* Hands a verification back to the journal, where it is not over; the peer hears of it at times. */
bool dm_verify_goes_on(struct dm_daemon *d, struct dm_op *op);
void dm_kept(struct dm_daemon *d, struct dm_op *op);

/* features.c */
void dm_features_take(struct dm_daemon *d, struct bus_msg *m);

/* workers.c */
void dm_work_take(struct dm_daemon *d, struct bus_msg *m);
/* The worker is gone: its jobs are given to others. */
void dm_worker_lost(struct dm_daemon *d, struct dm_worker *w, const char *why);
void dm_worker_release(struct dm_worker *w, struct dm_job *j);
/* Tells the workers of a model that has come or goes. */
void dm_workers_offer(struct dm_daemon *d, struct dm_model *m);
void dm_workers_forget(struct dm_daemon *d, struct dm_model *m);
/* Ends leases and remote workers that say nothing; stops those that retire. */
void dm_workers_check(struct dm_daemon *d, int64_t now);
bool dm_worker_has(const struct dm_worker *w, const struct dm_model *m);
void dm_worker_say(struct dm_daemon *d, struct dm_worker *w, const char *verb);

/* children.c */
int dm_children_apply(struct dm_daemon *d, const struct io_config *c, struct as_err *e) AS_CHECKED;
/* Whether a worker has all layers of its sandbox here, where the settings require them; else
 * AS_EUNAVAIL. */
int dm_sandbox_check(const struct dm_daemon *d, const struct io_config *c,
		     struct as_err *e) AS_CHECKED;
void dm_children_start(struct dm_daemon *d, int64_t now); /* those whose time has come */
void dm_children_died(struct dm_daemon *d);
struct dm_child *dm_child_find(const struct dm_daemon *d, const char *token);
/* Ends a child that broke a limit. */
void dm_child_kill(struct dm_daemon *d, struct dm_child *k);
void dm_children_stop(struct dm_daemon *d);          /* all, and waits for them */
int64_t dm_children_next(const struct dm_daemon *d); /* monotonic ns of the next start */

/* locate.c */
/* Path of a plugin as the settings name it. AS_ENOINPUT names where it was looked for. */
int dm_plugin_find(const char *self, const char *plugin, struct as_buf *out,
		   struct as_err *e) AS_CHECKED;

/* Whether all plugins of the settings are there. */
int dm_plugins_check(const char *self, const struct io_config *c, struct as_err *e) AS_CHECKED;

/* reload.c */
int dm_reload(struct dm_daemon *d, struct as_err *e) AS_CHECKED;

#endif
