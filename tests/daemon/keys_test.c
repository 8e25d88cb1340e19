/* SPDX-License-Identifier: Apache-2.0
 * A daemon whose sockets ask for keys: who gets what. */
#include "tests/daemon/door.h"

#include "core/bus/guard.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

TestSuite(daemon_keys, .timeout = 180);

Test(daemon_keys, client_with_rights_submits_reads_and_subscribes)
{
	struct bus_socket *front;
	struct bus_socket *feed;
	struct as_err e = { 0 };
	struct door d;

	door_open(&d);
	front = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	feed = door_knock(&d, d.feed, BUS_SUB, &d.k.lab);
	ok(bus_subscribe(feed, "s/", &e));
	ok(bus_recv_wait(feed, &d.h.m, HALL_MS, &e)); /* a tick: the subscription counts */
	door_submit(&d, front, DOOR_SUBMISSION);
	same(hall_hear(&d.h, front), "JUDGMENT");
	same(door_ask(&d, front, "GET", "{\"stream\":\"s\",\"case\":\"c\"}"), "JUDGMENT");
	same(door_ask(&d, front, "TASK", "{\"stream\":\"s\"}"), "TASK");
	same(door_ask(&d, front, "REPLAY", "{\"stream\":\"s\",\"after\":0}"), "JUDGMENT");
	same(hall_hear(&d.h, front), "END");
	do {
		ok(bus_recv_wait(feed, &d.h.m, HALL_MS, &e));
	} while (memmem(bus_data(&d.h.m, 1), bus_size(&d.h.m, 1), "judgment.v1", 11) == NULL);
	bus_socket_close(front);
	bus_socket_close(feed);
	door_close(&d);
}

Test(daemon_keys, attack_01_02_stranger_and_client_in_the_clear_get_nothing)
{
	const struct bus_keys *who[2];
	struct bus_socket *front;
	struct as_err e = { 0 };
	struct door d;

	door_open(&d);
	who[0] = NULL;
	who[1] = &d.k.stranger;
	for (size_t i = 0; i < 2; i++) {
		const struct bus_frame hello[] = { { "assay1", 6, NULL },
						   { "HELLO", 5, NULL },
						   { "{}", 2, NULL } };

		front = door_knock(&d, d.front, BUS_DEALER, who[i]);
		if (bus_send_wait(front, hello, 3, NOT_MS, &e) == AS_OK) {
			cr_assert(eq(int, bus_recv_wait(front, &d.h.m, NOT_MS, &e), AS_EAGAIN));
		}
		bus_socket_close(front);
	}
	front = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	same(door_ask(&d, front, "STATUS", "{}"), "STATUS");
	cr_assert(
	    lt(u64, 0, io_json_find_u64(io_json_find(d.h.c.doc, "counters"), "keys_refused", 0)));
	bus_socket_close(front);
	door_close(&d);
}

Test(daemon_keys, attack_04_key_without_the_right_is_told_forbidden)
{
	static const char *const reads[] = { "GET", "REPLAY", "SUBSCRIBE", "ACK", "UNSUBSCRIBE" };
	struct bus_socket *front;
	struct bus_socket *feed;
	struct as_err e = { 0 };
	struct door d;

	door_open(&d);
	front = door_knock(&d, d.front, BUS_DEALER, &d.k.nosy);
	same(door_ask(&d, front, "SUBMIT", DOOR_SUBMISSION), "FORBIDDEN");
	same(hall_str(&d.h, "case"), "c");
	for (size_t i = 0; i < sizeof reads / sizeof *reads; i++) {
		same(door_ask(&d, front, reads[i],
			      "{\"stream\":\"s\",\"case\":\"c\",\"after\":0,\"seq\":0,"
			      "\"subscriber\":\"x\"}"),
		     "FORBIDDEN");
	}
	same(door_ask(&d, front, "TASK", "{\"stream\":\"s\"}"), "FORBIDDEN");
	same(door_ask(&d, front, "HELLO", "{}"), "HELLO"); /* and does not learn that there is s */
	cr_assert(zero(sz, io_json_len(io_json_find(d.h.c.doc, "streams"))));
	same(door_ask(&d, front, "STATUS", "{}"), "STATUS");
	cr_assert(zero(sz, io_json_len(io_json_find(d.h.c.doc, "streams"))));
	/* Its subscription to the stream, or to all, does not count: ticks come every second. */
	feed = door_knock(&d, d.feed, BUS_SUB, &d.k.nosy);
	ok(bus_subscribe(feed, "s/", &e));
	ok(bus_subscribe(feed, "", &e));
	do {
		same(door_ask(&d, front, "STATUS", "{}"), "STATUS");
	} while (io_json_find_u64(io_json_find(d.h.c.doc, "counters"), "forbidden", 0) < 9);
	cr_assert(eq(int, bus_recv_wait(feed, &d.h.m, 3 * DM_TICK_MS / 2, &e), AS_EAGAIN));
	bus_socket_close(feed);
	bus_socket_close(front);
	door_close(&d);
}

