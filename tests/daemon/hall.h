/* SPDX-License-Identifier: Apache-2.0
 * hall.h - a daemon in a thread of the test, with a model of two parts, "a" and "b", of modality
 * "null"; the test is its client and its workers. */
#ifndef TESTS_DAEMON_HALL_H
#define TESTS_DAEMON_HALL_H

#include "core/base/buf.h"
#include "daemon/daemon.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { HALL_MS = 30000, HALL_DIM = 16 };

/* A model file with random weights, of two parts with these names of one letter. */
static inline const char *hall_model_of(const char *name, uint64_t seed, const char *parts)
{
	static char *labels[] = { (char *)"no", (char *)"yes" };
	static struct io_column column = { .name = (char *)"file" };
	static const size_t dim[IO_PARTS_MAX] = { HALL_DIM, HALL_DIM };
	struct io_task t = { .kind = IO_CLASS,
			     .name = "nulls",
			     .target = (char *)"label",
			     .label = labels,
			     .labels = 2,
			     .coverage = 0.9,
			     .parts = 2 };
	struct nn_params ps = { 0 };
	const struct nn_params *const sets[] = { &ps };
	struct as_buf task = { 0 };
	struct io_jw w = { .b = &task };
	struct as_err e = { 0 };
	struct fu_model m;
	struct as_rng r;
	char sources[256];

	(void)snprintf(
	    sources, sizeof sources,
	    "{\"%c\":{\"modality\":\"null\",\"name\":\"null\",\"version\":\"1\",\"dim\":16,"
	    "\"frozen\":true},\"%c\":{\"modality\":\"null\",\"name\":\"null\",\"version\":\"1\","
	    "\"dim\":16,\"frozen\":true}}",
	    parts[0], parts[1]);
	io_hyper_defaults(&t.hyper);
	t.hyper.width = 8;
	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(t.part[i].name, sizeof t.part[i].name, "%c", parts[i]);
		(void)snprintf(t.part[i].modality, sizeof t.part[i].modality, "null");
		t.part[i].column = &column;
		t.part[i].columns = 1;
		t.part[i].repeat = 1;
	}
	io_task_write(&t, &w, NULL);
	fu_model_init(&m, &ps, &t, dim);
	as_rng_seed(&r, seed, 0);
	nn_params_start(&ps, &r);
	{
		const struct io_meta meta[] = { { "format", "assay-model-1" },
						{ "name", name },
						{ "task", task.data },
						{ "encoders", sources },
						{ "calibration", "{}" } };

		ok(io_model_save(tmpdir_path(name), sets, 1, meta, 5, &e));
	}
	nn_params_free(&ps);
	as_buf_free(&task);
	return tmpdir_path(name);
}

static inline const char *hall_model(const char *name, uint64_t seed)
{
	return hall_model_of(name, seed, "ab");
}

/* A page that an earlier daemon accepted, as it was when that one ended. */
struct hall_left {
	const char *id, *part;
	const char *data; /* NULL: the id */
	enum st_out out;
	uint32_t strikes;
	bool more; /* the case has other pages, which are left after this one */
};

static inline void hall_leave(struct hall_left l)
{
	const char *data = l.data ? l.data : l.id;
	char sha256[IO_DIGEST_SIZE];
	char key[64];
	struct st_page page = { .name = l.part,
				.type = "text/plain",
				.sha256 = sha256,
				.data = data,
				.size = strlen(data),
				.out = l.out };
	const struct st_submission in = { .stream = "s",
					  .kase = l.id,
					  .key = key,
					  .manifest = sha256,
					  .complete = !l.more,
					  .received = 1000,
					  .page = &page,
					  .pages = 1 };
	struct st_store *s;
	struct st_answer a;
	struct as_err e = { 0 };

	io_digest(data, strlen(data), sha256);
	(void)snprintf(key, sizeof key, "%s %s", l.id, l.part);
	ok(st_open(&s, tmpdir_path("state"), &e));
	ok(st_begin(s, &e));
	ok(st_submit(s, &in, &a, &e));
	page.strikes = l.strikes;
	ok(st_attempt(s, "s", l.id, &page, &e));
	ok(st_commit(s, &e));
	st_close(s);
}

