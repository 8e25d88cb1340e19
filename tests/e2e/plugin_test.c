/* SPDX-License-Identifier: Apache-2.0
 * Encoders from outside: the example plugin built against the installed header alone, the same
 * encoder as a Python worker, and a plugin that dies of some parts. */
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

TestSuite(e2e_plugin, .timeout = 600);

enum { SERIES = 40 };

/* Runs a line of sh in the test's folder. */
static void shell(const char *fmt, ...) AS_PRINTF(1, 2);

static void shell(const char *fmt, ...)
{
	struct as_buf line = { 0 };
	char text[4096];
	struct proc p;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	as_buf_printf(&line, "cd %s && unset MAKEFLAGS MFLAGS && %s", tmpdir(), text);
	proc_start(&p, (const char *const[]){ "/bin/sh", "-c", line.data, NULL }, NULL);
	cr_assert(eq(int, proc_wait(&p, 5 * PROC_MS), 0), "%s\n%s%s", line.data,
		  p.out.data ? p.out.data : "", p.err.data ? p.err.data : "");
	proc_free(&p);
	as_buf_free(&line);
}

static void put_file(const char *name, const struct as_buf *text)
{
	(void)tmpdir_file(name, text->data);
}

/* cases.csv in the test's folder: series that rise or fall, with some noise, one part a case. */
static const char *make_cases(void)
{
	struct as_buf csv = { 0 };
	struct as_buf text = { 0 };

	as_buf_puts(&csv, "case,trace,label\n");
	for (int n = 0; n < SERIES; n++) {
		char name[32];

		as_buf_clear(&text);
		for (int i = 0; i < 40; i++) {
			as_buf_printf(&text, "%d\n", (n % 2 ? i : 40 - i) + (i * 7 + n * 13) % 5);
		}
		(void)snprintf(name, sizeof name, "series-%d.txt", n);
		put_file(name, &text);
		as_buf_printf(&csv, "s%d,%s,%s\n", n, name, n % 2 ? "rises" : "falls");
	}
	put_file("cases.csv", &csv);
	as_buf_free(&text);
	as_buf_free(&csv);
	return tmpdir_path("cases.csv");
}

static const char *make_task(const char *modality)
{
	return tmpdir_file(
	    "task.ini", world_format("[task]\nname = series\ntarget = label\nkind = class\n"
				     "labels = falls, rises\n[part.trace]\nmodality = %s\n"
				     "column = trace\n[model]\nwidth = 16\n[train]\nepochs = 60\n"
				     "rate = 0.005\npart_dropout = 0\n",
				     modality));
}

static const char *train(const char *task, const char *how, const char *from)
{
	const char *model = tmpdir_path("model.safetensors");
	struct proc p;

	cr_assert(eq(int,
		     proc_run(&p, "assay", "train", task, "--data", make_cases(), how, from,
			      "--out", model),
		     0),
		  "%s", p.err.data);
	proc_free(&p);
	return model;
}

/* assayd.ini with one stream; encoder: the lines of the [encoder.NAME] section, or "". */
static const char *settings(const char *encoder)
{
	return tmpdir_file("assayd.ini",
			   world_format("[daemon]\nstate = %s/state\nruntime = %s/run\n%s"
					"[stream.series]\nmodel = %s/model.safetensors\n"
					"deadline_ms = 600000\n",
					tmpdir(), tmpdir(), encoder, tmpdir()));
}

/* Submits all cases; as many results as there are series, most of them right. */
static void submit_all(void)
{
	struct proc p;
	const char *line;
	size_t results = 0;
	size_t right = 0;

	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "series", "--data",
			      tmpdir_path("cases.csv"), "--wait", "--json"),
		     0),
		  "%s", p.err.data);
	while ((line = proc_line(&p, PROC_MS)) != NULL) {
		const struct json_t *doc = world_json(line);
		const int n = atoi(world_text(doc, "subject") + 1);

		same(world_text(doc, "data.kind"), "result");
		right += strcmp(world_text(doc, "data.label"), n % 2 ? "rises" : "falls") == 0;
		results++;
	}
	cr_assert(eq(sz, results, (size_t)SERIES));
	cr_assert(ge(sz, right, (size_t)SERIES * 3 / 4));
	proc_free(&p);
}

