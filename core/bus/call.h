/* SPDX-License-Identifier: Apache-2.0
 * call.h - Assay's messages: [assay1][VERB][JSON object][bytes]..., after the peer's address on a
 * ROUTER. */
#ifndef BUS_CALL_H
#define BUS_CALL_H

#include "core/base/buf.h"
#include "core/bus/bus.h"
#include "core/io/json.h"

#define BUS_PROTOCOL "assay1"

enum {
	BUS_VERB_SIZE = 24,     /* of a verb and its NUL */
	BUS_JSON_MAX = 1 << 20, /* bytes of the object */
	BUS_ENVELOPE = 3,       /* frames before the bytes */
};

/* A message taken apart. */
struct bus_call {
	char verb[BUS_VERB_SIZE]; /* [A-Z]+ */
	struct json_t *doc;       /* an object; owned */
	size_t at;                /* index of the first frame of bytes */
	size_t frames;            /* of bytes */
};

/* The message from frame `at` on (1 on a ROUTER, whose frame 0 is the address; else 0).
 * AS_EPROTO names the frame and what is wrong with it. Free with bus_call_free after AS_OK. */
int bus_call_read(struct bus_call *c, const struct bus_msg *m, size_t at,
		  struct as_err *e) AS_CHECKED;
void bus_call_free(struct bus_call *c); /* accepts a zeroed one */

/* A message to send: json is one object's text (NULL: {}), bytes [n] go after it. */
struct bus_say {
	const char *verb;
	const struct as_buf *json;
	const struct bus_frame *bytes;
	size_t n;
};

/* Errors of bus_send. */
int bus_call_send(struct bus_socket *s, const struct bus_say *say, struct as_err *e) AS_CHECKED;
/* The same to one peer of a ROUTER, by its address. */
int bus_call_reply(struct bus_socket *s, const struct bus_frame *peer, const struct bus_say *say,
		   struct as_err *e) AS_CHECKED;

/* A DEALER connected to a daemon's front or control socket; curve NULL: in the clear. */
int bus_connect(struct bus_socket **s, struct bus *b, const char *endpoint,
		const struct bus_curve *curve, struct as_err *e) AS_CHECKED;
/* Client side: sends a request on a DEALER and waits for the next message on it, at most wait_ms
 * for either. AS_EUNAVAIL: nobody there, or no answer. AS_EPROTO: the answer is ERROR, or no
 * message of ours; AS_EPERM: it is FORBIDDEN. answer->doc and msg are the caller's to free after
 * AS_OK. */
int bus_request(struct bus_socket *s, const struct bus_say *say, int wait_ms, struct bus_msg *msg,
		struct bus_call *answer, struct as_err *e) AS_CHECKED;
/* Waits for one more message of an answer that has several (REPLAY, SUBMIT with wait). */
int bus_answer(struct bus_socket *s, int wait_ms, struct bus_msg *msg, struct bus_call *answer,
	       struct as_err *e) AS_CHECKED;

#endif
