/* SPDX-License-Identifier: Apache-2.0
 * cmd_watch.c - assay watch: prints each judgment of one stream, or of all, once and in order.
 *
 * The feed alone may lose what came before the subscription and what a slow reader cannot take.
 * So: subscribe first, then replay from the journal up to the end, then take from the feed what
 * follows without a gap; a gap, or a tick that counts further, is closed by another replay. */
#include "core/base/map.h"
#include "core/base/signals.h"
#include "core/io/task.h"
#include "tools/assay/cmd.h"
#include "tools/assay/link.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { CREDIT = 500, FEED_HWM = 100000 };

struct options {
	struct cmd_door door;
	const char *stream;
	const char *name;      /* of the cursor that the daemon keeps, or NULL */
	uint64_t after, count; /* count 0: for ever */
	bool json;
};

struct seen {
	char name[IO_NAME_SIZE];
	uint64_t last;  /* all up to this number are printed */
	uint64_t acked; /* and the daemon knows it */
	uint64_t epoch; /* of the journal that they came from */
};

struct watch {
	const struct options *o;
	struct cmd_link link;
	struct bus_socket *feed;
	struct as_map streams; /* name -> struct seen */
	uint64_t printed;
	int signals; /* with a name: SIGINT and SIGTERM; else -1 */
	bool told;   /* to stop, by one of them */
};

static bool enough(struct watch *w)
{
	struct signalfd_siginfo info;

	w->told = w->told ||
		  (w->signals >= 0 && read(w->signals, &info, sizeof info) == (ssize_t)sizeof info);
	return w->told || (w->o->count > 0 && w->printed >= w->o->count);
}

static struct seen *find(struct watch *w, const char *name)
{
	struct seen *s = as_map_find(&w->streams, name);

	if (s == NULL && io_name_ok(name)) {
		s = as_calloc(1, sizeof *s);
		(void)snprintf(s->name, sizeof s->name, "%s", name);
		s->last = w->o->after;
		s->epoch = io_json_find_u64(w->link.hello.doc, "epoch", 0);
		as_map_put(&w->streams, name, s);
	}
	return s;
}

/* Prints a judgment that is the next of its stream. */
static int show(struct watch *w, struct seen *s, const struct json_t *doc, const void *body,
		size_t n, struct as_err *e)
{
	if (io_json_find_u64(io_json_find(doc, "data"), "seq", 0) != s->last + 1 || enough(w)) {
		return AS_OK;
	}
	s->last++;
	w->printed++;
	return cmd_link_print(doc, body, n, w->o->json, e);
}

static int ask_replay(struct watch *w, const struct seen *s, struct as_err *e)
{
	struct as_buf ask = { 0 };
	struct io_jw j = { .b = &ask };
	int rc;

	io_jw_obj(&j, NULL);
	io_jw_str(&j, "stream", s->name);
	io_jw_u64(&j, "after", s->last);
	io_jw_u64(&j, "credit", CREDIT);
	io_jw_u64(&j, "epoch", s->epoch);
	io_jw_end_obj(&j);
	rc = cmd_link_ask(&w->link, "REPLAY", &ask, e);
	as_buf_free(&ask);
	return rc;
}

/* SUBSCRIBE, or ACK up to s->last: s->acked is the cursor after it. */
static int move_cursor(struct watch *w, struct seen *s, const char *verb, struct as_err *e)
{
	const struct bus_call *a = &w->link.answer;
	struct as_buf ask = { 0 };
	struct io_jw j = { .b = &ask };
	int rc;

	io_jw_obj(&j, NULL);
	io_jw_str(&j, "stream", s->name);
	io_jw_str(&j, "subscriber", w->o->name);
	io_jw_u64(&j, "seq", s->last);
	io_jw_end_obj(&j);
	TRY(cmd_link_ask(&w->link, verb, &ask, e));
	while (strcmp(a->verb, "CURSOR") != 0) { /* what came too late for its question */
		TRY(cmd_link_next(&w->link, CMD_ANSWER_MS, e));
	}
	s->acked = io_json_find_u64(a->doc, "seq", 0);
out:
	as_buf_free(&ask);
	return rc;
}

/* Tells the daemon what is printed, where it keeps the cursor. */
static int ack(struct watch *w, struct seen *s, struct as_err *e)
{
	return w->o->name != NULL && s->last > s->acked ? move_cursor(w, s, "ACK", e) : AS_OK;
}

/* The answer says that the journal goes on elsewhere than after s->last. */
static void jump(struct seen *s, const struct bus_call *a)
{
	const uint64_t after = io_json_find_u64(a->doc, "after", s->last);

	if (strcmp(a->verb, "RESYNC") == 0) {
		fprintf(stderr,
			"assay watch: %s: the journal was restored (epoch %" PRIu64 ", was %" PRIu64
			"): what came after number %" PRIu64 " may be given anew\n",
			s->name, io_json_find_u64(a->doc, "epoch", 0), s->epoch, after);
	} else {
		fprintf(stderr,
			"assay watch: %s: numbers %" PRIu64 " to %" PRIu64 " are kept no more\n",
			s->name, s->last + 1, after);
	}
	s->last = after;
	s->epoch = io_json_find_u64(a->doc, "epoch", s->epoch);
}

