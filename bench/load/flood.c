/* SPDX-License-Identifier: Apache-2.0
 * flood: submits many small cases of one record each to a daemon, as fast as it takes them or at a
 * rate, and says how fast they were judged. Case i has row i of the table, counted round. */
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "core/bus/call.h"
#include "core/io/digest.h"
#include "core/io/file.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>

enum { WAIT_MS = 60000, ROWS_MAX = 100000, TABLE_MAX = 64 << 20, WINDOW_MAX = 4096 };

static const char usage[] =
    "usage: flood --stream NAME --part NAME --data FILE [options]\n"
    "  --front ENDPOINT  of the daemon (ipc://$ASSAY_RUNTIME/front)\n"
    "  --data FILE       a header and rows; a case is the header and one row\n"
    "  --cases N         (1000)\n"
    "  --prefix TEXT     of the cases' ids (f)\n"
    "  --window N        submissions that are not answered yet, at most (512)\n"
    "  --rate N          a second (0: as fast as they are taken)\n"
    "  --again N         of 100 submissions so many are sent twice (0)\n"
    "  --more            the cases stay open: other parts are to come\n"
    "  --no-wait         do not wait for the judgments\n";

struct row {
	struct as_buf text;
	char sha256[IO_DIGEST_SIZE];
};

struct flood {
	const char *front, *stream, *part, *data, *prefix;
	uint64_t cases, window, rate, again;
	bool more, wait;
	struct row *row;
	size_t rows;
	struct bus *bus;
	struct bus_socket *socket;
	struct bus_msg msg;
	struct bus_call answer;
	uint64_t *later; /* [WINDOW_MAX] cases that were BUSY */
	size_t laters;
	int64_t due; /* when these are sent again */
	uint64_t sent, answered, accepted, busy, bad;
};

static int add_row(struct flood *f, const char *header, size_t h, const char *line, size_t n,
		   struct as_err *e)
{
	struct row *r = &f->row[f->rows];

	if (f->rows == ROWS_MAX) {
		return as_fail(e, AS_EFORMAT, "%s: more than %d rows", f->data, ROWS_MAX);
	}
	as_buf_put(&r->text, header, h);
	as_buf_put(&r->text, line, n);
	io_digest(r->text.data, r->text.len, r->sha256);
	f->rows++;
	return AS_OK;
}

static int read_rows(struct flood *f, struct as_err *e)
{
	struct as_buf all = { 0 };
	const char *at;
	size_t header = 0;
	int rc;

	f->row = as_calloc(ROWS_MAX, sizeof *f->row);
	TRY(io_read_file(f->data, TABLE_MAX, &all, e));
	at = all.data;
	while (rc == AS_OK && *at != '\0') {
		const size_t n = strcspn(at, "\n") + 1;

		if (header == 0) {
			header = n;
		} else {
			rc = add_row(f, all.data, header, at, n, e);
		}
		at += n;
	}
	if (rc == AS_OK && f->rows == 0) {
		rc = as_fail(e, AS_EFORMAT, "%s: no rows", f->data);
	}
out:
	as_buf_free(&all);
	return rc;
}

static int send_case(struct flood *f, uint64_t i, struct as_err *e)
{
	const struct row *r = &f->row[i % f->rows];
	const struct bus_frame bytes = { r->text.data, r->text.len, NULL };
	struct as_buf b = { 0 };
	const struct bus_say say = { "SUBMIT", &b, &bytes, 1 };
	int rc;

	as_buf_printf(
	    &b,
	    "{\"stream\":\"%s\",\"case\":\"%s%" PRIu64 "\",\"complete\":%s,\"parts\":[{"
	    "\"name\":\"%s\",\"page\":0,\"type\":\"text/csv\",\"size\":%zu,\"sha256\":\"%s\"}]}",
	    f->stream, f->prefix, i, f->more ? "false" : "true", f->part, r->text.len, r->sha256);
	while ((rc = bus_call_send(f->socket, &say, e)) == AS_EAGAIN) {
		TRY(bus_wait_ready(f->socket, WAIT_MS, e));
	}
	f->sent += rc == AS_OK;
out:
	as_buf_free(&b);
	return rc;
}

