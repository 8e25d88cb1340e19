/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/json.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"
#include "tests/tools/assay/capture.h"
#include "tools/assay/cmd.h"

static const char ini[] = "[task]\nname = t\ntarget = y\nlabels = no, yes\n"
			  "[part.scan]\nmodality = image\ncolumn = image\n"
			  "[part.report]\nmodality = text\ncolumn = text\n"
			  "[part.findings]\nmodality = table\ncolumns = age, side\n";
static const char csv[] = "case,y,image,text,age,side\n1,yes,a.png,One two,50,left\n"
			  "2,no,,three,,right\n";

static struct capture check_task(const char *table, const char *more, const char *value)
{
	const char *const args[] = { "task",
				     "check",
				     tmpdir_file("t.ini", ini),
				     "--data",
				     tmpdir_file("cases.csv", table),
				     more,
				     value,
				     NULL };

	(void)tmpdir_file("a.png", "12345");
	return capture(cmd_task, args);
}

static bool says(const struct as_buf *b, const char *text)
{
	return strstr(b->data, text) != NULL;
}

Test(assay_cmd_task, says_what_it_understood)
{
	struct capture c = check_task(csv, NULL, NULL);

	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	same(c.err.data, "");
	cr_assert(says(&c.out, "task      t: class, target y\n"), "%s", c.out.data);
	cr_assert(says(&c.out, "part scan: image, in 1 of 2 cases, 1 files"), "%s", c.out.data);
	cr_assert(says(&c.out, "3 words (at most 2 a case), 3 distinct"), "%s", c.out.data);
	cr_assert(says(&c.out, "50 to 50, mean 50"), "%s", c.out.data);
	cr_assert(says(&c.out, "left | right"), "%s", c.out.data);
	capture_free(&c);
}

Test(assay_cmd_task, gives_the_same_as_json)
{
	struct capture c = check_task(csv, "--json", NULL);
	struct json_t *doc;
	const struct json_t *findings;
	struct as_err e;

	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	ok(io_json_parse(c.out.data, c.out.len, "stdout", &doc, &e));
	cr_assert(eq(u64, io_json_find_u64(doc, "cases", 0), 2));
	cr_assert(eq(u64, io_json_find_u64(io_json_find(doc, "labels"), "yes", 0), 1));
	findings = io_json_find(io_json_find(doc, "parts"), "findings");
	same(io_json_find_str(io_json_at(io_json_find(findings, "columns"), 0), "type", ""),
	     "number");
	io_json_free(doc);
	capture_free(&c);
}

Test(assay_cmd_task, names_faults_and_exits_with_65)
{
	struct capture c = check_task("case,y,image,text,age,side\n1,yes,gone.png,x,1,z\n"
				      "2,perhaps,,x,1,z\n",
				      NULL, NULL);

	cr_assert(eq(int, c.rc, 65));
	cr_assert(says(&c.err, "cases.csv:2: case 1, column image: "), "%s", c.err.data);
	cr_assert(says(&c.err, "\"perhaps\" is not one of the 2 labels"), "%s", c.err.data);
	cr_assert(says(&c.err, "assay task: 2 faults in the cases"), "%s", c.err.data);
	capture_free(&c);
}

Test(assay_cmd_task, leaves_parts_out)
{
	struct capture c = check_task("case,y,text,age,side\n1,yes,x,1,z\n", "--without", "scan");

	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	cr_assert(not(says(&c.out, "part scan")), "%s", c.out.data);
	capture_free(&c);
	c = check_task(csv, "--without", "scam");
	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "the task has no part \"scam\""), "%s", c.err.data);
	capture_free(&c);
}

Test(assay_cmd_task, a_wrong_command_line_is_64_and_no_table_66)
{
	const char *const none[] = { "task", "check", "t.ini", NULL };
	const char *const other[] = { "task", "chek", "t.ini", "--data", "x", NULL };
	const char *const gone[] = { "task",   "check", tmpdir_file("t.ini", ini),
				     "--data", "/gone", NULL };
	struct capture c = capture(cmd_task, none);

	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "--data: no table given"), "%s", c.err.data);
	capture_free(&c);
	c = capture(cmd_task, other);
	cr_assert(eq(int, c.rc, 64));
	cr_assert(says(&c.err, "\"chek\": want check"), "%s", c.err.data);
	capture_free(&c);
	c = capture(cmd_task, gone);
	cr_assert(eq(int, c.rc, 66));
	cr_assert(says(&c.err, "/gone: No such file"), "%s", c.err.data);
	capture_free(&c);
}
