/* SPDX-License-Identifier: Apache-2.0
 * Pages that come to a case, and the turns of the loop at which they may: of a case that is over,
 * of a part that the model does not have, of a lane that is full. */
#include "tests/daemon/desk.h"

#include <string.h>

TestSuite(daemon_cases, .timeout = 120);

static void begin(struct hall *h)
{
	desk_open(h, hall_settings("", hall_model("m", 1)), "/nonexistent/assayd");
	desk_ops(h, 1);
}

static void close_all(struct hall *h, struct bus_socket *work)
{
	if (work != NULL) {
		bus_socket_close(work);
	}
	desk_close(h);
}

Test(daemon_cases, page_of_a_rejected_case_is_not_queued)
{
	struct dm_case *c;
	struct hall h;

	begin(&h);
	c = desk_case(&h, "c");
	(void)desk_page(&h, c, "a", "one", 3);
	dm_case_reject(&h.d, c, "a", "bytes", "too many");
	cr_assert(c->rejected && c->jobs == NULL && c->kase->closed);
	cr_assert(zero(ptr, desk_page(&h, c, "b", "two", 3)));
	cr_assert(zero(sz, h.d.jobs.n));
	dm_case_reject(&h.d, c, "b", "time", "too late"); /* the first reason stays */
	same(c->limit, "bytes");
	same(c->part, "a");
	close_all(&h, NULL);
}

Test(daemon_cases, case_that_is_being_judged_is_not_rejected)
{
	struct dm_case *c;
	struct hall h;

	begin(&h);
	c = desk_case(&h, "c");
	c->judging = true;
	dm_case_reject(&h.d, c, "a", "bytes", "too many");
	cr_assert(not(c->rejected));
	c->judging = false;
	close_all(&h, NULL);
}

/* Accepted for another model than the one that is served after a new start. */
Test(daemon_cases, page_that_the_task_does_not_have_rejects_its_case)
{
	const struct dm_page second = { .name = "a", .page = 1, .size = 1 };
	struct dm_case *c;
	struct hall h;

	begin(&h);
	c = desk_case(&h, "c");
	(void)desk_page(&h, c, "z", "one", 3);
	same(c->limit, "task");
	same(c->part, "z");
	c = desk_case(&h, "d");
	dm_case_add(&h.d, c, &second, bus_bytes_copy("x", 1)); /* a does not repeat */
	same(c->limit, "task");
	cr_assert(zero(sz, h.d.jobs.n));
	close_all(&h, NULL);
}

/* The attempt is written down with the submission where the page may leave at once. */
Test(daemon_cases, page_for_a_full_lane_is_accepted_without_an_attempt)
{
	const struct dm_page page = { .name = "a" };
	const struct dm_page other = { .name = "z" };
	struct dm_case *c;
	struct hall h;

	begin(&h);
	c = desk_case(&h, "c");
	cr_assert(eq(int, (int)dm_case_out(&h.d, c, &page), ST_GIVEN));
	cr_assert(eq(int, (int)dm_case_out(&h.d, c, &other), ST_HERE));
	h.d.lanes->cleared = DM_CLEARED_MAX;
	cr_assert(eq(int, (int)dm_case_out(&h.d, c, &page), ST_HERE));
	h.d.lanes->cleared = 0;
	close_all(&h, NULL);
}

/* The next two operations from the journal, the loading first. */
static void both(struct hall *h, struct dm_op *op[2])
{
	struct bus_poll item = { .socket = h->d.journal.here };
	struct as_err e = { 0 };

	for (size_t n = 0; n < 2;) {
		op[n] = dm_journal_get(&h->d.journal);
		if (op[n] == NULL) {
			ok(bus_poll(&item, 1, HALL_MS, &e));
		} else {
			n++;
		}
	}
	if (op[0]->kind != DM_OP_LOAD) {
		struct dm_op *first = op[0];

		op[0] = op[1];
		op[1] = first;
	}
	cr_assert(op[0]->kind == DM_OP_LOAD && op[1]->kind == DM_OP_ATTEMPT);
}

