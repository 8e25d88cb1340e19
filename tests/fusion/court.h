/* SPDX-License-Identifier: Apache-2.0
 * court.h - a small model written to a file, a judge that opened it, and pages for it to judge. */
#ifndef TESTS_FUSION_COURT_H
#define TESTS_FUSION_COURT_H

#include "fusion/judge.h"
#include "tests/fusion/fixture.h"
#include "tests/support/tmpdir.h"

static const char court_sources[] =
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

static inline void court_draft(struct draft *d, enum io_kind kind, size_t labels)
{
	*d = (struct draft){ .format = "assay-model-1", .sources = court_sources };
	fix_task(&d->task, kind, labels);
	d->task.part[2].repeat = 3;
	fu_calibration_defaults(&d->calibration);
}

static inline const char *court_write_model(const struct draft *d)
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

static inline void court_open(struct court *c, const struct draft *d)
{
	static const uint32_t part[] = { 0, 1, 2, 2 };
	static const uint32_t page[] = { 0, 0, 0, 2 };
	struct as_err e = { 0 };
	struct as_rng r;

	*c = (struct court){ 0 };
	ok(fu_judge_open(&c->j, court_write_model(d), &e));
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

static inline void court_judge(struct court *c, size_t pages)
{
	struct as_err e = { 0 };

	ok(fu_judge_case(&c->j, c->page, pages, &c->out, &e));
}

#endif