/* build/gcc-debug -> CC=gcc V=debug. What is built is installed, not built anew: tests run from it.
 */
static void install_and_build(void)
{
	const char *name = strrchr(BUILD_DIR, '/') + 1;
	const char *dash = strrchr(name, '-');

	shell("make -s -o all -C %s install CC=%.*s V=%s DESTDIR=$PWD/root PREFIX=/usr/local",
	      SOURCE_DIR, (int)(dash - name), name, dash + 1);
	shell("cp %s/examples/plugin/series.c %s/examples/plugin/Makefile . && "
	      "make -s PKG_CONFIG_SYSROOT_DIR=$PWD/root "
	      "PKG_CONFIG_PATH=$PWD/root/usr/local/lib/pkgconfig",
	      SOURCE_DIR, SOURCE_DIR);
}

Test(e2e_plugin, example_is_built_trained_on_and_served)
{
	struct world w;

	install_and_build();
	(void)train(make_task("series"), "--plugin", tmpdir_path("series.so"));
	world_start(&w,
		    settings(world_format("[encoder.series]\nplugin = %s/series.so\n", tmpdir())));
	submit_all();
	world_stop(&w);
}

/* A Python with pyzmq, or NULL. */
static const char *python(void)
{
	static const char *const known[] = { "python3", "/usr/bin/python3" };

	for (size_t i = 0; i < 2; i++) {
		struct proc p;
		int code;

		proc_start(
		    &p, (const char *const[]){ "/usr/bin/env", known[i], "-c", "import zmq", NULL },
		    NULL);
		code = proc_wait(&p, PROC_MS);
		proc_free(&p);
		if (code == 0) {
			return known[i];
		}
	}
	return NULL;
}

Test(e2e_plugin, python_worker_writes_features_and_serves)
{
	const char *interpreter = python();
	const char *script = SOURCE_DIR "/examples/plugin/series.py";
	const char *work = world_format("ipc://%s/run/work", tmpdir());
	struct proc worker;
	struct world w;

	if (interpreter == NULL) {
		cr_skip_test("no Python with pyzmq");
	}
	(void)make_cases();
	shell("%s %s features cases.csv trace trace features", interpreter, script);
	(void)train(make_task("series"), "--features", tmpdir_path("features"));
	proc_start(&worker,
		   (const char *const[]){ "/usr/bin/env", interpreter, script, "work", work, NULL },
		   NULL);
	world_start(&w, settings("")); /* ready: the worker has found the daemon */
	submit_all();
	world_stop(&w);
	cr_assert(eq(int, proc_wait(&worker, PROC_MS), 0), "%s", worker.err.data);
	proc_free(&worker);
}

