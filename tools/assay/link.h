/* SPDX-License-Identifier: Apache-2.0
 * link.h - the connection of a command to a daemon's front socket. */
#ifndef CMD_LINK_H
#define CMD_LINK_H

#include "core/base/buf.h"
#include "core/bus/call.h"
#include "core/bus/keys.h"

enum { CMD_ANSWER_MS = 5000 }; /* how long a daemon may take to answer before it counts as absent */

/* Where a daemon is, and with which keys it is asked. */
struct cmd_door {
	const char *endpoint, *runtime; /* endpoint NULL: ipc://RUNTIME/front */
	const char *key, *server_key;   /* files, or NULL: in the clear */
};

/* The options of a command for them. */
#define CMD_KEY_OPTIONS(door)                                                                     \
	{                                                                                         \
		"key", "FILE", "this client's keys (assay keys generate)", CMD_TEXT, &(door).key, \
		0,     0                                                                          \
	},                                                                                        \
	{                                                                                         \
		"server-key", "FILE", "the daemon's public key", CMD_TEXT, &(door).server_key, 0, \
		    0                                                                             \
	}

struct cmd_link {
	struct bus_keys own, server;
	struct bus_curve curve; /* own NULL: none */
	char endpoint[BUS_ENDPOINT_SIZE];
	struct bus *bus;
	struct bus_socket *front;
	struct bus_msg msg;
	struct bus_call answer; /* the one in hand; freed by the next */
	struct bus_call hello;  /* what the daemon said of itself */
};

/* Connects and waits for the answer to HELLO. AS_EUSAGE: no daemon, or one key without the other.
 * AS_EUNAVAIL names the endpoint. AS_EPERM: the key is known no more. Close also after a failure.
 */
int cmd_link_open(struct cmd_link *l, const struct cmd_door *door, struct as_err *e) AS_CHECKED;
/* The same to where operators ask: endpoint NULL is ipc://RUNTIME/control. */
int cmd_link_open_control(struct cmd_link *l, const struct cmd_door *door,
			  struct as_err *e) AS_CHECKED;
void cmd_link_close(struct cmd_link *l);

/* The keys for another socket of the same daemon; NULL: none. */
const struct bus_curve *cmd_link_curve(const struct cmd_link *l);

/* One request (json NULL: {}) and the first message of its answer, in l->answer. AS_EUNAVAIL where
 * none comes in CMD_ANSWER_MS, AS_EPROTO where it is ERROR, AS_EPERM where FORBIDDEN. */
int cmd_link_ask(struct cmd_link *l, const char *verb, const struct as_buf *json,
		 struct as_err *e) AS_CHECKED;
/* The same about a case: {"stream", "case"}. */
int cmd_link_ask_case(struct cmd_link *l, const char *verb, const char *stream, const char *id,
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
