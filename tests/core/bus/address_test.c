/* SPDX-License-Identifier: Apache-2.0
 * Addresses: which there can be, and what is known of the peers that come over them. */
#include "tests/core/bus/kit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(bus_address, .timeout = 60);

Test(bus_address, long_ipc_path_is_named_with_its_limit)
{
	struct bus_options o = plain;
	struct bus_socket *s;
	struct as_err e = { 0 };
	struct bus *bus;
	char at[300] = "ipc:///tmp/";

	memset(at + strlen(at), 'a', 120);
	at[11 + 120] = '\0';
	o.endpoint = at;
	ok(bus_open(&bus, &e));
	fails(bus_socket_open(&s, bus, &o, &e), AS_ECONFIG, "125 bytes, at most 107");
	memcpy(at, "tcp://", 6);
	memset(at + 6, 'a', sizeof at - 7);
	at[sizeof at - 1] = '\0';
	fails(bus_socket_open(&s, bus, &o, &e), AS_ECONFIG, "an address of 299 bytes, at most 255");
	o.endpoint = "udp://nothing";
	fails(bus_socket_open(&s, bus, &o, &e), AS_ECONFIG, "want ipc://PATH");
	o.endpoint = "tcp://127.0.0.1:notaport";
	fails(bus_socket_open(&s, bus, &o, &e), AS_ECONFIG, "notaport");
	s = open_at(bus, BUS_PULL, "inproc://first", true);
	fails(bus_bind(s, "udp://nothing", NULL, &e), AS_ECONFIG, "udp://nothing: want ipc://PATH");
	same(bus_endpoint(s), "inproc://first");
	bus_socket_close(s);
	bus_close(bus);
}

Test(bus_address, taken_address_is_named_and_wildcards_are_resolved)
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

Test(bus_address, any_host_is_reached_over_the_host_that_was_asked)
{
	char out[BUS_ENDPOINT_SIZE];

	bus_reach("tcp://0.0.0.0:5", "tcp://example.org:9", out);
	same(out, "tcp://example.org:5");
	bus_reach("tcp://[::]:5", "tcp://[::1]:9", out);
	same(out, "tcp://[::1]:5");
	bus_reach("tcp://10.0.0.1:5", "tcp://example.org:9", out);
	same(out, "tcp://10.0.0.1:5");
	bus_reach("tcp://1.2.3.4:5", "tcp://example.org:9", out);
	same(out, "tcp://1.2.3.4:5");
	bus_reach("tcp://0.0.0.0:5", "ipc:///run/x", out);
	same(out, "tcp://0.0.0.0:5");
	bus_reach("ipc:///run/x", "tcp://example.org:9", out);
	same(out, "ipc:///run/x");
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
Test(bus_address, network_is_watched_where_it_is_not_the_first_address)
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

static bool has_ipv6(void)
{
	const struct sockaddr_in6 to = { .sin6_family = AF_INET6, .sin6_addr = in6addr_loopback };
	const int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&to, sizeof to) == 0;

	if (fd >= 0) {
		(void)close(fd);
	}
	return has;
}

Test(bus_address, address_of_ipv6_is_listened_on_and_reached)
{
	const struct bus_frame f = { "x", 1, NULL };
	struct bus *b = NULL;
	struct bus_msg m = { 0 };
	struct as_err e = { 0 };
	struct bus_socket *s;
	struct bus_socket *peer;

	if (!has_ipv6()) {
		cr_skip_test("no IPv6 here");
	}
	ok(bus_open(&b, &e));
	s = open_at(b, BUS_PULL, "tcp://[::1]:*", true);
	cr_assert(zero(int, strncmp(bus_endpoint(s), "tcp://[::1]:", 12)), "%s", bus_endpoint(s));
	peer = open_at(b, BUS_PUSH, bus_endpoint(s), false);
	ok(bus_send_wait(peer, &f, 1, WAIT_MS, &e));
	ok(bus_recv_wait(s, &m, WAIT_MS, &e));
	cr_assert(bus_is_far(&m, 0));
	bus_msg_free(&m);
	bus_socket_close(peer);
	bus_socket_close(s);
	bus_close(b);
}

/* Within the process there is no address, and so no connection that could break. */
Test(bus_address, peer_of_the_same_process_is_near)
{
	const struct bus_frame f = { "x", 1, NULL };
	struct bus *b = NULL;
	struct bus_msg m = { 0 };
	struct as_err e = { 0 };
	struct bus_socket *s;
	struct bus_socket *peer;

	ok(bus_open(&b, &e));
	s = open_at(b, BUS_PULL, "inproc://near", true);
	peer = open_at(b, BUS_PUSH, "inproc://near", false);
	ok(bus_send(peer, &f, 1, &e));
	ok(bus_recv_wait(s, &m, WAIT_MS, &e));
	cr_assert(not(bus_is_far(&m, 0)));
	bus_msg_free(&m);
	bus_socket_close(peer);
	bus_socket_close(s);
	bus_close(b);
}

/* What libzmq says of a peer's address, both ways. */
Test(bus_address, a_peer_is_far_over_tcp_and_near_over_ipc)
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
