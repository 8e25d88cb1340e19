/* SPDX-License-Identifier: Apache-2.0
 * What subscribers ask of a daemon. */
#include "tests/daemon/hall.h"

TestSuite(daemon_replay, .timeout = 120);

/* Cases without any part, judged at once. */
static void judge(struct hall *h, int first, int last)
{
	for (int i = first; i <= last; i++) {
		char json[128];

		(void)snprintf(json, sizeof json,
			       "{\"stream\":\"s\",\"case\":\"c%d\",\"complete\":true,\"wait\":true,"
			       "\"parts\":[]}",
			       i);
		same(hall_ask(h, h->front, "SUBMIT", json), "ACCEPTED");
		same(hall_hear(h, h->front), "JUDGMENT");
	}
}

static const char *ask(struct hall *h, const char *verb, const char *json)
{
	return hall_ask(h, h->front, verb, json);
}

static uint64_t num(const struct hall *h, const char *key)
{
	return io_json_find_u64(h->c.doc, key, 999);
}

static void open_with(struct hall *h, const char *stream_keys)
{
	struct as_buf model = { 0 };

	as_buf_printf(&model, "%s\n%s", hall_model("m", 1), stream_keys);
	hall_open(h, hall_settings("", model.data));
	as_buf_free(&model);
	hall_wait_open(h);
}

Test(daemon_replay, named_subscriber_goes_on_where_it_was_after_a_restart)
{
	struct hall h;

	open_with(&h, "");
	judge(&h, 1, 4);
	same(ask(&h, "SUBSCRIBE", "{\"stream\":\"s\",\"subscriber\":\"x\"}"), "CURSOR");
	cr_assert(zero(u64, num(&h, "seq")));
	cr_assert(eq(u64, num(&h, "first"), 1));
	cr_assert(eq(u64, num(&h, "last"), 4));
	same(ask(&h, "ACK", "{\"stream\":\"s\",\"subscriber\":\"x\",\"seq\":3}"), "CURSOR");
	cr_assert(eq(u64, num(&h, "seq"), 3));
	same(ask(&h, "ACK", "{\"stream\":\"s\",\"subscriber\":\"x\",\"seq\":2}"), "CURSOR");
	cr_assert(eq(u64, num(&h, "seq"), 3));
	hall_close(&h);
	open_with(&h, "");
	same(ask(&h, "SUBSCRIBE", "{\"stream\":\"s\",\"subscriber\":\"x\"}"), "CURSOR");
	cr_assert(eq(u64, num(&h, "seq"), 3));
	same(ask(&h, "UNSUBSCRIBE", "{\"stream\":\"s\",\"subscriber\":\"x\"}"), "CURSOR");
	same(ask(&h, "ACK", "{\"stream\":\"s\",\"subscriber\":\"x\",\"seq\":4}"), "ERROR");
	same(hall_str(&h, "field"), "subscriber");
	hall_close(&h);
}

Test(daemon_replay, cursor_that_cannot_be_is_refused_by_member)
{
	struct hall h;

	open_with(&h, "");
	same(ask(&h, "SUBSCRIBE", "{\"stream\":\"t\",\"subscriber\":\"x\"}"), "ERROR");
	same(hall_str(&h, "field"), "stream");
	same(ask(&h, "SUBSCRIBE", "{\"stream\":\"s\",\"subscriber\":\"A b\"}"), "ERROR");
	same(hall_str(&h, "field"), "subscriber");
	same(ask(&h, "SUBSCRIBE", "{\"stream\":\"s\"}"), "ERROR");
	same(hall_str(&h, "field"), "subscriber");
	same(ask(&h, "SUBSCRIBE", "{\"stream\":\"s\",\"subscriber\":\"x\"}"), "CURSOR");
	same(ask(&h, "ACK", "{\"stream\":\"s\",\"subscriber\":\"x\"}"), "ERROR");
	same(hall_str(&h, "field"), "seq");
	same(ask(&h, "ACK", "{\"stream\":\"s\",\"subscriber\":\"x\",\"seq\":1}"), "ERROR");
	same(hall_str(&h, "field"), "seq");
	same(hall_str(&h, "message"), "above the stream's last number");
	hall_close(&h);
}

/* Waits until the stream begins at `first`: retention works once a second. */
static void wait_first(struct hall *h, uint64_t first)
{
	do {
		same(ask(h, "STATUS", "{}"), "STATUS");
	} while (io_json_find_u64(io_json_at(io_json_find(h->c.doc, "streams"), 0), "first", 0) !=
		 first);
}

Test(daemon_replay, one_behind_the_horizon_is_told_where_it_begins)
{
	struct hall h;

	open_with(&h, "retain_bytes = 1\nsubscriber_bytes = 0\n");
	judge(&h, 1, 3);
	wait_first(&h, 4); /* nothing is kept */
	same(ask(&h, "SUBSCRIBE", "{\"stream\":\"s\",\"subscriber\":\"x\"}"), "CURSOR");
	cr_assert(eq(u64, num(&h, "seq"), 3));
	judge(&h, 4, 70); /* more than one step of retention */
	same(ask(&h, "REPLAY", "{\"stream\":\"s\",\"after\":1,\"credit\":5}"), "TRUNCATED");
	cr_assert(eq(u64, num(&h, "after"), 3));
	cr_assert(eq(u64, num(&h, "first"), 4)); /* kept for x */
	cr_assert(eq(u64, num(&h, "last"), 70));
	same(ask(&h, "REPLAY", "{\"stream\":\"s\",\"after\":3,\"credit\":1}"), "JUDGMENT");
	same(hall_hear(&h, h.front), "END");
	same(ask(&h, "ACK", "{\"stream\":\"s\",\"subscriber\":\"x\",\"seq\":70}"), "CURSOR");
	wait_first(&h, 71);
	same(ask(&h, "GET", "{\"stream\":\"s\",\"case\":\"c9\"}"), "UNKNOWN");
	judge(&h, 9, 9); /* the id is free */
	hall_close(&h);
}

Test(daemon_replay, one_of_another_epoch_is_told_from_where_on)
{
	struct hall h;

	open_with(&h, "");
	judge(&h, 1, 2);
	same(ask(&h, "REPLAY", "{\"stream\":\"s\",\"after\":2,\"epoch\":1}"), "END");
	cr_assert(eq(u64, num(&h, "epoch"), 1));
	same(ask(&h, "REPLAY", "{\"stream\":\"s\",\"after\":2,\"epoch\":7}"), "RESYNC");
	cr_assert(zero(u64, num(&h, "after"))); /* nothing is known of that epoch */
	cr_assert(eq(u64, num(&h, "last"), 2));
	cr_assert(eq(u64, num(&h, "epoch"), 1));
	hall_close(&h);
}