/* Prints what one REPLAY gives; *end is the stream's last number. */
static int replay_some(struct watch *w, struct seen *s, uint64_t *end, struct as_err *e)
{
	const struct bus_call *a = &w->link.answer;
	const struct bus_msg *m = &w->link.msg;
	int rc;

	TRY(ask_replay(w, s, e));
	while (strcmp(a->verb, "JUDGMENT") == 0 || strcmp(a->verb, "CURSOR") == 0) {
		TRY(show(w, s, a->doc, bus_data(m, 2), bus_size(m, 2), e));
		TRY(cmd_link_next(&w->link, CMD_ANSWER_MS, e));
	}
	*end = io_json_find_u64(a->doc, "last", 0);
	if (strcmp(a->verb, "TRUNCATED") == 0 || strcmp(a->verb, "RESYNC") == 0) {
		jump(s, a);
	} else if (strcmp(a->verb, "END") != 0) {
		return as_fail(e, AS_EPROTO, "stream %s: %s", s->name,
			       io_json_find_str(a->doc, "message", a->verb));
	}
	TRY(ack(w, s, e));
out:
	return rc;
}

/* Prints what the journal has after s->last; asks at least once. */
static int replay(struct watch *w, struct seen *s, struct as_err *e)
{
	uint64_t end = s->last + 1;
	int rc = AS_OK;

	while (rc == AS_OK && s->last < end && !enough(w)) {
		rc = replay_some(w, s, &end, e);
	}
	return rc;
}

/* The epoch that a body on the feed is of: its id begins with it. */
static uint64_t epoch_of(const struct json_t *doc)
{
	return strtoull(io_json_find_str(doc, "id", "0"), NULL, 10);
}

/* [stream/][body]: the next judgment, a gap, or a tick. */
static int take(struct watch *w, const struct bus_msg *m, struct as_err *e)
{
	const size_t n = m->n == 2 ? bus_size(m, 0) : 0;
	char name[IO_NAME_SIZE];
	const struct json_t *data;
	struct json_t *doc = NULL;
	struct seen *s;
	uint64_t seq;
	int rc;

	if (n < 2 || n > sizeof name) {
		return as_fail(e, AS_EPROTO, "the feed: a message without a stream and a body");
	}
	(void)snprintf(name, sizeof name, "%.*s", (int)(n - 1), (const char *)bus_data(m, 0));
	TRY(io_json_parse(bus_data(m, 1), bus_size(m, 1), "the feed", &doc, e));
	s = find(w, name);
	data = io_json_find(doc, "data");
	seq = io_json_find_u64(data, "seq", 0);
	if (s == NULL || (w->o->stream != NULL && strcmp(name, w->o->stream) != 0)) {
		rc = as_fail(e, AS_EPROTO, "the feed: a judgment of no stream");
	} else if (epoch_of(doc) != s->epoch || seq > s->last + 1 ||
		   io_json_find_u64(data, "last", 0) > s->last) {
		rc = replay(w, s, e);
	} else if (seq == s->last + 1) {
		rc = show(w, s, doc, bus_data(m, 1), bus_size(m, 1), e);
		rc = rc == AS_OK ? ack(w, s, e) : rc;
	}
	if (rc == AS_EUNAVAIL) { /* the daemon went away; its next tick tells again */
		fprintf(stderr, "assay watch: %s; waiting for it\n", e->msg);
		rc = AS_OK;
	}
out:
	io_json_free(doc);
	return rc;
}

static int subscribe(struct watch *w, struct as_err *e)
{
	const struct json_t *hello = w->link.hello.doc;
	char prefix[IO_NAME_SIZE + 1] = "";
	char feed[BUS_ENDPOINT_SIZE];
	const char *said;
	int rc;

	TRY(io_json_get_str(hello, "feed", &said, e));
	bus_reach(said, w->link.endpoint, feed);
	TRY(bus_socket_open(&w->feed, w->link.bus,
			    &(struct bus_options){ .type = BUS_SUB,
						   .endpoint = feed,
						   .hwm = FEED_HWM,
						   .max_bytes = BUS_JSON_MAX,
						   .curve = cmd_link_curve(&w->link) },
			    e));
	if (w->o->stream != NULL) {
		(void)snprintf(prefix, sizeof prefix, "%s/", w->o->stream);
	}
	TRY(bus_subscribe(w->feed, prefix, e));
out:
	return rc;
}

