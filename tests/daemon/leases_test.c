/* SPDX-License-Identifier: Apache-2.0
 * What lies between the turns of the loop: jobs whose case ends while the journal has them, workers
 * that go at the wrong moment, who is given what, and when nobody is. */
#include "tests/daemon/desk.h"

#include <string.h>

TestSuite(daemon_leases, .timeout = 120);

static const char nowhere[] = "/nonexistent/assayd";

static void begin(struct hall *h)
{
	desk_open(h, hall_settings("", hall_model("m", 1)), nowhere);
	desk_ops(h, 1);
}

/* Three pages: the journal has both questions about the first, one about each of the others. */
Test(daemon_leases, job_whose_case_ends_is_freed_when_the_journal_gives_it_back)
{
	struct bus_socket *work;
	struct dm_case *c[3];
	struct dm_job *j[3];
	struct hall h;

	begin(&h);
	work = desk_worker(&h, 4, "");
	for (int i = 0; i < 3; i++) {
		c[i] = desk_case(&h, (const char *[]){ "c", "d", "e" }[i]);
		j[i] = desk_page(&h, c[i], "a", NULL, 1);
	}
	j[1]->cleared = true;
	j[1]->lane->cleared++;
	j[2]->bytes = bus_bytes_copy("x", 1);
	h.d.held_bytes++;
	dm_dispatch(&h.d);
	cr_assert(j[0]->loading && j[0]->clearing && j[1]->loading && j[2]->clearing);
	for (int i = 0; i < 3; i++) {
		dm_case_undo(&h.d, c[i]);
	}
	cr_assert(zero(sz, h.d.jobs.n));
	cr_assert(h.d.lanes->queued == 0 && h.d.lanes->cleared == 0 && h.d.held_bytes == 0 &&
		  h.d.queued_bytes == 0);
	desk_ops(&h, 4);
	cr_assert(zero(sz, h.d.lanes->cleared));
	bus_socket_close(work);
	desk_close(&h);
}

Test(daemon_leases, daemon_stops_while_the_journal_has_its_jobs)
{
	struct bus_socket *work;
	struct dm_job *j;
	struct hall h;

	begin(&h);
	work = desk_worker(&h, 1, "");
	j = desk_page(&h, desk_case(&h, "c"), "a", NULL, 1);
	dm_dispatch(&h.d);
	cr_assert(j->loading && j->clearing);
	dm_dispatch(&h.d); /* neither is asked for twice */
	cr_assert(eq(sz, h.d.journal.inside, 2));
	bus_socket_close(work);
	desk_close(&h);
}

/* Until sending to its first worker says that there is nobody; not so often that it is full of what
 * nobody takes. */
static void wait_gone(struct hall *h)
{
	const struct bus_frame peer = { .kept = h->d.workers->address };
	const struct bus_say ping = { .verb = "PING" };
	struct bus_msg none = { 0 };
	struct as_err e = { 0 };

	while (bus_call_reply(h->d.work, &peer, &ping, &e) != AS_EUNAVAIL) {
		cr_assert(eq(int, bus_recv_wait(h->d.work, &none, 10, &e), AS_EAGAIN));
	}
}

Test(daemon_leases, job_for_a_worker_that_has_just_gone_goes_to_the_next_uncharged)
{
	struct bus_socket *work;
	struct bus_socket *next;
	struct dm_job *j;
	struct hall h;

	begin(&h);
	work = desk_worker(&h, 1, "");
	j = desk_page(&h, desk_case(&h, "c"), "a", "one", 3);
	bus_socket_close(work);
	wait_gone(&h);
	dm_dispatch(&h.d);
	cr_assert(zero(ptr, h.d.workers));
	cr_assert(j->worker == NULL && j->strikes == 0 && !j->suspect && j->cleared);
	next = desk_worker(&h, 1, "");
	dm_dispatch(&h.d);
	same(hall_job(&h, next).text, "one");
	bus_socket_close(next);
	desk_close(&h);
}

