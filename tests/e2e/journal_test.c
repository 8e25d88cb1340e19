/* SPDX-License-Identifier: Apache-2.0
 * The journal in an operator's hands: verified, purged, backed up and restored. */
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

TestSuite(e2e_journal, .timeout = 300);

static const char *settings(void)
{
	return world_settings(
	    "assayd.ini",
	    world_format("[stream.breast]\nmodel = %s\ndeadline_ms = 600000\n", world_model()));
}

/* Cases without any part, each judged before the next is sent; submitted again they are the same.
 */
static void judge(struct world *w, int first, int last, bool again)
{
	for (int i = first; i <= last; i++) {
		char json[160];

		(void)snprintf(json, sizeof json,
			       "{\"stream\":\"breast\",\"case\":\"c%d\",\"complete\":true,"
			       "\"wait\":true,\"parts\":[]}",
			       i);
		same(world_ask(w, "SUBMIT", json), "ACCEPTED");
		cr_assert(eq(int, io_json_find_bool(w->answer.doc, "duplicate", !again), again));
		same(world_next(w), "JUDGMENT");
	}
}

/* Runs `assay ...`, which ends with the code and says the text. */
static void says(int code, const char *text, const char *const *argv)
{
	struct proc p;
	bool said;

	proc_start(&p, argv, NULL);
	cr_assert(eq(int, proc_wait(&p, PROC_MS), code), "%s%s", p.out.data ? p.out.data : "",
		  p.err.data ? p.err.data : "");
	said = (p.out.data != NULL && strstr(p.out.data, text) != NULL) ||
	       (p.err.data != NULL && strstr(p.err.data, text) != NULL);
	cr_assert(said, "%s%s", p.out.data ? p.out.data : "", p.err.data ? p.err.data : "");
	proc_free(&p);
}

#define SAYS(code, text, ...) says(code, text, (const char *const[]){ "assay", __VA_ARGS__, NULL })

Test(e2e_journal, is_verified_beside_its_daemon_and_without)
{
	const char *ini = settings();
	const char *state = tmpdir_path("state");
	struct world w;

	world_start(&w, ini);
	judge(&w, 1, 5, false);
	SAYS(0, "1 streams, 5 judgments (0 purged), 5 cases", "journal", "verify");
	SAYS(75, "in use by another assayd", "journal", "verify", "--state", state);
	world_stop(&w);
	SAYS(0, "5 judgments", "journal", "verify", "--state", state);
	SAYS(66, "nowhere", "journal", "verify", "--state", tmpdir_path("nowhere"));
	SAYS(69, "", "journal", "verify");
	SAYS(64, "want verify", "journal", "burn");
}

Test(e2e_journal, purged_case_is_a_tombstone_and_its_submission_still_the_same)
{
	const char *ini = settings();
	struct world w;
	struct proc p;
	const struct json_t *doc;

	world_start(&w, ini);
	judge(&w, 1, 3, false);
	SAYS(0, "breast 2: purged", "purge", "--stream", "breast", "--case", "c2");
	SAYS(66, "no case of that name", "purge", "--stream", "breast", "--case", "c9");
	judge(&w, 1, 3, true);
	judge(&w, 4, 4, false);
	world_stop(&w);
	world_start(&w, ini);
	SAYS(0, "4 judgments (1 purged)", "journal", "verify");
	proc_start(&p,
		   (const char *const[]){ "assay", "watch", "--stream", "breast", "--count", "4",
					  "--json", NULL },
		   NULL);
	for (int i = 1; i <= 4; i++) {
		doc = world_json(proc_line(&p, PROC_MS));
		cr_assert(eq(dbl, world_num(doc, "data.seq"), (double)i));
		same(world_text(doc, "data.kind"), i == 2 ? "purged" : "result");
	}
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 0));
	proc_free(&p);
	SAYS(0, "purged", "get", "--stream", "breast", "--case", "c2");
	world_stop(&w);
}

/* A subscriber with a daemon that is lost and restored: numbers up to the backup's last are those
 * it has, what follows is given anew, and it is told so. */
Test(e2e_journal, subscriber_goes_on_with_what_was_restored)
{
	const char *ini = settings();
	const char *state = tmpdir_path("state");
	const char *file = tmpdir_path("backup.db");
	struct world w;
	struct proc p;

	world_start(&w, ini);
	judge(&w, 1, 5, false);
	SAYS(0, "journal ", "journal", "backup", file);
	SAYS(73, "is there already", "journal", "backup", file);
	judge(&w, 6, 8, false); /* the backup has them not */
	proc_start(&p,
		   (const char *const[]){ "assay", "watch", "--stream", "breast", "--count", "13",
					  "--json", NULL },
		   NULL);
	for (int i = 1; i <= 8; i++) {
		cr_assert(
		    eq(dbl, world_num(world_json(proc_line(&p, PROC_MS)), "data.seq"), (double)i));
	}
	world_stop(&w);
	SAYS(73, "is there: move it away first", "journal", "restore", file, "--state", state);
	cr_assert(zero(int, rename(state, tmpdir_path("lost"))));
	SAYS(0, "5 judgments", "journal", "restore", file, "--state", state);
	world_start(&w, ini);
	judge(&w, 1, 5, true);
	judge(&w, 6, 7, false); /* sent again, as their clients have no other way to know */
	judge(&w, 9, 11, false);
	for (int i = 6; i <= 10; i++) {
		cr_assert(
		    eq(dbl, world_num(world_json(proc_line(&p, PROC_MS)), "data.seq"), (double)i));
	}
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 0), "%s", p.err.data);
	cr_assert(ne(ptr, strstr(p.err.data, "the journal was restored"), NULL), "%s", p.err.data);
	cr_assert(ne(ptr, strstr(p.err.data, "after number 5 may be given anew"), NULL), "%s",
		  p.err.data);
	proc_free(&p);
	SAYS(0, "10 judgments", "journal", "verify");
	world_stop(&w);
}
