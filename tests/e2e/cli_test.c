/* SPDX-License-Identifier: Apache-2.0
 * The command line when things are wrong: exit codes and what is said. */
#include "core/io/file.h"
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

TestSuite(e2e_cli, .timeout = 300);

#define TASK SOURCE_DIR "/examples/wdbc/task.ini"

/* The program ends with this code and says this, on standard error. */
#define says(code, text, ...)                                               \
	do {                                                                \
		struct proc p_;                                             \
		const int got_ = proc_run(&p_, __VA_ARGS__);                \
		const char *err_ = p_.err.data ? p_.err.data : "";          \
		cr_assert(eq(int, got_, (code)), "%s", err_);               \
		cr_assert(ne(ptr, strstr(err_, (text)), NULL), "%s", err_); \
		proc_free(&p_);                                             \
	} while (0)

#define train(task, data) "assay", "train", (task), "--data", (data), "--out", tmpdir_path("out")

Test(e2e_cli, wrong_arguments_are_named)
{
	(void)unsetenv("ASSAY_RUNTIME");
	says(64, "usage", "assay");
	says(64, "jugde", "assay", "jugde");
	says(64, "--epochs", "assay", "train", TASK, "--epohcs", "3");
	says(64, "--data", "assay", "train", TASK);
	says(64, "needs a value", "assay", "train", TASK, "--data");
	says(64, "0", "assay", "train", TASK, "--data", "x", "--epochs", "0");
	says(64, "ASSAY_RUNTIME", "assay", "status");
	says(64, "--after", "assay", "watch", "--from", "ipc:///tmp/none", "--after", "3");
	says(64, "needs --folds", train(TASK, "x.csv"), "--shuffle", "20");
	says(64, "--data", "assay", "submit", "--stream", "s", "--to", "ipc:///tmp/none");
	says(64, "--case", "assay", "submit", "--stream", "s", "--data", "x", "--more");
}

Test(e2e_cli, help_and_version_are_data)
{
	static const char *const command[] = { "pretrain", "train",  "compress", "quantize",
					       "eval",     "judge",  "task",     "inspect",
					       "card",     "submit", "watch",    "get",
					       "status" };
	struct proc p;

	cr_assert(eq(int, proc_run(&p, "assay", "--version"), 0));
	cr_assert(ne(ptr, strstr(p.out.data, "assay"), NULL));
	proc_free(&p);
	cr_assert(eq(int, proc_run(&p, "assay", "--help"), 0));
	for (size_t i = 0; i < sizeof command / sizeof *command; i++) {
		struct proc help;

		cr_assert(ne(ptr, strstr(p.out.data, command[i]), NULL), "%s", command[i]);
		cr_assert(eq(int, proc_run(&help, "assay", command[i], "--help"), 0), "%s",
			  command[i]);
		cr_assert(ne(ptr, strstr(help.out.data, "usage"), NULL), "%s", command[i]);
		proc_free(&help);
	}
	proc_free(&p);
}

Test(e2e_cli, no_daemon_is_said)
{
	char to[300];

	(void)snprintf(to, sizeof to, "ipc://%s/front", tmpdir());
	says(69, to, "assay", "status", "--from", to);
	says(69, to, "assay", "submit", "--stream", "s", "--to", to, "--data", world_cases());
}

Test(e2e_cli, tables_are_refused_by_name_and_line)
{
	const char *ragged = tmpdir_file("ragged.csv", "case,a,label\n1,2,benign\n2,malignant\n");
	const char *twice = tmpdir_file("twice.csv", "case,a,a,label\n1,2,3,benign\n");
	const char *empty = tmpdir_file("empty.csv", "");
	const char *target = tmpdir_file("target.csv", "case,a\n1,2\n");
	const char *label = tmpdir_file("label.csv", "case,a,label\n1,2,benign\n2,3,purple\n");
	const char *one = tmpdir_file("one.csv", "case,a,label\n1,2,benign\n2,3,benign\n");
	const char *quote = tmpdir_file("quote.csv", "case,a,label\n1,\"2,benign\n2,3,malignant\n");

	says(66, "nowhere.csv", train(TASK, "nowhere.csv"));
	says(65, "ragged.csv:3", train(TASK, ragged));
	says(65, "a", train(TASK, twice));
	says(65, "empty.csv", train(TASK, empty));
	says(65, "label", train(TASK, target));
	says(65, "purple", train(TASK, label));
	says(65, "all 2 cases are benign", train(TASK, one));
	says(65, "quote.csv", train(TASK, quote));
}