/* What is asked for at once is bounded in bytes. */
Test(daemon_leases, large_pages_are_not_all_loaded_at_once)
{
	struct bus_socket *work;
	struct dm_job *j[3];
	struct hall h;

	begin(&h);
	work = desk_worker(&h, 8, "");
	for (int i = 0; i < 3; i++) {
		j[i] = desk_page(&h, desk_case(&h, (const char *[]){ "c", "d", "e" }[i]), "a", NULL,
				 DM_HELD_BYTES / 2);
	}
	dm_dispatch(&h.d);
	cr_assert(j[0]->loading && j[1]->loading && !j[2]->loading && !j[2]->clearing);
	bus_socket_close(work);
	desk_close(&h);
}

Test(daemon_leases, pages_that_wait_give_up_their_bytes_when_many_are_held)
{
	char *big = as_calloc(1, DM_HELD_BYTES);
	struct bus_socket *work;
	struct dm_case *c;
	struct dm_job *out;
	struct dm_job *waits;
	struct hall h;

	begin(&h);
	work = desk_worker(&h, 1, "");
	c = desk_case(&h, "c");
	waits = desk_page(&h, desk_case(&h, "d"), "a", big, DM_HELD_BYTES);
	(void)desk_page(&h, c, "b", big, DM_HELD_BYTES);
	out = desk_page(&h, c, "a", "one", 3);
	out->worker = h.d.workers;
	dm_jobs_lighten(&h.d, c);
	out->worker = NULL;
	cr_assert(out->bytes != NULL && out->sibling->bytes == NULL && waits->bytes != NULL);
	cr_assert(eq(u64, h.d.held_bytes, (uint64_t)DM_HELD_BYTES + 3));
	dm_jobs_lighten(&h.d, c);
	cr_assert(zero(ptr, out->bytes));
	dm_jobs_lighten(&h.d, c); /* there are no more */
	cr_assert(eq(u64, h.d.held_bytes, (uint64_t)DM_HELD_BYTES));
	bus_socket_close(work);
	desk_close(&h);
	free(big);
}

static bool is_with(const struct dm_job *j, const struct dm_worker *w)
{
	return j->worker == w && w->jobs > 0;
}

/* It was out when a daemon ended: it goes when nothing else is out, not even what went before. */
Test(daemon_leases, page_that_may_end_the_daemon_waits_for_what_is_out)
{
	struct bus_socket *work[2];
	struct dm_job *before;
	struct hall_job j;
	struct hall h;

	hall_leave((struct hall_left){ .id = "grave", .part = "a", .out = ST_GIVEN });
	desk_open(&h, hall_settings("", hall_model("m", 1)), nowhere);
	h.features = hall_connect(&h, BUS_PUSH, "features");
	work[0] = desk_worker(&h, 1, "");
	before = desk_page(&h, desk_case(&h, "before"), "a", "before", 6);
	dm_dispatch(&h.d);
	cr_assert(is_with(before, h.d.workers));
	j = hall_job(&h, work[0]);
	desk_ops(&h, 1); /* what the journal has of the stream */
	work[1] = desk_worker(&h, 1, "");
	dm_dispatch(&h.d);
	cr_assert(h.d.graves == 1 && h.d.alone == NULL);
	hall_encode(&h, &j, 1.0F);
	desk_take(&h, h.d.features, dm_features_take);
	dm_dispatch(&h.d);
	cr_assert(ne(ptr, h.d.alone, NULL));
	desk_ops(&h, 3); /* that the first is over, the attempt at the second, and its bytes */
	dm_dispatch(&h.d);
	cr_assert(eq(sz, h.d.workers->jobs + h.d.workers->next->jobs, 1));
	bus_socket_close(work[0]);
	bus_socket_close(work[1]);
	desk_close(&h);
}

/* One that ended a worker waits beside one that was out when a daemon ended. */
Test(daemon_leases, charged_page_waits_for_the_one_that_may_end_the_daemon)
{
	struct bus_socket *work;
	struct hall h;

	hall_leave((struct hall_left){ .id = "charged", .part = "a", .strikes = 1 });
	hall_leave((struct hall_left){ .id = "grave", .part = "a", .out = ST_GIVEN });
	begin(&h);
	dm_dispatch(&h.d);
	cr_assert(h.d.graves == 1 && !h.d.holding); /* there is no worker */
	work = desk_worker(&h, 1, "");
	dm_dispatch(&h.d);
	cr_assert(h.d.holding);
	desk_ops(&h, 2);
	dm_dispatch(&h.d);
	same(hall_job(&h, work).text, "grave");
	bus_socket_close(work);
	desk_close(&h);
}

