/* SPDX-License-Identifier: Apache-2.0
 * frames_fuzz.c - a message as it comes from a socket: the first byte of each piece is its length.
 */
#include "core/bus/call.h"
#include "tests/fuzz/fuzz.h"

struct pair {
	struct bus *bus;
	struct bus_socket *from, *to;
	struct bus_msg m;
};

static void pair_open(struct pair *p)
{
	struct as_err e = { 0 };
	const struct bus_options bind = {
		.type = BUS_PAIR, .endpoint = "inproc://fuzz", .bind = true, .max_bytes = -1
	};
	const struct bus_options connect = { .type = BUS_PAIR,
					     .endpoint = "inproc://fuzz",
					     .max_bytes = -1 };

	if (bus_open(&p->bus, &e) != AS_OK || bus_socket_open(&p->to, p->bus, &bind, &e) != AS_OK ||
	    bus_socket_open(&p->from, p->bus, &connect, &e) != AS_OK) {
		(void)fprintf(stderr, "%s\n", e.msg);
		abort();
	}
}

int FUZZ(const uint8_t *data, size_t n)
{
	static struct pair p; /* one for all inputs: a context is dear */
	struct bus_frame f[BUS_FRAMES_MAX];
	struct bus_call c = { 0 };
	struct as_err e = { 0 };
	size_t frames = 0;
	size_t at = 0;
	int rc;

	if (p.bus == NULL) {
		pair_open(&p);
	}
	while (at < n && frames < BUS_FRAMES_MAX) {
		const size_t want = data[at++];
		const size_t size = want < n - at ? want : n - at;

		f[frames++] = (struct bus_frame){ .data = data + at, .size = size };
		at += size;
	}
	if (frames == 0) {
		return 0;
	}
	if (bus_send(p.from, f, frames, &e) != AS_OK ||
	    bus_recv_wait(p.to, &p.m, -1, &e) != AS_OK) {
		(void)fprintf(stderr, "%s\n", e.msg);
		abort();
	}
	rc = bus_call_read(&c, &p.m, 0, &e);
	fuzz_said_why(rc, &e);
	if (rc == AS_OK && c.at + c.frames != p.m.n) {
		abort();
	}
	bus_call_free(&c);
	bus_msg_free(&p.m);
	return 0;
}