Test(e2e_cli, fewer_cases_than_folds_are_refused)
{
	const char *few =
	    tmpdir_file("few.csv", "case,a,label\n1,2,benign\n2,3,malignant\n3,3,malignant\n");

	says(65, "fold", train(TASK, few), "--folds", "5");
}

Test(e2e_cli, task_errors_name_file_line_and_key)
{
	const char *key = tmpdir_file("key.ini", "[task]\nname = x\ntraget = label\n");
	const char *section = tmpdir_file("section.ini", "[tsak]\nname = x\n");

	says(78, "key.ini:3", train(key, "x.csv"));
	says(78, "target", train(key, "x.csv"));
	says(78, "section.ini:1", train(section, "x.csv"));
	says(66, "nowhere.ini", train("nowhere.ini", "x.csv"));
}

Test(e2e_cli, files_that_cannot_be_read_are_named)
{
	const char *table = tmpdir_file("cases.csv", "case,image,interpretation,age,label\n"
						     "c1,none.png,words,3,benign\n"
						     "c2,none.png,words,4,malignant\n");
	const char *task =
	    tmpdir_file("task.ini", "[task]\nname = x\ntarget = label\nlabels = benign, malignant\n"
				    "[part.scan]\nmodality = image\ncolumn = image\n");

	says(65, "none.png", train(task, table));
	says(65, "c1", train(task, table));
}

Test(e2e_cli, cut_models_are_refused_and_never_crash)
{
	struct as_buf model = { 0 };
	struct as_err e = { 0 };
	const char *path = tmpdir_path("cut.safetensors");

	ok(io_read_file(world_model(), 64 << 20, &model, &e));
	for (size_t n = 0; n < 64; n++) {
		struct proc p;
		const size_t cut = n < 16 ? n : model.len * (n - 16) / 48;

		ok(io_write_file(path, model.data, cut, 0644, &e));
		cr_assert(eq(int, proc_run(&p, "assay", "inspect", path), 65), "%zu bytes: %s", cut,
			  p.err.data);
		cr_assert(ne(ptr, strstr(p.err.data, "cut.safetensors"), NULL), "%s", p.err.data);
		proc_free(&p);
	}
	says(65, "cut.safetensors", "assay", "judge", path, "--data", world_cases());
	as_buf_free(&model);
}

Test(e2e_cli, bad_case_is_a_rejected_line_and_exit_65)
{
	struct as_buf part = { 0 };
	struct proc p;
	const struct json_t *doc;

	as_buf_printf(&part, "scan=%s", tmpdir_file("no.png", "no image"));
	cr_assert(eq(int,
		     proc_run(&p, "assay", "judge", world_model(), "--part", part.data, "--json"),
		     65),
		  "%s", p.err.data);
	doc = world_json(proc_line(&p, PROC_MS));
	same(world_text(doc, "data.kind"), "rejected");
	same(world_text(doc, "data.part"), "scan");
	proc_free(&p);
	as_buf_free(&part);
}

Test(e2e_cli, phantom_makes_the_same_cases_again)
{
	struct as_buf a = { 0 };
	struct as_buf b = { 0 };
	struct as_err e = { 0 };
	struct proc p;
	struct stat s;

	for (int i = 0; i < 2; i++) {
		const char *dir = tmpdir_path(i == 0 ? "a" : "b");

		cr_assert(zero(
		    int, proc_run(&p, "phantom", "--cases", "5", "--seed", "7", "--out", dir)));
		proc_free(&p);
	}
	ok(io_read_file(tmpdir_path("a/cases.csv"), 1 << 20, &a, &e));
	ok(io_read_file(tmpdir_path("b/cases.csv"), 1 << 20, &b, &e));
	same(a.data, b.data);
	as_buf_clear(&a);
	as_buf_clear(&b);
	ok(io_read_file(tmpdir_path("a/images/7-0005.png"), 1 << 20, &a, &e));
	ok(io_read_file(tmpdir_path("b/images/7-0005.png"), 1 << 20, &b, &e));
	cr_assert(eq(sz, a.len, b.len));
	cr_assert(zero(int, memcmp(a.data, b.data, a.len)));
	cr_assert(ne(int, stat(tmpdir_path("a/images/7-0006.png"), &s), 0));
	as_buf_free(&a);
	as_buf_free(&b);
	says(64, "usage", "phantom", "--cases", "many", "--out", tmpdir_path("c"));
	says(73, "cases", "phantom", "--out", "/proc/cases");
}
