/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/judge.h"

#include "tests/fusion/fixture.h"
#include "tests/support/tmpdir.h"

#include <math.h>

static const char SOURCES[] =
    "{\"scan\":{\"modality\":\"image\",\"name\":\"image\",\"version\":\"1\",\"dim\":8,"
    "\"frozen\":false},"
    "\"report\":{\"modality\":\"text\",\"name\":\"text\",\"version\":\"1\",\"dim\":8,"
    "\"frozen\":false},"
    "\"series\":{\"modality\":\"series\",\"name\":\"fft\",\"version\":\"0.3\",\"dim\":5,"
    "\"frozen\":true}}";

/* What a model file is made of; a test changes what it is about and writes it. */
struct draft {
	struct io_task task;
	struct fu_calibration calibration;
	const char *format, *sources, *calibration_json;
	float spoil; /* added to the first weight */
};

static void draft(struct draft *d, enum io_kind kind, size_t labels)
{
	*d = (struct draft){ .format = "assay-model-1", .sources = SOURCES };
	fix_task(&d->task, kind, labels);
	d->task.part[2].repeat = 3;
	fu_calibration_defaults(&d->calibration);
}

static const char *write_model(const struct draft *d)
{
	static const size_t dim[IO_PARTS_MAX] = { 0, 0, FIX_DIM };
	const char *path = tmpdir_path("small.safetensors");
	struct nn_params ps = { 0 };
	const struct nn_params *const sets[] = { &ps };
	struct as_buf task = { 0 };
	struct as_buf calibration = { 0 };
	struct io_jw wt = { .b = &task };
	struct io_jw wc = { .b = &calibration };
	struct as_err e = { 0 };
	struct fu_model m;
	struct as_rng r;

	io_task_write(&d->task, &wt, NULL);
	fu_calibration_write(&d->calibration, &d->task, &wc);
	fu_model_init(&m, &ps, &d->task, dim);
	as_rng_seed(&r, 2, 0);
	nn_params_start(&ps, &r);
	fix_random(&r, ps.v, ps.size, 0.5F);
	ps.v[0] += d->spoil;
	{
		const struct io_meta meta[] = {
			{ "format", d->format },
			{ "name", "small 1" },
			{ "task", task.data },
			{ "encoders", d->sources },
			{ "calibration",
			  d->calibration_json ? d->calibration_json : calibration.data },
		};

		ok(io_model_save(path, sets, 1, meta, sizeof meta / sizeof *meta, &e));
	}
	nn_params_free(&ps);
	as_buf_free(&task);
	as_buf_free(&calibration);
	return path;
}

/* A judge of a small model, and pages for it: the scan, the report, two pages of the series. */
struct court {
	struct fu_judge j;
	float v[4][6 * FIX_D];
	struct assay_place place[4][6];
	struct fu_page page[4];
	struct fu_judgment out;
};

static void open_court(struct court *c, const struct draft *d)
{
	static const uint32_t part[] = { 0, 1, 2, 2 };
	static const uint32_t page[] = { 0, 0, 0, 2 };
	struct as_err e = { 0 };
	struct as_rng r;

	*c = (struct court){ 0 };
	ok(fu_judge_open(&c->j, write_model(d), &e));
	as_rng_seed(&r, 6, 0);
	for (size_t i = 0; i < 4; i++) {
		fix_random(&r, c->v[i], (size_t)6 * FIX_D, 1.0F);
		c->page[i] = (struct fu_page){ .part = part[i],
					       .page = page[i],
					       .rows = 6,
					       .dim = part[i] == 2 ? FIX_DIM : FIX_D,
					       .v = c->v[i],
					       .place = c->place[i] };
		for (uint32_t k = 0; k < 6; k++) {
			c->place[i][k] = (struct assay_place){
				.page = page[i], .a = 10 * k, .b = 10 * k + 9, .c = 4, .d = 4
			};
			(void)snprintf(c->place[i][k].label, sizeof c->place[i][k].label, "row %u",
				       k);
		}
	}
}

