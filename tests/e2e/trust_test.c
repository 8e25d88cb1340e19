/* SPDX-License-Identifier: Apache-2.0
 * What train and eval say of how far judgments can be believed. */
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>

TestSuite(e2e_trust, .timeout = 300);

/* The phantom task without its scans, and a part of its own for a number that somebody wrote after
 * the diagnosis. */
static const char LEAKY[] =
    "[task]\nname = leaky\ntarget = label\nlabels = benign, malignant\n"
    "missing = not available\n"
    "[part.report]\nmodality = text\ncolumn = interpretation\n"
    "[part.findings]\nmodality = table\ncolumns = age:number, shape, margin\n"
    "[part.billing]\nmodality = table\ncolumns = code:number\n"
    "[model]\nwidth = 32\n[train]\nepochs = 30\nrate = 0.002\n";

/* The phantom cases with a code that is above 40 for the malignant ones. */
static const char *leak(void)
{
	const char *path;
	struct as_buf csv = { 0 };
	FILE *f;
	char *line = NULL;
	size_t cap = 0;
	size_t n = 0;

	(void)world_model(); /* makes the cases, too */
	f = fopen(BUILD_DIR "/e2e/train/cases.csv", "r");
	cr_assert(ne(ptr, f, NULL));
	while (getline(&line, &cap, f) > 0) {
		line[strcspn(line, "\r\n")] = '\0';
		if (n++ == 0) {
			as_buf_printf(&csv, "%s,code\n", line);
		} else {
			as_buf_printf(&csv, "%s,%zu\n", line,
				      n * 7 % 31 + (strstr(line, ",malignant,") ? 40 : 9));
		}
	}
	(void)fclose(f);
	free(line);
	path = tmpdir_file("leaky.csv", csv.data);
	as_buf_free(&csv);
	return path;
}

static double toward(const struct json_t *doc, const char *part, const char *what)
{
	char path[100];

	(void)snprintf(path, sizeof path, "shuffled.%s.%s", part, what);
	return world_num(doc, path);
}

Test(e2e_trust, a_column_that_gives_the_answer_away_is_found_by_its_contribution)
{
	const char *task = tmpdir_file("leaky.ini", LEAKY);
	const struct json_t *doc;
	struct proc p;

	cr_assert(eq(int,
		     proc_run(&p, "assay", "train", task, "--data", leak(), "--out",
			      tmpdir_path("out"), "--folds", "3", "--shuffle", "5", "--json"),
		     0),
		  "%s", p.err.data);
	doc = world_json(p.out.data);
	cr_assert(lt(dbl, 0.95, world_num(doc, "metrics.auc")), "%s", p.out.data);
	cr_assert(lt(dbl, 2 * toward(doc, "report", "contribution"),
		     toward(doc, "billing", "contribution")),
		  "%s", p.out.data);
	cr_assert(lt(dbl, 2 * toward(doc, "findings", "contribution"),
		     toward(doc, "billing", "contribution")),
		  "%s", p.out.data);
	cr_assert(lt(dbl, toward(doc, "billing", "contribution_shuffled"),
		     0.3 * toward(doc, "billing", "contribution")),
		  "%s", p.out.data);
	proc_free(&p);
}

Test(e2e_trust, eval_says_what_probabilities_and_sets_are_worth)
{
	const struct json_t *doc;
	struct proc p;

	cr_assert(eq(int, proc_run(&p, "assay", "eval", world_model(), "--data", world_cases()), 0),
		  "%s", p.err.data);
	cr_assert(ne(ptr, strstr(p.out.data, "error of the surest cases: 100 % "), NULL), "%s",
		  p.out.data);
	cr_assert(ne(ptr, strstr(p.out.data, "\nscan+report "), NULL), "%s", p.out.data);
	proc_free(&p);
	cr_assert(
	    eq(int, proc_run(&p, "assay", "eval", world_model(), "--data", world_cases(), "--json"),
	       0),
	    "%s", p.err.data);
	doc = world_json(p.out.data);
	cr_assert(le(dbl, 0, world_num(doc, "calibration.after.ece")));
	cr_assert(le(dbl, world_num(doc, "calibration.after.ece"), 1));
	cr_assert(le(dbl, world_num(doc, "sets.scan+report.from"),
		     world_num(doc, "sets.scan+report.to")));
	proc_free(&p);
}