static int take_answer(struct flood *f, struct as_err *e)
{
	const struct json_t *doc = f->answer.doc;
	const char *id = io_json_find_str(doc, "case", "");

	f->answered++;
	if (strcmp(f->answer.verb, "ACCEPTED") == 0) {
		f->accepted += !io_json_find_bool(doc, "duplicate", false);
	} else if (strcmp(f->answer.verb, "BUSY") == 0) {
		f->busy++;
		f->later[f->laters++] = strtoull(id + strlen(f->prefix), NULL, 10);
		f->due =
		    as_mono_ns() + (int64_t)io_json_find_u64(doc, "retry_after_ms", 100) * 1000000;
	} else {
		return as_fail(e, AS_EPROTO, "%s: %s: %s", id, f->answer.verb,
			       io_json_find_str(doc, "message", ""));
	}
	return AS_OK;
}

/* Takes answers until there is room, and then those that are there. */
static int take_answers(struct flood *f, size_t room, struct as_err *e)
{
	int rc = AS_OK;

	while (rc == AS_OK) {
		const bool full = f->sent - f->answered > f->window - room;

		rc = bus_answer(f->socket, full ? WAIT_MS : 0, &f->msg, &f->answer, e);
		if (rc == AS_EUNAVAIL && !full) {
			return AS_OK;
		}
		if (rc == AS_OK) {
			rc = take_answer(f, e);
			bus_call_free(&f->answer);
		}
	}
	return rc;
}

/* What was BUSY is sent again when the daemon said so; nothing new before. */
static int send_later(struct flood *f, struct as_err *e)
{
	int rc = AS_OK;

	while (f->laters > 0 && rc == AS_OK) {
		struct bus_poll item = { .socket = f->socket };
		const int64_t left = (f->due - as_mono_ns()) / 1000000;

		if (left > 0) {
			TRY(bus_poll(&item, 1, (int)left, e));
			TRY(take_answers(f, 0, e));
		} else {
			TRY(send_case(f, f->later[--f->laters], e));
		}
	}
out:
	return rc;
}

/* Waits for the moment at which case i is to be sent. */
static int keep_rate(struct flood *f, int64_t start, uint64_t i, struct as_err *e)
{
	const int64_t at = f->rate ? start + (int64_t)(i * 1000000000 / f->rate) : 0;
	struct bus_poll item = { .socket = f->socket };
	int64_t left;
	int rc = AS_OK;

	while (rc == AS_OK && (left = (at - as_mono_ns()) / 1000000) > 0) {
		TRY(bus_poll(&item, 1, (int)left, e));
		TRY(take_answers(f, 0, e));
	}
out:
	return rc;
}

/* The stream's member of STATUS. */
static int ask(struct flood *f, const char *key, uint64_t *out, struct as_err *e)
{
	const struct bus_say say = { .verb = "STATUS" };
	const struct json_t *streams;
	int rc;

	TRY(bus_request(f->socket, &say, WAIT_MS, &f->msg, &f->answer, e));
	streams = io_json_find(f->answer.doc, "streams");
	rc = as_fail(e, AS_ENOINPUT, "no stream %s", f->stream);
	for (size_t i = 0; i < io_json_len(streams); i++) {
		if (strcmp(io_json_find_str(io_json_at(streams, i), "name", ""), f->stream) == 0) {
			*out = io_json_find_u64(io_json_at(streams, i), key, 0);
			rc = AS_OK;
		}
	}
	bus_call_free(&f->answer);
out:
	return rc;
}

static int submit_all(struct flood *f, int64_t start, struct as_err *e)
{
	int rc = AS_OK;

	for (uint64_t i = 0; i < f->cases && rc == AS_OK; i++) {
		TRY(keep_rate(f, start, i, e));
		TRY(take_answers(f, 2, e));
		TRY(send_later(f, e));
		TRY(send_case(f, i, e));
		if (i * 37 % 100 < f->again) {
			TRY(send_case(f, i, e));
		}
	}
	while (rc == AS_OK && (f->sent > f->answered || f->laters > 0)) {
		TRY(take_answers(f, f->window, e));
		TRY(send_later(f, e));
	}
out:
	return rc;
}

