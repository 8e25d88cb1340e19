/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/buf.h"
#include "tests/core/bus/kit.h"

#include <stdlib.h>
#include <unistd.h>

TestSuite(bus_bus, .timeout = 60);

struct pair {
	struct bus *bus;
	struct bus_socket *router, *dealer;
	struct bus_msg m;
};

static void pair_open(struct pair *p)
{
	struct as_err e = { 0 };
	const struct address a = ipc("s");

	*p = (struct pair){ 0 };
	ok(bus_open(&p->bus, &e));
	p->router = open_at(p->bus, BUS_ROUTER, a.at, true);
	p->dealer = open_at(p->bus, BUS_DEALER, a.at, false);
}

static void pair_close(struct pair *p)
{
	bus_msg_free(&p->m);
	bus_socket_close(p->dealer);
	bus_socket_close(p->router);
	bus_close(p->bus);
}

Test(bus_bus, message_arrives_whole_and_in_order)
{
	const struct bus_frame f[] = { { "one", 3, NULL }, { "", 0, NULL }, { "three", 5, NULL } };
	struct as_err e = { 0 };
	struct pair p;

	pair_open(&p);
	ok(bus_send_wait(p.dealer, f, 3, WAIT_MS, &e));
	ok(bus_recv_wait(p.router, &p.m, WAIT_MS, &e));
	cr_assert(eq(sz, p.m.n, (size_t)4));
	cr_assert(eq(sz, bus_size(&p.m, 1), (size_t)3));
	cr_assert(zero(int, memcmp(bus_data(&p.m, 1), "one", 3)));
	cr_assert(zero(sz, bus_size(&p.m, 2)));
	cr_assert(zero(int, memcmp(bus_data(&p.m, 3), "three", 5)));
	fails(bus_recv(p.router, &p.m, &e), AS_EAGAIN, "");
	pair_close(&p);
}

Test(bus_bus, taken_bytes_outlive_their_message_and_are_sent_without_a_copy)
{
	char big[100000];
	const struct bus_frame f = { big, sizeof big, NULL };
	struct bus_bytes *address;
	struct bus_bytes *bytes;
	struct as_err e = { 0 };
	struct pair p;

	memset(big, 'x', sizeof big);
	pair_open(&p);
	ok(bus_send_wait(p.dealer, &f, 1, WAIT_MS, &e));
	ok(bus_recv_wait(p.router, &p.m, WAIT_MS, &e));
	address = bus_take(&p.m, 0);
	bytes = bus_take(&p.m, 1);
	bus_msg_free(&p.m);
	for (int i = 0; i < 2; i++) {
		const struct bus_frame back[] = { { .kept = address }, { .kept = bytes } };

		ok(bus_send(p.router, back, 2, &e));
		ok(bus_recv_wait(p.dealer, &p.m, WAIT_MS, &e));
		cr_assert(eq(sz, p.m.n, (size_t)1));
		cr_assert(eq(sz, bus_size(&p.m, 0), sizeof big));
		cr_assert(zero(int, memcmp(bus_data(&p.m, 0), big, sizeof big)));
	}
	bus_bytes_free(address);
	bus_bytes_free(bytes);
	pair_close(&p);
}

Test(bus_bus, unknown_peer_of_a_router_is_an_error)
{
	const struct bus_frame f[] = { { "nobody", 6, NULL }, { "x", 1, NULL } };
	struct as_err e = { 0 };
	struct pair p;

	pair_open(&p);
	fails(bus_send(p.router, f, 2, &e), AS_EUNAVAIL, "");
	pair_close(&p);
}

Test(bus_bus, sending_without_a_connection_fails_and_does_not_queue)
{
	const struct bus_frame f = { "x", 1, NULL };
	const struct address nobody = ipc("nobody");
	struct as_err e = { 0 };
	struct bus *bus;
	struct bus_socket *s;

	ok(bus_open(&bus, &e));
	s = open_at(bus, BUS_DEALER, nobody.at, false);
	fails(bus_send(s, &f, 1, &e), AS_EAGAIN, "");
	fails(bus_send_wait(s, &f, 1, 50, &e), AS_EUNAVAIL, "50 ms");
	bus_socket_close(s);
	bus_close(bus);
}

