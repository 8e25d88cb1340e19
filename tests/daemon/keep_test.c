/* SPDX-License-Identifier: Apache-2.0
 * What an operator asks of the journal through control. */
#include "tests/daemon/hall.h"

TestSuite(daemon_keep, .timeout = 120);

/* A case without parts, judged. */
static void judge(struct hall *h, const char *id)
{
	char json[128];

	(void)snprintf(json, sizeof json,
		       "{\"stream\":\"s\",\"case\":\"%s\",\"complete\":true,\"wait\":true,"
		       "\"parts\":[]}",
		       id);
	same(hall_ask(h, h->front, "SUBMIT", json), "ACCEPTED");
	same(hall_hear(h, h->front), "JUDGMENT");
}

Test(daemon_keep, verifies_while_it_works_and_names_what_it_finds)
{
	struct hall h;

	hall_open(&h, hall_settings("", hall_model("m", 1)));
	hall_wait_open(&h);
	judge(&h, "c1");
	judge(&h, "c2");
	same(hall_ask(&h, h.control, "VERIFY", "{}"), "VERIFY");
	cr_assert(io_json_find_bool(h.c.doc, "done", false));
	cr_assert(eq(u64, io_json_find_u64(h.c.doc, "judgments", 0), 2));
	hall_close(&h);
}

Test(daemon_keep, purges_a_judged_case_only)
{
	struct hall h;

	hall_open(&h, hall_settings("", hall_model("m", 1)));
	hall_wait_open(&h);
	judge(&h, "c1");
	same(hall_submit(&h, "open", "a", "one"), "ACCEPTED");
	same(hall_ask(&h, h.control, "PURGE", "{\"stream\":\"s\",\"case\":\"open\"}"), "ERROR");
	same(hall_str(&h, "message"), "not judged yet: only judged cases are purged");
	same(hall_ask(&h, h.control, "PURGE", "{\"stream\":\"s\",\"case\":\"no\"}"), "ERROR");
	same(hall_str(&h, "field"), "case");
	same(hall_ask(&h, h.control, "PURGE", "{\"stream\":\"s\",\"case\":\"c1\"}"), "PURGED");
	cr_assert(eq(u64, io_json_find_u64(h.c.doc, "seq", 0), 1));
	same(hall_ask(&h, h.front, "GET", "{\"stream\":\"s\",\"case\":\"c1\"}"), "JUDGMENT");
	same(hall_data(&h, "kind"), "purged");
	judge(&h, "c2"); /* chained to what was there */
	same(hall_ask(&h, h.control, "VERIFY", "{}"), "VERIFY");
	cr_assert(eq(u64, io_json_find_u64(h.c.doc, "purged", 0), 1));
	hall_close(&h);
}

Test(daemon_keep, wrong_questions_are_named)
{
	struct hall h;

	hall_open(&h, hall_settings("", hall_model("m", 1)));
	same(hall_ask(&h, h.control, "PURGE", "{\"case\":\"c\"}"), "ERROR");
	same(hall_str(&h, "field"), "stream");
	same(hall_ask(&h, h.control, "PURGE", "{\"stream\":\"s\"}"), "ERROR");
	same(hall_str(&h, "field"), "case");
	same(hall_ask(&h, h.control, "BACKUP", "{\"file\":\"here\"}"), "ERROR");
	same(hall_str(&h, "message"), "want an absolute path");
	same(hall_ask(&h, h.control, "BACKUP", "{\"file\":\"/nonexistent/b\"}"), "ERROR");
	same(hall_str(&h, "field"), "file");
	same(hall_ask(&h, h.front, "VERIFY", "{}"), "ERROR"); /* control only */
	hall_close(&h);
}
