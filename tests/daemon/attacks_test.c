/* SPDX-License-Identifier: Apache-2.0
 * Attacks by clients that have a key: claimed addresses, and more than a share. */
#include "core/base/clock.h"
#include "tests/daemon/door.h"
#include "tests/support/proc.h"

#include <zmq.h>

TestSuite(daemon_attacks, .timeout = 120);

/* A DEALER with a routing id of its own choice (of n bytes); own NULL: without keys. */
static void *claim_bytes(void *ctx, const struct door *d, const char *at, const void *id, size_t n,
			 const struct bus_keys *own)
{
	void *s = zmq_socket(ctx, ZMQ_DEALER);
	const int linger = 0;

	cr_assert(ne(ptr, s, NULL));
	cr_assert(zero(int, zmq_setsockopt(s, ZMQ_LINGER, &linger, sizeof linger)));
	cr_assert(zero(int, zmq_setsockopt(s, ZMQ_ROUTING_ID, id, n)));
	if (own != NULL) {
		cr_assert(zero(
		    int, zmq_setsockopt(s, ZMQ_CURVE_SERVERKEY, d->k.daemon.public, BUS_KEY_SIZE)));
		cr_assert(
		    zero(int, zmq_setsockopt(s, ZMQ_CURVE_PUBLICKEY, own->public, BUS_KEY_SIZE)));
		cr_assert(
		    zero(int, zmq_setsockopt(s, ZMQ_CURVE_SECRETKEY, own->secret, BUS_KEY_SIZE)));
	}
	cr_assert(zero(int, zmq_connect(s, at)));
	return s;
}

static void *claim(void *ctx, const struct door *d, const char *at, const char *id,
		   const struct bus_keys *own)
{
	return claim_bytes(ctx, d, at, id, strlen(id), own);
}

static void say(void *s, const char *verb, const char *json)
{
	cr_assert(lt(int, 0, zmq_send(s, "assay1", 6, ZMQ_SNDMORE)));
	cr_assert(lt(int, 0, zmq_send(s, verb, strlen(verb), ZMQ_SNDMORE)));
	cr_assert(lt(int, 0, zmq_send(s, json, strlen(json), 0)));
}

/* The verb and the document of the next message, or "" where none comes. */
static void hear(void *s, int wait_ms, char verb[32], char json[2048])
{
	char *const to[] = { verb, verb, json };
	const size_t size[] = { 32, 32, 2048 };
	int n;

	verb[0] = json[0] = '\0';
	cr_assert(zero(int, zmq_setsockopt(s, ZMQ_RCVTIMEO, &wait_ms, sizeof wait_ms)));
	for (size_t i = 0; i < 3 && (n = zmq_recv(s, to[i], size[i] - 1, 0)) >= 0; i++) {
		to[i][(size_t)n < size[i] ? (size_t)n : size[i] - 1] = '\0';
	}
}

static uint64_t forbidden(struct door *d)
{
	same(door_ask(d, d->h.front, "STATUS", "{}"), "STATUS");
	return io_json_find_u64(io_json_find(d->h.c.doc, "counters"), "forbidden", 0);
}

/* A worker of another machine goes; somebody else takes the address that the daemon knows it by. */
Test(daemon_attacks, attack_05_address_of_a_worker_that_left_is_not_that_worker)
{
	void *ctx = zmq_ctx_new();
	const struct bus_bytes *address;
	struct bus_socket *work;
	struct as_err e = { 0 };
	int64_t heard;
	char verb[32];
	char json[2048];
	char at[BUS_ENDPOINT_SIZE];
	struct door d;
	void *s;

	door_open(&d);
	d.h.front = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	work = door_knock(&d, d.work, BUS_DEALER, &d.k.machine);
	ok(bus_wait_ready(work, HALL_MS, &e));
	hall_work(&d.h, work, 1);
	bus_socket_close(work);
	(void)snprintf(at, sizeof at, "ipc://%s/work", d.h.d.config.daemon.runtime);
	s = claim(ctx, &d, at, "another", NULL); /* which is nobody's */
	say(s, "PING", "{}");
	hear(s, HALL_MS, verb, json);
	same(verb, "ERROR");
	(void)zmq_close(s);
	address = d.h.d.workers->address;
	heard = d.h.d.workers->heard;
	do {
		s = claim_bytes(ctx, &d, at, bus_bytes_data(address), bus_bytes_size(address),
				NULL);
		say(s, "PING", "{}");
		hear(s, 50, verb, json);
		(void)zmq_close(s);
	} while (forbidden(&d) == 0);
	cr_assert(eq(i64, d.h.d.workers->heard, heard)); /* nor does it keep that one */
	(void)zmq_ctx_term(ctx);
	door_close(&d);
}

