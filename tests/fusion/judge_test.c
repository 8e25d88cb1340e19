/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor/f32.h"
#include "fusion/conflict.h"
#include "tests/fusion/court.h"

#include <math.h>

Test(fusion_judge, a_case_of_all_parts_is_judged)
{
	struct draft d;
	struct court c;
	float weight = 0.0F;

	court_draft(&d, IO_CLASS, 2);
	court_open(&c, &d);
	court_judge(&c, 4);
	cr_assert(epsilon_eq(flt, c.out.p[0] + c.out.p[1], 1.0F, 1e-6F));
	for (size_t m = 0; m < FIX_PARTS; m++) {
		cr_assert(c.out.part[m].present);
		weight += c.out.part[m].weight;
		cr_assert(epsilon_eq(flt, c.out.part[m].p[0] + c.out.part[m].p[1], 1.0F, 1e-6F));
	}
	cr_assert(epsilon_eq(flt, weight, 1.0F, 1e-6F));
	cr_assert(lt(dbl, 0.0, c.out.conflict));
	cr_assert(lt(dbl, c.out.conflict, 1.0));
	cr_assert(eq(sz, c.out.alignments, FU_ALIGNMENTS));
	for (size_t i = 0; i < c.out.alignments; i++) {
		cr_assert(lt(flt, 1.0F, c.out.alignment[i].strength));
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

	court_draft(&d, IO_CLASS, 2);
	court_open(&c, &d);
	court_judge(&c, 4);
	first = c.out;
	keep = c.page[0];
	c.page[0] = c.page[3];
	c.page[3] = keep;
	court_judge(&c, 4);
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

	court_draft(&d, IO_CLASS, 3);
	court_open(&c, &d);
	court_judge(&c, 4);
	first = c.out;
	court_judge(&c, 1);
	court_judge(&c, 4);
	cr_assert(zero(int, memcmp(first.p, c.out.p, sizeof first.p)));
	fu_judge_close(&c.j);
}

Test(fusion_judge, sixty_four_rows_are_the_most_that_fusion_sees)
{
	struct draft d;
	struct court c;
	float *v = as_calloc((size_t)300 * FIX_D, sizeof *v);
	struct assay_place *place = as_calloc(300, sizeof *place);

	court_draft(&d, IO_CLASS, 2);
	court_open(&c, &d);
	for (size_t i = 0; i < (size_t)300 * FIX_D; i++) {
		v[i] = (float)(i % FIX_D);
	}
	c.page[0].rows = 300;
	c.page[0].v = v;
	c.page[0].place = place;
	court_judge(&c, 1);
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

	court_draft(&d, IO_CLASS, 2);
	d.calibration.temperature[1] = 2.0F; /* the scan alone */
	court_open(&c, &d);
	court_judge(&c, 1);
	warm = log((double)c.out.p[1] / (double)c.out.p[0]);
	c.j.calibration.temperature[1] = 1.0F;
	court_judge(&c, 1);
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

	court_draft(&d, IO_CLASS, 2);
	court_open(&c, &d);
	court_judge(&c, 4);
	plain = c.out;
	c.j.calibration.part_temperature[1] = 2.0F;
	court_judge(&c, 4);
	cr_assert(epsilon_eq(dbl, 2.0 * log((double)p->p[1] / (double)p->p[0]),
			     log((double)plain.part[1].p[1] / (double)plain.part[1].p[0]), 1e-4));
	cr_assert(eq(flt, c.out.part[0].p[1], plain.part[0].p[1]));
	cr_assert(eq(flt, c.out.p[1], plain.p[1]));
	cr_assert(ne(dbl, c.out.conflict, plain.conflict));
	fu_judge_close(&c.j);
}

/* A part's own judgment against that of the same case without it, each as it is calibrated. */
static void check_part_conflict(enum io_kind kind, size_t labels)
{
	struct draft d;
	struct court c;
	struct fu_part_judgment series;
	float p[2 * IO_LABELS_MAX];
	double value[2];
	double want;

	court_draft(&d, kind, labels);
	d.calibration.temperature[3] = 0.5F; /* scan and report, and so is the part alone */
	d.calibration.part_temperature[2] = 2.0F;
	d.calibration.mean = 10;
	d.calibration.sd = 3;
	court_open(&c, &d);
	court_judge(&c, 4);
	series = c.out.part[2];
	court_judge(&c, 2);
	memcpy(p, series.p, labels * sizeof *p);
	memcpy(p + labels, c.out.p, labels * sizeof *p);
	value[0] = series.value;
	value[1] = c.out.value;
	want = kind == IO_VALUE   ? fu_conflict_value(value, 2, 3)
	       : kind == IO_MULTI ? fu_conflict_multi(p, 2, labels)
				  : fu_conflict_class(p, 2, labels);
	cr_assert(lt(dbl, 1e-4, want));
	cr_assert(epsilon_eq(dbl, series.conflict, want, 1e-4));
	cr_assert(zero(dbl, c.out.part[2].conflict)); /* it is not there */
	court_judge(&c, 1);
	cr_assert(zero(dbl, c.out.part[0].conflict)); /* nobody else is */
	fu_judge_close(&c.j);
}

Test(fusion_judge, the_conflict_of_a_part_is_with_all_others_together)
{
	check_part_conflict(IO_CLASS, 2);
	check_part_conflict(IO_CLASS, 3);
	check_part_conflict(IO_MULTI, 3);
	check_part_conflict(IO_VALUE, 0);
}

Test(fusion_judge, features_that_do_not_fit_are_refused_by_part_and_page)
{
	struct draft d;
	struct court c;
	struct as_err e = { 0 };
	struct fu_page keep;

	court_draft(&d, IO_CLASS, 2);
	court_open(&c, &d);
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
	court_judge(&c, 4);
	fu_judge_close(&c.j);
}

Test(fusion_judge, weights_that_overflow_are_an_error_not_a_judgment)
{
	struct draft d;
	struct court c;
	struct as_err e = { 0 };
	const struct nn_linear *late = &c.j.model.late[0];

	court_draft(&d, IO_CLASS, 2);
	court_open(&c, &d);
	for (size_t i = 0; i < FIX_D; i++) {
		c.j.params.v[late->w + i] = 3e38F;
	}
	tn_f32_pack(c.j.params.v + late->w, late->in, late->out, late->in, late->laid.f32->panel);
	c.j.params.v[late->b] = 3e38F;
	for (size_t i = 0; i < FIX_D; i++) {
		c.j.params.v[c.j.model.project[0].b + i] = 1e3F;
	}
	fails(fu_judge_case(&c.j, c.page, 4, &c.out, &e), AS_ESHAPE,
	      "part scan: its judgment is not a finite number");
	cr_assert(zero(sz, c.j.mem.used));
	fu_judge_close(&c.j);
}

Test(fusion_judge, the_model_says_which_encoder_each_part_needs)
{
	struct draft d;
	struct court c;

	court_draft(&d, IO_CLASS, 2);
	court_open(&c, &d);
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

	fails(fu_judge_open(&j, court_write_model(d), &e), code, text);
	cr_assert(ne(ptr, strstr(e.msg, "small.safetensors: "), NULL), "%s", e.msg);
	fu_judge_close(&j);
}

Test(fusion_judge, a_model_file_that_does_not_fit_itself_is_refused)
{
	struct draft d;

	court_draft(&d, IO_CLASS, 2);
	d.format = "assay-model-0";
	refused(&d, AS_EFORMAT, "format \"assay-model-0\": want assay-model-1");
	court_draft(&d, IO_CLASS, 2);
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
	court_draft(&d, IO_CLASS, 2);
	d.calibration_json = "{\"temperature\":{\"scan\":0}}";
	refused(&d, AS_EFORMAT, "calibration: temperature \"scan\"");
	court_draft(&d, IO_CLASS, 2);
	d.spoil = NAN;
	refused(&d, AS_EFORMAT, "fusion.part.scan.pool.u[0] is not a finite number");
}

Test(fusion_judge, weights_of_another_shape_are_refused)
{
	struct draft d;
	char *sources = as_strdup(court_sources);

	court_draft(&d, IO_CLASS, 2);
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