static void judge(struct court *c, size_t pages)
{
	struct as_err e = { 0 };

	ok(fu_judge_case(&c->j, c->page, pages, &c->out, &e));
}

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

Test(fusion_judge, a_case_of_all_parts_is_judged)
{
	struct draft d;
	struct court c;
	float weight = 0.0F;

	draft(&d, IO_CLASS, 2);
	open_court(&c, &d);
	judge(&c, 4);
	cr_assert(epsilon_eq(flt, c.out.p[0] + c.out.p[1], 1.0F, 1e-6F));
	for (size_t m = 0; m < FIX_PARTS; m++) {
		cr_assert(c.out.part[m].present);
		weight += c.out.part[m].weight;
		cr_assert(epsilon_eq(flt, c.out.part[m].p[0] + c.out.part[m].p[1], 1.0F, 1e-6F));
	}
	cr_assert(epsilon_eq(flt, weight, 1.0F, 1e-6F));
	cr_assert(gt(dbl, c.out.conflict, 0.0));
	cr_assert(lt(dbl, c.out.conflict, 1.0));
	cr_assert(eq(sz, c.out.alignments, FU_ALIGNMENTS));
	for (size_t i = 0; i < c.out.alignments; i++) {
		cr_assert(gt(flt, c.out.alignment[i].strength, 1.0F));
		cr_assert(i == 0 || c.out.alignment[i].strength <= c.out.alignment[i - 1].strength);
	}
	cr_assert(zero(sz, c.j.mem.used));
	same(c.j.name, "small 1");
	fu_judge_close(&c.j);
}

Test(fusion_judge, the_order_in_which_pages_come_changes_nothing)
{
	struct draft d;
	struct court c;
	struct fu_judgment first;
	struct fu_page keep;

	draft(&d, IO_CLASS, 2);
	open_court(&c, &d);
	judge(&c, 4);
	first = c.out;
	keep = c.page[0];
	c.page[0] = c.page[3];
	c.page[3] = keep;
	judge(&c, 4);
	cr_assert(zero(int, memcmp(first.p, c.out.p, sizeof first.p)));
	cr_assert(eq(sz, first.alignments, c.out.alignments));
	cr_assert(zero(int, memcmp(&first.alignment[0].from_place, &c.out.alignment[0].from_place,
				   sizeof first.alignment[0].from_place)));
	fu_judge_close(&c.j);
}

Test(fusion_judge, the_same_case_again_gives_the_same_bits)
{
	struct draft d;
	struct court c;
	struct fu_judgment first;

	draft(&d, IO_CLASS, 3);
	open_court(&c, &d);
	judge(&c, 4);
	first = c.out;
	judge(&c, 1);
	judge(&c, 4);
	cr_assert(zero(int, memcmp(first.p, c.out.p, sizeof first.p)));
	fu_judge_close(&c.j);
}

Test(fusion_judge, sixty_four_rows_are_the_most_that_fusion_sees)
{
	struct draft d;
	struct court c;
	float *v = as_calloc((size_t)300 * FIX_D, sizeof *v);
	struct assay_place *place = as_calloc(300, sizeof *place);

	draft(&d, IO_CLASS, 2);
	open_court(&c, &d);
	for (size_t i = 0; i < (size_t)300 * FIX_D; i++) {
		v[i] = (float)(i % FIX_D);
	}
	c.page[0].rows = 300;
	c.page[0].v = v;
	c.page[0].place = place;
	judge(&c, 1);
	cr_assert(eq(flt, c.out.part[0].weight, 1.0F));
	free(v);
	free(place);
	fu_judge_close(&c.j);
}