/* Both pages of a case were out; one of their workers goes. */
Test(daemon_leases, case_stays_alone_while_another_of_its_pages_is_out)
{
	struct bus_socket *work[2];
	struct dm_case *c;
	struct hall h;

	hall_leave((struct hall_left){ .id = "c", .part = "a", .out = ST_GIVEN, .more = true });
	hall_leave((struct hall_left){ .id = "c", .part = "b", .out = ST_GIVEN });
	begin(&h);
	work[0] = desk_worker(&h, 1, "");
	work[1] = desk_worker(&h, 1, "");
	dm_dispatch(&h.d);
	c = h.d.alone;
	cr_assert(ne(ptr, c, NULL));
	for (int i = 0; i < 2; i++) {
		desk_ops(&h, 2);
		dm_dispatch(&h.d);
	}
	cr_assert(h.d.workers->jobs == 1 && h.d.workers->next->jobs == 1);
	dm_worker_lost(&h.d, h.d.workers, "the test says so");
	cr_assert(eq(ptr, h.d.alone, c));
	dm_worker_lost(&h.d, h.d.workers, "the test says so");
	cr_assert(zero(ptr, h.d.alone));
	bus_socket_close(work[0]);
	bus_socket_close(work[1]);
	desk_close(&h);
}

static size_t known(const struct hall *h)
{
	size_t n = 0;

	for (const struct dm_worker *w = h->d.workers; w != NULL; w = w->next) {
		n++;
	}
	return n;
}

/* READY of what no model asks for: there is no MODEL. */
static struct bus_socket *useless(struct hall *h, const char *version, const char *more)
{
	struct bus_socket *work = hall_connect(h, BUS_DEALER, "work");
	char json[256];

	(void)snprintf(
	    json, sizeof json,
	    "{\"modality\":\"null\",\"encoder\":\"null\",\"version\":\"%s\",\"pid\":1%s}", version,
	    more);
	desk_say(h, work, "READY", json);
	return work;
}

/* Another may have all that it has only if it is of the same lane, has the model, and stays. */
Test(daemon_leases, worker_that_retires_stays_until_another_has_its_models)
{
	struct bus_socket *work[5];
	struct dm_worker *first;
	struct hall h;

	begin(&h);
	work[0] = desk_worker(&h, 2, "");
	first = h.d.workers;
	first->retiring = true;
	work[1] = useless(&h, "2", "");
	work[2] = desk_worker(&h, 1, "");
	h.d.workers->retiring = true;
	work[3] = useless(&h, "1", "");
	same(hall_hear(&h, work[3]), "MODEL");
	hall_loaded(&h, work[3], HALL_DIM); /* which is not read yet */
	(void)desk_page(&h, desk_case(&h, "c"), "a", "one", 3);
	dm_dispatch(&h.d); /* who retires is given nothing */
	cr_assert(zero(sz, first->jobs));
	dm_workers_check(&h.d, as_mono_ns());
	same(hall_hear_for(&h, work[0], 50), "");
	desk_take(&h, h.d.work, dm_work_take);
	first->jobs = 1; /* it works still */
	first->job[0] = h.d.lanes->next ? h.d.lanes->next->first : NULL;
	first->job[0] = first->job[0] ? first->job[0] : h.d.lanes->first;
	first->job[0]->lease = INT64_MAX;
	dm_workers_check(&h.d, as_mono_ns());
	same(hall_hear(&h, work[2]), "STOP");
	same(hall_hear_for(&h, work[0], 50), "");
	first->jobs = 0;
	dm_workers_check(&h.d, as_mono_ns());
	same(hall_hear(&h, work[0]), "STOP");
	work[4] = useless(&h, "3", "");
	h.d.workers->retiring = true;
	dm_workers_check(&h.d, as_mono_ns()); /* no model asks for it */
	same(hall_hear(&h, work[4]), "STOP");
	for (size_t i = 0; i < 5; i++) {
		bus_socket_close(work[i]);
	}
	desk_close(&h);
}

