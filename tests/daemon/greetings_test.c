/* SPDX-License-Identifier: Apache-2.0
 * What workers say of themselves that is wrong, or that nobody can use. */
#include "tests/daemon/hall.h"

TestSuite(daemon_greetings, .timeout = 120);

/* How many messages were no calls, by the daemon's own count. */
static uint64_t malformed(struct hall *h)
{
	same(hall_ask(h, h->control, "STATUS", "{}"), "STATUS");
	return io_json_find_u64(io_json_find(h->c.doc, "counters"), "malformed", 0);
}

Test(daemon_greetings, what_is_no_greeting_is_counted_and_no_worker)
{
	static const char *const wrong[] = {
		"{\"modality\":\"a b\",\"encoder\":\"null\",\"version\":\"1\"}",
		"{\"modality\":\"null\",\"encoder\":\"\",\"version\":\"1\"}",
		"{\"modality\":\"null\",\"encoder\":\"null\"}",
	};
	const struct bus_frame f = { "x", 1, NULL };
	struct as_err e = { 0 };
	struct hall h;
	uint64_t before;

	hall_open(&h, hall_settings("", hall_model("m", 1)));
	hall_wait_open(&h);
	before = malformed(&h);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		hall_say(h.work, "READY", wrong[i], NULL, 0);
		same(hall_ask(&h, h.work, "PING", "{}"), "ERROR");
		same(hall_str(&h, "message"), "unknown worker: send READY");
	}
	ok(bus_send_wait(h.work, &f, 1, HALL_MS, &e)); /* not even a call */
	same(hall_ask(&h, h.work, "PING", "{}"), "ERROR");
	cr_assert(eq(u64, malformed(&h), before + 4));
	hall_close(&h);
}

Test(daemon_greetings, verb_that_is_none_costs_the_worker_nothing)
{
	struct hall h;
	struct hall_job j;
	uint64_t before;

	hall_open(&h, hall_settings("grace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	before = malformed(&h);
	hall_work(&h, h.work, 0); /* as one that holds one job */
	hall_say(h.work, "JUMP", "{}", NULL, 0);
	hall_say(h.work, "LOADED", "{\"model\":\"another\",\"dim\":16,\"rows_max\":4}", NULL, 0);
	same(hall_submit(&h, "c", "a", "one"), "ACCEPTED");
	same(hall_submit(&h, "d", "a", "two"), "ACCEPTED");
	j = hall_job(&h, h.work);
	same(j.text, "one");
	same(hall_hear_for(&h, h.work, 100), "");
	hall_encode(&h, &j, 1.0F);
	same(hall_job(&h, h.work).text, "two");
	cr_assert(eq(u64, malformed(&h), before + 1));
	hall_close(&h);
}

Test(daemon_greetings, model_that_could_not_be_loaded_gets_no_jobs)
{
	struct bus_socket *other;
	struct hall h;
	struct hall_job j;
	char json[256];

	hall_open(&h, hall_settings("grace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_ready(h.work, 2);
	same(hall_hear(&h, h.work), "MODEL");
	(void)snprintf(json, sizeof json, "{\"model\":\"%s\",\"message\":\"no\"}",
		       hall_str(&h, "model"));
	hall_say(h.work, "LOADFAIL", json, NULL, 0);
	same(hall_submit(&h, "c", "a", "one"), "ACCEPTED");
	same(hall_hear_for(&h, h.work, 100), "");
	/* One that says that no row fits is none that can. */
	hall_ready(h.work, 2);
	same(hall_hear(&h, h.work), "MODEL");
	(void)snprintf(json, sizeof json, "{\"model\":\"%s\",\"dim\":16,\"rows_max\":0}",
		       hall_str(&h, "model"));
	hall_say(h.work, "LOADED", json, NULL, 0);
	same(hall_hear_for(&h, h.work, 100), "");
	other = hall_connect(&h, BUS_DEALER, "work");
	hall_work(&h, other, 2);
	j = hall_job(&h, other);
	same(j.text, "one");
	bus_socket_close(other);
	hall_close(&h);
}

Test(daemon_greetings, encoder_that_no_model_asks_for_is_offered_none)
{
	struct hall h;

	hall_open(&h, hall_settings("", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_say(h.work, "READY",
		 "{\"modality\":\"null\",\"encoder\":\"null\",\"version\":\"2\",\"credit\":9999}",
		 NULL, 0);
	same(hall_hear_for(&h, h.work, 100), "");
	hall_say(h.work, "READY", "{\"modality\":\"null\",\"encoder\":\"other\",\"version\":\"1\"}",
		 NULL, 0);
	same(hall_hear_for(&h, h.work, 100), "");
	hall_close(&h);
}
