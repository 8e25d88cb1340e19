/* SPDX-License-Identifier: Apache-2.0
 * A worker in a thread; the test is its daemon. */
#include "core/base/buf.h"
#include "core/bus/call.h"
#include "core/io/digest.h"
#include "encoders/worker/stage.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(worker_stage, .timeout = 60);

enum { WAIT_MS = 20000 };

static const struct as_log quiet = { .fd = -1, .level = AS_ERROR, .who = "test" };

/* Encodes a page into its size; "refuse" is refused, "break" breaks the encoder once. */
struct assay_encoder {
	bool *broke;
};

static bool broke_once;
static sem_t go; /* "wait" waits for it */

static int create(const struct assay_host *host, struct assay_encoder **out, char *why, size_t n)
{
	if (host->config(host->ctx, "model") == NULL) {
		(void)snprintf(why, n, "no model");
		return ASSAY_BAD_CONFIG;
	}
	*out = calloc(1, sizeof **out);
	(*out)->broke = &broke_once;
	return ASSAY_DONE;
}

static void destroy(struct assay_encoder *enc)
{
	free(enc);
}

static void shape(const struct assay_encoder *enc, uint32_t *dim, uint32_t *rows_max)
{
	(void)enc;
	*dim = 1;
	*rows_max = 2;
}

static bool is(const struct assay_item *item, const char *text)
{
	return item->size == strlen(text) && memcmp(item->data, text, item->size) == 0;
}

static int encode(struct assay_encoder *enc, const struct assay_item *items,
		  struct assay_features *out, uint32_t n)
{
	(void)n;
	while (is(items, "wait") && sem_wait(&go) != 0) {
		continue;
	}
	if (is(items, "always") || (is(items, "break") && !*enc->broke)) {
		*enc->broke = true;
		return ASSAY_BROKEN;
	}
	out->rows = is(items, "refuse") ? 0 : 1;
	out->limit = "depth";
	out->why = "too deep";
	out->v[0] = (float)items->size;
	(void)snprintf(out->place[0].label, sizeof out->place[0].label, "%s", items->part);
	return ASSAY_DONE;
}

static const struct assay_plugin entry = {
	.abi_major = ASSAY_ABI_MAJOR,
	.size = sizeof(struct assay_plugin),
	.modality = "series",
	.name = "size",
	.version = "1",
	.create = create,
	.destroy = destroy,
	.shape = shape,
	.encode = encode,
};

struct scene {
	struct bus *bus;
	struct bus_socket *work, *features;
	struct bus_bytes *worker;
	struct bus_msg m;
	struct bus_call c;
	struct enc_stage_options o;
	struct pl_plugin plugin;
	pthread_t thread;
	int rc;
	struct as_err e;
	char sha256[IO_DIGEST_SIZE];
};

static void *run(void *arg)
{
	struct scene *s = arg;

	s->rc = enc_stage_run(s->bus, &s->plugin, &s->o, &s->e);
	return NULL;
}

static struct bus_socket *listen_at(struct scene *s, enum bus_type type, const char *at)
{
	struct bus_socket *sock = NULL;
	struct as_err e = { 0 };

	ok(bus_socket_open(
	    &sock, s->bus,
	    &(struct bus_options){
		.type = type, .endpoint = at, .bind = true, .hwm = 100, .max_bytes = 1 << 20 },
	    &e));
	return sock;
}

static const char *hear_work(struct scene *s)
{
	struct as_err e = { 0 };

	bus_call_free(&s->c);
	ok(bus_recv_wait(s->work, &s->m, WAIT_MS, &e));
	ok(bus_call_read(&s->c, &s->m, 1, &e));
	return s->c.verb;
}

static const char *hear_features(struct scene *s)
{
	struct as_err e = { 0 };

	bus_call_free(&s->c);
	ok(bus_recv_wait(s->features, &s->m, WAIT_MS, &e));
	ok(bus_call_read(&s->c, &s->m, 0, &e));
	return s->c.verb;
}

static void tell(struct scene *s, const char *verb, const char *json, const char *bytes)
{
	const struct bus_frame peer = { .kept = s->worker };
	const struct bus_frame f = { bytes, bytes ? strlen(bytes) : 0, NULL };
	struct as_buf b = { 0 };
	const struct bus_say say = { verb, &b, &f, bytes ? 1 : 0 };
	struct as_err e = { 0 };

	as_buf_puts(&b, json);
	ok(bus_call_reply(s->work, &peer, &say, &e));
	as_buf_free(&b);
}