struct hall {
	struct dm_daemon d;
	pthread_t thread;
	int rc;
	struct as_err e;
	struct bus *bus;
	struct bus_socket *front, *control, *work, *features; /* the test's ends */
	struct bus_msg m;
	struct bus_call c; /* what was heard last, on whichever */
};

/* Settings with these keys of [daemon] and this model. */
static inline const char *hall_settings(const char *keys, const char *model)
{
	struct as_buf b = { 0 };
	const char *path;

	as_buf_printf(&b,
		      "[daemon]\nstate = state\nruntime = run\nlog_level = error\n%s\n"
		      "[stream.s]\nmodel = %s\ndeadline_ms = 600000\n",
		      keys, model);
	path = tmpdir_file("assayd.ini", b.data);
	as_buf_free(&b);
	return path;
}

static inline void *hall_run(void *arg)
{
	struct hall *h = arg;

	h->rc = dm_loop(&h->d, &h->e);
	return NULL;
}

static inline struct bus_socket *hall_connect(struct hall *h, enum bus_type type, const char *name)
{
	char at[BUS_ENDPOINT_SIZE];
	struct bus_options o = {
		.type = type, .endpoint = at, .hwm = 100, .linger_ms = 1000, .max_bytes = -1
	};
	struct bus_socket *s = NULL;
	struct as_err e = { 0 };

	(void)snprintf(at, sizeof at, "ipc://%s/%s", h->d.config.daemon.runtime, name);
	ok(bus_socket_open(&s, h->bus, &o, &e));
	ok(bus_wait_ready(s, HALL_MS, &e));
	return s;
}

static inline void hall_open(struct hall *h, const char *settings)
{
	struct as_err e = { 0 };

	*h = (struct hall){ .d.log = { .fd = STDERR_FILENO, .level = AS_ERROR, .who = "hall" } };
	h->d.self = "/nonexistent/assayd";
	ok(io_config_load(&h->d.config, settings, &e));
	ok(dm_start(&h->d, &e));
	ok(bus_open(&h->bus, &e));
	cr_assert(zero(int, pthread_create(&h->thread, NULL, hall_run, h)));
	h->front = hall_connect(h, BUS_DEALER, "front");
	h->control = hall_connect(h, BUS_DEALER, "control");
	h->work = hall_connect(h, BUS_DEALER, "work");
	h->features = hall_connect(h, BUS_PUSH, "features");
}

/* Waits for the daemon to end by itself. */
static inline void hall_join(struct hall *h)
{
	(void)pthread_join(h->thread, NULL);
	cr_assert(eq(int, h->rc, AS_OK), "%s", h->e.msg);
	dm_stop(&h->d);
	io_config_free(&h->d.config);
	bus_call_free(&h->c);
	bus_msg_free(&h->m);
	bus_socket_close(h->front);
	bus_socket_close(h->control);
	bus_socket_close(h->work);
	bus_socket_close(h->features);
	bus_close(h->bus);
}

/* The verb of the next message, or "" where none comes in time. */
static inline const char *hall_hear_for(struct hall *h, struct bus_socket *s, int wait_ms)
{
	struct as_err e = { 0 };

	bus_call_free(&h->c);
	if (bus_recv_wait(s, &h->m, wait_ms, &e) != AS_OK) {
		return "";
	}
	ok(bus_call_read(&h->c, &h->m, 0, &e));
	return h->c.verb;
}

static inline const char *hall_hear(struct hall *h, struct bus_socket *s)
{
	return hall_hear_for(h, s, HALL_MS);
}

static inline void hall_say(struct bus_socket *s, const char *verb, const char *json,
			    const struct bus_frame *f, size_t n)
{
	struct as_buf b = { 0 };
	const struct bus_say say = { verb, &b, f, n };
	struct as_err e = { 0 };

	as_buf_puts(&b, json);
	ok(bus_call_send(s, &say, &e));
	as_buf_free(&b);
}

static inline const char *hall_ask(struct hall *h, struct bus_socket *s, const char *verb,
				   const char *json)
{
	hall_say(s, verb, json, NULL, 0);
	return hall_hear(h, s);
}

/* Waits until the stream is open: a daemon that has just been started says UNAVAILABLE. */
static inline void hall_wait_open(struct hall *h)
{
	do {
		same(hall_ask(h, h->front, "HELLO", "{}"), "HELLO");
	} while (io_json_len(io_json_find(h->c.doc, "streams")) == 0);
}