Test(daemon_keys, only_an_admin_reloads_and_drains)
{
	const struct bus_frame drain[] = { { "assay1", 6, NULL },
					   { "DRAIN", 5, NULL },
					   { "{}", 2, NULL } };
	struct bus_socket *control;
	struct as_err e = { 0 };
	struct door d;

	door_open(&d);
	control = door_knock(&d, d.control, BUS_DEALER, &d.k.lab); /* not even let in */
	if (bus_send_wait(control, drain, 3, NOT_MS, &e) == AS_OK) {
		cr_assert(eq(int, bus_recv_wait(control, &d.h.m, NOT_MS, &e), AS_EAGAIN));
	}
	bus_socket_close(control);
	control = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	same(door_ask(&d, control, "DRAIN", "{}"), "ERROR"); /* no verb of front */
	bus_socket_close(control);
	control = door_knock(&d, d.control, BUS_DEALER, &d.k.boss);
	same(door_ask(&d, control, "RELOAD", "{}"), "OK");
	same(door_ask(&d, control, "DRAIN", "{}"), "OK");
	bus_socket_close(control); /* before its context, which waits for it */
	hall_join(&d.h);
}

/* The connection that stands is told no, the feed that stands is cut; others come back to it by
 * themselves. A key that was refused knocks no more until it connects anew (libzmq). */
Test(daemon_keys, revoked_key_ends_at_once)
{
	struct bus_socket *front;
	struct bus_socket *feed;
	struct bus_socket *other;
	struct bus_socket *control;
	struct as_err e = { 0 };
	struct door d;
	int rc;

	door_open(&d);
	front = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	feed = door_knock(&d, d.feed, BUS_SUB, &d.k.lab);
	control = door_knock(&d, d.control, BUS_DEALER, &d.k.boss);
	other = door_knock(&d, d.feed, BUS_SUB, &d.k.boss);
	ok(bus_subscribe(feed, "s/", &e));
	ok(bus_subscribe(other, "s/", &e));
	ok(bus_recv_wait(feed, &d.h.m, HALL_MS, &e));
	ok(bus_recv_wait(other, &d.h.m, HALL_MS, &e));
	same(door_ask(&d, front, "HELLO", "{}"), "HELLO");
	door_clients(&d.k, false);
	same(door_ask(&d, control, "RELOAD", "{}"), "OK");
	same(door_ask(&d, front, "HELLO", "{}"), "FORBIDDEN");
	same(hall_str(&d.h, "message"), "this key is known no more");
	do { /* what was under way when the feed was cut */
		rc = bus_recv_wait(feed, &d.h.m, 3 * DM_TICK_MS / 2, &e);
	} while (rc == AS_OK);
	cr_assert(eq(int, rc, AS_EAGAIN));
	do { /* those queued before */
		rc = bus_recv(other, &d.h.m, &e);
	} while (rc == AS_OK);
	ok(bus_recv_wait(other, &d.h.m, HALL_MS, &e));
	door_clients(&d.k, true);
	same(door_ask(&d, control, "RELOAD", "{}"), "OK");
	bus_socket_close(feed);
	feed = door_knock(&d, d.feed, BUS_SUB, &d.k.lab);
	ok(bus_subscribe(feed, "s/", &e));
	ok(bus_recv_wait(feed, &d.h.m, HALL_MS, &e));
	same(door_ask(&d, front, "HELLO", "{}"), "HELLO");
	bus_socket_close(front);
	bus_socket_close(feed);
	bus_socket_close(other);
	bus_socket_close(control);
	door_close(&d);
}

