/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fusion/court.h"

#include <math.h>

/* The members as one object, parsed. */
static struct json_t *written(const struct court *c)
{
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };
	struct json_t *doc = NULL;
	struct as_err e = { 0 };

	io_jw_obj(&w, NULL);
	fu_judgment_write(&c->j, &c->out, &w);
	io_jw_end_obj(&w);
	ok(io_json_parse(b.data, b.len, "judgment", &doc, &e));
	as_buf_free(&b);
	return doc;
}

Test(fusion_judgment, a_case_without_parts_is_judged_from_the_base)
{
	struct draft d;
	struct court c;
	struct json_t *doc;

	court_draft(&d, IO_CLASS, 2);
	court_open(&c, &d);
	court_judge(&c, 0);
	cr_assert(epsilon_eq(flt, c.out.p[0] + c.out.p[1], 1.0F, 1e-6F));
	cr_assert(zero(dbl, c.out.conflict));
	cr_assert(zero(sz, c.out.alignments));
	doc = written(&c);
	cr_assert(eq(sz, io_json_len(io_json_find(doc, "missing")), 3));
	io_json_free(doc);
	fu_judge_close(&c.j);
}

Test(fusion_judgment, two_labels_are_told_apart_by_the_threshold_of_the_positive_one)
{
	struct draft d;
	struct court c;
	struct json_t *doc;

	court_draft(&d, IO_CLASS, 2);
	court_open(&c, &d);
	c.j.calibration.threshold[1] = 0.0F;
	court_judge(&c, 4);
	doc = written(&c);
	same(io_json_find_str(doc, "label", ""), "malignant");
	cr_assert(
	    epsilon_eq(dbl, io_json_find_num(doc, "probability", -1), (double)c.out.p[1], 1e-7));
	cr_assert(eq(dbl, io_json_find_num(doc, "threshold", -1), 0.0));
	io_json_free(doc);
	c.j.calibration.threshold[1] = 1.0F;
	court_judge(&c, 4);
	doc = written(&c);
	same(io_json_find_str(doc, "label", ""), "benign");
	cr_assert(
	    epsilon_eq(dbl, io_json_find_num(doc, "probability", -1), (double)c.out.p[0], 1e-7));
	io_json_free(doc);
	fu_judge_close(&c.j);
}

Test(fusion_judgment, more_labels_have_no_threshold)
{
	struct draft d;
	struct court c;
	struct json_t *doc;

	court_draft(&d, IO_CLASS, 3);
	court_open(&c, &d);
	court_judge(&c, 4);
	doc = written(&c);
	same(io_json_find_str(doc, "label", ""), c.j.task.label[c.out.label]);
	cr_assert(eq(dbl, io_json_find_num(doc, "threshold", -1), -1.0));
	cr_assert(eq(sz, io_json_len(io_json_find(doc, "labels")), 3));
	io_json_free(doc);
	fu_judge_close(&c.j);
}

Test(fusion_judgment, multi_names_every_label_from_its_threshold_up)
{
	struct draft d;
	struct court c;
	struct json_t *doc;
	struct json_t *label;

	court_draft(&d, IO_MULTI, 3);
	d.calibration.threshold[0] = 0.0F;
	d.calibration.threshold[1] = 1.0F;
	d.calibration.threshold[2] = 0.0F;
	court_open(&c, &d);
	court_judge(&c, 4);
	doc = written(&c);
	label = io_json_find(doc, "label");
	cr_assert(eq(sz, io_json_len(label), 2));
	same(io_json_str(io_json_at(label, 0)), "none");
	same(io_json_str(io_json_at(label, 1)), "malignant");
	cr_assert(eq(dbl, io_json_find_num(io_json_find(doc, "thresholds"), "benign", -1), 1.0));
	cr_assert(eq(dbl, io_json_find_num(doc, "probability", -1), -1.0));
	io_json_free(doc);
	c.j.calibration.threshold[1] = c.out.p[1];
	court_judge(&c, 4);
	doc = written(&c);
	cr_assert(eq(sz, io_json_len(io_json_find(doc, "label")), 3));
	io_json_free(doc);
	fu_judge_close(&c.j);
}

Test(fusion_judgment, a_value_is_in_the_targets_own_unit)
{
	struct draft d;
	struct court c;
	struct json_t *doc;
	double plain;

	court_draft(&d, IO_VALUE, 0);
	court_open(&c, &d);
	court_judge(&c, 4);
	plain = c.out.value;
	c.j.calibration.mean = 100.0;
	c.j.calibration.sd = 7.0;
	court_judge(&c, 4);
	cr_assert(epsilon_eq(dbl, c.out.value, 100.0 + 7.0 * plain, 1e-6));
	doc = written(&c);
	cr_assert(epsilon_eq(dbl, io_json_find_num(doc, "value", 0), c.out.value, 1e-9));
	same(io_json_find_str(doc, "label", "absent"), "absent");
	cr_assert(eq(dbl,
		     io_json_find_num(io_json_find(io_json_find(doc, "parts"), "scan"), "value", 0),
		     c.out.part[0].value));
	io_json_free(doc);
	fu_judge_close(&c.j);
}