Test(e2e_plugin, part_that_kills_its_worker_is_rejected_and_others_are_not)
{
	const char *arg = world_format("trace=%s", tmpdir_file("poison.txt", "poison"));
	struct world w;
	struct proc bad;
	struct proc p;
	const struct json_t *doc;

	shell("cc -shared -fPIC -fvisibility=hidden -I%s/plugins -o poison.so "
	      "%s/tests/e2e/plugin/poison.c",
	      SOURCE_DIR, SOURCE_DIR);
	(void)train(make_task("poisoned"), "--plugin", tmpdir_path("poison.so"));
	world_start(&w,
		    settings(world_format("[encoder.poison]\nplugin = %s/poison.so\n", tmpdir())));
	proc_start(&bad,
		   (const char *const[]){ "assay", "submit", "--stream", "series", "--case", "bad",
					  "--part", arg, "--wait", "--json", NULL },
		   NULL);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "series", "--data",
			      tmpdir_path("cases.csv"), "--wait", "--json"),
		     0),
		  "%s", p.err.data);
	proc_free(&p);
	cr_assert(eq(int, proc_wait(&bad, PROC_MS), 65), "%s", bad.err.data);
	doc = world_json(proc_line(&bad, PROC_MS));
	same(world_text(doc, "data.kind"), "rejected");
	same(world_text(doc, "data.part"), "trace");
	same(world_text(doc, "data.limit"), "attempts");
	proc_free(&bad);
	cr_assert(eq(int, proc_run(&p, "assay", "dlq", "list"), 0), "%s", p.err.data);
	cr_assert(ne(ptr, strstr(p.out.data, "bad"), NULL), "%s", p.out.data);
	cr_assert(ne(ptr, strstr(p.out.data, "3 attempts, exit 3"), NULL), "%s", p.out.data);
	proc_free(&p);
	cr_assert(eq(int, proc_run(&p, "assay", "dlq", "drop", "1"), 0), "%s", p.err.data);
	proc_free(&p);
	cr_assert(eq(int, proc_run(&p, "assay", "dlq", "show", "1"), 66), "%s", p.err.data);
	proc_free(&p);
	cr_assert(
	    eq(int, proc_run(&p, "assay", "watch", "--stream", "series", "--count", "41", "--json"),
	       0));
	proc_free(&p);
	world_stop(&w);
}

#ifdef AS_INSTRUMENTED
enum { SANDBOXED = 0 };
#else
enum { SANDBOXED = 1 };
#endif

static void build_poison(const char *daemon_settings)
{
	shell("cc -shared -fPIC -fvisibility=hidden -D_GNU_SOURCE -I%s/plugins -o poison.so "
	      "%s/tests/e2e/plugin/poison.c",
	      SOURCE_DIR, SOURCE_DIR);
	(void)train(make_task("poisoned"), "--plugin", tmpdir_path("poison.so"));
	(void)settings(
	    world_format("%s[encoder.poison]\nplugin = %s/poison.so\n", daemon_settings, tmpdir()));
}

/* A case that was given up is a dead letter for the same reason. */
static void is_dead(const char *name, const char *limit)
{
	const char *want = world_format("\"case\":\"%s\"", name);
	const char *reason = world_format("\"limit\":\"%s\"", limit);
	const char *at;
	struct proc p;

	cr_assert(eq(int, proc_run(&p, "assay", "dlq", "list", "--json"), 0), "%s", p.err.data);
	at = strstr(p.out.data, want);
	cr_assert(at != NULL, "%s: %s", name, p.out.data);
	at = strstr(at, "\"limit\":");
	cr_assert(at != NULL && strncmp(at, reason, strlen(reason)) == 0, "%s: %s", name,
		  p.out.data);
	proc_free(&p);
}

/* Submits "try NAME"; the case is rejected by that limit. */
static void attack(const char *name, const char *limit)
{
	const char *arg = world_format(
	    "trace=%s", tmpdir_file(world_format("%s.txt", name), world_format("try %s", name)));
	const struct json_t *doc;
	struct proc p;

	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "series", "--case", name, "--part",
			      arg, "--wait", "--json"),
		     65),
		  "%s: %s", name, p.err.data);
	doc = world_json(proc_line(&p, PROC_MS));
	same(world_text(doc, "data.kind"), "rejected");
	cr_assert(
	    eq(str, (char *)(uintptr_t)world_text(doc, "data.limit"), (char *)(uintptr_t)limit),
	    "%s: %s", name, world_text(doc, "data.message"));
	proc_free(&p);
}