/* A machine that names itself as another's worker does not end that worker's attempts. */
Test(daemon_attacks, attack_14_name_of_anothers_worker_takes_none_of_its_jobs)
{
	static const char ready[] = "{\"modality\":\"null\",\"encoder\":\"null\",\"version\":"
				    "\"1\",\"credit\":1,\"instance\":\"one\"}";
	struct bus_socket *work[2];
	struct as_err e = { 0 };
	struct door d;

	door_open(&d);
	d.h.front = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	work[0] = hall_connect(&d.h, BUS_DEALER, "work");
	work[1] = door_knock(&d, d.work, BUS_DEALER, &d.k.machine);
	ok(bus_wait_ready(work[1], HALL_MS, &e));
	door_submit(&d, d.h.front,
		    "{\"stream\":\"s\",\"case\":\"first\",\"complete\":true,\"parts\":[]}");
	hall_say(work[0], "READY", ready, NULL, 0);
	same(hall_hear(&d.h, work[0]), "MODEL");
	hall_loaded(&d.h, work[0], HALL_DIM);
	same(hall_submit(&d.h, "c", "a", "one"), "ACCEPTED");
	same(hall_job(&d.h, work[0]).text, "one");
	hall_say(work[1], "READY", ready, NULL, 0);
	same(hall_hear(&d.h, work[1]), "MODEL");
	hall_loaded(&d.h, work[1], HALL_DIM);
	same(hall_hear_for(&d.h, work[1], NOT_MS), ""); /* it is still out */
	bus_socket_close(work[0]);
	bus_socket_close(work[1]);
	d.h.d.config.daemon.grace_ms = 0;
	door_close(&d);
}

/* Its connection stands still when its key has left the list. */
Test(daemon_attacks, attack_04_worker_without_its_right_is_not_heard)
{
	struct bus_socket *boss;
	struct bus_socket *work;
	struct as_err e = { 0 };
	struct door d;

	door_open(&d);
	d.h.front = door_knock(&d, d.front, BUS_DEALER, &d.k.nosy);
	boss = door_knock(&d, d.control, BUS_DEALER, &d.k.boss);
	work = door_knock(&d, d.work, BUS_DEALER, &d.k.machine);
	ok(bus_wait_ready(work, HALL_MS, &e));
	hall_work(&d.h, work, 1);
	door_clients(&d.k, false);
	same(door_ask(&d, boss, "RELOAD", "{}"), "OK");
	same(hall_hear(&d.h, work), "STOP");
	hall_ready(work, 1);
	while (forbidden(&d) == 0) {
	}
	same(hall_hear_for(&d.h, work, NOT_MS), "");
	bus_socket_close(work);
	bus_socket_close(boss);
	door_close(&d);
}

/* A client that could choose its address could wait for another's to be free. */
Test(daemon_attacks, attack_05_routing_id_is_not_a_keys_to_choose)
{
	void *ctx = zmq_ctx_new();
	char verb[32];
	char json[2048];
	struct bus_socket *front;
	struct door d;
	void *s;

	door_open(&d);
	front = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	door_submit(&d, front, DOOR_SUBMISSION);
	s = claim(ctx, &d, d.front, "victim", &d.k.lab);
	for (int i = 0; i < 2; i++) {
		say(s, i ? "HELLO" : "SUBMIT", i ? "{}" : DOOR_SUBMISSION);
		hear(s, HALL_MS, verb, json);
		same(verb, "FORBIDDEN");
		cr_assert(ne(ptr, strstr(json, "the routing id is ZeroMQ's to choose"), NULL), "%s",
			  json);
	}
	(void)zmq_close(s);
	s = claim(ctx, &d, d.control, "victim", &d.k.boss);
	say(s, "DRAIN", "{}");
	hear(s, HALL_MS, verb, json);
	same(verb, "FORBIDDEN");
	(void)zmq_close(s);
	same(hall_hear(&d.h, front), "JUDGMENT");
	bus_socket_close(front);
	(void)zmq_ctx_term(ctx);
	door_close(&d);
}