/* SUBMIT of one part with wait; the verb of the answer. */
static inline const char *hall_submit(struct hall *h, const char *id, const char *part,
				      const char *text)
{
	const struct bus_frame f = { text, strlen(text), NULL };
	char sha256[IO_DIGEST_SIZE];
	char json[512];

	io_digest(text, strlen(text), sha256);
	(void)snprintf(
	    json, sizeof json,
	    "{\"stream\":\"s\",\"case\":\"%s\",\"wait\":true,\"parts\":[{\"name\":\"%s\","
	    "\"page\":0,\"type\":\"text/plain\",\"size\":%zu,\"sha256\":\"%s\"}]}",
	    id, part, strlen(text), sha256);
	hall_say(h->front, "SUBMIT", json, &f, 1);
	return hall_hear(h, h->front);
}

static inline void hall_ready(struct bus_socket *work, int credit)
{
	char json[160];

	(void)snprintf(
	    json, sizeof json,
	    "{\"modality\":\"null\",\"encoder\":\"null\",\"version\":\"1\",\"credit\":%d,"
	    "\"pid\":1}",
	    credit);
	hall_say(work, "READY", json, NULL, 0);
}

/* Answers MODEL, which was heard last. */
static inline void hall_loaded(struct hall *h, struct bus_socket *work, unsigned dim)
{
	char json[160];

	same(h->c.verb, "MODEL");
	(void)snprintf(json, sizeof json, "{\"model\":\"%s\",\"dim\":%u,\"rows_max\":4}",
		       io_json_find_str(h->c.doc, "model", ""), dim);
	hall_say(work, "LOADED", json, NULL, 0);
}

/* A worker that is ready for jobs. */
static inline void hall_work(struct hall *h, struct bus_socket *work, int credit)
{
	hall_ready(work, credit);
	same(hall_hear(h, work), "MODEL");
	hall_loaded(h, work, HALL_DIM);
}

/* One job as it was heard. */
struct hall_job {
	uint64_t id;
	char model[IO_DIGEST_SIZE];
	char part[IO_NAME_SIZE];
	char text[32];
};

static inline struct hall_job hall_job(struct hall *h, struct bus_socket *work)
{
	struct hall_job j = { 0 };

	same(hall_hear(h, work), "JOB");
	j.id = io_json_find_u64(h->c.doc, "job", 0);
	(void)snprintf(j.model, sizeof j.model, "%s", io_json_find_str(h->c.doc, "model", ""));
	(void)snprintf(j.part, sizeof j.part, "%s", io_json_find_str(h->c.doc, "part", ""));
	(void)snprintf(j.text, sizeof j.text, "%.*s", (int)bus_size(&h->m, 3),
		       (const char *)bus_data(&h->m, 3));
	return j;
}

static inline void hall_running(struct bus_socket *work, const struct hall_job *j)
{
	char json[64];

	(void)snprintf(json, sizeof json, "{\"job\":%llu}", (unsigned long long)j->id);
	hall_say(work, "RUNNING", json, NULL, 0);
}

/* One row of x. */
static inline void hall_encode(struct hall *h, const struct hall_job *j, float x)
{
	float v[HALL_DIM];
	const struct assay_place place = { .label = "here" };
	const struct bus_frame f[] = { { v, sizeof v, NULL }, { &place, sizeof place, NULL } };
	char json[256];

	for (size_t i = 0; i < HALL_DIM; i++) {
		v[i] = x;
	}
	(void)snprintf(json, sizeof json,
		       "{\"job\":%llu,\"model\":\"%s\",\"rows\":1,\"dim\":16,"
		       "\"ms\":{\"decode\":0.25,\"encode\":0.5}}",
		       (unsigned long long)j->id, j->model);
	hall_say(h->features, "FEATURES", json, f, 2);
}

/* Ends the daemon, which has nothing in hand. */
static inline void hall_close(struct hall *h)
{
	same(hall_ask(h, h->control, "DRAIN", "{}"), "OK");
	hall_join(h);
}

static inline const char *hall_str(const struct hall *h, const char *key)
{
	return io_json_find_str(h->c.doc, key, "");
}

static inline const char *hall_data(const struct hall *h, const char *key)
{
	return io_json_find_str(io_json_find(h->c.doc, "data"), key, "");
}

#endif