Test(daemon_keys, list_that_cannot_be_read_changes_nothing)
{
	struct bus_socket *front;
	struct bus_socket *control;
	struct door d;

	door_open(&d);
	front = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	control = door_knock(&d, d.control, BUS_DEALER, &d.k.boss);
	cr_assert(zero(int, chmod(tmpdir_file("clients.ini", "[client.lab]\n"), 0644)));
	same(door_ask(&d, control, "RELOAD", "{}"), "ERROR");
	same(door_ask(&d, front, "HELLO", "{}"), "HELLO");
	bus_socket_close(front);
	bus_socket_close(control);
	door_clients(&d.k, true);
	door_close(&d);
}

Test(daemon_keys, worker_with_its_key_is_given_jobs_and_believed)
{
	struct bus_socket *front;
	struct bus_socket *work;
	struct as_err e = { 0 };
	struct hall_job j;
	struct door d;

	door_open(&d);
	front = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	work = door_knock(&d, d.work, BUS_DEALER, &d.k.machine);
	d.h.features = door_knock(&d, d.features, BUS_PUSH, &d.k.machine);
	d.h.front = front;
	door_submit(&d, front,
		    "{\"stream\":\"s\",\"case\":\"first\",\"complete\":true,\"parts\":[]}");
	same(hall_submit(&d.h, "c", "a", "one"), "ACCEPTED");
	ok(bus_wait_ready(work, HALL_MS, &e));
	hall_work(&d.h, work, 4);
	j = hall_job(&d.h, work);
	same(j.text, "one");
	ok(bus_wait_ready(d.h.features, HALL_MS, &e));
	hall_encode(&d.h, &j, 1.0F);
	same(hall_submit(&d.h, "c", "b", "two"), "ACCEPTED");
	j = hall_job(&d.h, work);
	hall_encode(&d.h, &j, 1.0F);
	same(hall_hear(&d.h, front), "JUDGMENT");
	same(hall_data(&d.h, "kind"), "result");
	bus_socket_close(work);
	door_close(&d);
}

/* A worker of another machine names a job that it was not given. */
Test(daemon_keys, attack_13_14_features_of_anothers_job_are_not_taken)
{
	struct bus_socket *work;
	struct as_err e = { 0 };
	struct hall_job j;
	struct door d;

	door_open(&d);
	d.h.front = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	work = hall_connect(&d.h, BUS_DEALER, "work"); /* local: without a key */
	door_submit(&d, d.h.front,
		    "{\"stream\":\"s\",\"case\":\"first\",\"complete\":true,\"parts\":[]}");
	hall_work(&d.h, work, 4);
	same(hall_submit(&d.h, "c", "a", "one"), "ACCEPTED");
	j = hall_job(&d.h, work);
	d.h.features = door_knock(&d, d.features, BUS_PUSH, &d.k.machine);
	ok(bus_wait_ready(d.h.features, HALL_MS, &e));
	hall_encode(&d.h, &j, 1.0F); /* forged */
	do {
		same(hall_ask(&d.h, d.h.front, "STATUS", "{}"), "STATUS");
	} while (io_json_find_u64(io_json_find(d.h.c.doc, "counters"), "forbidden", 0) == 0);
	same(door_ask(&d, d.h.front, "GET", "{\"stream\":\"s\",\"case\":\"c\"}"), "PENDING");
	bus_socket_close(d.h.features);
	d.h.features = hall_connect(&d.h, BUS_PUSH, "features");
	hall_encode(&d.h, &j, 1.0F);
	do {
		same(door_ask(&d, d.h.front, "GET", "{\"stream\":\"s\",\"case\":\"c\"}"),
		     "PENDING");
	} while (
	    strcmp(io_json_find_str(io_json_at(io_json_find(d.h.c.doc, "parts"), 0), "state", ""),
		   "encoded") != 0);
	bus_socket_close(work);
	door_close(&d);
}

