/* SPDX-License-Identifier: Apache-2.0
 * link.h - the connection of a command to a daemon's front socket. */
#ifndef CMD_LINK_H
#define CMD_LINK_H

#include "core/base/buf.h"
#include "core/bus/call.h"

enum { CMD_ANSWER_MS = 5000 }; /* how long a daemon may take to answer before it counts as absent */

struct cmd_link {
	char endpoint[BUS_ENDPOINT_SIZE];
	struct bus *bus;
	struct bus_socket *front;
	struct bus_msg msg;
	struct bus_call answer; /* the one in hand; freed by the next */
	struct bus_call hello;  /* what the daemon said of itself */
};

/* Connects to endpoint, or where it is NULL to ipc://RUNTIME/front, and waits for the answer to
 * HELLO. AS_EUSAGE: neither is given. AS_EUNAVAIL names the endpoint. Close also after a failure.
 */
int cmd_link_open(struct cmd_link *l, const char *endpoint, const char *runtime,
		  struct as_err *e) AS_CHECKED;
void cmd_link_close(struct cmd_link *l);

/* One request (json NULL: {}) and the first message of its answer, in l->answer. AS_EUNAVAIL where
 * none comes in CMD_ANSWER_MS, AS_EPROTO where it is ERROR. */
int cmd_link_ask(struct cmd_link *l, const char *verb, const struct as_buf *json,
		 struct as_err *e) AS_CHECKED;
/* One more message, in l->answer. AS_EUNAVAIL: none in wait_ms. */
int cmd_link_next(struct cmd_link *l, int wait_ms, struct as_err *e) AS_CHECKED;
/* The answer's frame 2, as it came. */
void cmd_link_body(const struct cmd_link *l, struct as_buf *out);
/* Whether the answer that was ERROR (AS_EPROTO) names this member as the one at fault. */
bool cmd_link_blames(const struct cmd_link *l, const char *field);
/* Why a request about a stream failed: AS_ENOINPUT where HELLO did not name the stream, else rc. */
int cmd_link_why(const struct cmd_link *l, const char *stream, int rc, struct as_err *e);

/* A judgment on standard output: the answer's or feed's bytes as they came, or as a person reads
 * them. AS_EIO where nobody reads on (SIGPIPE is ignored). */
int cmd_link_print(const struct json_t *doc, const void *body, size_t n, bool json,
		   struct as_err *e) AS_CHECKED;

#endif
