/* SPDX-License-Identifier: Apache-2.0
 * pace.c - how fast the daemon works off what it has: what BUSY is measured by. */
#include "core/base/clock.h"
#include "daemon/daemon.h"

enum {
	UNKNOWN_MS = 200, /* before anything was measured */
	LEAST_MS = 10,
	MOST_MS = 10000, /* also where nothing is worked off: a worker may be back any moment */
	ROOM = 8, /* one in so many of the bound is to be free by then: BUSY is said to many */
};

/* Of the last second; older ones are forgotten by half with each. */
static const double fresh = 0.5;

static void measure(struct dm_rate *r, double s)
{
	const double now = (double)r->done / s;

	r->per_s = r->known ? r->per_s + fresh * (now - r->per_s) : now;
	r->known = r->known || r->done > 0;
	r->done = 0;
}

void dm_pace(struct dm_daemon *d, double s)
{
	measure(&d->cases_rate, s);
	measure(&d->bytes_rate, s);
}

static double ms_for(const struct dm_rate *r, double amount)
{
	if (!r->known) {
		return UNKNOWN_MS;
	}
	return amount < r->per_s * MOST_MS / 1e3 ? 1e3 * amount / r->per_s : MOST_MS;
}

uint64_t dm_retry_ms(const struct dm_daemon *d, uint64_t bytes, bool full)
{
	const double bound = (double)d->config.daemon.queue_bytes;
	const double over = (double)(d->queued_bytes + bytes) - bound;
	double ms = LEAST_MS;

	if (full) {
		ms = ms_for(&d->cases_rate, (double)d->config.daemon.open_cases / ROOM + 1);
	}
	if (over > 0) {
		const double room = ms_for(&d->bytes_rate, over + bound / ROOM);

		ms = room > ms ? room : ms;
	}
	return ms < LEAST_MS ? LEAST_MS : (uint64_t)ms;
}
