/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/daemon/hall.h"

TestSuite(daemon_reload, .timeout = 120);

static void reload(struct hall *h, const char *keys, const char *model, const char *verb)
{
	(void)hall_settings(keys, model);
	same(hall_ask(h, h->control, "RELOAD", "{}"), verb);
}

Test(daemon_reload, case_stays_with_the_model_it_began_with)
{
	struct hall h;
	struct hall_job old;
	struct hall_job j;

	hall_open(&h, hall_settings("grace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 4);
	same(hall_submit(&h, "c", "a", "one"), "ACCEPTED");
	old = hall_job(&h, h.work);
	reload(&h, "grace_ms = 0", hall_model("n", 2), "OK");
	same(hall_hear(&h, h.work), "MODEL"); /* the new encoder exists before the old goes */
	hall_loaded(&h, h.work, HALL_DIM);
	same(hall_submit(&h, "c", "b", "two"), "ACCEPTED");
	j = hall_job(&h, h.work);
	same(j.model, old.model);
	hall_encode(&h, &old, 1.0F);
	hall_encode(&h, &j, 1.0F);
	same(hall_hear(&h, h.front), "JUDGMENT");
	same(io_json_find_str(io_json_find(io_json_find(h.c.doc, "data"), "model"), "name", ""),
	     "m");
	same(hall_hear(&h, h.front), "JUDGMENT");
	same(hall_hear(&h, h.work), "FORGET"); /* after its last case */
	same(hall_str(&h, "model"), old.model);
	same(hall_submit(&h, "d", "a", "one"), "ACCEPTED");
	j = hall_job(&h, h.work);
	cr_assert(ne(int, strcmp(j.model, old.model), 0));
	hall_close(&h);
}

Test(daemon_reload, case_takes_the_parts_of_the_task_it_began_with)
{
	struct hall h;
	struct hall_job j;

	hall_open(&h, hall_settings("grace_ms = 0", hall_model("m", 1)));
	hall_wait_open(&h);
	hall_work(&h, h.work, 4);
	same(hall_submit(&h, "c", "a", "one"), "ACCEPTED");
	j = hall_job(&h, h.work);
	hall_encode(&h, &j, 1.0F);
	reload(&h, "grace_ms = 0", hall_model_of("n", 2, "ax"), "OK");
	same(hall_submit(&h, "c", "x", "not of its task"), "REFUSED");
	same(hall_submit(&h, "d", "x", "of the new one"), "ACCEPTED");
	same(hall_submit(&h, "c", "b", "two"), "ACCEPTED");
	hall_close(&h);
}

Test(daemon_reload, stream_that_goes_before_it_is_open_comes_back_with_its_cases)
{
	struct hall h;
	const char *model = hall_model("m", 1);
	struct dm_op *op = dm_op_make(DM_OP_OPEN, "s", "");
	struct as_buf b = { 0 };
	struct as_err e;

	hall_open(&h, hall_settings("grace_ms = 0", model));
	hall_wait_open(&h);
	same(hall_submit(&h, "c", "a", "one"), "ACCEPTED");
	hall_close(&h);

	h = (struct hall){ .d.log = { .fd = STDERR_FILENO, .level = AS_ERROR, .who = "hall" } };
	h.d.self = "/nonexistent/assayd";
	ok(io_config_load(&h.d.config, tmpdir_path("assayd.ini"), &e));
	ok(dm_start(&h.d, &e));
	/* The journal's answer has not been taken yet. */
	as_buf_printf(&b, "[daemon]\nstate = state\nruntime = run\n[stream.t]\nmodel = %s\n",
		      model);
	(void)tmpdir_file("assayd.ini", b.data);
	as_buf_free(&b);
	ok(dm_reload(&h.d, &e));
	dm_stream_opened(&h.d, op);
	dm_op_free(op);
	cr_assert(eq(ptr, dm_stream_find(&h.d, "s"), NULL));
	(void)hall_settings("", model);
	ok(dm_reload(&h.d, &e));
	cr_assert(ne(ptr, dm_stream_find(&h.d, "s"), NULL));
	cr_assert(eq(sz, h.d.journal.inside, 3)); /* s, t, and s again */
	dm_stop(&h.d);
	io_config_free(&h.d.config);
}

Test(daemon_reload, what_was_bound_at_the_start_is_refused_by_key)
{
	struct hall h;
	const char *model = hall_model("m", 1);

	hall_open(&h, hall_settings("", model));
	reload(&h, "front = tcp://127.0.0.1:*\ninsecure = true", model, "ERROR");
	cr_assert(ne(ptr, strstr(hall_str(&h, "message"), "[daemon] front"), NULL));
	reload(&h, "threads = 7", model, "ERROR");
	cr_assert(ne(ptr, strstr(hall_str(&h, "message"), "threads"), NULL));
	reload(&h, "part_bytes = 7", model, "ERROR");
	reload(&h, "log_level = loud", model, "ERROR");
	reload(&h, "[encoder.x]\nplugin = nowhere.so", model, "ERROR");
	cr_assert(ne(ptr, strstr(hall_str(&h, "message"), "nowhere.so"), NULL));
	reload(&h, "", tmpdir_file("no.safetensors", "no model"), "ERROR");
	cr_assert(ne(ptr, strstr(hall_str(&h, "message"), "no.safetensors"), NULL));
	reload(&h, "open_cases = 7", model, "OK");
	cr_assert(eq(u32, h.d.config.daemon.open_cases, 7));
	hall_close(&h);
}

Test(daemon_reload, model_file_may_be_written_over)
{
	struct hall h;
	struct hall_job j;
	const char *model = hall_model("m", 1);

	hall_open(&h, hall_settings("grace_ms = 0", model));
	hall_wait_open(&h);
	hall_work(&h, h.work, 4);
	(void)tmpdir_file("m", "no model any more");
	same(hall_submit(&h, "c", "a", "one"), "ACCEPTED");
	j = hall_job(&h, h.work);
	hall_encode(&h, &j, 1.0F);
	same(hall_submit(&h, "c", "b", "two"), "ACCEPTED");
	j = hall_job(&h, h.work);
	hall_encode(&h, &j, 1.0F);
	same(hall_hear(&h, h.front), "JUDGMENT");
	same(hall_data(&h, "kind"), "result");
	hall_close(&h);
}
