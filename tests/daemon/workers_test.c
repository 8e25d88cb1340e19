/* SPDX-License-Identifier: Apache-2.0
 * The work socket, from the side of the workers. */
#include "tests/daemon/hall.h"

TestSuite(daemon_workers, .timeout = 120);

Test(daemon_workers, case_goes_from_submission_to_judgment)
{
	struct hall h;
	struct hall_job j;

	hall_open(&h, hall_settings("", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 2);
	same(hall_submit(&h, "c", "a", "one"), "ACCEPTED");
	j = hall_job(&h, h.work);
	same(j.part, "a");
	same(j.text, "one");
	same(hall_ask(&h, h.front, "GET", "{\"stream\":\"s\",\"case\":\"c\"}"), "PENDING");
	same(hall_str(&h, "state"), "waiting");
	same(io_json_find_str(io_json_at(io_json_find(h.c.doc, "parts"), 0), "state", ""),
	     "running");
	same(io_json_str(io_json_at(io_json_find(h.c.doc, "missing"), 0)), "b");
	hall_encode(&h, &j, 1.0F);
	same(hall_submit(&h, "c", "b", "two"), "ACCEPTED");
	j = hall_job(&h, h.work);
	same(j.text, "two");
	hall_encode(&h, &j, 2.0F);
	same(hall_hear(&h, h.front), "JUDGMENT"); /* of the first wait, and of the second */
	same(hall_str(&h, "subject"), "c");
	same(hall_data(&h, "kind"), "result");
	same(hall_hear(&h, h.front), "JUDGMENT");
	hall_close(&h);
}

Test(daemon_workers, encoder_of_another_width_gets_no_jobs)
{
	struct hall h;

	hall_open(&h, hall_settings("grace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_ready(h.work, 2);
	same(hall_hear(&h, h.work), "MODEL");
	hall_loaded(&h, h.work, 17);
	same(hall_submit(&h, "c", "a", "one"), "ACCEPTED");
	same(hall_ask(&h, h.front, "STATUS", "{}"), "STATUS");
	cr_assert(not(io_json_find_bool(h.c.doc, "ready", true)));
	same(hall_hear_for(&h, h.work, 200), "");
	same(hall_ask(&h, h.front, "GET", "{\"stream\":\"s\",\"case\":\"c\"}"), "PENDING");
	same(io_json_find_str(io_json_at(io_json_find(h.c.doc, "parts"), 0), "state", ""),
	     "queued");
	hall_close(&h);
}

Test(daemon_workers, worker_that_is_not_known_is_told_to_begin_anew)
{
	struct hall h;

	hall_open(&h, hall_settings("", hall_model("m", 1)));
	same(hall_ask(&h, h.work, "PING", "{}"), "ERROR");
	same(hall_str(&h, "message"), "unknown worker: send READY");
	hall_close(&h);
}

Test(daemon_workers, worker_holds_no_more_jobs_than_it_asked_for)
{
	struct hall h;
	struct hall_job j;

	hall_open(&h, hall_settings("grace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 2);
	for (int i = 0; i < 3; i++) {
		char id[16];

		(void)snprintf(id, sizeof id, "c%d", i);
		same(hall_submit(&h, id, "a", id), "ACCEPTED");
	}
	j = hall_job(&h, h.work);
	same(hall_job(&h, h.work).text, "c1");
	same(hall_hear_for(&h, h.work, 200), "");
	hall_encode(&h, &j, 1.0F);
	same(hall_job(&h, h.work).text, "c2"); /* in the order in which they came */
	hall_close(&h);
}

/* One that is long at a job says nothing on the work socket meanwhile, and is not lost for that. */
Test(daemon_workers, worker_that_answers_is_heard_of)
{
	struct hall h;
	struct hall_job j;
	int64_t before;

	hall_open(&h, hall_settings("grace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 1);
	same(hall_submit(&h, "c", "a", "one"), "ACCEPTED");
	same(hall_submit(&h, "d", "a", "two"), "ACCEPTED");
	j = hall_job(&h, h.work);
	before = h.d.workers->heard;
	hall_encode(&h, &j, 1.0F);
	(void)hall_job(&h, h.work);
	cr_assert(lt(i64, before, h.d.workers->heard));
	hall_close(&h);
}

Test(daemon_workers, refused_page_rejects_its_case)
{
	struct hall h;
	struct hall_job j;
	char json[256];

	hall_open(&h, hall_settings("", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 2);
	same(hall_submit(&h, "c", "a", "one"), "ACCEPTED");
	j = hall_job(&h, h.work);
	(void)snprintf(
	    json, sizeof json,
	    "{\"job\":%llu,\"model\":\"%s\",\"limit\":\"pixels\",\"message\":\"too many\"}",
	    (unsigned long long)j.id, j.model);
	hall_say(h.features, "FAILED", json, NULL, 0);
	same(hall_hear(&h, h.front), "JUDGMENT");
	same(hall_data(&h, "kind"), "rejected");
	same(hall_data(&h, "part"), "a");
	same(hall_data(&h, "limit"), "pixels");
	same(hall_data(&h, "message"), "too many");
	same(hall_submit(&h, "c", "b", "two"), "CLOSED");
	hall_close(&h);
}

/* FEATURES whose frames are wrong in one way. */
static void say_wrong(struct hall *h, const struct hall_job *j, unsigned rows, unsigned dim,
		      float x, size_t bytes)
{
	float v[4 * HALL_DIM];
	const struct assay_place place[4] = { { .label = "here" } };
	const struct bus_frame f[] = { { v, bytes, NULL },
				       { place, (rows % 5) * sizeof *place, NULL } };
	char json[256];

	for (size_t i = 0; i < 4 * HALL_DIM; i++) {
		v[i] = x;
	}
	(void)snprintf(json, sizeof json, "{\"job\":%llu,\"model\":\"%s\",\"rows\":%u,\"dim\":%u}",
		       (unsigned long long)j->id, j->model, rows, dim);
	hall_say(h->features, "FEATURES", json, f, 2);
}

Test(daemon_workers, features_that_cannot_be_are_a_rejection)
{
	static const struct {
		unsigned rows, dim;
		float x;
		size_t bytes;
		const char *why;
	} wrong[] = {
		{ 1, 15, 1.0F, 15 * sizeof(float), "rows or dim" },
		{ 0, 16, 1.0F, 0, "rows or dim" },
		{ 4294967295U, 16, 1.0F, 64, "rows or dim" },
		{ 2, 16, 1.0F, 16 * sizeof(float), "frame's size" },
		{ 1, 16, (float)NAN, 16 * sizeof(float), "NaN" },
		{ 1, 16, (float)INFINITY, 16 * sizeof(float), "infinity" },
	};
	struct hall h;

	hall_open(&h, hall_settings("", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 2);
	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		struct hall_job j;
		char id[24];

		(void)snprintf(id, sizeof id, "c%zu", i);
		same(hall_submit(&h, id, "a", id), "ACCEPTED");
		j = hall_job(&h, h.work);
		say_wrong(&h, &j, wrong[i].rows, wrong[i].dim, wrong[i].x, wrong[i].bytes);
		same(hall_hear(&h, h.front), "JUDGMENT");
		same(hall_data(&h, "limit"), "features");
		cr_assert(ne(ptr, strstr(hall_data(&h, "message"), wrong[i].why), NULL), "%s",
			  hall_data(&h, "message"));
	}
	hall_close(&h);
}

Test(daemon_workers, lease_that_ends_gives_the_job_out_again_and_the_first_answer_counts)
{
	struct bus_socket *other;
	struct hall h;
	struct hall_job j;

	hall_open(&h, hall_settings("job_max_s = 1", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 2);
	other = hall_connect(&h, BUS_DEALER, "work");
	same(hall_submit(&h, "c", "a", "one"), "ACCEPTED");
	j = hall_job(&h, h.work);
	hall_work(&h, other, 2);
	same(hall_job(&h, other).text, "one"); /* after a second */
	same(hall_hear(&h, h.work), "STOP");
	hall_encode(&h, &j, 1.0F); /* the first one after all */
	hall_encode(&h, &j, 2.0F);
	same(hall_submit(&h, "c", "b", "two"), "ACCEPTED");
	j = hall_job(&h, other);
	hall_encode(&h, &j, 1.0F);
	same(hall_hear(&h, h.front), "JUDGMENT");
	same(hall_data(&h, "kind"), "result");
	same(hall_hear(&h, h.front), "JUDGMENT");
	same(hall_ask(&h, h.front, "STATUS", "{}"), "STATUS");
	cr_assert(eq(u64, io_json_find_u64(io_json_find(h.c.doc, "counters"), "late", 0), 1));
	bus_socket_close(other);
	hall_close(&h);
}

/* Begins as a worker again; the jobs that were in it come alone. */
static void begin_again(struct hall *h, int credit)
{
	same(hall_hear(h, h->work), "STOP");
	hall_work(h, h->work, credit);
}

Test(daemon_workers, poison_is_found_alone_and_ends_after_three_attempts)
{
	struct hall h;
	struct hall_job poison;
	struct hall_job j;

	hall_open(&h, hall_settings("job_max_s = 1", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 2);
	same(hall_submit(&h, "innocent", "a", "fine"), "ACCEPTED");
	same(hall_submit(&h, "guilty", "a", "poison"), "ACCEPTED");
	j = hall_job(&h, h.work);
	poison = hall_job(&h, h.work);
	same(poison.text, "poison"); /* never named as running: this one is not charged */
	begin_again(&h, 2);
	j = hall_job(&h, h.work);
	same(hall_hear_for(&h, h.work, 100), ""); /* alone, though it has room for two */
	hall_encode(&h, &j, 1.0F);
	for (int i = 0; i < 3; i++) {
		j = hall_job(&h, h.work);
		same(j.text, "poison");
		begin_again(&h, 2);
	}
	same(hall_hear(&h, h.front), "JUDGMENT");
	same(hall_str(&h, "subject"), "guilty");
	same(hall_data(&h, "kind"), "rejected");
	same(hall_data(&h, "limit"), "lease");
	same(hall_submit(&h, "innocent", "b", "fine too"), "ACCEPTED");
	j = hall_job(&h, h.work);
	hall_encode(&h, &j, 1.0F);
	same(hall_hear(&h, h.front), "JUDGMENT");
	same(hall_data(&h, "kind"), "result");
	same(hall_hear(&h, h.front), "JUDGMENT");
	hall_close(&h);
}

Test(daemon_workers, job_that_was_running_is_charged_the_others_are_not)
{
	struct hall h;
	struct hall_job poison = { 0 };
	struct hall_job j;

	hall_open(&h, hall_settings("job_max_s = 1", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 1);
	same(hall_submit(&h, "guilty", "a", "poison"), "ACCEPTED");
	for (int i = 0; i < 3; i++) {
		poison = hall_job(&h, h.work);
		same(poison.text, "poison");
		hall_running(h.work, &poison);
		begin_again(&h, 1);
	}
	same(hall_hear(&h, h.front), "JUDGMENT");
	same(hall_data(&h, "limit"), "lease");
	same(hall_submit(&h, "next", "a", "fine"), "ACCEPTED");
	j = hall_job(&h, h.work);
	same(j.text, "fine");
	hall_close(&h);
}

/* It would be taken for a remote worker, and given jobs that nobody gives back before their lease
 * ends. */
Test(daemon_workers, greeting_of_a_child_that_has_died_is_not_taken)
{
	struct hall h;

	hall_open(&h, hall_settings("", hall_model("m", 1)));
	hall_say(h.work, "READY",
		 "{\"modality\":\"null\",\"encoder\":\"null\",\"version\":\"1\",\"credit\":1,"
		 "\"pid\":1,\"token\":\"00112233445566778899aabbccddeeff\"}",
		 NULL, 0);
	same(hall_ask(&h, h.work, "PING", "{}"), "ERROR");
	hall_close(&h);
}

/* READY of a worker with a name of its own; it has loaded the model then. */
static void greet(struct hall *h, struct bus_socket *work, const char *instance)
{
	char json[200];

	(void)snprintf(json, sizeof json,
		       "{\"modality\":\"null\",\"encoder\":\"null\",\"version\":\"1\",\"credit\":1,"
		       "\"pid\":1,\"instance\":\"%s\"}",
		       instance);
	hall_say(work, "READY", json, NULL, 0);
	same(hall_hear(h, work), "MODEL");
	hall_loaded(h, work, HALL_DIM);
}

/* Its connection breaks, oftener than a page has attempts, and the same process greets again. */
Test(daemon_workers, page_is_not_charged_for_the_connection_of_a_worker_that_lives)
{
	struct hall h;
	struct hall_job j;

	hall_open(&h, hall_settings("", hall_model("m", 1)));
	hall_wait_open(&h);
	greet(&h, h.work, "one");
	same(hall_submit(&h, "c", "a", "fine"), "ACCEPTED");
	for (int i = 0; i < DM_ATTEMPTS + 1; i++) {
		j = hall_job(&h, h.work);
		same(j.text, "fine");
		hall_running(h.work, &j);
		bus_socket_close(h.work);
		h.work = hall_connect(&h, BUS_DEALER, "work");
		greet(&h, h.work, "one"); /* at once: its lease has 60 s */
	}
	j = hall_job(&h, h.work);
	cr_assert(zero(u32, dm_job_find(&h.d, j.id)->strikes));
	hall_encode(&h, &j, 1.0F);
	same(hall_submit(&h, "c", "b", "fine too"), "ACCEPTED");
	j = hall_job(&h, h.work);
	hall_encode(&h, &j, 1.0F);
	same(hall_hear(&h, h.front), "JUDGMENT");
	same(hall_data(&h, "kind"), "result");
	same(hall_hear(&h, h.front), "JUDGMENT");
	hall_close(&h);
}

/* It comes back when the lease has ended and the page was charged; another process does not acquit.
 */
Test(daemon_workers, charge_is_taken_back_when_the_worker_greets_again)
{
	struct hall h;
	struct hall_job j;

	hall_open(&h, hall_settings("job_max_s = 1\ngrace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	greet(&h, h.work, "one");
	same(hall_submit(&h, "c", "a", "fine"), "ACCEPTED");
	j = hall_job(&h, h.work);
	hall_running(h.work, &j);
	same(hall_hear(&h, h.work), "STOP"); /* what a dead connection would not have brought */
	greet(&h, h.work, "two");
	j = hall_job(&h, h.work);
	cr_assert(eq(u32, dm_job_find(&h.d, j.id)->strikes, 1));
	same(hall_hear(&h, h.work), "STOP");
	greet(&h, h.work, "two");
	j = hall_job(&h, h.work);
	cr_assert(eq(u32, dm_job_find(&h.d, j.id)->strikes, 1));
	hall_close(&h);
}
