/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/buf.h"
#include "core/bus/bus.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(bus_bus, .timeout = 60);

enum { WAIT_MS = 20000 };

static const struct bus_options plain = { .hwm = 10, .linger_ms = 0, .max_bytes = 1 << 20 };

static struct bus_socket *open_at(struct bus *b, enum bus_type type, const char *endpoint,
				  bool bind)
{
	struct bus_options o = plain;
	struct bus_socket *s = NULL;
	struct as_err e = { 0 };

	o.type = type;
	o.endpoint = endpoint;
	o.bind = bind;
	ok(bus_socket_open(&s, b, &o, &e));
	return s;
}

/* Of the test's own folder. */
struct address {
	char at[BUS_ENDPOINT_SIZE];
};

static struct address ipc(const char *name)
{
	struct address a;

	(void)snprintf(a.at, sizeof a.at, "ipc://%s", tmpdir_path(name));
	return a;
}

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

Test(bus_bus, long_ipc_path_is_named_with_its_limit)
{
	struct bus_options o = plain;
	struct bus_socket *s;
	struct as_err e = { 0 };
	struct bus *bus;
	char at[160] = "ipc:///tmp/";

	memset(at + strlen(at), 'a', 120);
	at[11 + 120] = '\0';
	o.endpoint = at;
	ok(bus_open(&bus, &e));
	fails(bus_socket_open(&s, bus, &o, &e), AS_ECONFIG, "125 bytes, at most 107");
	o.endpoint = "udp://nothing";
	fails(bus_socket_open(&s, bus, &o, &e), AS_ECONFIG, "want ipc://PATH");
	o.endpoint = "tcp://127.0.0.1:notaport";
	fails(bus_socket_open(&s, bus, &o, &e), AS_ECONFIG, "notaport");
	bus_close(bus);
}

Test(bus_bus, taken_address_is_named_and_wildcards_are_resolved)
{
	struct bus_options o = plain;
	struct bus_socket *s;
	struct bus_socket *first;
	struct as_err e = { 0 };
	struct bus *bus;

	ok(bus_open(&bus, &e));
	first = open_at(bus, BUS_PULL, "tcp://127.0.0.1:*", true);
	cr_assert(zero(int, strncmp(bus_endpoint(first), "tcp://127.0.0.1:", 16)));
	cr_assert(eq(ptr, strchr(bus_endpoint(first), '*'), NULL));
	o.type = BUS_PULL;
	o.bind = true;
	o.endpoint = bus_endpoint(first);
	fails(bus_socket_open(&s, bus, &o, &e), AS_EUNAVAIL, "in use");
	cr_assert(ne(ptr, strstr(e.msg, bus_endpoint(first)), NULL), "%s", e.msg);
	bus_socket_close(first);
	bus_close(bus);
}

Test(bus_bus, any_host_is_reached_over_the_host_that_was_asked)
{
	char out[BUS_ENDPOINT_SIZE];

	bus_reach("tcp://0.0.0.0:5", "tcp://example.org:9", out);
	same(out, "tcp://example.org:5");
	bus_reach("tcp://[::]:5", "tcp://[::1]:9", out);
	same(out, "tcp://[::1]:5");
	bus_reach("tcp://10.0.0.1:5", "tcp://example.org:9", out);
	same(out, "tcp://10.0.0.1:5");
	bus_reach("ipc:///run/x", "tcp://example.org:9", out);
	same(out, "ipc:///run/x");
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

/* ZMTP 3.0 of a peer that says who it is and then nothing: what libzmq sends it, up to the first
 * PING, or all that came before the deadline. */
static bool is_pinged(const char *endpoint)
{
	static const char ready[] = "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06"
				    "DEALER";
	const struct timeval patience = { .tv_sec = WAIT_MS / 1000 };
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char greeting[64] = "\xff\0\0\0\0\0\0\0\0\x7f\x03\0NULL";
	char heard[1024];
	size_t n = 0;
	bool pinged = false;
	ssize_t got = 1;

	to.sin_port = htons((uint16_t)strtoul(strrchr(endpoint, ':') + 1, NULL, 10));
	cr_assert(zero(int, setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience)));
	cr_assert(fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof to) == 0);
	cr_assert(eq(i64, send(fd, greeting, sizeof greeting, 0), sizeof greeting));
	cr_assert(eq(i64, send(fd, ready, sizeof ready - 1, 0), sizeof ready - 1));
	while (!pinged && got > 0 && n < sizeof heard) {
		got = recv(fd, heard + n, sizeof heard - n, 0);
		n += got > 0 ? (size_t)got : 0;
		pinged = memmem(heard, n, "\x04PING", 5) != NULL;
	}
	(void)close(fd);
	return pinged;
}

/* A daemon's sockets for workers are of this machine first, and then of others. */
Test(bus_bus, network_is_watched_where_it_is_not_the_first_address)
{
	struct bus *b = NULL;
	struct as_err e = { 0 };
	struct bus_socket *s;

	ok(bus_open(&b, &e));
	s = open_at(b, BUS_ROUTER, ipc("s").at, true);
	ok(bus_bind(s, "tcp://127.0.0.1:*", NULL, &e));
	cr_assert(is_pinged(bus_endpoint(s)), "a peer that is silent is not asked");
	bus_socket_close(s);
	bus_close(b);
}

/* What libzmq says of a peer's address, both ways. */
Test(bus_bus, a_peer_is_far_over_tcp_and_near_over_ipc)
{
	const struct bus_frame f = { "x", 1, NULL };
	struct bus *b = NULL;
	struct bus_msg m = { 0 };
	struct as_err e = { 0 };
	struct bus_socket *s;

	ok(bus_open(&b, &e));
	s = open_at(b, BUS_ROUTER, ipc("s").at, true);
	ok(bus_bind(s, "tcp://127.0.0.1:*", NULL, &e));
	for (int far = 0; far < 2; far++) {
		struct bus_socket *peer =
		    open_at(b, BUS_DEALER, far ? bus_endpoint(s) : ipc("s").at, false);

		ok(bus_send_wait(peer, &f, 1, WAIT_MS, &e));
		ok(bus_recv_wait(s, &m, WAIT_MS, &e));
		cr_assert(eq(int, bus_is_far(&m, 1), far));
		bus_socket_close(peer);
	}
	bus_msg_free(&m);
	bus_socket_close(s);
	bus_close(b);
}