Test(bus_bus, full_peer_is_told_at_once)
{
	const struct bus_frame f = { "x", 1, NULL };
	struct as_err e = { 0 };
	struct bus_socket *in;
	struct bus_socket *out;
	struct bus *bus;
	int rc = AS_OK;
	int sent = 0;

	ok(bus_open(&bus, &e));
	in = open_at(bus, BUS_PULL, "inproc://full", true);
	out = open_at(bus, BUS_PUSH, "inproc://full", false);
	while (rc == AS_OK && sent < 1000) {
		rc = bus_send(out, &f, 1, &e);
		sent += rc == AS_OK;
	}
	cr_assert(eq(int, rc, AS_EAGAIN));
	cr_assert(eq(int, sent, 20)); /* both high-water marks */
	bus_socket_close(in);
	bus_socket_close(out);
	bus_close(bus);
}

Test(bus_bus, frames_beyond_the_limit_are_dropped_and_said)
{
	struct bus_frame f[BUS_FRAMES_MAX + 5];
	struct as_err e = { 0 };
	struct pair p;

	for (size_t i = 0; i < BUS_FRAMES_MAX + 5; i++) {
		f[i] = (struct bus_frame){ "x", 1, NULL };
	}
	pair_open(&p);
	ok(bus_send_wait(p.dealer, f, BUS_FRAMES_MAX + 5, WAIT_MS, &e));
	ok(bus_send_wait(p.dealer, f, 1, WAIT_MS, &e));
	ok(bus_recv_wait(p.router, &p.m, WAIT_MS, &e));
	cr_assert(p.m.over);
	cr_assert(eq(sz, p.m.n, (size_t)BUS_FRAMES_MAX));
	ok(bus_recv_wait(p.router, &p.m, WAIT_MS, &e));
	cr_assert(not(p.m.over));
	cr_assert(eq(sz, p.m.n, (size_t)2));
	pair_close(&p);
}

Test(bus_bus, frame_over_the_limit_costs_the_connection_not_the_socket)
{
	const size_t n = (1 << 20) + 1;
	void *zeros = as_calloc(n, 1);
	struct bus_frame f = { zeros, n, NULL };
	struct as_err e = { 0 };
	struct pair p;

	pair_open(&p);
	ok(bus_send_wait(p.dealer, &f, 1, WAIT_MS, &e));
	f.size = n - 1;
	while (bus_recv_wait(p.router, &p.m, 50, &e) != AS_OK) {
		(void)!bus_send(p.dealer, &f, 1, &e); /* lost until it has connected anew */
	}
	cr_assert(eq(sz, bus_size(&p.m, 1), n - 1));
	free(zeros);
	pair_close(&p);
}

Test(bus_bus, pointers_pass_between_threads_sockets)
{
	struct as_err e = { 0 };
	struct bus_socket *a;
	struct bus_socket *b;
	struct bus *bus;
	void *got = &got;
	int thing;

	ok(bus_open(&bus, &e));
	a = open_at(bus, BUS_PAIR, "inproc://give", true);
	b = open_at(bus, BUS_PAIR, "inproc://give", false);
	ok(bus_give(a, &thing, &e));
	ok(bus_give(a, NULL, &e));
	ok(bus_get(b, &got, &e));
	cr_assert(eq(ptr, got, &thing));
	ok(bus_get(b, &got, &e));
	cr_assert(eq(ptr, got, NULL));
	fails(bus_get(b, &got, &e), AS_EAGAIN, "");
	bus_socket_close(a);
	bus_socket_close(b);
	bus_close(bus);
}