/* The streams to replay at the start: the one that was named, or all there are. */
static int replay_all(struct watch *w, struct as_err *e)
{
	const struct json_t *streams = io_json_find(w->link.hello.doc, "streams");
	int rc = AS_OK;

	if (w->o->stream != NULL) {
		struct seen *s = find(w, w->o->stream);

		if (w->o->name != NULL) {
			rc = move_cursor(w, s, "SUBSCRIBE", e);
			s->last = rc == AS_OK ? s->acked : s->last;
		}
		rc = rc == AS_OK ? replay(w, s, e) : rc;
		return cmd_link_why(&w->link, w->o->stream, rc, e);
	}
	for (size_t i = 0; i < io_json_len(streams) && rc == AS_OK; i++) {
		const char *name = io_json_str(io_json_at(streams, i));
		struct seen *s = name != NULL ? find(w, name) : NULL;

		rc = s != NULL ? replay(w, s, e) : AS_OK;
	}
	return rc;
}

/* With a name nothing may be printed and not acknowledged, so the signals that stop a program are
 * read between two judgments. Before any thread is made: all inherit the mask. */
static int hold_signals(struct watch *w, struct as_err *e)
{
	const int caught[] = { SIGINT, SIGTERM };
	sigset_t set;

	if (as_signals_hold(caught, sizeof caught / sizeof *caught, &set, e) != AS_OK) {
		return e->code;
	}
	w->signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	return w->signals >= 0 ? AS_OK : as_fail(e, AS_EIO, "signals: %s", strerror(errno));
}

static int follow(struct watch *w, struct as_err *e)
{
	struct bus_poll item[2] = { { .socket = w->feed }, { .fd = w->signals } };
	struct bus_msg m = { 0 };
	int rc = AS_OK;

	while (rc == AS_OK && !enough(w)) {
		rc = bus_recv(w->feed, &m, e);
		if (rc == AS_EAGAIN) {
			rc = bus_poll(item, w->signals >= 0 ? 2 : 1, -1, e);
		} else if (rc == AS_OK) {
			rc = take(w, &m, e);
		}
	}
	bus_msg_free(&m);
	return rc;
}

static int check(const struct options *o, struct as_err *e)
{
	if (o->stream != NULL && !io_name_ok(o->stream)) {
		return as_fail(e, AS_EUSAGE, "--stream %s: want [a-z0-9._-]{1,40}", o->stream);
	}
	if (o->stream == NULL && o->after > 0) {
		return as_fail(e, AS_EUSAGE, "--after: numbers are of one stream: give --stream");
	}
	if (o->name != NULL && (o->stream == NULL || o->after > 0 || !io_name_ok(o->name))) {
		return as_fail(
		    e, AS_EUSAGE,
		    "--name %s: want [a-z0-9._-]{1,40}, with --stream and without --after",
		    o->name);
	}
	return AS_OK;
}

static int watch(const struct options *o, struct as_err *e)
{
	struct watch w = { .o = o, .signals = -1 };
	int rc;

	TRY(check(o, e));
	if (o->name != NULL) {
		TRY(hold_signals(&w, e));
	}
	TRY(cmd_link_open(&w.link, &o->door, e));
	TRY(subscribe(&w, e));
	TRY(replay_all(&w, e));
	TRY(follow(&w, e));
out:
	bus_socket_close(w.feed);
	cmd_link_close(&w.link);
	if (w.signals >= 0) {
		(void)close(w.signals);
	}
	for (size_t i = 0; i < w.streams.cap; i++) {
		if (w.streams.slot[i].key != NULL) {
			free(w.streams.slot[i].value);
		}
	}
	as_map_free(&w.streams);
	return rc;
}

int cmd_watch(const char *runtime, int argc, char **argv)
{
	struct options o = { .door.runtime = runtime };
	const struct cmd_option option[] = {
		{ "from", "ENDPOINT", "the daemon's front socket (ipc://$ASSAY_RUNTIME/front)",
		  CMD_TEXT, &o.door.endpoint, 0, 0 },
		CMD_KEY_OPTIONS(o.door),
		{ "stream", "NAME", "one stream; all without it", CMD_TEXT, &o.stream, 0, 0 },
		{ "after", "N", "begin with number N + 1 (0: the first)", CMD_WHOLE, &o.after, 0,
		  INT64_MAX },
		{ "name", "NAME",
		  "the daemon remembers what was printed under this name, and goes on there",
		  CMD_TEXT, &o.name, 0, 0 },
		{ "count", "N", "stop after N judgments; for ever without it", CMD_WHOLE, &o.count,
		  1, INT64_MAX },
		{ "json", NULL, "the judgments as published, one a line", CMD_FLAG, &o.json, 0, 0 },
	};
	const struct cmd_spec spec = {
		"watch",
		"[options]",
		"Prints each judgment once, in the order of its numbers: those in the journal,\n"
		"then those to come.\n"
		"Exit: 0 after --count judgments, or with --name when told to stop; 69 no "
		"daemon.\n",
		option,
		sizeof option / sizeof *option,
		0,
		0,
	};
	size_t words;
	bool done;
	struct as_err e = { 0 };
	int rc = cmd_parse(&spec, argc, argv, NULL, &words, &done, &e);

	if (rc == AS_OK && !done) {
		rc = watch(&o, &e);
	}
	return cmd_end(&spec, rc, &e);
}