static void scene_open(struct scene *s)
{
	struct as_err e = { 0 };

	*s = (struct scene){ .plugin.entry = &entry, .o = { .log = &quiet, .token = "t0" } };
	ok(bus_open(&s->bus, &e));
	s->work = listen_at(s, BUS_ROUTER, "tcp://127.0.0.1:*");
	s->features = listen_at(s, BUS_PULL, "tcp://127.0.0.1:*");
	s->o.work = bus_endpoint(s->work);
	cr_assert(zero(int, pthread_create(&s->thread, NULL, run, s)));
	same(hear_work(s), "READY");
	s->worker = bus_take(&s->m, 0);
}

static void scene_close(struct scene *s)
{
	tell(s, "STOP", "{}", NULL);
	(void)pthread_join(s->thread, NULL);
	cr_assert(eq(int, s->rc, AS_OK), "%s", s->e.msg);
	bus_bytes_free(s->worker);
	bus_call_free(&s->c);
	bus_msg_free(&s->m);
	bus_socket_close(s->work);
	bus_socket_close(s->features);
	bus_close(s->bus);
}

/* MODEL with a file of these bytes, under a digest of its own or of others. */
static void name_model(struct scene *s, const char *bytes, const char *said)
{
	char json[1024];

	io_digest(said, strlen(said), s->sha256);
	(void)snprintf(json, sizeof json, "{\"model\":\"%s\",\"path\":\"%s\",\"features\":\"%s\"}",
		       s->sha256, tmpdir_file("model", bytes), bus_endpoint(s->features));
	tell(s, "MODEL", json, NULL);
}

static void give(struct scene *s, int job, const char *bytes)
{
	char json[256];

	(void)snprintf(json, sizeof json,
		       "{\"job\":%d,\"model\":\"%s\",\"part\":\"trace\",\"page\":2,"
		       "\"type\":\"text/plain\",\"size\":%zu}",
		       job, s->sha256, strlen(bytes));
	tell(s, "JOB", json, bytes);
}

Test(worker_stage, says_what_it_is_loads_and_encodes)
{
	struct scene s;
	struct assay_place place;
	float v;

	scene_open(&s);
	same(io_json_find_str(s.c.doc, "modality", ""), "series");
	same(io_json_find_str(s.c.doc, "encoder", ""), "size");
	same(io_json_find_str(s.c.doc, "version", ""), "1");
	same(io_json_find_str(s.c.doc, "token", ""), "t0");
	cr_assert(eq(u64, io_json_find_u64(s.c.doc, "credit", 0), ENC_CREDIT));
	name_model(&s, "weights", "weights");
	same(hear_work(&s), "LOADED");
	cr_assert(eq(u64, io_json_find_u64(s.c.doc, "dim", 0), 1));
	cr_assert(eq(u64, io_json_find_u64(s.c.doc, "rows_max", 0), 2));
	give(&s, 7, "abcde");
	same(hear_work(&s), "RUNNING");
	cr_assert(eq(u64, io_json_find_u64(s.c.doc, "job", 0), 7));
	same(hear_features(&s), "FEATURES");
	same(io_json_find_str(s.c.doc, "model", ""), s.sha256);
	cr_assert(eq(sz, s.c.frames, (size_t)2));
	memcpy(&v, bus_data(&s.m, 3), sizeof v);
	cr_assert(eq(flt, v, 5.0F));
	cr_assert(eq(sz, bus_size(&s.m, 4), sizeof place));
	memcpy(&place, bus_data(&s.m, 4), sizeof place);
	same(place.label, "trace");
	cr_assert(eq(u32, place.page, 2));
	scene_close(&s);
}

/* Jobs queue up behind the first: a job is named as running in the answer before it or by itself.
 */
