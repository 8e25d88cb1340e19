/* SPDX-License-Identifier: Apache-2.0
 * door.h - a daemon in a thread of the test whose sockets ask for keys, and some keys. */
#ifndef TESTS_DAEMON_DOOR_H
#define TESTS_DAEMON_DOOR_H

#include "tests/daemon/hall.h"

#include <sys/stat.h>

/* For what must not come, after a peer that was later was heard. */
enum { NOT_MS = 400 };

struct door_keys {
	struct bus_keys daemon, lab, nosy, machine, boss, stranger;
};

static inline const char *door_settings(const char *keys, const char *model)
{
	struct as_buf b = { 0 };
	const char *path;

	as_buf_printf(&b,
		      "front = tcp://127.0.0.1:*\nfeed = tcp://127.0.0.1:*\n"
		      "work = tcp://127.0.0.1:*\nfeatures = tcp://127.0.0.1:*\n"
		      "control = tcp://127.0.0.1:*\nkey = key\nclients = clients.ini\n%s",
		      keys);
	path = hall_settings(b.data, model);
	as_buf_free(&b);
	return path;
}

/* The list of clients: lab may all with stream s unless lab_too is false, nosy with another. */
static inline void door_clients(const struct door_keys *k, bool lab_too)
{
	struct as_buf b = { 0 };

	if (lab_too) {
		as_buf_printf(&b, "[client.lab]\nkey = %s\nsubmit = s\nsubscribe = s\n",
			      k->lab.public);
	}
	as_buf_printf(&b,
		      "[client.nosy]\nkey = %s\nsubmit = t\nsubscribe = t\n"
		      "[client.boss]\nkey = %s\nadmin = *\nsubscribe = s\n",
		      k->nosy.public, k->boss.public);
	if (lab_too) {
		as_buf_printf(&b, "[client.machine]\nkey = %s\nwork = true\n", k->machine.public);
	}
	cr_assert(zero(int, chmod(tmpdir_file("clients.ini", b.data), 0644)));
	as_buf_free(&b);
}

struct door {
	struct hall h;
	struct door_keys k;
	char front[BUS_ENDPOINT_SIZE], feed[BUS_ENDPOINT_SIZE], control[BUS_ENDPOINT_SIZE],
	    work[BUS_ENDPOINT_SIZE], features[BUS_ENDPOINT_SIZE];
};

/* The addresses are read before the loop runs; hall's own ends use ipc where there is one. */
static inline void door_make(struct door *d, const char *keys)
{
	struct as_err e = { 0 };
	struct bus_keys *all = &d->k.daemon;

	*d = (struct door){ 0 };
	for (size_t i = 0; i < sizeof d->k / sizeof *all; i++) {
		ok(bus_keys_make(&all[i], &e));
	}
	ok(bus_keys_save(&d->k.daemon, tmpdir_path("key"), &e));
	door_clients(&d->k, true);
	d->h = (struct hall){ .d.log = { .fd = STDERR_FILENO, .level = AS_ERROR, .who = "hall" } };
	d->h.d.self = "/nonexistent/assayd";
	ok(io_config_load(&d->h.d.config, door_settings(keys, hall_model("m", 1)), &e));
	ok(dm_start(&d->h.d, &e));
	(void)snprintf(d->front, sizeof d->front, "%s", bus_endpoint(d->h.d.front));
	(void)snprintf(d->feed, sizeof d->feed, "%s", bus_endpoint(d->h.d.feed));
	(void)snprintf(d->control, sizeof d->control, "%s", bus_endpoint(d->h.d.control));
	(void)snprintf(d->work, sizeof d->work, "%s", bus_endpoint(d->h.d.work));
	(void)snprintf(d->features, sizeof d->features, "%s", bus_endpoint(d->h.d.features));
}

static inline void door_open_with(struct door *d, const char *keys)
{
	struct as_err e = { 0 };

	door_make(d, keys);
	ok(bus_open(&d->h.bus, &e));
	cr_assert(zero(int, pthread_create(&d->h.thread, NULL, hall_run, &d->h)));
}

static inline void door_open(struct door *d)
{
	door_open_with(d, "");
}

static inline struct bus_socket *door_knock(struct door *d, const char *at, enum bus_type type,
					    const struct bus_keys *own)
{
	const struct bus_curve c = { .own = own, .server = d->k.daemon.public };
	const struct bus_options o = {
		.type = type, .endpoint = at, .hwm = 1000, .max_bytes = -1, .curve = own ? &c : NULL
	};
	struct bus_socket *s = NULL;
	struct as_err e = { 0 };

	ok(bus_socket_open(&s, d->h.bus, &o, &e));
	return s;
}

/* Sends when the connection stands, or fails. */
static inline const char *door_ask(struct door *d, struct bus_socket *s, const char *verb,
				   const char *json)
{
	struct as_err e = { 0 };

	ok(bus_wait_ready(s, HALL_MS, &e));
	return hall_ask(&d->h, s, verb, json);
}

static inline void door_close(struct door *d)
{
	d->h.control = hall_connect(&d->h, BUS_DEALER, "control");
	hall_close(&d->h);
}

static const char DOOR_SUBMISSION[] = "{\"stream\":\"s\",\"case\":\"c\",\"complete\":true,"
				      "\"wait\":true,\"parts\":[]}";

/* SUBMIT until the stream is open. */
static inline void door_submit(struct door *d, struct bus_socket *s, const char *json)
{
	const char *verb;

	do {
		verb = door_ask(d, s, "SUBMIT", json);
	} while (strcmp(verb, "UNAVAILABLE") == 0);
	same(verb, "ACCEPTED");
}

#endif
