/* SPDX-License-Identifier: Apache-2.0
 * cmd_status.c - assay status: what a daemon serves and whether it is ready to. */
#include "core/base/clock.h"
#include "tools/assay/cmd.h"
#include "tools/assay/link.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

enum { AGAIN_MS = 50, WAIT_S = 60, WAIT_MAX_S = 86400 };

struct options {
	struct cmd_door door;
	bool json;
	bool wait;
	uint64_t seconds;
};

static void print_status(const struct json_t *d)
{
	const struct json_t *streams = io_json_find(d, "streams");
	const struct json_t *encoders = io_json_find(d, "encoders");

	printf("assayd %s, %s, process %" PRIu64 ", up %.0f s\n",
	       io_json_find_str(d, "version", "?"),
	       io_json_find_bool(d, "ready", false) ? "ready" : "not ready",
	       io_json_find_u64(d, "pid", 0), io_json_find_num(d, "uptime_s", 0));
	printf("\n%-20s %10s %8s  %s\n", "stream", "judgments", "open", "model");
	for (size_t i = 0; i < io_json_len(streams); i++) {
		const struct json_t *s = io_json_at(streams, i);
		const struct json_t *m = io_json_find(s, "model");

		printf("%-20s %10" PRIu64 " %8" PRIu64 "  %s %.12s\n",
		       io_json_find_str(s, "name", "?"), io_json_find_u64(s, "last", 0),
		       io_json_find_u64(s, "open", 0), io_json_find_str(m, "name", "?"),
		       io_json_find_str(m, "sha256", ""));
	}
	printf("\n%-20s %-10s %8s %8s %8s\n", "encoder", "modality", "workers", "busy", "queued");
	for (size_t i = 0; i < io_json_len(encoders); i++) {
		const struct json_t *n = io_json_at(encoders, i);

		printf("%-20s %-10s %8" PRIu64 " %8" PRIu64 " %8" PRIu64 "\n",
		       io_json_find_str(n, "name", "?"), io_json_find_str(n, "modality", "?"),
		       io_json_find_u64(n, "workers", 0), io_json_find_u64(n, "busy", 0),
		       io_json_find_u64(n, "queued", 0));
	}
}

/* Connects and asks; a daemon that is just starting may not be there yet. */
static int ask(struct cmd_link *l, const struct options *o, int64_t until, struct as_err *e)
{
	int rc;

	for (;;) {
		rc = cmd_link_open(l, &o->door, e);
		if (rc == AS_OK) {
			return cmd_link_ask(l, "STATUS", NULL, e);
		}
		if (rc != AS_EUNAVAIL || !o->wait || as_mono_ns() >= until) {
			return rc;
		}
		cmd_link_close(l);
	}
}

static int status(const struct options *o, struct as_err *e)
{
	const int64_t until = as_mono_ns() + (int64_t)o->seconds * 1000000000;
	struct as_buf body = { 0 };
	struct cmd_link l = { 0 };
	bool ready;
	int rc;

	TRY(ask(&l, o, until, e));
	while (!(ready = io_json_find_bool(l.answer.doc, "ready", false)) && o->wait &&
	       as_mono_ns() < until) {
		(void)poll(NULL, 0, AGAIN_MS);
		TRY(cmd_link_ask(&l, "STATUS", NULL, e));
	}
	if (o->json) {
		cmd_link_body(&l, &body);
		puts(body.data);
	} else {
		print_status(l.answer.doc);
	}
	if (o->wait && !ready) {
		rc = as_fail(e, AS_EAGAIN, "not ready after %" PRIu64 " s", o->seconds);
	}
out:
	as_buf_free(&body);
	cmd_link_close(&l);
	return rc;
}

/* The word behind --wait-ready. */
static int read_seconds(const char *word, struct options *o, struct as_err *e)
{
	char *end;

	errno = 0;
	o->seconds = strtoull(word, &end, 10);
	if (!o->wait || errno != 0 || *end != '\0' || word[0] < '0' || word[0] > '9' ||
	    o->seconds > WAIT_MAX_S) {
		return as_fail(e, AS_EUSAGE, "%.64s: want --wait-ready SECONDS, at most %d", word,
			       (int)WAIT_MAX_S);
	}
	return AS_OK;
}

int cmd_status(const char *runtime, int argc, char **argv)
{
	struct options o = { .door.runtime = runtime, .seconds = WAIT_S };
	const struct cmd_option option[] = {
		{ "from", "ENDPOINT", "the daemon's front socket (ipc://$ASSAY_RUNTIME/front)",
		  CMD_TEXT, &o.door.endpoint, 0, 0 },
		CMD_KEY_OPTIONS(o.door),
		{ "wait-ready", NULL,
		  "until each stream's encoders are there; SECONDS (60) may follow", CMD_FLAG,
		  &o.wait, 0, 0 },
		{ "json", NULL, "the daemon's answer as JSON", CMD_FLAG, &o.json, 0, 0 },
	};
	const struct cmd_spec spec = {
		"status",
		"[--wait-ready [SECONDS]] [options]",
		"What a daemon serves: streams, models, encoders.\n"
		"Exit: 0, 69 no daemon, 75 not ready in time.\n",
		option,
		sizeof option / sizeof *option,
		0,
		1,
	};
	const char *word[1];
	size_t words;
	bool done;
	struct as_err e = { 0 };
	int rc;

	TRY(cmd_parse(&spec, argc, argv, word, &words, &done, &e));
	if (done) {
		return 0;
	}
	if (words == 1) {
		TRY(read_seconds(word[0], &o, &e));
	}
	TRY(status(&o, &e));
out:
	return cmd_end(&spec, rc, &e);
}