/* Over RUNTIME's sockets an id may be chosen; a second one of the same name is not heard. */
Test(daemon_attacks, attack_05_id_of_one_that_is_there_cannot_be_taken)
{
	void *ctx = zmq_ctx_new();
	char at[BUS_ENDPOINT_SIZE];
	char verb[32];
	char json[2048];
	struct door d = { 0 };
	void *first;
	void *second;

	hall_open(&d.h, hall_settings("", hall_model("m", 1)));
	hall_wait_open(&d.h);
	(void)snprintf(at, sizeof at, "ipc://%s/front", d.h.d.config.daemon.runtime);
	first = claim(ctx, &d, at, "victim", NULL);
	say(first, "SUBMIT",
	    "{\"stream\":\"s\",\"case\":\"c\",\"wait\":true,\"complete\":true,\"parts\":[]}");
	hear(first, HALL_MS, verb, json);
	same(verb, "ACCEPTED");
	second = claim(ctx, &d, at, "victim", NULL);
	say(second, "HELLO", "{}");
	hear(second, NOT_MS, verb, json);
	same(verb, "");
	hear(first, HALL_MS, verb, json);
	same(verb, "JUDGMENT");
	say(first, "HELLO", "{}");
	hear(first, HALL_MS, verb, json);
	same(verb, "HELLO");
	(void)zmq_close(first);
	(void)zmq_close(second);
	(void)zmq_ctx_term(ctx);
	hall_close(&d.h);
}

static const char *part(struct door *d, struct bus_socket *front, const char *id, size_t bytes)
{
	char text[512] = "";
	const struct bus_frame f = { text, bytes, NULL };
	char sha256[IO_DIGEST_SIZE];
	char json[512];
	struct as_err e = { 0 };

	memset(text, id[0], bytes);
	io_digest(text, bytes, sha256);
	(void)snprintf(json, sizeof json,
		       "{\"stream\":\"s\",\"case\":\"%s\",\"parts\":[{\"name\":\"a\",\"page\":0,"
		       "\"type\":\"text/plain\",\"size\":%zu,\"sha256\":\"%s\"}]}",
		       id, bytes, sha256);
	ok(bus_wait_ready(front, HALL_MS, &e));
	do {
		hall_say(front, "SUBMIT", json, &f, 1);
	} while (strcmp(hall_hear(&d->h, front), "UNAVAILABLE") == 0);
	return d->h.c.verb;
}

/* lab and nosy may submit to s; lab has the share. */
static void flood_open(struct door *d, const char *keys, const char *share)
{
	struct as_buf b = { 0 };
	struct bus_socket *control;

	door_open_with(d, keys);
	as_buf_printf(&b,
		      "[client.lab]\nkey = %s\nsubmit = s\n%s\n[client.nosy]\nkey = %s\n"
		      "submit = s\n[client.boss]\nkey = %s\nadmin = *\n"
		      "[client.machine]\nkey = %s\nwork = true\n",
		      d->k.lab.public, share, d->k.nosy.public, d->k.boss.public,
		      d->k.machine.public);
	cr_assert(zero(int, chmod(tmpdir_file("clients.ini", b.data), 0644)));
	as_buf_free(&b);
	control = door_knock(d, d->control, BUS_DEALER, &d->k.boss);
	same(door_ask(d, control, "RELOAD", "{}"), "OK");
	bus_socket_close(control);
}

