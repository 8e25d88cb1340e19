/* SPDX-License-Identifier: Apache-2.0
 * Subscribing: every number once, in order, whenever one starts. */
#include "tests/e2e/world.h"
#include "tests/support/check.h"

#include <signal.h>
#include <stdio.h>

TestSuite(e2e_watch, .timeout = 300);

/* Cases without any part, first to last, each judged before the next is sent. */
static void judge(struct world *w, const char *stream, int first, int last)
{
	for (int i = first; i <= last; i++) {
		char json[160];

		(void)snprintf(json, sizeof json,
			       "{\"stream\":\"%s\",\"case\":\"c%d\",\"complete\":true,"
			       "\"wait\":true,\"parts\":[]}",
			       stream, i);
		same(world_ask(w, "SUBMIT", json), "ACCEPTED");
		same(world_next(w), "JUDGMENT");
	}
}

static void start(struct proc *p, const char *after, const char *count)
{
	proc_start(p,
		   (const char *const[]){ "assay", "watch", "--stream", "breast", "--after", after,
					  "--count", count, "--json", NULL },
		   NULL);
}

/* The next lines are numbers first to last. */
static void expect(struct proc *p, int first, int last)
{
	for (int i = first; i <= last; i++) {
		const char *line = proc_line(p, PROC_MS);

		cr_assert(line != NULL, "code %d before %d: %s", p->code, i, p->err.data);
		cr_assert(eq(dbl, world_num(world_json(line), "data.seq"), (double)i));
	}
}

Test(e2e_watch, late_subscriber_gets_all_without_a_gap)
{
	struct world w;
	struct proc p;

	world_start_plain(&w);
	judge(&w, "breast", 1, 20);
	start(&p, "0", "30");
	expect(&p, 1, 20);
	judge(&w, "breast", 21, 30);
	expect(&p, 21, 30);
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 0));
	cr_assert(eq(ptr, (void *)(uintptr_t)proc_line(&p, PROC_MS), NULL));
	proc_free(&p);
	world_stop(&w);
}

Test(e2e_watch, goes_on_after_a_number)
{
	struct world w;
	struct proc p;

	world_start_plain(&w);
	judge(&w, "breast", 1, 10);
	start(&p, "7", "5");
	expect(&p, 8, 10);
	judge(&w, "breast", 11, 12);
	expect(&p, 11, 12);
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 0));
	proc_free(&p);
	world_stop(&w);
}

Test(e2e_watch, subscriber_outlives_the_daemon)
{
	struct world w;
	struct proc p;

	world_start_plain(&w);
	judge(&w, "breast", 1, 3);
	start(&p, "0", "6");
	expect(&p, 1, 3);
	world_stop(&w);
	world_start_plain(&w);
	judge(&w, "breast", 4, 6);
	expect(&p, 4, 6);
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 0));
	proc_free(&p);
	world_stop(&w);
}

Test(e2e_watch, replay_gives_credit_and_says_where_the_end_is)
{
	struct world w;

	world_start_plain(&w);
	judge(&w, "breast", 1, 5);
	same(world_ask(&w, "REPLAY", "{\"stream\":\"breast\",\"after\":1,\"credit\":2}"),
	     "JUDGMENT");
	cr_assert(eq(dbl, world_num(w.answer.doc, "data.seq"), 2.0));
	same(world_next(&w), "JUDGMENT");
	cr_assert(eq(dbl, world_num(w.answer.doc, "data.seq"), 3.0));
	same(world_next(&w), "END");
	cr_assert(eq(dbl, world_num(w.answer.doc, "after"), 3.0));
	cr_assert(eq(dbl, world_num(w.answer.doc, "last"), 5.0));
	same(world_ask(&w, "REPLAY", "{\"stream\":\"breast\",\"after\":5,\"credit\":2}"), "END");
	cr_assert(eq(dbl, world_num(w.answer.doc, "after"), 5.0));
	world_stop(&w);
}

Test(e2e_watch, tick_tells_what_the_feed_lost)
{
	struct bus_socket *feed = NULL;
	struct bus_msg m = { 0 };
	struct json_t *doc = NULL;
	struct as_err e = { 0 };
	struct world w;

	world_start_plain(&w);
	judge(&w, "breast", 1, 2);
	same(world_ask(&w, "HELLO", NULL), "HELLO");
	ok(bus_socket_open(&feed, w.bus,
			   &(struct bus_options){ .type = BUS_SUB,
						  .endpoint = world_str(&w, "feed"),
						  .hwm = 100,
						  .max_bytes = 1 << 20 },
			   &e));
	ok(bus_subscribe(feed, "breast/", &e));
	ok(bus_recv_wait(feed, &m, PROC_MS, &e)); /* nothing is judged: a tick */
	cr_assert(eq(sz, m.n, (size_t)2));
	cr_assert(eq(sz, bus_size(&m, 0), strlen("breast/")));
	ok(io_json_parse(bus_data(&m, 1), bus_size(&m, 1), "the tick", &doc, &e));
	same(world_text(doc, "type"), "io.assay.tick.v1");
	same(world_text(doc, "data.stream"), "breast");
	cr_assert(eq(dbl, world_num(doc, "data.last"), 2.0));
	io_json_free(doc);
	bus_msg_free(&m);
	bus_socket_close(feed);
	world_stop(&w);
}