Test(daemon_leases, worker_that_says_nothing_is_forgotten_unless_it_works)
{
	const int64_t silent = INT64_C(11) * 1000000000;
	struct bus_socket *work[2];
	struct dm_job *j;
	struct hall h;

	begin(&h);
	work[0] = desk_worker(&h, 1, "");
	j = desk_page(&h, desk_case(&h, "c"), "a", "one", 3);
	dm_dispatch(&h.d);
	work[1] = desk_worker(&h, 1, "");
	dm_workers_check(&h.d, as_mono_ns());
	cr_assert(eq(sz, known(&h), 2));
	dm_workers_check(&h.d, as_mono_ns() + silent);
	cr_assert(eq(sz, known(&h), 1));
	cr_assert(is_with(j, h.d.workers));
	cr_assert(zero(u64, h.d.count.expired)); /* no lease has ended */
	desk_say(&h, work[1], "PING", "{}");
	same(hall_hear(&h, work[1]), "ERROR"); /* it is to greet */
	bus_socket_close(work[0]);
	bus_socket_close(work[1]);
	desk_close(&h);
}

Test(daemon_leases, worker_is_told_of_a_model_that_goes_if_it_had_it)
{
	struct bus_socket *work[2];
	struct dm_model *m = NULL;
	struct as_err e = { 0 };
	struct hall h;

	begin(&h);
	work[0] = desk_worker(&h, 1, "");
	ok(dm_model_open(&h.d, hall_model("n", 2), &m, &e));
	same(hall_hear(&h, work[0]), "MODEL");
	cr_assert(not(dm_worker_has(h.d.workers, m)));
	hall_loaded(&h, work[0], HALL_DIM);
	desk_take(&h, h.d.work, dm_work_take);
	cr_assert(dm_worker_has(h.d.workers, m));
	work[1] = useless(&h, "2", "");
	cr_assert(not(dm_worker_has(h.d.workers, m)));
	dm_model_leave(&h.d, m);
	same(hall_hear(&h, work[0]), "FORGET");
	same(hall_hear_for(&h, work[1], 50), "");
	bus_socket_close(work[0]);
	bus_socket_close(work[1]);
	desk_close(&h);
}

Test(daemon_leases, instance_with_a_name_that_cannot_be_is_no_worker)
{
	char more[2 * DM_INSTANCE_SIZE] = ",\"instance\":\"";
	const size_t n = strlen(more);
	struct bus_socket *work;
	struct hall h;

	begin(&h);
	memset(more + n, 'x', DM_INSTANCE_SIZE);
	more[n + DM_INSTANCE_SIZE] = '"';
	work = useless(&h, "1", more);
	cr_assert(zero(sz, known(&h)));
	cr_assert(eq(u64, h.d.count.malformed, 1));
	bus_socket_close(work);
	desk_close(&h);
}

/* The same name in another lane is another's. */
Test(daemon_leases, worker_of_another_encoder_takes_nobodys_jobs)
{
	struct bus_socket *work[2];
	struct dm_job *j;
	struct hall h;

	begin(&h);
	work[0] = desk_worker(&h, 1, ",\"instance\":\"one\"");
	j = desk_page(&h, desk_case(&h, "c"), "a", "one", 3);
	dm_dispatch(&h.d);
	cr_assert(is_with(j, h.d.workers));
	work[1] = useless(&h, "2", ",\"instance\":\"one\"");
	cr_assert(eq(sz, known(&h), 2));
	cr_assert(is_with(j, h.d.workers->next));
	bus_socket_close(work[0]);
	bus_socket_close(work[1]);
	desk_close(&h);
}

/* Its file was taken away: the case cannot be judged, and says why. */
Test(daemon_leases, page_whose_bytes_are_gone_rejects_its_case)
{
	static char big[ST_INLINE_MAX + 2];
	char path[IO_DIGEST_SIZE + 16] = "state/spool/";
	struct hall h;

	memset(big, 'x', sizeof big - 1);
	hall_leave((struct hall_left){ .id = "c", .part = "a", .data = big });
	io_digest(big, sizeof big - 1, path + strlen(path));
	cr_assert(zero(int, unlink(tmpdir_path(path))));
	hall_open(&h, hall_settings("", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 1);
	do {
		(void)hall_ask(&h, h.front, "GET", "{\"stream\":\"s\",\"case\":\"c\"}");
	} while (strcmp(h.c.verb, "JUDGMENT") != 0);
	same(hall_data(&h, "kind"), "rejected");
	same(hall_data(&h, "part"), "a");
	same(hall_data(&h, "limit"), "spool");
	hall_close(&h);
}