Test(fusion_judge, the_temperature_is_that_of_the_parts_present)
{
	struct draft d;
	struct court c;
	double cold;
	double warm;

	draft(&d, IO_CLASS, 2);
	d.calibration.temperature[1] = 2.0F; /* the scan alone */
	open_court(&c, &d);
	judge(&c, 1);
	warm = log((double)c.out.p[1] / (double)c.out.p[0]);
	c.j.calibration.temperature[1] = 1.0F;
	judge(&c, 1);
	cold = log((double)c.out.p[1] / (double)c.out.p[0]);
	cr_assert(epsilon_eq(dbl, 2.0 * warm, cold, 1e-4));
	fu_judge_close(&c.j);
}

Test(fusion_judge, each_part_has_a_temperature_of_its_own_and_conflict_follows_it)
{
	struct draft d;
	struct court c;
	struct fu_judgment plain;
	const struct fu_part_judgment *p = &c.out.part[1];

	draft(&d, IO_CLASS, 2);
	open_court(&c, &d);
	judge(&c, 4);
	plain = c.out;
	c.j.calibration.part_temperature[1] = 2.0F;
	judge(&c, 4);
	cr_assert(epsilon_eq(dbl, 2.0 * log((double)p->p[1] / (double)p->p[0]),
			     log((double)plain.part[1].p[1] / (double)plain.part[1].p[0]), 1e-4));
	cr_assert(eq(flt, c.out.part[0].p[1], plain.part[0].p[1]));
	cr_assert(eq(flt, c.out.p[1], plain.p[1]));
	cr_assert(ne(dbl, c.out.conflict, plain.conflict));
	fu_judge_close(&c.j);
}

Test(fusion_judge, a_case_without_parts_is_judged_from_the_base)
{
	struct draft d;
	struct court c;
	struct json_t *doc;

	draft(&d, IO_CLASS, 2);
	open_court(&c, &d);
	judge(&c, 0);
	cr_assert(epsilon_eq(flt, c.out.p[0] + c.out.p[1], 1.0F, 1e-6F));
	cr_assert(zero(dbl, c.out.conflict));
	cr_assert(zero(sz, c.out.alignments));
	doc = written(&c);
	cr_assert(eq(sz, io_json_len(io_json_find(doc, "missing")), 3));
	io_json_free(doc);
	fu_judge_close(&c.j);
}

Test(fusion_judge, features_that_do_not_fit_are_refused_by_part_and_page)
{
	struct draft d;
	struct court c;
	struct as_err e = { 0 };
	struct fu_page keep;

	draft(&d, IO_CLASS, 2);
	open_court(&c, &d);
	keep = c.page[3];
	c.page[3].dim = 7;
	fails(fu_judge_case(&c.j, c.page, 4, &c.out, &e), AS_ESHAPE,
	      "part series page 2: dim 7, the model wants 5");
	c.page[3] = keep;
	c.page[3].part = 3;
	fails(fu_judge_case(&c.j, c.page, 4, &c.out, &e), AS_ESHAPE, "part 3: the model has 3");
	c.page[3] = keep;
	c.page[3].page = 3;
	fails(fu_judge_case(&c.j, c.page, 4, &c.out, &e), AS_ESHAPE, "series page 3: the task");
	c.page[3] = keep;
	c.page[3].page = 0;
	fails(fu_judge_case(&c.j, c.page, 4, &c.out, &e), AS_ESHAPE, "series page 0: given twice");
	c.page[3] = keep;
	c.page[3].rows = 0;
	fails(fu_judge_case(&c.j, c.page, 4, &c.out, &e), AS_ESHAPE, "series page 2: no rows");
	c.page[3] = keep;
	c.v[3][9] = NAN;
	fails(fu_judge_case(&c.j, c.page, 4, &c.out, &e), AS_ESHAPE,
	      "part series page 2: row 1 column 4 is not a number within 1e+09");
	c.v[3][9] = -INFINITY;
	fails(fu_judge_case(&c.j, c.page, 4, &c.out, &e), AS_ESHAPE, "not a number within");
	c.v[3][9] = 2e9F;
	fails(fu_judge_case(&c.j, c.page, 4, &c.out, &e), AS_ESHAPE, "not a number within");
	c.v[3][9] = 0.0F;
	judge(&c, 4);
	fu_judge_close(&c.j);
}

