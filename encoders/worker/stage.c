/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/worker/stage.h"

#include "core/base/clock.h"
#include "core/bus/call.h"
#include "core/io/digest.h"
#include "encoders/worker/models.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

enum {
	PING_MS = 2000,
	CONNECT_MS = 10000, /* to the daemon that started this worker */
	SEND_MS = 10000,    /* for features to find room or a connection; then their lease ends */
	LINGER_MS = 2000,
	HWM = 64,
	FRAME_MAX = 1 << 30,
	INSTANCE_BYTES = 16,
};

static_assert(sizeof(struct assay_place) == 64, "a place is 64 bytes on the wire");

struct stage {
	const struct enc_stage_options *o;
	struct bus *bus;
	struct bus_socket *work, *features;
	char features_at[BUS_ENDPOINT_SIZE];
	struct enc_models models;
	char instance[2 * INSTANCE_BYTES + 1]; /* this process, at each of its greetings */
	int64_t pinged;
	timer_t cpu; /* SIGXCPU when a job has had its time */
	bool has_cpu, greeted, stop;
	/* What came while a job was worked on. The job in it is named in the answer to that one, so
	 * that it needs no RUNNING of its own. */
	struct inbox {
		struct bus_msg m;
		struct bus_call c;
		int rc; /* of reading c, with e */
		struct as_err e;
		bool full;
	} next;
	uint64_t named;
	uint64_t dropped; /* messages that were none of ours */
};

static int say(struct stage *s, const char *verb, struct as_buf *json, struct as_err *e)
{
	const struct bus_say what = { .verb = verb, .json = json };
	const int rc = bus_call_send(s->work, &what, e);

	as_buf_free(json);
	return rc;
}

/* A daemon that is not there (AS_EAGAIN: no connection) is greeted again at the next ping. */
static int greet(struct stage *s, struct as_err *e)
{
	const struct assay_plugin *entry = s->models.plugin->entry;
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };
	int rc;

	io_jw_obj(&w, NULL);
	io_jw_str(&w, "modality", entry->modality);
	io_jw_str(&w, "encoder", entry->name);
	io_jw_str(&w, "version", entry->version);
	io_jw_u64(&w, "credit", ENC_CREDIT);
	io_jw_u64(&w, "pid", (uint64_t)getpid());
	io_jw_str(&w, "instance", s->instance);
	io_jw_str(&w, "sandbox", s->o->sandbox ? s->o->sandbox->layers : "");
	if (s->o->token != NULL) {
		io_jw_str(&w, "token", s->o->token);
	}
	io_jw_end_obj(&w);
	rc = say(s, "READY", &b, e);
	s->greeted = rc == AS_OK;
	return rc == AS_EAGAIN ? AS_OK : rc;
}

static int connect_features(struct stage *s, const char *endpoint, struct as_err *e)
{
	struct bus_options o = { .type = BUS_PUSH,
				 .hwm = HWM,
				 .linger_ms = LINGER_MS,
				 .max_bytes = FRAME_MAX,
				 .once = s->o->features != NULL,
				 .curve = s->o->curve };
	char at[BUS_ENDPOINT_SIZE];

	bus_reach(endpoint, s->o->work, at);
	if (s->features != NULL && strcmp(at, s->features_at) == 0) {
		return AS_OK;
	}
	bus_socket_close(s->features);
	s->features = NULL;
	(void)snprintf(s->features_at, sizeof s->features_at, "%s", at);
	o.endpoint = s->features_at;
	return bus_socket_open(&s->features, s->bus, &o, e);
}

static int take_model(struct stage *s, const struct bus_call *c, struct as_err *e)
{
	const char *sha256 = io_json_find_str(c->doc, "model", "");
	struct enc_model *m = NULL;
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };
	int rc;

	rc = s->o->features != NULL
		 ? AS_OK
		 : connect_features(s, io_json_find_str(c->doc, "features", ""), e);
	if (rc == AS_OK) {
		rc =
		    enc_models_add(&s->models, sha256, io_json_find_str(c->doc, "path", ""), &m, e);
	}
	io_jw_obj(&w, NULL);
	io_jw_str(&w, "model", sha256);
	if (rc == AS_OK) {
		io_jw_u64(&w, "dim", m->encoder.dim);
		io_jw_u64(&w, "rows_max", m->encoder.rows_max);
	} else {
		io_jw_str(&w, "message", e->msg);
		as_log(s->o->log, AS_WARN, "WORKER-MODEL", "model=%s error=\"%s\"", sha256, e->msg);
	}
	io_jw_end_obj(&w);
	return say(s, rc == AS_OK ? "LOADED" : "LOADFAIL", &b, e);
}

