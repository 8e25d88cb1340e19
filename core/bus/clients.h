/* SPDX-License-Identifier: Apache-2.0
 * clients.h - who may do what: the public keys that are let in, and their rights.
 *
 *	[client.lab]
 *	key       = rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7
 *	submit    = breast, wdbc      ; streams, or * for all
 *	subscribe = *
 *	share     = 20                ; percent of open_cases and queue_bytes (50)
 *	[client.encoder-host]
 *	key       = ...
 *	work      = true              ; may be a worker: is given parts, and believed
 *
 * submit, subscribe and admin may be given several times. A list never changes: it is shared by the
 * threads that read it, and another takes its place. */
#ifndef BUS_CLIENTS_H
#define BUS_CLIENTS_H

#include "core/base/err.h"
#include "core/bus/keys.h"
#include "core/io/task.h"

#include <stdbool.h>
#include <stddef.h>

enum bus_right { BUS_SUBMIT, BUS_SUBSCRIBE, BUS_ADMIN, BUS_RIGHTS };
enum { BUS_CLIENTS_MAX = 1024, BUS_SHARE = 50 };

struct bus_client {
	char name[IO_NAME_SIZE];
	char key[BUS_KEY_SIZE];
	size_t at; /* its place in the list */
	bool work;
	unsigned share; /* percent of the daemon's room that its submissions may take */
	struct {
		bool all;
		char (*stream)[IO_NAME_SIZE];
		size_t streams;
	} may[BUS_RIGHTS];
};

struct bus_clients;

/* AS_ENOINPUT; AS_EPERM: others may write the file; AS_ECONFIG names the line. */
int bus_clients_load(struct bus_clients **out, const char *path, struct as_err *e) AS_CHECKED;
struct bus_clients *bus_clients_share(struct bus_clients *l); /* the same list once more */
void bus_clients_free(struct bus_clients *l);                 /* accepts NULL */

const struct bus_client *bus_clients_find(const struct bus_clients *l, const char *key);
/* Walks the list: NULL at the end. */
const struct bus_client *bus_clients_at(const struct bus_clients *l, size_t i);

/* The same list but for one client, which has the right no more. */
struct bus_clients *bus_clients_less(const struct bus_clients *l, const struct bus_client *c,
				     enum bus_right r);

/* Whether c has the right on the stream; stream NULL: on all there are and will be. */
bool bus_client_may(const struct bus_client *c, enum bus_right r, const char *stream);
/* Whether it has the right anywhere. */
bool bus_client_may_some(const struct bus_client *c, enum bus_right r);
/* Whether it has anything to do at a socket of the daemon: "front", "feed", "work", "features",
 * "control". */
bool bus_client_may_connect(const struct bus_client *c, const char *socket);

#endif
