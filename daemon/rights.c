/* SPDX-License-Identifier: Apache-2.0
 * rights.c - what a peer may do. One that came over RUNTIME's sockets, or over insecure TCP, may do
 * all that its socket offers; one with a key what its entry in the list of clients says. */
#include "core/base/buf.h"
#include "core/base/clock.h"
#include "daemon/daemon.h"

#include <string.h>

enum { SECOND = 1000000000 }; /* between two lines about refusals (ns) */

struct dm_peer dm_peer_of(const struct dm_daemon *d, const struct bus_msg *m, size_t frame)
{
	struct dm_peer p = { .user = bus_user(m, frame) };

	/* What libzmq makes begins with a zero, which nobody else's may. With one of its own choice
	 * a client could wait for another to leave and hear the answers to that one. */
	p.claims = p.user != NULL && frame > 0 && bus_size(m, 0) > 0 &&
		   *(const char *)bus_data(m, 0) != '\0';
	if (p.user != NULL && d->clients != NULL) {
		p.client = bus_clients_find(d->clients, p.user);
	}
	return p;
}

bool dm_peer_may(const struct dm_peer *p, enum bus_right r, const char *stream)
{
	return p->user == NULL || (p->client != NULL && bus_client_may(p->client, r, stream));
}

bool dm_peer_sees(const struct dm_peer *p, const char *stream)
{
	return dm_peer_may(p, BUS_SUBMIT, stream) || dm_peer_may(p, BUS_SUBSCRIBE, stream) ||
	       dm_peer_may(p, BUS_ADMIN, stream);
}

bool dm_peer_works(const struct dm_peer *p)
{
	return p->user == NULL || (p->client != NULL && p->client->work && !p->claims);
}

bool dm_front_allows(const struct dm_peer *p, const struct bus_call *c)
{
	static const char *const reading[] = { "GET", "REPLAY", "SUBSCRIBE", "ACK", "UNSUBSCRIBE" };
	const char *stream = io_json_find_str(c->doc, "stream", "");

	if (p->user == NULL) {
		return true;
	}
	if (p->client == NULL || p->claims) {
		return false;
	}
	if (strcmp(c->verb, "SUBMIT") == 0) {
		return dm_peer_may(p, BUS_SUBMIT, stream);
	}
	if (strcmp(c->verb, "TASK") == 0) {
		return dm_peer_sees(p, stream);
	}
	for (size_t i = 0; i < sizeof reading / sizeof *reading; i++) {
		if (strcmp(c->verb, reading[i]) == 0) {
			return dm_peer_may(p, BUS_SUBSCRIBE, stream);
		}
	}
	return true; /* HELLO and STATUS say what the peer sees; others are no verbs */
}

/* A purge concerns a stream; what concerns the whole daemon wants the right on all. */
bool dm_control_allows(const struct dm_peer *p, const struct bus_call *c)
{
	if (p->claims) {
		return false;
	}
	if (strcmp(c->verb, "HELLO") == 0 || strcmp(c->verb, "STATUS") == 0) {
		return p->user == NULL || p->client != NULL;
	}
	return dm_peer_may(p, BUS_ADMIN,
			   strcmp(c->verb, "PURGE") == 0 ? io_json_find_str(c->doc, "stream", "")
							 : NULL);
}

void dm_forbid(struct dm_daemon *d, struct bus_socket *s, const struct bus_bytes *to,
	       const struct dm_peer *p, const struct bus_call *c)
{
	const int64_t now = as_mono_ns();
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	d->count.forbidden++;
	if (d->forbidden_at == 0 || now - d->forbidden_at >= SECOND) {
		d->forbidden_at = now;
		as_log(&d->log, AS_WARN, "FORBIDDEN",
		       "client=%s key=%s verb=%s stream=%.40s count=%llu",
		       p->client ? p->client->name : "none", p->user ? p->user : "", c->verb,
		       io_json_find_str(c->doc, "stream", ""),
		       (unsigned long long)d->count.forbidden);
	}
	io_jw_obj(&w, NULL);
	io_jw_str(&w, "stream", io_json_find_str(c->doc, "stream", ""));
	io_jw_str(&w, "case", io_json_find_str(c->doc, "case", ""));
	io_jw_str(&w, "message",
		  p->client == NULL ? "this key is known no more"
		  : p->claims       ? "with a key, the routing id is ZeroMQ's to choose"
				    : "this key has no right to that");
	io_jw_end_obj(&w);
	dm_say(d, s, to, "FORBIDDEN", &b);
	as_buf_free(&b);
}

/* libzmq keeps all that was ever asked for, also what is not admitted. */
static void count_fault(struct dm_daemon *d, const struct dm_peer *p)
{
	if (p->client != NULL && ++d->feed_faults[p->client->at] == DM_FEED_FAULTS) {
		memcpy(d->feed_culprit, p->client->key, sizeof d->feed_culprit);
	}
}

void dm_feed_guard(struct dm_daemon *d)
{
	const struct bus_client *c = bus_clients_find(d->clients, d->feed_culprit);
	struct bus_clients *less;
	struct as_err e;

	d->feed_culprit[0] = '\0';
	if (c == NULL) {
		return;
	}
	as_log(&d->log, AS_WARN, "FEED-ABUSE",
	       "client=%s key=%s: %d subscriptions to what is not there; it subscribes no more "
	       "until the list of clients is read anew",
	       c->name, c->key, (int)DM_FEED_FAULTS);
	less = bus_clients_less(d->clients, c, BUS_SUBSCRIBE);
	if (dm_clients_change(d, less, &e) != AS_OK) {
		d->broken = e;
	}
	bus_clients_free(less);
}

/* A subscription: one byte that says whether it comes or goes, and a topic. "" is all streams, any
 * other a stream and its slash: nobody subscribes to half a name. */
void dm_feed_take(struct dm_daemon *d, struct bus_msg *m)
{
	const struct dm_peer p = dm_peer_of(d, m, 0);
	const char *at = bus_data(m, 0);
	const size_t n = bus_size(m, 0);
	char name[IO_NAME_SIZE] = "";
	struct as_err e;
	bool on;

	if (m->n != 1 || n < 1 || n > sizeof name + 1) {
		d->count.malformed++;
		count_fault(d, &p);
		return;
	}
	on = at[0] == 1;
	if (n > 1) {
		memcpy(name, at + 1, n - 2);
		name[n - 2] = '\0';
	}
	if (on && n > 1 && dm_stream_find(d, name) == NULL) {
		count_fault(d, &p); /* it may come to be: it is admitted all the same */
	}
	if (on && n > 1 && (at[n - 1] != '/' || !io_name_ok(name))) {
		d->count.malformed++;
	} else if (on && !dm_peer_may(&p, BUS_SUBSCRIBE, n > 1 ? name : NULL)) {
		d->count.forbidden++;
		as_log(&d->log, AS_WARN, "FORBIDDEN", "client=%s verb=subscription stream=%s",
		       p.client ? p.client->name : "none", name);
	} else if (bus_admit(d->feed, at + 1, n - 1, on, &e) != AS_OK) {
		as_log(&d->log, AS_WARN, "FEED-ADMIT", "error=\"%s\"", e.msg);
	}
}