Test(fusion_judge, weights_that_overflow_are_an_error_not_a_judgment)
{
	struct draft d;
	struct court c;
	struct as_err e = { 0 };

	draft(&d, IO_CLASS, 2);
	open_court(&c, &d);
	for (size_t i = 0; i < FIX_D; i++) {
		c.j.params.v[c.j.model.late[0].w + i] = 3e38F;
	}
	c.j.params.v[c.j.model.late[0].b] = 3e38F;
	for (size_t i = 0; i < FIX_D; i++) {
		c.j.params.v[c.j.model.project[0].b + i] = 1e3F;
	}
	fails(fu_judge_case(&c.j, c.page, 4, &c.out, &e), AS_ESHAPE,
	      "part scan: its judgment is not a finite number");
	cr_assert(zero(sz, c.j.mem.used));
	fu_judge_close(&c.j);
}

Test(fusion_judge, two_labels_are_told_apart_by_the_threshold_of_the_positive_one)
{
	struct draft d;
	struct court c;
	struct json_t *doc;

	draft(&d, IO_CLASS, 2);
	open_court(&c, &d);
	c.j.calibration.threshold[1] = 0.0F;
	judge(&c, 4);
	doc = written(&c);
	same(io_json_find_str(doc, "label", ""), "malignant");
	cr_assert(
	    epsilon_eq(dbl, io_json_find_num(doc, "probability", -1), (double)c.out.p[1], 1e-7));
	cr_assert(eq(dbl, io_json_find_num(doc, "threshold", -1), 0.0));
	io_json_free(doc);
	c.j.calibration.threshold[1] = 1.0F;
	judge(&c, 4);
	doc = written(&c);
	same(io_json_find_str(doc, "label", ""), "benign");
	cr_assert(
	    epsilon_eq(dbl, io_json_find_num(doc, "probability", -1), (double)c.out.p[0], 1e-7));
	io_json_free(doc);
	fu_judge_close(&c.j);
}

Test(fusion_judge, more_labels_have_no_threshold)
{
	struct draft d;
	struct court c;
	struct json_t *doc;

	draft(&d, IO_CLASS, 3);
	open_court(&c, &d);
	judge(&c, 4);
	doc = written(&c);
	same(io_json_find_str(doc, "label", ""), c.j.task.label[c.out.label]);
	cr_assert(eq(dbl, io_json_find_num(doc, "threshold", -1), -1.0));
	cr_assert(eq(sz, io_json_len(io_json_find(doc, "labels")), 3));
	io_json_free(doc);
	fu_judge_close(&c.j);
}

Test(fusion_judge, multi_names_every_label_from_its_threshold_up)
{
	struct draft d;
	struct court c;
	struct json_t *doc;
	struct json_t *label;

	draft(&d, IO_MULTI, 3);
	d.calibration.threshold[0] = 0.0F;
	d.calibration.threshold[1] = 1.0F;
	d.calibration.threshold[2] = 0.0F;
	open_court(&c, &d);
	judge(&c, 4);
	doc = written(&c);
	label = io_json_find(doc, "label");
	cr_assert(eq(sz, io_json_len(label), 2));
	same(io_json_str(io_json_at(label, 0)), "none");
	same(io_json_str(io_json_at(label, 1)), "malignant");
	cr_assert(eq(dbl, io_json_find_num(io_json_find(doc, "thresholds"), "benign", -1), 1.0));
	cr_assert(eq(dbl, io_json_find_num(doc, "probability", -1), -1.0));
	io_json_free(doc);
	c.j.calibration.threshold[1] = c.out.p[1];
	judge(&c, 4);
	doc = written(&c);
	cr_assert(eq(sz, io_json_len(io_json_find(doc, "label")), 3));
	io_json_free(doc);
	fu_judge_close(&c.j);
}

