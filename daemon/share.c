/* SPDX-License-Identifier: Apache-2.0
 * share.c - what the submissions of each client take of open_cases and queue_bytes. One that has
 * its share is BUSY before the daemon is, so that others are not. Only clients with keys are told
 * apart, and cases that a start finds in the journal are nobody's. */
#include "daemon/daemon.h"

#include <string.h>

enum { PERCENT = 100 };

static uint64_t share_of(const struct bus_client *c, uint64_t room)
{
	const uint64_t n = room / PERCENT * c->share + room % PERCENT * c->share / PERCENT;

	return n > 0 ? n : 1;
}

bool dm_share_is_over(const struct dm_daemon *d, const struct dm_peer *p, uint64_t bytes,
		      bool known)
{
	const struct dm_held *h;

	if (p->client == NULL) {
		return false;
	}
	h = &d->held[p->client->at];
	return (!known && h->cases >= share_of(p->client, d->config.daemon.open_cases)) ||
	       (h->bytes > 0 &&
		h->bytes + bytes > share_of(p->client, d->config.daemon.queue_bytes));
}

void dm_share_case(struct dm_daemon *d, struct dm_case *c, const struct dm_peer *p)
{
	if (p->client != NULL) {
		c->client = p->client->at + 1;
		d->held[p->client->at].cases++;
	}
}

void dm_share_leave(struct dm_daemon *d, struct dm_case *c)
{
	if (c->client != 0) {
		d->held[c->client - 1].cases--;
		d->held[c->client - 1].bytes -= c->queued;
	}
	c->client = 0;
}

void dm_queue_more(struct dm_daemon *d, struct dm_case *c, uint64_t bytes)
{
	d->queued_bytes += bytes;
	c->queued += bytes;
	if (c->client != 0) {
		d->held[c->client - 1].bytes += bytes;
	}
}

void dm_queue_less(struct dm_daemon *d, struct dm_case *c, uint64_t bytes)
{
	d->queued_bytes -= bytes;
	c->queued -= bytes;
	if (c->client != 0) {
		d->held[c->client - 1].bytes -= bytes;
	}
}

void dm_share_move(struct dm_daemon *d, const struct bus_clients *was, const struct bus_clients *is)
{
	memset(d->held, 0, sizeof d->held);
	for (size_t i = 0; i < d->join.cases.cap; i++) {
		const struct as_map_slot *slot = &d->join.cases.slot[i];
		struct dm_case *c;
		const struct bus_client *now;

		if (slot->key == NULL) {
			continue;
		}
		c = ((struct fu_case *)slot->value)->owner;
		now = c->client != 0 ? bus_clients_find(is, bus_clients_at(was, c->client - 1)->key)
				     : NULL;
		c->client = now != NULL ? now->at + 1 : 0;
		if (now != NULL) {
			d->held[now->at].cases++;
			d->held[now->at].bytes += c->queued;
		}
	}
}