/* One job as it was given. */
struct job {
	uint64_t id;
	const char *model;
	struct assay_item item;
};

static int read_job(const struct bus_call *c, const struct bus_msg *m, struct job *j,
		    struct as_err *e)
{
	uint64_t page;
	int rc;

	TRY(io_json_get_u64(c->doc, "job", &j->id, e));
	TRY(io_json_get_str(c->doc, "model", &j->model, e));
	TRY(io_json_get_str(c->doc, "part", &j->item.part, e));
	TRY(io_json_get_u64(c->doc, "page", &page, e));
	TRY(io_json_get_str(c->doc, "type", &j->item.type, e));
	if (c->frames != 1 || page > UINT32_MAX) {
		return as_fail(e, AS_EPROTO, "JOB wants one frame of bytes, has %zu", c->frames);
	}
	j->item.page = (uint32_t)page;
	j->item.data = bus_data(m, c->at);
	j->item.size = bus_size(m, c->at);
out:
	return rc;
}

static void read_inbox(struct inbox *in)
{
	in->full = true;
	in->rc = bus_call_read(&in->c, &in->m, 0, &in->e);
}

/* The job that comes next, if it is there already; else 0. */
static uint64_t look_ahead(struct stage *s)
{
	struct inbox *in = &s->next;
	struct as_err none;

	if (!in->full && bus_recv(s->work, &in->m, &none) == AS_OK) {
		read_inbox(in);
	}
	if (!in->full || in->rc != AS_OK || strcmp(in->c.verb, "JOB") != 0) {
		return 0;
	}
	return io_json_find_u64(in->c.doc, "job", 0);
}

/* Ends the answer's object with the job that is worked on next. */
static void end_answer(struct stage *s, struct io_jw *w)
{
	s->named = look_ahead(s);
	if (s->named != 0) {
		io_jw_u64(w, "running", s->named);
	}
	io_jw_end_obj(w);
}

static void start_answer(struct io_jw *w, const struct job *j)
{
	io_jw_obj(w, NULL);
	io_jw_u64(w, "job", j->id);
	io_jw_str(w, "model", j->model);
}

static int send_failed(struct stage *s, const struct job *j, const char *limit, const char *message,
		       struct as_err *e)
{
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };
	struct bus_frame frame[BUS_ENVELOPE];
	int rc;

	start_answer(&w, j);
	io_jw_str(&w, "limit", limit ? limit : "");
	io_jw_str(&w, "message", message);
	end_answer(s, &w);
	frame[0] = (struct bus_frame){ BUS_PROTOCOL, strlen(BUS_PROTOCOL), NULL };
	frame[1] = (struct bus_frame){ "FAILED", strlen("FAILED"), NULL };
	frame[2] = (struct bus_frame){ b.data, b.len, NULL };
	rc = bus_send_wait(s->features, frame, BUS_ENVELOPE, SEND_MS, e);
	as_buf_free(&b);
	return rc;
}

static int send_features(struct stage *s, const struct job *j, const struct assay_features *f,
			 struct pl_spent spent, struct as_err *e)
{
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };
	struct bus_frame frame[BUS_ENVELOPE + 2];
	int rc;

	start_answer(&w, j);
	io_jw_u64(&w, "rows", f->rows);
	io_jw_u64(&w, "dim", f->dim);
	io_jw_obj(&w, "ms");
	io_jw_num(&w, "decode", spent.decode);
	io_jw_num(&w, "encode", spent.encode);
	io_jw_end_obj(&w);
	end_answer(s, &w);
	frame[0] = (struct bus_frame){ BUS_PROTOCOL, strlen(BUS_PROTOCOL), NULL };
	frame[1] = (struct bus_frame){ "FEATURES", strlen("FEATURES"), NULL };
	frame[2] = (struct bus_frame){ b.data, b.len, NULL };
	frame[3] = (struct bus_frame){ f->v, (size_t)f->rows * f->dim * sizeof *f->v, NULL };
	frame[4] = (struct bus_frame){ f->place, f->rows * sizeof *f->place, NULL };
	rc = bus_send_wait(s->features, frame, BUS_ENVELOPE + 2, SEND_MS, e);
	as_buf_free(&b);
	return rc;
}