Test(e2e_plugin, hostile_plugin_breaks_out_in_none_of_these_ways)
{
	static const char *const refused[] = { "passwd",   "environ", "write",  "wx",
					       "wx-later", "memory",  "threads" };
	static const char *const deadly[] = { "socket", "fork", "exec", "ptrace", "kill" };
	struct world w;
	struct proc p;

	if (!SANDBOXED) {
		cr_skip_test("an instrumented build has no sandbox");
	}
	build_poison("sandbox = require\nworker_memory = 536870912\njob_cpu_s = 1\n");
	world_start(&w, tmpdir_path("assayd.ini"));
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		attack(refused[i], "refused");
	}
	for (size_t i = 0; i < sizeof deadly / sizeof *deadly; i++) {
		attack(deadly[i], "sandbox");
		is_dead(deadly[i], "sandbox");
	}
	attack("burn", "cpu");
	is_dead("burn", "cpu");
	attack("bomb", "attempts"); /* it aborts where it gets no more memory */
	is_dead("bomb", "attempts");
	cr_assert(eq(int,
		     proc_run(&p, "assay", "submit", "--stream", "series", "--data",
			      tmpdir_path("cases.csv"), "--wait"),
		     0),
		  "%s", p.err.data); /* it lives, and serves */
	proc_free(&p);
	world_stop(&w);
	world_start(&w, settings(world_format(
			    "job_max_s = 1\n[encoder.poison]\nplugin = %s/poison.so\n", tmpdir())));
	attack("hang", "lease");
	is_dead("hang", "lease");
	world_stop(&w);
}

/* From here on landlock_create_ruleset does not exist for this process and those it starts. */
static void take_landlock_away(void)
{
	struct sock_filter f[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_landlock_create_ruleset, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof f / sizeof *f, f };

	cr_assert(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	cr_assert(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

Test(e2e_plugin, sandbox_that_is_required_and_not_there_is_no_start)
{
	struct world w;
	struct proc p;

	if (!SANDBOXED) {
		cr_skip_test("an instrumented build has no sandbox");
	}
	build_poison("sandbox = require\n");
	take_landlock_away();
	cr_assert(eq(int, proc_run(&p, "assayd", "-c", tmpdir_path("assayd.ini")), 69));
	cr_assert(ne(ptr, strstr(p.err.data, "this kernel has no Landlock"), NULL), "%s",
		  p.err.data);
	cr_assert(ne(ptr,
		     strstr(p.err.data, "sandbox = require, and this machine lacks a layer of it"),
		     NULL),
		  "%s", p.err.data);
	proc_free(&p);
	world_start(&w, settings(world_format("sandbox = best-effort\n[encoder.poison]\n"
					      "plugin = %s/poison.so\n",
					      tmpdir())));
	cr_assert(eq(int, proc_run(&p, "assay", "status", "--json"), 0));
	cr_assert(ne(ptr, strstr(p.out.data, "\"sandbox\":\"no_new_privs,rlimits,seccomp\""), NULL),
		  "%s", p.out.data);
	proc_free(&p);
	world_stop(&w);
}

Test(e2e_plugin, features_of_another_encoder_are_not_served)
{
	const char *encoder;
	struct proc daemon;
	struct proc p;

	shell("cc -shared -fPIC -fvisibility=hidden -I%s/plugins -o poison.so "
	      "%s/tests/e2e/plugin/poison.c && "
	      "sed 's/version = \"1\"/version = \"2\"/' %s/tests/e2e/plugin/poison.c >other.c && "
	      "cc -shared -fPIC -fvisibility=hidden -I%s/plugins -o other.so other.c",
	      SOURCE_DIR, SOURCE_DIR, SOURCE_DIR, SOURCE_DIR);
	(void)train(make_task("poisoned"), "--plugin", tmpdir_path("poison.so"));
	encoder = world_format("[encoder.poison]\nplugin = %s/other.so\n", tmpdir());
	(void)setenv("ASSAY_RUNTIME", tmpdir_path("run"), 1);
	proc_start(&daemon, (const char *const[]){ "assayd", "-c", settings(encoder), NULL }, NULL);
	cr_assert(eq(int, proc_run(&p, "assay", "status", "--wait-ready", "2"), 75), "%s",
		  p.err.data);
	proc_free(&p);
	proc_free(&daemon);
}
