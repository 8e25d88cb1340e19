/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/assay/link.h"

#include "tools/assay/print.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void forget(struct cmd_link *l)
{
	bus_call_free(&l->answer);
	l->answer = (struct bus_call){ 0 };
}

static int take_keys(struct cmd_link *l, const struct cmd_door *door, struct as_err *e)
{
	int rc;

	if ((door->key == NULL) != (door->server_key == NULL)) {
		return as_fail(e, AS_EUSAGE, "--key and --server-key: one without the other");
	}
	if (door->key == NULL) {
		return AS_OK;
	}
	TRY(bus_keys_load(&l->own, door->key, true, e));
	TRY(bus_keys_load(&l->server, door->server_key, false, e));
	l->curve = (struct bus_curve){ .own = &l->own, .server = l->server.public };
out:
	return rc;
}

const struct bus_curve *cmd_link_curve(const struct cmd_link *l)
{
	return l->curve.own != NULL ? &l->curve : NULL;
}

int cmd_link_open(struct cmd_link *l, const struct cmd_door *door, struct as_err *e)
{
	const char *endpoint = door->endpoint;
	const char *runtime = door->runtime;
	int n;
	int rc;

	*l = (struct cmd_link){ 0 };
	if (endpoint == NULL && runtime == NULL) {
		return as_fail(e, AS_EUSAGE,
			       "which daemon? Neither an ENDPOINT nor $ASSAY_RUNTIME is given");
	}
	n = snprintf(l->endpoint, sizeof l->endpoint, "%s%s%s", endpoint ? "" : "ipc://",
		     endpoint ? endpoint : runtime, endpoint ? "" : "/front");
	if (n >= (int)sizeof l->endpoint) {
		return as_fail(e, AS_EUSAGE, "an endpoint of %d bytes, the limit is %d", n,
			       (int)sizeof l->endpoint - 1);
	}
	TRY(take_keys(l, door, e));
	TRY(bus_open(&l->bus, e));
	TRY(bus_connect(&l->front, l->bus, l->endpoint, cmd_link_curve(l), e));
	TRY(cmd_link_ask(l, "HELLO", NULL, e));
	l->hello = l->answer;
	l->answer = (struct bus_call){ 0 };
out:
	return rc;
}

int cmd_link_open_control(struct cmd_link *l, const struct cmd_door *door, struct as_err *e)
{
	struct cmd_door at = *door;
	char control[BUS_ENDPOINT_SIZE];

	*l = (struct cmd_link){ 0 };
	if (at.endpoint == NULL && at.runtime == NULL) {
		return as_fail(e, AS_EUSAGE, "which daemon? $ASSAY_RUNTIME is not given");
	}
	if (at.endpoint == NULL) {
		(void)snprintf(control, sizeof control, "ipc://%s/control", at.runtime);
		at.endpoint = control;
	}
	return cmd_link_open(l, &at, e);
}

void cmd_link_close(struct cmd_link *l)
{
	bus_call_free(&l->hello);
	bus_call_free(&l->answer);
	bus_msg_free(&l->msg);
	bus_socket_close(l->front);
	bus_close(l->bus);
	bus_keys_wipe(&l->own);
	*l = (struct cmd_link){ 0 };
}

int cmd_link_ask(struct cmd_link *l, const char *verb, const struct as_buf *json, struct as_err *e)
{
	const struct bus_say say = { .verb = verb, .json = json };
	int rc;

	forget(l);
	rc = bus_request(l->front, &say, CMD_ANSWER_MS, &l->msg, &l->answer, e);
	if (rc != AS_EUNAVAIL) {
		return rc;
	}
	return as_fail(e, rc, "no daemon answers at %s%s", l->endpoint,
		       l->curve.own != NULL                     ? ", or it does not know this key"
		       : strncmp(l->endpoint, "tcp://", 6) == 0 ? ", or it wants a key"
								: "");
}

int cmd_link_ask_case(struct cmd_link *l, const char *verb, const char *stream, const char *id,
		      struct as_err *e)
{
	struct as_buf ask = { 0 };
	struct io_jw w = { .b = &ask };
	int rc;

	io_jw_obj(&w, NULL);
	io_jw_str(&w, "stream", stream);
	io_jw_str(&w, "case", id);
	io_jw_end_obj(&w);
	rc = cmd_link_ask(l, verb, &ask, e);
	as_buf_free(&ask);
	return rc;
}

int cmd_link_next(struct cmd_link *l, int wait_ms, struct as_err *e)
{
	forget(l);
	return bus_answer(l->front, wait_ms, &l->msg, &l->answer, e);
}

void cmd_link_body(const struct cmd_link *l, struct as_buf *out)
{
	as_buf_put(out, bus_data(&l->msg, 2), bus_size(&l->msg, 2));
}

bool cmd_link_blames(const struct cmd_link *l, const char *field)
{
	struct json_t *doc = NULL;
	struct as_err e;
	const bool read = l->msg.n > 2 && io_json_parse(bus_data(&l->msg, 2), bus_size(&l->msg, 2),
							"an answer", &doc, &e) == AS_OK;
	const bool blames = read && strcmp(io_json_find_str(doc, "field", ""), field) == 0;

	io_json_free(doc);
	return blames;
}

int cmd_link_why(const struct cmd_link *l, const char *stream, int rc, struct as_err *e)
{
	const struct json_t *streams = io_json_find(l->hello.doc, "streams");
	struct as_buf known = { 0 };

	if (rc != AS_EPROTO) {
		return rc;
	}
	for (size_t i = 0; i < io_json_len(streams); i++) {
		const char *name = io_json_str(io_json_at(streams, i));

		if (name != NULL && strcmp(name, stream) == 0) {
			as_buf_free(&known);
			return rc;
		}
		as_buf_printf(&known, "%s%s", i > 0 ? ", " : "", name ? name : "?");
	}
	rc = as_fail(e, AS_ENOINPUT, "no stream \"%.64s\" at %s, which has: %s", stream,
		     l->endpoint, known.data ? known.data : "none");
	as_buf_free(&known);
	return rc;
}

int cmd_link_print(const struct json_t *doc, const void *body, size_t n, bool json,
		   struct as_err *e)
{
	if (json) {
		(void)fwrite(body, 1, n, stdout);
		(void)putchar('\n');
	} else {
		cmd_print_judgment(stdout, doc, isatty(STDOUT_FILENO) == 1);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		return as_fail(e, AS_EIO, "standard output: %s", strerror(errno));
	}
	return AS_OK;
}