Test(fusion_judge, a_value_is_in_the_targets_own_unit)
{
	struct draft d;
	struct court c;
	struct json_t *doc;
	double plain;

	draft(&d, IO_VALUE, 0);
	open_court(&c, &d);
	judge(&c, 4);
	plain = c.out.value;
	c.j.calibration.mean = 100.0;
	c.j.calibration.sd = 7.0;
	judge(&c, 4);
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

Test(fusion_judge, parts_missing_and_places_are_written)
{
	struct draft d;
	struct court c;
	struct json_t *doc;
	struct json_t *scan;
	struct json_t *from;
	struct json_t *to;

	draft(&d, IO_CLASS, 2);
	open_court(&c, &d);
	judge(&c, 2);
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

Test(fusion_judge, the_model_says_which_encoder_each_part_needs)
{
	struct draft d;
	struct court c;

	draft(&d, IO_CLASS, 2);
	open_court(&c, &d);
	same(c.j.source[0].modality, "image");
	cr_assert(not(c.j.source[0].frozen));
	same(c.j.source[2].name, "fft");
	same(c.j.source[2].version, "0.3");
	cr_assert(eq(u32, c.j.source[2].dim, FIX_DIM));
	cr_assert(c.j.source[2].frozen);
	fu_judge_close(&c.j);
}

static void refused(const struct draft *d, int code, const char *text)
{
	struct as_err e = { 0 };
	struct fu_judge j;

	fails(fu_judge_open(&j, write_model(d), &e), code, text);
	cr_assert(ne(ptr, strstr(e.msg, "small.safetensors: "), NULL), "%s", e.msg);
	fu_judge_close(&j);
}

Test(fusion_judge, a_model_file_that_does_not_fit_itself_is_refused)
{
	struct draft d;

	draft(&d, IO_CLASS, 2);
	d.format = "assay-model-0";
	refused(&d, AS_EFORMAT, "format \"assay-model-0\": want assay-model-1");
	draft(&d, IO_CLASS, 2);
	d.sources = "{}";
	refused(&d, AS_EFORMAT, "encoders: no entry for part scan");
	d.sources = "{\"scan\":{\"modality\":\"image\",\"name\":\"image\",\"version\":\"1\","
		    "\"dim\":9}}";
	refused(&d, AS_EFORMAT, "encoders: part scan: dim 9, the model's width is 8");
	d.sources = "{\"scan\":{\"modality\":\"text\",\"name\":\"text\",\"version\":\"1\","
		    "\"dim\":8}}";
	refused(&d, AS_EFORMAT, "modality text, the task says image");
	d.sources = "{\"scan\":{\"modality\":\"image\",\"name\":\"image\",\"dim\":8}}";
	refused(&d, AS_EFORMAT, "version");
	draft(&d, IO_CLASS, 2);
	d.calibration_json = "{\"temperature\":{\"scan\":0}}";
	refused(&d, AS_EFORMAT, "calibration: temperature \"scan\"");
	draft(&d, IO_CLASS, 2);
	d.spoil = NAN;
	refused(&d, AS_EFORMAT, "fusion.part.scan.pool.u[0] is not a finite number");
}

Test(fusion_judge, weights_of_another_shape_are_refused)
{
	struct draft d;
	char *sources = as_strdup(SOURCES);

	draft(&d, IO_CLASS, 2);
	strstr(sources, "\"dim\":5")[6] = '6';
	d.sources = sources;
	refused(&d, AS_ESHAPE, "fusion.part.series.in.w");
	free(sources);
}

Test(fusion_judge, a_model_that_is_not_there_is_said_to_be_missing)
{
	struct as_err e = { 0 };
	struct fu_judge j;

	fails(fu_judge_open(&j, tmpdir_path("nothing.safetensors"), &e), AS_ENOINPUT, "nothing");
	fu_judge_close(&j);
}