Test(daemon_attacks, attack_18_flood_of_one_client_leaves_room_for_others)
{
	static const char *const id[] = { "a", "b", "c", "d", "e" };
	struct bus_socket *lab;
	struct bus_socket *other;
	struct bus_socket *control;
	struct door d;

	flood_open(&d, "open_cases = 10\ngrace_ms = 0", "");
	lab = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	other = door_knock(&d, d.front, BUS_DEALER, &d.k.nosy);
	control = door_knock(&d, d.control, BUS_DEALER, &d.k.boss);
	for (size_t i = 0; i < 5; i++) {
		same(part(&d, lab, id[i], 1), "ACCEPTED");
	}
	same(part(&d, lab, "f", 1), "BUSY");
	same(hall_str(&d.h, "limit"), "share");
	cr_assert(lt(u64, 0, io_json_find_u64(d.h.c.doc, "retry_after_ms", 0)));
	same(part(&d, lab, "a", 1), "ACCEPTED"); /* it is there already */
	same(part(&d, other, "g", 1), "ACCEPTED");
	same(door_ask(&d, control, "RELOAD", "{}"), "OK"); /* what it has stays its own */
	same(part(&d, lab, "f", 1), "BUSY");
	same(door_ask(&d, lab, "SUBMIT",
		      "{\"stream\":\"s\",\"case\":\"h\",\"complete\":true,\"parts\":[]}"),
	     "BUSY");
	same(door_ask(&d, other, "SUBMIT",
		      "{\"stream\":\"s\",\"case\":\"h\",\"complete\":true,\"parts\":[]}"),
	     "ACCEPTED");
	bus_socket_close(lab);
	bus_socket_close(other);
	bus_socket_close(control);
	door_close(&d);
}

Test(daemon_attacks, attack_18_share_of_bytes_is_the_one_that_was_set)
{
	struct bus_socket *lab;
	struct bus_socket *other;
	struct bus_socket *work;
	struct as_err e = { 0 };
	struct hall_job j;
	struct door d;

	flood_open(&d,
		   "part_bytes = 1000\ncase_bytes = 1000\nqueue_bytes = 1000\n"
		   "grace_ms = 0",
		   "share = 40");
	lab = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	other = door_knock(&d, d.front, BUS_DEALER, &d.k.nosy);
	same(part(&d, lab, "a", 200), "ACCEPTED");
	same(part(&d, lab, "b", 201), "BUSY");
	same(hall_str(&d.h, "limit"), "share");
	same(part(&d, lab, "c", 200), "ACCEPTED");
	same(part(&d, lab, "d", 1), "BUSY");
	same(part(&d, other, "e", 300), "ACCEPTED");
	same(part(&d, other, "f", 301), "BUSY");
	same(hall_str(&d.h, "limit"), "share");
	same(part(&d, other, "g", 200), "ACCEPTED");
	same(part(&d, other, "h", 101), "BUSY");
	/* What is encoded has gone from the share. */
	work = hall_connect(&d.h, BUS_DEALER, "work");
	d.h.features = hall_connect(&d.h, BUS_PUSH, "features");
	ok(bus_wait_ready(work, HALL_MS, &e));
	hall_work(&d.h, work, 1);
	j = hall_job(&d.h, work);
	hall_encode(&d.h, &j, 1.0F);
	while (strcmp(part(&d, lab, "b", 200), "BUSY") == 0) {
		same(hall_str(&d.h, "limit"), "share");
	}
	same(d.h.c.verb, "ACCEPTED");
	bus_socket_close(lab);
	bus_socket_close(other);
	bus_socket_close(work);
	door_close(&d);
}

/* Pages of all clients wait in one queue: of one that has used its share up, the share is what the
 * others wait for. */
