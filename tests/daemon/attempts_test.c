/* SPDX-License-Identifier: Apache-2.0
 * What a daemon that ended left under way, and dead letters. */
#include "core/io/file.h"
#include "tests/daemon/hall.h"

#include <sys/resource.h>

TestSuite(daemon_attempts, .timeout = 120);

static void leave(const char *id, enum st_out out, uint32_t strikes)
{
	hall_leave((struct hall_left){ .id = id, .part = "a", .out = out, .strikes = strikes });
}

static void note(void *ctx, const struct st_case *c, const struct st_page *p)
{
	as_buf_printf(ctx, "%s:%d/%u ", c->kase, (int)p->out, p->strikes);
}

static const char *ask_letters(struct hall *h, const char *json)
{
	return hall_ask(h, h->control, "DLQ", json);
}

static const struct json_t *letter(const struct hall *h)
{
	return io_json_at(io_json_find(h->c.doc, "letters"), 0);
}

Test(daemon_attempts, what_was_out_when_a_daemon_ended_goes_alone_before_all_else)
{
	struct bus_socket *other;
	struct hall h;
	struct hall_job j;

	leave("first", ST_GIVEN, 0);
	leave("second", ST_GIVEN, 0);
	leave("waited", ST_HERE, 0);
	hall_open(&h, hall_settings("", hall_model("m", 1)));
	hall_wait_open(&h);
	other = hall_connect(&h, BUS_DEALER, "work");
	hall_work(&h, h.work, 4);
	j = hall_job(&h, h.work);
	same(j.text, "first");
	hall_work(&h, other, 4);
	same(hall_hear_for(&h, other, 200), ""); /* nothing else is out, in no worker */
	same(hall_hear_for(&h, h.work, 1), "");
	hall_encode(&h, &j, 1.0F);
	/* After its judgment; in whichever worker is asked first. */
	if (strcmp(hall_hear_for(&h, other, 1000), "JOB") == 0) {
		j.id = io_json_find_u64(h.c.doc, "job", 0);
		hall_encode(&h, &j, 1.0F);
	} else {
		j = hall_job(&h, h.work);
		same(j.text, "second");
		hall_encode(&h, &j, 1.0F);
	}
	if (strcmp(hall_hear_for(&h, other, 1000), "JOB") == 0) {
		j.id = io_json_find_u64(h.c.doc, "job", 0);
	} else {
		j = hall_job(&h, h.work);
		same(j.text, "waited");
	}
	hall_encode(&h, &j, 1.0F);
	do {
		(void)hall_ask(&h, h.front, "GET", "{\"stream\":\"s\",\"case\":\"waited\"}");
	} while (strcmp(h.c.verb, "JUDGMENT") != 0);
	same(hall_data(&h, "kind"), "result");
	bus_socket_close(other);
	hall_close(&h);
}

Test(daemon_attempts, page_that_ends_the_daemon_three_times_alone_is_a_dead_letter)
{
	struct hall h;
	struct hall_job j;

	leave("bad", ST_ALONE, 2);
	hall_open(&h, hall_settings("", hall_model("m", 1)));
	hall_wait_open(&h);
	do {
		(void)hall_ask(&h, h.front, "GET", "{\"stream\":\"s\",\"case\":\"bad\"}");
	} while (strcmp(h.c.verb, "JUDGMENT") != 0);
	same(hall_data(&h, "kind"), "rejected");
	same(hall_data(&h, "limit"), "attempts");
	same(hall_data(&h, "part"), "a");
	same(ask_letters(&h, "{\"do\":\"list\"}"), "DLQ");
	same(io_json_find_str(letter(&h), "case", ""), "bad");
	same(io_json_find_str(letter(&h), "limit", ""), "attempts");
	same(io_json_find_str(letter(&h), "ended", ""), "the daemon ended");
	cr_assert(eq(u64, io_json_find_u64(letter(&h), "attempts", 0), 3));
	same(ask_letters(&h, "{\"do\":\"retry\",\"id\":1}"), "DLQ");
	same(hall_str(&h, "case"), "bad~2");
	hall_work(&h, h.work, 1);
	j = hall_job(&h, h.work);
	same(j.text, "bad"); /* the same bytes, another case */
	hall_encode(&h, &j, 1.0F);
	do {
		(void)hall_ask(&h, h.front, "GET", "{\"stream\":\"s\",\"case\":\"bad~2\"}");
	} while (strcmp(h.c.verb, "JUDGMENT") != 0);
	same(hall_data(&h, "kind"), "result");
	same(ask_letters(&h, "{\"do\":\"drop\",\"id\":1}"), "ERROR");
	same(hall_str(&h, "message"), "no dead letter 1");
	hall_close(&h);
}