Test(bus_bus, poll_sees_sockets_and_descriptors)
{
	const struct bus_frame f = { "x", 1, NULL };
	struct as_err e = { 0 };
	struct pair p;
	int fd[2];

	pair_open(&p);
	cr_assert(zero(int, pipe(fd)));
	{
		struct bus_poll item[] = { { .socket = p.router }, { .fd = fd[0] } };

		ok(bus_poll(item, 2, 0, &e));
		cr_assert(zero(int, item[0].in || item[1].in));
		cr_assert(eq(int, (int)write(fd[1], "x", 1), 1));
		ok(bus_poll(item, 2, WAIT_MS, &e));
		cr_assert(item[1].in);
		ok(bus_send_wait(p.dealer, &f, 1, WAIT_MS, &e));
		while (!item[0].in) {
			ok(bus_poll(item, 1, WAIT_MS, &e));
		}
	}
	(void)close(fd[0]);
	(void)close(fd[1]);
	pair_close(&p);
}

Test(bus_bus, subscribers_get_topics_by_prefix)
{
	const struct bus_frame f[] = { { "breast/", 7, NULL }, { "body", 4, NULL } };
	const struct bus_frame other[] = { { "breast-2/", 9, NULL }, { "body", 4, NULL } };
	struct bus_msg m = { 0 };
	struct bus_socket *pub;
	struct bus_socket *sub;
	struct as_err e = { 0 };
	struct bus *bus;
	const struct address a = ipc("feed");

	ok(bus_open(&bus, &e));
	pub = open_at(bus, BUS_XPUB, a.at, true);
	sub = open_at(bus, BUS_SUB, a.at, false);
	ok(bus_subscribe(sub, "breast/", &e));
	ok(bus_recv_wait(pub, &m, WAIT_MS, &e)); /* the subscription is there */
	ok(bus_send(pub, other, 2, &e));
	ok(bus_send(pub, f, 2, &e));
	ok(bus_recv_wait(sub, &m, WAIT_MS, &e));
	cr_assert(eq(sz, bus_size(&m, 0), (size_t)7));
	bus_msg_free(&m);
	bus_socket_close(pub);
	bus_socket_close(sub);
	bus_close(bus);
}

/* Sending uses libzmq's announcement of what came meanwhile up. */
Test(bus_bus, what_came_while_sending_is_seen)
{
	struct bus_options o = {
		.type = BUS_PAIR, .endpoint = "inproc://both", .bind = true, .max_bytes = -1
	};
	struct bus_poll item[2] = { { 0 } };
	struct as_err e = { 0 };
	struct bus *b;
	void *got;

	ok(bus_open(&b, &e));
	ok(bus_socket_open(&item[0].socket, b, &o, &e));
	o.bind = false;
	ok(bus_socket_open(&item[1].socket, b, &o, &e));
	for (int i = 0; i < 300; i++) {
		const int sent = 1 + i % 3;

		for (int k = 0; k < sent; k++) {
			ok(bus_give(item[0].socket, &item[0], &e));
			ok(bus_give(item[1].socket, &item[1], &e));
		}
		ok(bus_poll(item, 2, 10000, &e));
		cr_assert(item[0].in && item[1].in);
		for (int k = 0; k < sent; k++) {
			ok(bus_poll(item, 2, 10000, &e));
			cr_assert(item[0].in && item[1].in, "one of several is read");
			ok(bus_get(item[0].socket, &got, &e));
			cr_assert(eq(ptr, got, &item[1]));
			ok(bus_get(item[1].socket, &got, &e));
		}
		if (i % 2 > 0) {
			cr_assert(eq(int, bus_get(item[0].socket, &got, &e), AS_EAGAIN));
		}
		ok(bus_poll(item, 2, 0, &e));
		cr_assert(not(item[0].in));
		cr_assert(not(item[1].in));
	}
	bus_socket_close(item[0].socket);
	bus_socket_close(item[1].socket);
	bus_close(b);
}

Test(bus_bus, bytes_are_copied_also_where_there_are_none)
{
	char text[] = "abc";
	struct bus_bytes *some = bus_bytes_copy(text, 3);
	struct bus_bytes *none = bus_bytes_copy(NULL, 0);

	text[0] = 'x';
	cr_assert(eq(sz, bus_bytes_size(some), (size_t)3));
	cr_assert(zero(int, memcmp(bus_bytes_data(some), "abc", 3)));
	cr_assert(zero(sz, bus_bytes_size(none)));
	bus_bytes_free(some);
	bus_bytes_free(none);
}