Test(fusion_judgment, parts_missing_and_places_are_written)
{
	struct draft d;
	struct court c;
	struct json_t *doc;
	struct json_t *scan;
	struct json_t *from;
	struct json_t *to;

	court_draft(&d, IO_CLASS, 2);
	court_open(&c, &d);
	court_judge(&c, 2);
	doc = written(&c);
	scan = io_json_find(io_json_find(doc, "parts"), "scan");
	cr_assert(io_json_find_bool(scan, "present", false));
	cr_assert(eq(sz, io_json_len(io_json_find(scan, "labels")), 2));
	same(io_json_str(io_json_at(io_json_find(doc, "missing"), 0)), "series");
	from = io_json_find(io_json_at(io_json_find(doc, "alignments"), 0), "from");
	to = io_json_find(io_json_at(io_json_find(doc, "alignments"), 0), "to");
	if (strcmp(io_json_find_str(from, "part", ""), "scan") != 0) {
		struct json_t *keep = from;

		from = to;
		to = keep;
	}
	same(io_json_find_str(to, "part", ""), "report");
	cr_assert(eq(sz, io_json_len(io_json_find(from, "box")), 4));
	cr_assert(eq(sz, io_json_len(io_json_find(to, "bytes")), 2));
	cr_assert(zero(int, strncmp(io_json_find_str(to, "label", ""), "row ", 4)));
	same(io_json_find_str(io_json_find(doc, "model"), "sha256", ""), c.j.sha256);
	same(io_json_find_str(io_json_find(doc, "model"), "name", ""), "small 1");
	io_json_free(doc);
	fu_judge_close(&c.j);
}

Test(fusion_judgment, sets_contributions_and_abstention_are_written)
{
	struct draft d;
	struct court c;
	struct json_t *doc;
	const struct json_t *shares;

	court_draft(&d, IO_CLASS, 2);
	d.calibration.coverage = 0.9;
	d.task.abstain[IO_ABSTAIN_SET] = 1;
	court_open(&c, &d);
	court_judge(&c, 2);
	doc = written(&c);
	cr_assert(eq(sz, io_json_len(io_json_find(doc, "set")), 2)); /* no quantile: all */
	cr_assert(eq(dbl, io_json_find_num(doc, "coverage", 0), 0.9));
	shares = io_json_find(doc, "contributions");
	cr_assert(eq(sz, io_json_len(shares), 3));
	cr_assert(epsilon_eq(dbl, io_json_find_num(shares, "report", 0),
			     c.out.contribution[c.out.label][1], 1e-6));
	cr_assert(eq(dbl, io_json_find_num(shares, "series", -1), 0.0));
	cr_assert(epsilon_eq(dbl, io_json_find_num(doc, "base", 0), c.out.base[c.out.label], 1e-6));
	same(io_json_find_str(io_json_find(doc, "abstain"), "reason", ""), "set");
	cr_assert(eq(dbl, io_json_find_num(io_json_find(doc, "abstain"), "is", 0), 2.0));
	cr_assert(eq(dbl, io_json_find_num(io_json_find(doc, "abstain"), "limit", 0), 1.0));
	io_json_free(doc);
	fu_judge_close(&c.j);
}

Test(fusion_judgment, a_model_without_sets_writes_none)
{
	struct draft d;
	struct court c;
	struct json_t *doc;

	court_draft(&d, IO_CLASS, 2);
	court_open(&c, &d);
	court_judge(&c, 2);
	doc = written(&c);
	cr_assert(zero(ptr, io_json_find(doc, "set")));
	cr_assert(eq(dbl, io_json_find_num(doc, "coverage", -1), -1.0));
	cr_assert(zero(ptr, io_json_find(doc, "abstain")));
	io_json_free(doc);
	fu_judge_close(&c.j);
}

Test(fusion_judgment, an_unbounded_interval_is_two_nulls)
{
	struct draft d;
	struct court c;
	struct json_t *doc;

	court_draft(&d, IO_VALUE, 0);
	d.calibration.coverage = 0.9;
	d.calibration.quantile[3] = 0.5F;
	court_open(&c, &d);
	court_judge(&c, 2);
	doc = written(&c);
	cr_assert(epsilon_eq(dbl, io_json_num(io_json_at(io_json_find(doc, "interval"), 1), 0),
			     c.out.value + 0.5, 1e-9));
	io_json_free(doc);
	court_judge(&c, 1);
	doc = written(&c);
	cr_assert(eq(sz, io_json_len(io_json_find(doc, "interval")), 2));
	cr_assert(isnan(io_json_num(io_json_at(io_json_find(doc, "interval"), 0), (double)NAN)));
	io_json_free(doc);
	fu_judge_close(&c.j);
}

Test(fusion_judgment, multi_has_contributions_for_every_label_named)
{
	struct draft d;
	struct court c;
	struct json_t *doc;
	const struct json_t *shares;

	court_draft(&d, IO_MULTI, 3);
	d.calibration.threshold[0] = 0.0F;
	d.calibration.threshold[1] = 1.0F;
	d.calibration.threshold[2] = 0.0F;
	court_open(&c, &d);
	court_judge(&c, 4);
	doc = written(&c);
	shares = io_json_find(doc, "contributions");
	cr_assert(eq(sz, io_json_len(shares), 2));
	cr_assert(epsilon_eq(dbl, io_json_find_num(io_json_find(shares, "malignant"), "scan", 0),
			     c.out.contribution[2][0], 1e-5));
	cr_assert(eq(sz, io_json_len(io_json_find(doc, "base")), 2));
	io_json_free(doc);
	fu_judge_close(&c.j);
}