Test(daemon_attempts, two_strikes_of_an_earlier_daemon_count)
{
	struct hall h;
	struct hall_job j;

	leave("bad", ST_GIVEN, 2);
	hall_open(&h, hall_settings("job_max_s = 1", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 1);
	j = hall_job(&h, h.work);
	same(j.text, "bad");
	same(hall_hear(&h, h.work), "STOP"); /* its lease has ended: the third */
	do {
		(void)hall_ask(&h, h.front, "GET", "{\"stream\":\"s\",\"case\":\"bad\"}");
	} while (strcmp(h.c.verb, "JUDGMENT") != 0);
	same(hall_data(&h, "limit"), "lease");
	same(ask_letters(&h, "{\"do\":\"show\",\"id\":1}"), "DLQ");
	same(io_json_find_str(letter(&h), "limit", ""), "lease");
	same(io_json_find_str(letter(&h), "ended", ""), "a lease ended");
	same(ask_letters(&h, "{\"do\":\"drop\",\"id\":1}"), "DLQ");
	same(ask_letters(&h, "{\"do\":\"list\"}"), "DLQ");
	cr_assert(zero(sz, io_json_len(io_json_find(h.c.doc, "letters"))));
	hall_close(&h);
}

Test(daemon_attempts, charged_attempts_are_kept_and_a_stop_in_order_charges_nothing)
{
	struct as_buf all = { 0 };
	struct as_err e = { 0 };
	struct st_store *s;
	struct hall h;
	struct hall_job j;

	hall_open(&h, hall_settings("job_max_s = 1\ngrace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 1);
	same(hall_submit(&h, "c", "a", "one"), "ACCEPTED");
	j = hall_job(&h, h.work);
	hall_running(h.work, &j);
	same(hall_hear(&h, h.work), "STOP");
	hall_work(&h, h.work, 1);
	same(hall_job(&h, h.work).text, "one"); /* its second attempt is out */
	hall_close(&h);
	ok(st_open(&s, tmpdir_path("state"), &e));
	ok(st_unjudged(s, note, &all, &e));
	same(all.data, "c:0/1 ");
	st_close(s);
	as_buf_free(&all);
}

Test(daemon_attempts, job_named_in_the_answer_before_it_is_charged)
{
	float v[HALL_DIM] = { 0 };
	const struct assay_place place = { .label = "here" };
	const struct bus_frame f[] = { { v, sizeof v, NULL }, { &place, sizeof place, NULL } };
	struct as_buf all = { 0 };
	struct as_err e = { 0 };
	struct st_store *s;
	struct hall h;
	struct hall_job j[2];
	char json[256];

	hall_open(&h, hall_settings("job_max_s = 1\ngrace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 3);
	same(hall_submit(&h, "first", "a", "one"), "ACCEPTED");
	same(hall_submit(&h, "second", "a", "two"), "ACCEPTED");
	same(hall_submit(&h, "third", "a", "three"), "ACCEPTED");
	j[0] = hall_job(&h, h.work);
	j[1] = hall_job(&h, h.work);
	(void)hall_job(&h, h.work);
	(void)snprintf(json, sizeof json,
		       "{\"job\":%llu,\"model\":\"%s\",\"rows\":1,\"dim\":16,\"running\":%llu}",
		       (unsigned long long)j[0].id, j[0].model, (unsigned long long)j[1].id);
	hall_say(h.features, "FEATURES", json, f, 2);
	same(hall_hear(&h, h.work), "STOP");
	hall_work(&h, h.work, 1);
	same(hall_job(&h, h.work).text, "three"); /* it has been charged less */
	hall_close(&h);
	ok(st_open(&s, tmpdir_path("state"), &e));
	ok(st_unjudged(s, note, &all, &e));
	same(all.data, "first:0/0 second:0/1 third:0/0 ");
	st_close(s);
	as_buf_free(&all);
}

/* What the journal would have for the next daemon if this one ended now. */
static void read_as_left(struct as_buf *all)
{
	const char *const names[] = { "journal.db", "journal.db-wal" };
	struct as_buf path = { 0 };
	struct as_err e = { 0 };
	struct st_store *s;

	ok(io_make_dirs(tmpdir_path("left"), 0700, &e));
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct as_buf bytes = { 0 };

		as_buf_clear(&path);
		as_buf_printf(&path, "%s/%s", tmpdir_path("state"), names[i]);
		ok(io_read_file(path.data, 64 << 20, &bytes, &e));
		as_buf_clear(&path);
		as_buf_printf(&path, "%s/%s", tmpdir_path("left"), names[i]);
		ok(io_write_file(path.data, bytes.data, bytes.len, 0600, &e));
		as_buf_free(&bytes);
	}
	as_buf_free(&path);
	ok(st_open(&s, tmpdir_path("left"), &e));
	ok(st_unjudged(s, note, all, &e));
	st_close(s);
}

/* A page is charged for the end of the worker that it was in, and not for that of the daemon too.
 * The other goes next, also where the worker that comes again has its model in the same turn. */
Test(daemon_attempts, attempt_that_ended_with_its_worker_is_over)
{
	struct as_buf all = { 0 };
	struct hall_job j;
	struct hall h;
	char loaded[160];

	leave("first", ST_GIVEN, 0);
	leave("second", ST_GIVEN, 0);
	hall_open(&h, hall_settings("grace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 1);
	j = hall_job(&h, h.work);
	same(j.text, "first");
	(void)snprintf(loaded, sizeof loaded, "{\"model\":\"%s\",\"dim\":%d,\"rows_max\":4}",
		       j.model, HALL_DIM);
	hall_ready(h.work, 1);
	hall_say(h.work, "LOADED", loaded, NULL, 0);
	same(hall_hear(&h, h.work), "MODEL");
	same(hall_job(&h, h.work).text, "second"); /* it has been charged less */
	read_as_left(&all);
	same(all.data, "first:0/1 second:2/0 ");
	hall_work(&h, h.work, 1);
	same(hall_job(&h, h.work).text, "first");
	hall_close(&h);
	as_buf_free(&all);
}

Test(daemon_attempts, page_that_was_charged_goes_alone_and_after_others)
{
	struct hall h;
	struct hall_job j;

	leave("twice", ST_HERE, 2);
	leave("once", ST_HERE, 1);
	hall_open(&h, hall_settings("grace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 4);
	j = hall_job(&h, h.work);
	same(j.text, "once");
	same(hall_hear_for(&h, h.work, 100), "");
	hall_encode(&h, &j, 1.0F);
	same(hall_job(&h, h.work).text, "twice");
	hall_close(&h);
}

Test(daemon_attempts, wrong_questions_about_letters_are_named)
{
	struct hall h;

	hall_open(&h, hall_settings("", hall_model("m", 1)));
	same(ask_letters(&h, "{\"do\":\"burn\"}"), "ERROR");
	same(hall_str(&h, "field"), "do");
	same(ask_letters(&h, "{\"do\":\"drop\"}"), "ERROR");
	same(hall_str(&h, "field"), "id");
	same(ask_letters(&h, "{\"do\":\"retry\",\"id\":1,\"as\":\"a\\u0001\"}"), "ERROR");
	same(hall_str(&h, "field"), "as");
	same(ask_letters(&h, "{\"do\":\"retry\",\"id\":1}"), "ERROR");
	same(hall_str(&h, "message"), "no dead letter 1");
	same(hall_ask(&h, h.front, "DLQ", "{\"do\":\"list\"}"), "ERROR"); /* control only */
	hall_close(&h);
}

/* Nobody else takes the descriptors of this process, so its own limit does: poll(2) asks for no
 * more than the loop waits for, and all so few are taken. */
Test(daemon_attempts, page_whose_file_finds_no_descriptor_is_given_out_later)
{
	static char big[ST_INLINE_MAX + 2];
	struct rlimit before;
	struct rlimit none;
	struct hall h;

	memset(big, 'x', sizeof big - 1);
	hall_leave((struct hall_left){ .id = "c", .part = "a", .data = big });
	hall_open(&h, hall_settings("grace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	cr_assert(zero(int, getrlimit(RLIMIT_NOFILE, &before)));
	none = (struct rlimit){ .rlim_cur = 12, .rlim_max = before.rlim_max };
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &none)));
	hall_work(&h, h.work, 1);
	same(hall_hear_for(&h, h.work, 300), "");
	same(hall_ask(&h, h.front, "GET", "{\"stream\":\"s\",\"case\":\"c\"}"), "PENDING");
	cr_assert(zero(int, setrlimit(RLIMIT_NOFILE, &before)));
	same(hall_job(&h, h.work).part, "a");
	cr_assert(eq(sz, bus_size(&h.m, 3), sizeof big - 1));
	hall_close(&h);
}
