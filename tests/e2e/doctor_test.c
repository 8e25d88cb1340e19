/* SPDX-License-Identifier: Apache-2.0
 * assay doctor, and limits as an operator sets them. */
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <signal.h>
#include <stdio.h>
#include <sys/stat.h>

TestSuite(e2e_doctor, .timeout = 300);
TestSuite(e2e_limits, .timeout = 300);

static const char *settings_with(const char *keys)
{
	return tmpdir_file("assayd.ini",
			   world_format("[daemon]\nstate = state\nruntime = run\n%s\n"
					"[encoder.text]\nplugin = %s/plugins/text.so\n"
					"[stream.breast]\nmodel = %s\n",
					keys, BUILD_DIR, world_model()));
}

/* Runs it on these settings; a finding is "GRADE WHAT". */
static void examine(struct proc *p, const char *keys, int want)
{
	cr_assert(eq(int, proc_run(p, "assay", "doctor", settings_with(keys)), want), "%s",
		  p->out.data);
}

static void finds(const struct proc *p, const char *grade, const char *what)
{
	cr_assert(ne(ptr, strstr(p->out.data, world_format("%-4s  %-10s ", grade, what)), NULL),
		  "no %s %s in:\n%s", grade, what, p->out.data);
}

#ifdef AS_INSTRUMENTED
Test(e2e_doctor, build_that_lacks_layers_cannot_keep_require)
{
	struct proc p;

	examine(&p, "sandbox = require", 1);
	finds(&p, "FAIL", "sandbox");
	proc_free(&p);
}
#else
Test(e2e_doctor, machine_that_has_all_layers_is_well)
{
	static const char *const fine[] = { "sandbox", "settings", "state",  "runtime",
					    "front",   "cpu",      "library" };
	struct proc p;

	cr_assert(zero(int, mkdir(tmpdir_path("state"), 0700)));
	cr_assert(zero(int, mkdir(tmpdir_path("run"), 0700)));
	examine(&p, "sandbox = require", 0);
	for (size_t i = 0; i < sizeof fine / sizeof *fine; i++) {
		finds(&p, "ok", fine[i]);
	}
	proc_free(&p);
}
#endif

Test(e2e_doctor, what_is_open_to_others_is_found)
{
	struct proc p;

	cr_assert(zero(int, mkdir(tmpdir_path("state"), 0755)));
	cr_assert(zero(int, mkdir(tmpdir_path("run"), 0755)));
	examine(&p, "insecure = true\nfront = tcp://127.0.0.1:7801", 1);
	finds(&p, "warn", "state");
	finds(&p, "FAIL", "runtime");
	finds(&p, "warn", "front");
	finds(&p, "ok", "feed");
	proc_free(&p);
}

Test(e2e_doctor, keys_that_do_nothing_are_found)
{
	struct proc p;
	const char *key;
	const char *list;

	cr_assert(eq(int, proc_run(&p, "assay", "keys", "generate", tmpdir_path("key")), 0));
	proc_free(&p);
	cr_assert(eq(int, proc_run(&p, "assay", "keys", "generate", tmpdir_path("lab")), 0));
	key = world_format("%s", proc_line(&p, PROC_MS));
	proc_free(&p);
	list = world_format("[client.idle]\nkey = %s\n[client.other]\nkey = %s\nsubmit = nowhere\n",
			    key, "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
	cr_assert(zero(int, chmod(tmpdir_file("clients.ini", list), 0600)));
	(void)proc_run(&p, "assay", "doctor", settings_with("key = key\nclients = clients.ini"));
	cr_assert(ne(ptr, strstr(p.out.data, "idle has a key and no rights"), NULL), "%s",
		  p.out.data);
	cr_assert(ne(ptr, strstr(p.out.data, "other has a right on nowhere"), NULL));
	proc_free(&p);
	cr_assert(zero(int, chmod(tmpdir_path("key"), 0644)));
	examine(&p, "key = key\nclients = clients.ini", 1);
	finds(&p, "FAIL", "key");
	proc_free(&p);
}

Test(e2e_doctor, settings_that_cannot_be_are_found)
{
	struct proc p;

	examine(&p, "nonsense = 1", 1);
	finds(&p, "FAIL", "settings");
	proc_free(&p);
}

static const char *limited(const char *image, const char *text, const char *table)
{
	return tmpdir_file("assayd.ini",
			   world_format("[daemon]\nstate = %s/state\nruntime = %s/run\n"
					"[encoder.image]\nplugin = %s/plugins/image.so\n%s\n"
					"[encoder.text]\nplugin = %s/plugins/text.so\n%s\n"
					"[encoder.table]\nplugin = %s/plugins/table.so\n%s\n"
					"[stream.breast]\nmodel = %s\n",
					tmpdir(), tmpdir(), BUILD_DIR, image, BUILD_DIR, text,
					BUILD_DIR, table, world_model()));
}

/* A limit that the encoder's section sets is the one that a published rejection names. */
Test(e2e_limits, what_is_over_a_limit_is_rejected_by_its_name)
{
	static const struct {
		const char *part, *limit;
	} over[] = { { "scan", "pixels" },
		     { "report", "text_bytes" },
		     { "findings", "table_columns" } };
	struct world w;

	world_start(&w, limited("image.pixels = 100", "text.bytes = 10", "table.columns = 1"));
	for (size_t i = 0; i < 3; i++) {
		const char *file = world_part(over[i].part, 1);
		const struct json_t *judged;
		struct proc p;

		(void)proc_run(&p, "assay", "submit", "--stream", "breast", "--case", over[i].part,
			       "--part", world_format("%s=%s", over[i].part, file), "--wait",
			       "--json");
		judged = world_json(proc_line(&p, PROC_MS));
		same(world_text(judged, "data.kind"), "rejected");
		same(world_text(judged, "data.limit"), over[i].limit);
		proc_free(&p);
	}
	world_stop(&w);
}

Test(e2e_limits, limit_that_cannot_be_is_named_in_the_log)
{
	struct proc daemon;

	proc_start(
	    &daemon,
	    (const char *const[]){ "assayd", "-c", limited("image.pixels = many", "", ""), NULL },
	    NULL);
	cr_assert(proc_says(&daemon, "image.pixels: want 1 to 1000000000, got", PROC_MS));
	proc_signal(&daemon, SIGTERM);
	cr_assert(eq(int, proc_wait(&daemon, PROC_MS), 0));
	proc_free(&daemon);
}
