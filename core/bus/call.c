/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bus/call.h"

#include <assert.h>
#include <string.h>

enum { REQUEST_LINGER_MS = 0, REQUEST_HWM = 1000 };

int bus_call_read(struct bus_call *c, const struct bus_msg *m, size_t at, struct as_err *e)
{
	size_t n;

	*c = (struct bus_call){ .at = at + BUS_ENVELOPE };
	if (m->over) {
		return as_fail(e, AS_EPROTO, "more than %d frames", BUS_FRAMES_MAX);
	}
	if (m->n < at + BUS_ENVELOPE) {
		return as_fail(e, AS_EPROTO, "%zu frames, at least %d: protocol, verb, JSON",
			       m->n < at ? 0 : m->n - at, BUS_ENVELOPE);
	}
	if (bus_size(m, at) != strlen(BUS_PROTOCOL) ||
	    memcmp(bus_data(m, at), BUS_PROTOCOL, strlen(BUS_PROTOCOL)) != 0) {
		return as_fail(e, AS_EPROTO, "frame 0 is not \"" BUS_PROTOCOL "\"");
	}
	n = bus_size(m, at + 1);
	if (n == 0 || n >= BUS_VERB_SIZE) {
		return as_fail(e, AS_EPROTO, "frame 1: a verb of %zu bytes, want 1 to %d", n,
			       BUS_VERB_SIZE - 1);
	}
	memcpy(c->verb, bus_data(m, at + 1), n);
	if (strlen(c->verb) != n || strspn(c->verb, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != n) {
		return as_fail(e, AS_EPROTO, "frame 1 is no verb: want capital letters");
	}
	if (bus_size(m, at + 2) > BUS_JSON_MAX) {
		return as_fail(e, AS_EPROTO, "frame 2: %zu bytes, at most %d", bus_size(m, at + 2),
			       BUS_JSON_MAX);
	}
	c->frames = m->n - c->at;
	if (io_json_parse(bus_data(m, at + 2), bus_size(m, at + 2), "frame 2", &c->doc, e) !=
	    AS_OK) {
		e->code = AS_EPROTO;
		return AS_EPROTO;
	}
	return AS_OK;
}

void bus_call_free(struct bus_call *c)
{
	io_json_free(c->doc);
	*c = (struct bus_call){ 0 };
}

/* Fills frame with [peer] [assay1][verb][json][bytes]...; returns how many. */
static size_t lay_out(struct bus_frame frame[BUS_FRAMES_MAX], const struct bus_frame *peer,
		      const struct bus_say *say)
{
	size_t n = 0;

	assert(BUS_ENVELOPE + (peer != NULL) + say->n <= BUS_FRAMES_MAX);
	if (peer != NULL) {
		frame[n++] = *peer;
	}
	frame[n++] = (struct bus_frame){ BUS_PROTOCOL, strlen(BUS_PROTOCOL), NULL };
	frame[n++] = (struct bus_frame){ say->verb, strlen(say->verb), NULL };
	frame[n++] = say->json ? (struct bus_frame){ say->json->data, say->json->len, NULL }
			       : (struct bus_frame){ "{}", 2, NULL };
	for (size_t i = 0; i < say->n; i++) {
		frame[n++] = say->bytes[i];
	}
	return n;
}

int bus_call_send(struct bus_socket *s, const struct bus_say *say, struct as_err *e)
{
	struct bus_frame frame[BUS_FRAMES_MAX];

	return bus_send(s, frame, lay_out(frame, NULL, say), e);
}

int bus_call_reply(struct bus_socket *s, const struct bus_frame *peer, const struct bus_say *say,
		   struct as_err *e)
{
	struct bus_frame frame[BUS_FRAMES_MAX];

	return bus_send(s, frame, lay_out(frame, peer, say), e);
}

int bus_connect(struct bus_socket **s, struct bus *b, const char *endpoint,
		const struct bus_curve *curve, struct as_err *e)
{
	const struct bus_options o = {
		.type = BUS_DEALER,
		.endpoint = endpoint,
		.hwm = REQUEST_HWM,
		.linger_ms = REQUEST_LINGER_MS,
		.max_bytes = -1,
		.curve = curve,
	};

	return bus_socket_open(s, b, &o, e);
}

int bus_answer(struct bus_socket *s, int wait_ms, struct bus_msg *msg, struct bus_call *answer,
	       struct as_err *e)
{
	int rc = bus_recv_wait(s, msg, wait_ms, e);

	if (rc == AS_EAGAIN) {
		return as_fail(e, AS_EUNAVAIL, "%s: no answer within %d ms", bus_endpoint(s),
			       wait_ms);
	}
	if (rc != AS_OK) {
		return rc;
	}
	rc = bus_call_read(answer, msg, 0, e);
	if (rc != AS_OK) {
		return as_wrap(e, "the answer of %s", bus_endpoint(s));
	}
	if (strcmp(answer->verb, "ERROR") == 0 || strcmp(answer->verb, "FORBIDDEN") == 0) {
		rc = as_fail(e, answer->verb[0] == 'E' ? AS_EPROTO : AS_EPERM, "%s: %s",
			     bus_endpoint(s),
			     io_json_find_str(answer->doc, "message", "error without a message"));
		bus_call_free(answer);
	}
	return rc;
}

int bus_request(struct bus_socket *s, const struct bus_say *say, int wait_ms, struct bus_msg *msg,
		struct bus_call *answer, struct as_err *e)
{
	struct bus_frame frame[BUS_FRAMES_MAX];
	int rc;

	rc = bus_send_wait(s, frame, lay_out(frame, NULL, say), wait_ms, e);
	if (rc == AS_EUNAVAIL) {
		return as_fail(e, rc, "%s: nobody answers within %d ms; is assayd running?",
			       bus_endpoint(s), wait_ms);
	}
	return rc == AS_OK ? bus_answer(s, wait_ms, msg, answer, e) : rc;
}