/* Keys that make a submission the same are a client's own. */
Test(daemon_keys, attack_19_anothers_idempotency_key_tells_nothing)
{
	struct bus_socket *front;
	struct bus_socket *other;
	struct as_buf b = { 0 };
	struct bus_socket *control;
	struct door d;

	door_open(&d);
	as_buf_printf(&b,
		      "[client.lab]\nkey = %s\nsubmit = s\n[client.nosy]\nkey = %s\nsubmit = s\n"
		      "[client.boss]\nkey = %s\nadmin = *\n",
		      d.k.lab.public, d.k.nosy.public, d.k.boss.public);
	cr_assert(zero(int, chmod(tmpdir_file("clients.ini", b.data), 0644)));
	as_buf_free(&b);
	control = door_knock(&d, d.control, BUS_DEALER, &d.k.boss);
	same(door_ask(&d, control, "RELOAD", "{}"), "OK");
	front = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	other = door_knock(&d, d.front, BUS_DEALER, &d.k.nosy);
	door_submit(
	    &d, front,
	    "{\"stream\":\"s\",\"case\":\"a\",\"key\":\"k1\",\"complete\":true,\"parts\":[]}");
	door_submit(
	    &d, front,
	    "{\"stream\":\"s\",\"case\":\"a\",\"key\":\"k1\",\"complete\":true,\"parts\":[]}");
	cr_assert(io_json_find_bool(d.h.c.doc, "duplicate", false));
	door_submit(
	    &d, other,
	    "{\"stream\":\"s\",\"case\":\"b\",\"key\":\"k1\",\"complete\":true,\"parts\":[]}");
	cr_assert(eq(int, io_json_find_bool(d.h.c.doc, "duplicate", true), false));
	bus_socket_close(front);
	bus_socket_close(other);
	bus_socket_close(control);
	door_close(&d);
}

/* A daemon does not go on without the thread that checks keys. */
Test(daemon_keys, attack_03_daemon_ends_with_its_guard)
{
	struct as_err e = { 0 };
	struct door d;

	door_make(&d, "");
	bus_guard_halt(d.h.d.guard);
	fails(dm_loop(&d.h.d, &e), AS_EPERM, "the thread that checks keys has ended");
	dm_stop(&d.h.d);
	io_config_free(&d.h.d.config);
}

Test(daemon_keys, tcp_without_keys_needs_the_word)
{
	static const char *const keys[] = {
		"front = tcp://127.0.0.1:*",
		"feed = tcp://127.0.0.1:*",
		"work = tcp://127.0.0.1:*",
		"features = tcp://127.0.0.1:*",
		"control = tcp://127.0.0.1:*\ninsecure = true",
		"key = key",
		"clients = clients.ini",
		"key = key\nclients = clients.ini\ninsecure = true",
	};
	struct io_config c = { 0 };
	struct as_err e = { 0 };

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		cr_assert(eq(int, io_config_load(&c, hall_settings(keys[i], "m"), &e), AS_ECONFIG),
			  "%s", keys[i]);
		io_config_free(&c);
	}
	ok(io_config_load(&c, hall_settings("front = tcp://127.0.0.1:*\ninsecure = true", "m"),
			  &e));
	io_config_free(&c);
	fails(io_config_load(&c, hall_settings("insecure = yes", "m"), &e), AS_ECONFIG,
	      "want true or false");
	io_config_free(&c);
}

/* Strangers that connect and say nothing, or anything, cost a connection for five seconds. */
Test(daemon_keys, attack_06_07_08_12_raw_connections_do_not_keep_others_out)
{
	static const char *const says[] = {
		"",
		"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
		"\xff\x00\x00\x00\x00\x00\x00\x00\x01\x7f\x03",
		"\xff\xff\xff\xff\xff\xff\xff\xff\xff",
	};
	enum { N = 100 };
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct bus_socket *front;
	struct door d;
	int fd[N];

	door_open(&d);
	to.sin_port = htons((uint16_t)strtoul(strrchr(d.front, ':') + 1, NULL, 10));
	for (size_t i = 0; i < N; i++) {
		const char *text = says[i % (sizeof says / sizeof *says)];

		fd[i] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd[i] < 0) {
			break; /* as many as this process may have */
		}
		cr_assert(zero(int, connect(fd[i], (struct sockaddr *)&to, sizeof to)));
		(void)send(fd[i], text, strlen(text), MSG_NOSIGNAL);
	}
	front = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	door_submit(&d, front, DOOR_SUBMISSION);
	for (size_t i = 0; i < N && fd[i] >= 0; i++) {
		char c[256];

		while (recv(fd[i], c, sizeof c, 0) > 0) { /* closed from there, within 5 s */
		}
		(void)close(fd[i]);
	}
	bus_socket_close(front);
	door_close(&d);
}
