/* SPDX-License-Identifier: Apache-2.0
 * assay card on the phantom cases' model. */
#include "core/io/file.h"
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

TestSuite(e2e_card, .timeout = 300);

static bool has(const struct as_buf *b, const char *text)
{
	return strstr(b->data, text) != NULL;
}

static size_t count(const struct as_buf *b, const char *text)
{
	size_t n = 0;

	for (const char *at = b->data; (at = strstr(at, text)) != NULL; at++) n++;
	return n;
}

Test(e2e_card, says_task_training_and_scores_and_draws_them)
{
	const char *out = tmpdir_path("card.md");
	struct as_buf md = { 0 };
	struct as_buf page = { 0 };
	struct as_err e = { 0 };
	struct proc p;

	cr_assert(
	    eq(int,
	       proc_run(&p, "assay", "card", world_model(), "--data", world_cases(), "--out", out),
	       0),
	    "%s", p.err.data);
	proc_free(&p);
	ok(io_read_file(out, 1 << 20, &md, &e));
	ok(io_read_file(tmpdir_path("card.html"), 1 << 20, &page, &e));
	cr_assert(has(&md, "# breast-phantom\n"), "%s", md.data);
	cr_assert(has(&md, "| scan | image | image |"), "%s", md.data);
	cr_assert(has(&md, "| all parts | "), "%s", md.data);
	/* Only the metrics that two labels have. */
	cr_assert(
	    has(&md, " | auc | ap | accuracy | f1 | sensitivity | specificity | log_loss |\n"),
	    "%s", md.data);
	cr_assert(has(&md, "Expected calibration error 0."), "%s", md.data);
	cr_assert(has(&md, "| scan+report+findings | 10 | "), "%s", md.data);
	/* Loss, ROC, precision, reliability, coverage, weights. */
	cr_assert(eq(sz, count(&page, "<svg "), 6));
	cr_assert(eq(sz, count(&page, "<svg "), count(&page, "</svg>")));
	cr_assert(eq(sz, count(&page, "<table>"), count(&page, "</table>")));
	cr_assert(zero(sz, count(&page, "\"nan\"") + count(&page, "nan,") + count(&page, ",nan")));
	as_buf_free(&md);
	as_buf_free(&page);
	/* Without cases: what the training itself came to, and no ROC. */
	cr_assert(eq(int, proc_run(&p, "assay", "card", world_model(), "--out", out), 0), "%s",
		  p.err.data);
	proc_free(&p);
	ok(io_read_file(out, 1 << 20, &md, &e));
	cr_assert(has(&md, "Held out to calibrate: "), "%s", md.data);
	as_buf_free(&md);
	cr_assert(eq(int, proc_run(&p, "assay", "card", world_model()), 64));
	proc_free(&p);
}