static int run(struct flood *f, struct as_err *e)
{
	struct bus_poll item = { .socket = f->socket };
	const int64_t start = as_mono_ns();
	uint64_t first;
	uint64_t last;
	double taken;
	double judged;
	int rc;

	TRY(ask(f, "last", &first, e));
	TRY(submit_all(f, start, e));
	taken = (double)(as_mono_ns() - start) / 1e9;
	last = first;
	while (f->wait && last < first + f->accepted) {
		TRY(bus_poll(&item, 1, 50, e));
		TRY(ask(f, "last", &last, e));
	}
	judged = (double)(as_mono_ns() - start) / 1e9;
	(void)printf("cases %" PRIu64 " accepted %" PRIu64 " busy %" PRIu64 " accepted_s %.2f "
		     "judged_s %.2f cases_per_s %.0f\n",
		     f->cases, f->accepted, f->busy, taken, judged,
		     (double)f->accepted / (f->wait ? judged : taken));
out:
	return rc;
}

static const struct option options[] = {
	{ "front", required_argument, NULL, 'f' },  { "stream", required_argument, NULL, 's' },
	{ "part", required_argument, NULL, 'p' },   { "data", required_argument, NULL, 'd' },
	{ "cases", required_argument, NULL, 'n' },  { "prefix", required_argument, NULL, 'P' },
	{ "window", required_argument, NULL, 'w' }, { "rate", required_argument, NULL, 'r' },
	{ "again", required_argument, NULL, 'a' },  { "more", no_argument, NULL, 'm' },
	{ "no-wait", no_argument, NULL, 'N' },      { 0 },
};

static int take_option(struct flood *f, int c, struct as_err *e)
{
	const struct {
		int c;
		const char **text;
		uint64_t *number;
	} to[] = {
		{ 'f', &f->front, NULL },  { 's', &f->stream, NULL }, { 'p', &f->part, NULL },
		{ 'd', &f->data, NULL },   { 'P', &f->prefix, NULL }, { 'n', NULL, &f->cases },
		{ 'w', NULL, &f->window }, { 'r', NULL, &f->rate },   { 'a', NULL, &f->again },
	};

	f->more = f->more || c == 'm';
	f->wait = f->wait && c != 'N' && c != 'm';
	for (size_t i = 0; i < sizeof to / sizeof *to; i++) {
		if (to[i].c == c && to[i].text != NULL) {
			*to[i].text = optarg;
		} else if (to[i].c == c) {
			*to[i].number = strtoull(optarg, NULL, 10);
		}
	}
	return c == '?' ? as_fail(e, AS_EUSAGE, "%s", usage) : AS_OK;
}

int main(int argc, char **argv)
{
	struct flood f = { .cases = 1000, .window = 512, .prefix = "f", .wait = true };
	const char *runtime = getenv("ASSAY_RUNTIME");
	struct as_buf front = { 0 };
	struct as_err e = { 0 };
	int rc = AS_OK;
	int c;

	as_buf_printf(&front, "ipc://%s/front", runtime ? runtime : ".");
	f.front = front.data;
	while (rc == AS_OK && (c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		rc = take_option(&f, c, &e);
	}
	if (rc == AS_OK &&
	    (!f.stream || !f.part || !f.data || f.window < 2 || f.window > WINDOW_MAX)) {
		rc = as_fail(&e, AS_EUSAGE, "%s", usage);
	}
	TRY(rc);
	f.later = as_calloc(WINDOW_MAX, sizeof *f.later);
	TRY(read_rows(&f, &e));
	TRY(bus_open(&f.bus, &e));
	TRY(bus_connect(&f.socket, f.bus, f.front, NULL, &e));
	TRY(run(&f, &e));
out:
	bus_msg_free(&f.msg);
	bus_socket_close(f.socket);
	bus_close(f.bus);
	for (size_t i = 0; i < f.rows; i++) {
		as_buf_free(&f.row[i].text);
	}
	free(f.row);
	free(f.later);
	as_buf_free(&front);
	if (rc != AS_OK) {
		(void)fprintf(stderr, "flood: %s\n", e.msg);
	}
	return as_exit_code(rc);
}
