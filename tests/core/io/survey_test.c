/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/survey.h"

#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

static const char ini[] = "[task]\nname = t\ntarget = y\nlabels = no, yes\nsplit = split\n"
			  "[part.scan]\nmodality = image\ncolumn = image\n"
			  "[part.report]\nmodality = text\ncolumn = text\n"
			  "[part.findings]\nmodality = table\ncolumns = *\n";

static int survey(struct io_survey *s, struct io_task *t, const char *csv, struct as_err *e)
{
	int rc;

	*s = (struct io_survey){ 0 };
	(void)tmpdir_file("a.png", "12345");
	TRY(io_task_load(t, tmpdir_file("t.ini", ini), e));
	TRY(io_survey_read(s, t, tmpdir_file("cases.csv", csv), NULL, e));
out:
	return rc;
}

static bool notes(const struct io_survey *s, const char *text)
{
	for (size_t i = 0; i < s->notes; i++) {
		if (strstr(s->note[i], text) != NULL) {
			return true;
		}
	}
	return false;
}

Test(io_survey, counts_what_is_there)
{
	struct io_survey s;
	struct io_task t;
	struct as_err e;

	ok(survey(&s, &t,
		  "case,y,split,image,text,age,side\n"
		  "1,yes,train,a.png,One two,50,left\n"
		  "2,no,train,a.png,two three four,,right\n"
		  "3,no,dev,,,60.5,left\n"
		  "4,,dev,a.png,,70,\n",
		  &e));
	cr_assert(eq(sz, s.cases, 4));
	cr_assert(eq(sz, s.labelled, 3));
	cr_assert(eq(sz, s.targetless, 1));
	cr_assert(eq(sz, s.label[0], 2));
	cr_assert(eq(sz, s.label[1], 1));
	cr_assert(eq(sz, s.splits.n, 2));
	cr_assert(eq(sz, s.part[0].present, 3));
	cr_assert(eq(u64, s.part[0].bytes, 15));
	cr_assert(eq(sz, s.part[1].words, 5));
	cr_assert(eq(sz, s.part[1].words_max, 3));
	cr_assert(eq(sz, s.part[1].seen.n, 4));
	cr_assert(eq(sz, s.part[2].columns, 2));
	cr_assert(eq(int, s.part[2].column[0].cell, IO_NUMBER));
	cr_assert(eq(sz, s.part[2].column[0].present, 3));
	cr_assert(eq(dbl, s.part[2].column[0].max, 70));
	cr_assert(eq(int, s.part[2].column[1].cell, IO_WORDS));
	cr_assert(eq(sz, s.part[2].column[1].values.n, 2));
	cr_assert(eq(sz, s.bad, 0));
	cr_assert(notes(&s, "1 of 4 rows have no target"));
	io_survey_free(&s);
	io_task_free(&t);
}

Test(io_survey, faults_of_cases_are_named_and_do_not_stop_it)
{
	struct io_survey s;
	struct io_task t;
	struct as_err e;

	ok(survey(
	    &s, &t,
	    "case,y,split,image,text,age\n1,yes,,gone.png,x,1\n2,maybe,,a.png,x,2\n3,no,,,x,3\n",
	    &e));
	cr_assert(eq(sz, s.bad, 2));
	cr_assert(ne(ptr, strstr(s.bad_named[0], "cases.csv:2: case 1, column image: "), NULL));
	cr_assert(ne(ptr, strstr(s.bad_named[1], "case 2, column y: \"maybe\""), NULL));
	cr_assert(eq(sz, s.part[1].present, 3));
	io_survey_free(&s);
	io_task_free(&t);
}

Test(io_survey, warns_of_what_no_training_can_use)
{
	struct io_survey s;
	struct io_task t;
	struct as_err e;

	ok(survey(&s, &t,
		  "case,y,split,image,text,age,copy,none\n"
		  "1,yes,,,x,1,yes,\n1,yes,,,x,\xFF,yes,\n",
		  &e));
	cr_assert(notes(&s, "every case has the same label"));
	cr_assert(notes(&s, "column copy equals the target in every case"));
	cr_assert(notes(&s, "all cells of column none are missing"));
	cr_assert(notes(&s, "part scan is absent from every case"));
	cr_assert(notes(&s, "1 rows have a case id that came before"));
	cr_assert(notes(&s, "1 bytes of the table are not UTF-8"));
	io_survey_free(&s);
	io_task_free(&t);
	ok(survey(&s, &t, "case,y,split,image,text,age\n", &e));
	cr_assert(notes(&s, "a header and no row"));
	io_survey_free(&s);
	io_task_free(&t);
}

Test(io_survey, a_table_that_cannot_be_read_is_an_error)
{
	struct io_survey s;
	struct io_task t;
	struct as_err e;

	fails(survey(&s, &t, "case,y,split,image,text,age\n1\n", &e), AS_EFORMAT, "cases.csv:2:");
	io_survey_free(&s);
	io_task_free(&t);
	fails(survey(&s, &t, "case,split,image,text,age\n", &e), AS_EFORMAT, "(the target)");
	io_survey_free(&s);
	io_task_free(&t);
}