/* Starts or stops the clock of CPU time, all threads together. */
static void count_cpu(const struct stage *s, bool on)
{
	const struct itimerspec t = { .it_value.tv_sec = on ? s->o->cpu_s : 0 };

	if (s->has_cpu) {
		(void)timer_settime(s->cpu, 0, &t, NULL);
	}
}

static int encode(struct stage *s, const struct job *j, struct as_err *e)
{
	struct enc_model *m = enc_models_find(&s->models, j->model);
	struct assay_features f = { 0 };
	struct pl_spent spent;
	int rc;

	if (m == NULL) {
		return as_fail(e, AS_EPROTO, "job of a model that was not named: %s", j->model);
	}
	count_cpu(s, true);
	rc = pl_encode(&m->encoder, &j->item, &f, e);
	if (rc == AS_EIO) {
		/* The encoder is broken; whether by this page, a second one finds out. */
		as_log(s->o->log, AS_WARN, "WORKER-BROKEN", "error=\"%s\"", e->msg);
		TRY(enc_models_renew(&s->models, m, e));
		rc = pl_encode(&m->encoder, &j->item, &f, e);
	}
	count_cpu(s, false);
	spent = pl_encoder_spent(&m->encoder);
	switch (rc) {
	case AS_OK:
		return send_features(s, j, &f, spent, e);
	case AS_EFORMAT:
		return send_failed(s, j, f.limit, e->msg, e);
	case AS_ESHAPE:
		return send_failed(s, j, "features", e->msg, e);
	default:
		break;
	}
out:
	return rc;
}

static int say_running(struct stage *s, const struct job *j, struct as_err *e)
{
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	io_jw_obj(&w, NULL);
	io_jw_u64(&w, "job", j->id);
	io_jw_end_obj(&w);
	return say(s, "RUNNING", &b, e);
}

static int take_job(struct stage *s, const struct bus_call *c, const struct bus_msg *m,
		    struct as_err *e)
{
	struct job j = { 0 };
	int rc;

	rc = read_job(c, m, &j, e);
	if (rc != AS_OK || s->features == NULL) {
		s->dropped++;
		as_log(s->o->log, AS_WARN, "WORKER-MESSAGE", "dropped=%" PRIu64 " error=\"%s\"",
		       s->dropped, rc == AS_OK ? "a job before a model" : e->msg);
		return AS_OK;
	}
	rc = j.id == s->named ? AS_OK : say_running(s, &j, e);
	s->named = 0;
	if (rc == AS_OK || rc == AS_EAGAIN) {
		rc = encode(s, &j, e);
	}
	if (rc == AS_EUNAVAIL || rc == AS_EPROTO) {
		as_log(s->o->log, AS_WARN, "WORKER-LOST", "job=%" PRIu64 " error=\"%s\"", j.id,
		       e->msg);
		rc = AS_OK; /* its lease ends, and it is given out again */
	}
	return rc;
}

static int take(struct stage *s, const struct inbox *in, struct as_err *e)
{
	const struct bus_call *c = &in->c;
	int rc = AS_OK;

	if (in->rc != AS_OK) {
		s->dropped++;
		as_log(s->o->log, AS_WARN, "WORKER-MESSAGE", "dropped=%" PRIu64 " error=\"%s\"",
		       s->dropped, in->e.msg);
		return AS_OK;
	}
	if (strcmp(c->verb, "MODEL") == 0) {
		rc = take_model(s, c, e);
	} else if (strcmp(c->verb, "JOB") == 0) {
		rc = take_job(s, c, &in->m, e);
	} else if (strcmp(c->verb, "FORGET") == 0) {
		enc_models_forget(&s->models, io_json_find_str(c->doc, "model", ""));
	} else if (strcmp(c->verb, "STOP") == 0) {
		s->stop = true;
	} else if (strcmp(c->verb, "ERROR") == 0) {
		rc = greet(s, e); /* the daemon was started anew and does not know us */
	} else {
		s->dropped++;
	}
	return rc == AS_EAGAIN ? AS_OK : rc;
}