Test(daemon_attacks, attack_18_others_wait_for_a_share_of_the_queue_and_no_longer)
{
	enum { OPEN = 2000, SHARE = OPEN / 2, BOUND_S = 30 };
	const char *machine = tmpdir_path("machine");
	struct bus_socket *lab;
	struct bus_socket *other;
	struct proc worker;
	struct as_err e = { 0 };
	struct door d;
	int64_t began;
	char id[16];

	flood_open(&d, "open_cases = 2000\ngrace_ms = 0", "");
	ok(bus_keys_save(&d.k.machine, machine, &e));
	lab = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	other = door_knock(&d, d.front, BUS_DEALER, &d.k.nosy);
	for (int i = 0; i < SHARE; i++) {
		(void)snprintf(id, sizeof id, "%d", i);
		same(part(&d, lab, id, 1), "ACCEPTED");
	}
	same(part(&d, lab, "more", 1), "BUSY");
	same(part(&d, other, "other", 1), "ACCEPTED");
	same(door_ask(&d, other, "SUBMIT",
		      "{\"stream\":\"s\",\"case\":\"other\",\"wait\":true,\"complete\":true,"
		      "\"parts\":[]}"),
	     "ACCEPTED");
	began = as_mono_ns();
	proc_start(&worker,
		   (const char *const[]){ "assay-worker", "--plugin", BUILD_DIR "/plugins/null.so",
					  "--work", d.work, "--models", tmpdir_path("state/models"),
					  "--key", machine, "--server-key", tmpdir_path("key.pub"),
					  NULL },
		   NULL);
	same(hall_hear(&d.h, other), "JUDGMENT");
	same(hall_data(&d.h, "kind"), "result");
	(void)fprintf(stderr, "behind %d pages: %lld ms\n", SHARE,
		      (long long)(as_mono_ns() - began) / 1000000);
	cr_assert(lt(i64, as_mono_ns() - began, BOUND_S * INT64_C(1000000000)));
	bus_socket_close(lab);
	bus_socket_close(other);
	door_close(&d);
	cr_assert(zero(int, proc_wait(&worker, PROC_MS)), "%s", worker.err.data);
	proc_free(&worker);
}

/* libzmq keeps every subscription that was asked for: who asks for what is not there too often is
 * cut, and does not come back before the list is read anew; others come back by themselves. */
Test(daemon_attacks, attack_11_subscriptions_to_nothing_end)
{
	struct bus_socket *feed;
	struct bus_socket *other;
	struct bus_socket *front;
	struct bus_socket *control;
	struct as_err e = { 0 };
	struct door d;
	char topic[32];

	door_open(&d);
	front = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	control = door_knock(&d, d.control, BUS_DEALER, &d.k.boss);
	other = door_knock(&d, d.feed, BUS_SUB, &d.k.boss);
	ok(bus_subscribe(other, "s/", &e));
	ok(bus_recv_wait(other, &d.h.m, HALL_MS, &e));
	feed = door_knock(&d, d.feed, BUS_SUB, &d.k.lab);
	for (int i = 0; i < DM_FEED_FAULTS - 1; i++) {
		(void)snprintf(topic, sizeof topic, "none%d/", i);
		ok(bus_subscribe(feed, topic, &e));
	}
	ok(bus_subscribe(feed, "s/", &e));
	ok(bus_recv_wait(feed, &d.h.m, HALL_MS, &e)); /* not one too many */
	same(door_ask(&d, front, "REPLAY", "{\"stream\":\"s\",\"after\":0}"), "END");
	ok(bus_subscribe(feed, "no name", &e));
	do {
		(void)door_ask(&d, front, "REPLAY", "{\"stream\":\"s\",\"after\":0}");
	} while (strcmp(d.h.c.verb, "END") == 0);
	same(d.h.c.verb, "FORBIDDEN");
	do { /* what was under way when the feed was cut */
	} while (bus_recv_wait(feed, &d.h.m, 3 * DM_TICK_MS / 2, &e) == AS_OK);
	while (bus_recv(other, &d.h.m, &e) == AS_OK) { /* those queued before */
	}
	ok(bus_recv_wait(other, &d.h.m, HALL_MS, &e));
	same(door_ask(&d, front, "SUBMIT", DOOR_SUBMISSION), "ACCEPTED"); /* its other rights */
	same(hall_hear(&d.h, front), "JUDGMENT");
	same(door_ask(&d, control, "RELOAD", "{}"), "OK");
	same(door_ask(&d, front, "REPLAY", "{\"stream\":\"s\",\"after\":0}"), "JUDGMENT");
	bus_socket_close(feed);
	bus_socket_close(other);
	bus_socket_close(front);
	bus_socket_close(control);
	door_close(&d);
}