/* Whatever comes back last frees it: the sanitizer sees what is freed twice or never. */
Test(daemon_cases, job_that_is_over_is_freed_by_the_last_of_its_two_answers)
{
	for (int loading_last = 0; loading_last < 2; loading_last++) {
		struct bus_socket *work;
		struct dm_op *op[2];
		struct dm_case *c;
		struct hall h;

		begin(&h);
		work = desk_worker(&h, 1, "");
		c = desk_case(&h, "c");
		(void)desk_page(&h, c, "a", NULL, 1);
		dm_dispatch(&h.d);
		dm_case_undo(&h.d, c);
		both(&h, op);
		if (loading_last) {
			dm_job_cleared(&h.d, op[1]);
			dm_job_loaded(&h.d, op[0]);
		} else {
			dm_job_loaded(&h.d, op[0]);
			dm_job_cleared(&h.d, op[1]);
		}
		cr_assert(h.d.held_bytes == 0 && h.d.lanes->cleared == 0);
		dm_op_free(op[0]);
		dm_op_free(op[1]);
		close_all(&h, work);
	}
}

Test(daemon_cases, lightening_passes_by_pages_that_hold_no_bytes)
{
	struct dm_case *c;
	struct hall h;

	begin(&h);
	c = desk_case(&h, "c");
	(void)desk_page(&h, c, "a", NULL, 1);
	h.d.held_bytes = DM_HELD_BYTES + 1; /* another case's */
	dm_jobs_lighten(&h.d, c);
	cr_assert(eq(u64, h.d.held_bytes, (uint64_t)DM_HELD_BYTES + 1));
	h.d.held_bytes = 0;
	close_all(&h, NULL);
}

/* A worker on another machine: its lease is longer by the time that the way may take. */
Test(daemon_cases, lease_of_a_far_worker_ends_later)
{
	const int64_t hour = INT64_C(3600) * 1000000000;
	struct bus_socket *work;
	struct dm_job *j;
	struct hall h;

	begin(&h);
	work = desk_worker(&h, 1, "");
	h.d.workers->far = true;
	j = desk_page(&h, desk_case(&h, "c"), "a", "one", 3);
	dm_dispatch(&h.d);
	cr_assert(eq(ptr, j->worker, h.d.workers));
	dm_workers_check(&h.d, j->lease + 1);
	cr_assert(ne(ptr, h.d.workers, NULL));
	dm_workers_check(&h.d, j->lease + hour);
	cr_assert(zero(ptr, h.d.workers));
	cr_assert(j->suspect && j->worker == NULL && h.d.count.expired == 1);
	close_all(&h, work);
}

/* The second of two models is answered first; one is of another width than the model asks for. */
Test(daemon_cases, models_may_be_answered_in_any_order)
{
	struct bus_socket *work;
	struct dm_model *n = NULL;
	struct as_err e = { 0 };
	char first[IO_DIGEST_SIZE];
	char json[256];
	struct hall h;

	begin(&h);
	ok(dm_model_open(&h.d, hall_model("n", 2), &n, &e));
	work = hall_connect(&h, BUS_DEALER, "work");
	desk_say(&h, work, "READY",
		 "{\"modality\":\"null\",\"encoder\":\"null\",\"version\":\"1\",\"pid\":1,"
		 "\"credit\":1}");
	same(hall_hear(&h, work), "MODEL");
	(void)snprintf(first, sizeof first, "%s", io_json_find_str(h.c.doc, "model", ""));
	same(hall_hear(&h, work), "MODEL");
	hall_loaded(&h, work, HALL_DIM);
	desk_take(&h, h.d.work, dm_work_take);
	cr_assert(dm_worker_has(h.d.workers, n) != dm_worker_has(h.d.workers, h.d.streams->model));
	(void)snprintf(json, sizeof json, "{\"model\":\"%s\",\"dim\":%d,\"rows_max\":4}", first,
		       HALL_DIM + 1);
	desk_say(&h, work, "LOADED", json);
	cr_assert(dm_worker_has(h.d.workers, n) != dm_worker_has(h.d.workers, h.d.streams->model));
	dm_model_leave(&h.d, n);
	close_all(&h, work);
}