Test(worker_stage, every_job_is_named_once_before_it_is_answered)
{
	enum { JOBS = 20 };
	bool named[JOBS + 1] = { false };
	struct scene s;

	cr_assert(zero(int, sem_init(&go, 0, 0)));
	scene_open(&s);
	name_model(&s, "weights", "weights");
	same(hear_work(&s), "LOADED");
	give(&s, 1, "wait");
	same(hear_work(&s), "RUNNING");
	named[1] = true;
	for (int i = 2; i <= JOBS; i++) {
		give(&s, i, "abc");
	}
	cr_assert(zero(int, sem_post(&go)));
	for (uint64_t i = 1; i <= JOBS; i++) {
		uint64_t next;

		same(hear_features(&s), "FEATURES");
		cr_assert(eq(u64, io_json_find_u64(s.c.doc, "job", 0), i));
		next = io_json_find_u64(s.c.doc, "running", 0);
		if (!named[i]) {
			same(hear_work(&s), "RUNNING");
			cr_assert(eq(u64, io_json_find_u64(s.c.doc, "job", 0), i));
		}
		if (next != 0) {
			cr_assert(eq(u64, next, i + 1));
			named[next] = true;
		}
	}
	tell(&s, "FORGET", "{\"model\":\"none\"}", NULL);
	same(hear_work(&s), "PING"); /* and nothing was named twice */
	scene_close(&s);
	(void)sem_destroy(&go);
}

Test(worker_stage, model_of_another_digest_is_not_loaded)
{
	struct scene s;

	scene_open(&s);
	name_model(&s, "weights", "other weights");
	same(hear_work(&s), "LOADFAIL");
	cr_assert(ne(ptr, strstr(io_json_find_str(s.c.doc, "message", ""), "its digest is"), NULL));
	scene_close(&s);
}

Test(worker_stage, refused_page_and_broken_encoder_are_told_apart)
{
	struct scene s;

	scene_open(&s);
	name_model(&s, "weights", "weights");
	same(hear_work(&s), "LOADED");
	give(&s, 1, "refuse");
	same(hear_features(&s), "FAILED");
	same(io_json_find_str(s.c.doc, "limit", ""), "depth");
	same(io_json_find_str(s.c.doc, "message", ""), "too deep");
	give(&s, 2, "break"); /* another encoder is made, and encodes it */
	same(hear_features(&s), "FEATURES");
	cr_assert(eq(u64, io_json_find_u64(s.c.doc, "job", 0), 2));
	scene_close(&s);
}

Test(worker_stage, encoder_that_stays_broken_ends_the_worker)
{
	struct scene s;

	scene_open(&s);
	name_model(&s, "weights", "weights");
	same(hear_work(&s), "LOADED");
	give(&s, 1, "always");
	(void)pthread_join(s.thread, NULL);
	cr_assert(eq(int, s.rc, AS_EIO));
	cr_assert(ne(ptr, strstr(s.e.msg, "broken at trace page 2"), NULL), "%s", s.e.msg);
	bus_bytes_free(s.worker);
	bus_call_free(&s.c);
	bus_msg_free(&s.m);
	bus_socket_close(s.work);
	bus_socket_close(s.features);
	bus_close(s.bus);
}

Test(worker_stage, messages_that_are_none_change_nothing)
{
	struct scene s;

	scene_open(&s);
	give(&s, 1, "before any model");
	tell(&s, "JOB", "{\"job\":\"x\"}", NULL);
	tell(&s, "NOSUCH", "{}", NULL);
	tell(&s, "FORGET", "{\"model\":\"none\"}", NULL);
	tell(&s, "MODEL", "{}", NULL);
	same(hear_work(&s), "LOADFAIL");
	name_model(&s, "weights", "weights");
	same(hear_work(&s), "LOADED");
	give(&s, 9, "abc");
	same(hear_features(&s), "FEATURES");
	cr_assert(eq(u64, io_json_find_u64(s.c.doc, "job", 0), 9));
	scene_close(&s);
}

Test(worker_stage, daemon_that_forgot_it_is_told_again)
{
	struct scene s;

	scene_open(&s);
	tell(&s, "ERROR", "{\"message\":\"unknown worker: send READY\"}", NULL);
	same(hear_work(&s), "READY");
	same(hear_work(&s), "PING"); /* and says every two seconds that it lives */
	scene_close(&s);
}

Test(worker_stage, forgotten_model_is_loaded_again_when_named_again)
{
	struct scene s;
	char json[128];

	scene_open(&s);
	name_model(&s, "weights", "weights");
	same(hear_work(&s), "LOADED");
	(void)snprintf(json, sizeof json, "{\"model\":\"%s\"}", s.sha256);
	tell(&s, "FORGET", json, NULL);
	name_model(&s, "weights", "weights");
	same(hear_work(&s), "LOADED");
	give(&s, 1, "abc");
	same(hear_features(&s), "FEATURES");
	scene_close(&s);
}