Test(e2e_watch, streams_with_a_common_prefix_are_not_mixed)
{
	struct world w;
	struct proc p;

	world_start(&w, world_settings("assayd.ini", world_format("[stream.breast]\nmodel = %s\n"
								  "[stream.breast-2]\nmodel = %s\n",
								  world_model(), world_model())));
	start(&p, "0", "4");
	judge(&w, "breast", 1, 2);
	judge(&w, "breast-2", 1, 5);
	judge(&w, "breast", 3, 4);
	for (int i = 1; i <= 4; i++) {
		const struct json_t *doc = world_json(proc_line(&p, PROC_MS));

		same(world_text(doc, "data.stream"), "breast");
		cr_assert(eq(dbl, world_num(doc, "data.seq"), (double)i));
	}
	proc_free(&p);
	cr_assert(eq(int, proc_run(&p, "assay", "watch", "--count", "9", "--json"), 0)); /* both */
	proc_free(&p);
	world_stop(&w);
}

Test(e2e_watch, people_read_it_too)
{
	struct world w;
	struct proc p;

	world_start_plain(&w);
	judge(&w, "breast", 1, 1);
	cr_assert(eq(int, proc_run(&p, "assay", "watch", "--count", "1"), 0));
	cr_assert(ne(ptr, strstr(p.out.data, "c1"), NULL), "%s", p.out.data);
	cr_assert(eq(ptr, strchr(p.out.data, '{'), NULL), "%s", p.out.data);
	proc_free(&p);
	world_stop(&w);
}

/* The next number, and then the watcher is told to stop, whatever it is doing. */
static void watch_named(int first, int last)
{
	struct proc p;

	proc_start(&p,
		   (const char *const[]){ "assay", "watch", "--stream", "breast", "--name", "lab",
					  "--json", NULL },
		   NULL);
	expect(&p, first, last);
	proc_signal(&p, SIGTERM);
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 0), "%s", p.err.data ? p.err.data : "");
	cr_assert(eq(ptr, (void *)(uintptr_t)proc_line(&p, PROC_MS), NULL));
	proc_free(&p);
}

Test(e2e_watch, named_watcher_stopped_and_started_again_prints_each_number_once)
{
	struct world w;

	world_start_plain(&w);
	judge(&w, "breast", 1, 3);
	watch_named(1, 3);
	judge(&w, "breast", 4, 5);
	watch_named(4, 5);
	world_stop(&w);
	world_start_plain(&w);
	judge(&w, "breast", 6, 6);
	watch_named(6, 6);
	world_stop(&w);
}

Test(e2e_watch, watcher_behind_the_horizon_says_so_and_goes_on)
{
	struct world w;
	struct proc p;

	world_start(&w, world_settings("assayd.ini", world_format("[stream.breast]\nmodel = %s\n"
								  "retain_bytes = 1\n",
								  world_model())));
	judge(&w, "breast", 1, 3);
	do {
		same(world_ask(&w, "STATUS", NULL), "STATUS");
	} while (io_json_find_u64(io_json_at(io_json_find(w.answer.doc, "streams"), 0), "first",
				  0) != 4);
	start(&p, "0", "1");
	cr_assert(proc_says(&p, "breast: numbers 1 to 3 are kept no more", PROC_MS));
	judge(&w, "breast", 4, 4);
	expect(&p, 4, 4);
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 0));
	proc_free(&p);
	world_stop(&w);
}

Test(e2e_watch, name_wants_a_stream_and_no_number)
{
	struct proc p;

	cr_assert(eq(int, proc_run(&p, "assay", "watch", "--name", "lab"), 64));
	cr_assert(ne(ptr, strstr(p.err.data, "--name lab: want"), NULL), "%s", p.err.data);
	proc_free(&p);
	cr_assert(eq(
	    int, proc_run(&p, "assay", "watch", "--name", "lab", "--stream", "s", "--after", "3"),
	    64));
	proc_free(&p);
}