static void free_inbox(struct inbox *in)
{
	bus_call_free(&in->c);
	bus_msg_free(&in->m);
	*in = (struct inbox){ 0 };
}

/* Takes one message within wait_ms. */
static int step(struct stage *s, int wait_ms, struct as_err *e)
{
	struct inbox now = s->next;
	int rc = AS_OK;

	s->next = (struct inbox){ 0 };
	if (!now.full) {
		rc = bus_recv_wait(s->work, &now.m, wait_ms, e);
		if (rc == AS_OK) {
			read_inbox(&now);
		}
	}
	if (rc == AS_OK) {
		rc = take(s, &now, e);
	}
	free_inbox(&now);
	return rc == AS_EAGAIN ? AS_OK : rc;
}

static int tick(struct stage *s, struct as_err *e)
{
	struct as_buf b = { 0 };
	int rc;

	s->pinged = as_mono_ns();
	if (!s->greeted) {
		return greet(s, e);
	}
	as_buf_puts(&b, "{}");
	rc = say(s, "PING", &b, e);
	if (rc == AS_EAGAIN && s->o->features != NULL) {
		return as_fail(e, AS_EUNAVAIL, "%s: the connection is gone", s->o->work);
	}
	if (rc == AS_EAGAIN) {
		s->greeted = false; /* the connection is gone: the next one begins with READY */
		rc = AS_OK;
	}
	return rc;
}

/* The clock of CPU time, made before the filter closes the call. */
static int make_clock(struct stage *s, struct as_err *e)
{
	struct sigevent event = { .sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGXCPU };

	if (s->o->cpu_s > 0 && timer_create(CLOCK_PROCESS_CPUTIME_ID, &event, &s->cpu) != 0) {
		return as_fail(e, AS_EIO, "timer_create: %s", strerror(errno));
	}
	s->has_cpu = s->o->cpu_s > 0;
	return AS_OK;
}

static int make_instance(struct stage *s, struct as_err *e)
{
	unsigned char random[INSTANCE_BYTES];

	if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random) {
		return as_fail(e, AS_EIO, "getrandom: %s", strerror(errno));
	}
	for (size_t i = 0; i < sizeof random; i++) {
		(void)snprintf(s->instance + 2 * i, 3, "%02x", random[i]);
	}
	return AS_OK;
}

/* All connections of a worker that makes none later, then the sandbox. */
static int begin(struct stage *s, const struct bus_options *work, struct as_err *e)
{
	int rc;

	TRY(bus_socket_open(&s->work, s->bus, work, e));
	TRY(bus_wait_ready(s->work, work->once ? CONNECT_MS : PING_MS, e));
	if (s->o->features != NULL) {
		TRY(connect_features(s, s->o->features, e));
		TRY(bus_wait_ready(s->features, CONNECT_MS, e));
	}
	TRY(make_clock(s, e));
	TRY(make_instance(s, e));
	if (s->o->sandbox != NULL) {
		TRY(enc_sandbox_seal(s->o->sandbox, e));
	}
	rc = greet(s, e);
	if (rc == AS_OK && !s->greeted && work->once) {
		rc = as_fail(e, AS_EUNAVAIL, "%s: no daemon answers", s->o->work);
	}
out:
	return rc;
}

int enc_stage_run(struct bus *bus, const struct pl_plugin *plugin,
		  const struct enc_stage_options *o, struct as_err *e)
{
	const struct bus_options work = { .type = BUS_DEALER,
					  .endpoint = o->work,
					  .hwm = HWM,
					  .linger_ms = LINGER_MS,
					  .max_bytes = FRAME_MAX,
					  .once = o->features != NULL,
					  .curve = o->curve };
	struct stage s = { .o = o, .bus = bus, .pinged = as_mono_ns() };
	int rc;

	enc_models_init(&s.models, plugin, o);
	TRY(begin(&s, &work, e));
	while (!s.stop) {
		const int64_t left = PING_MS - (as_mono_ns() - s.pinged) / 1000000;

		rc = step(&s, left > 0 ? (int)left : 0, e);
		if (rc == AS_OK && as_mono_ns() - s.pinged >= PING_MS * INT64_C(1000000)) {
			rc = tick(&s, e);
		}
		TRY(rc);
	}
out:
	free_inbox(&s.next);
	bus_socket_close(s.features);
	bus_socket_close(s.work);
	enc_models_free(&s.models);
	return rc;
}
