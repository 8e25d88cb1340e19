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

Test(daemon_reload, what_was_bound_at_the_start_is_refused_by_key)
{
	struct hall h;
	const char *model = hall_model("m", 1);

	hall_open(&h, hall_settings("", model));
	reload(&h, "front = tcp://127.0.0.1:*", model, "ERROR");
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
