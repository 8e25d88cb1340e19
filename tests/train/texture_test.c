/* SPDX-License-Identifier: Apache-2.0
 * texture_test.c - the texture of pictures in a training: what is settled before its first step,
 * what comes with another model's weights, and linear models of textures. */
#include "core/io/model.h"
#include "core/tensor/gemm.h"
#include "encoders/image/pixels.h"
#include "encoders/image/scatter.h"
#include "tests/train/pictures.h"
#include "train/baseline.h"
#include "train/from.h"
#include "train/linear_teachers.h"
#include "train/metric.h"
#include "train/pretrain.h"
#include "train/trained.h"

#include <math.h>
#include <string.h>

static double texture_of(const struct fix *f, size_t i, size_t k)
{
	return (double)((const struct enc_pixels *)f->d.v[i].page[0].in.data)->texture[k];
}

Test(train_texture, means_and_sds_are_those_of_the_training_pictures, .init = tn_init)
{
	static struct fix f;
	struct as_err e = { 0 };
	struct tr_trained t;
	struct tr_plan plan;

	pictures_load(&f);
	plan = plan_of(&f, 8);
	ok(tr_trained_fit(&t, &f.d, &plan, &e));
	cr_assert(eq(sz, t.outcome.epochs, 2)); /* no step has changed them */
	for (size_t k = 0; k < ENC_SCATTER_N; k++) {
		double sum = 0;
		double square = 0;

		for (size_t i = 8; i < 8 + TRAINS; i++) {
			sum += texture_of(&f, i, k) / TRAINS;
		}
		for (size_t i = 8; i < 8 + TRAINS; i++) {
			square += pow(texture_of(&f, i, k) - sum, 2) / TRAINS;
		}
		cr_assert(
		    epsilon_eq(flt, weight(&t.net, "image.texture.mean")[k], (float)sum, 1e-5F));
		cr_assert(epsilon_eq(flt, weight(&t.net, "image.texture.sd")[k],
				     (float)fmax(sqrt(square), 1e-3), 1e-5F));
	}
	tr_trained_free(&t);
	fix_close(&f);
}

Test(train_texture, a_base_s_weights_come_with_its_means, .init = tn_init)
{
	static struct fix f;
	const struct tr_some all = { &f.d, index_of + 12, 12 };
	struct as_err e = { 0 };
	struct tr_pretrained base;
	struct tr_from from;
	struct tr_trained t;
	struct tr_plan plan;
	const struct io_tensor *mean;

	pictures_load(&f);
	ok(tr_pretrain(
	    &base, &all, 1,
	    &(struct tr_pretrain_how){ .seed = 1, .epochs = 1, .pool = f.pool, .watch = &f.watch },
	    &e));
	ok(tr_from_read(&from, base.file.data, base.file.len, "base", &e));
	mean = io_model_find(&from.file, "image.texture.mean");
	plan = plan_of(&f, 4);
	plan.from = &from;
	ok(tr_trained_fit(&t, &f.d, &plan, &e));
	cr_assert(zero(int, memcmp(weight(&t.net, "image.texture.mean"), mean->data, mean->size)));
	cr_assert(weight(&t.net, "image.texture.mean")[0] > 0.0F);
	tr_trained_free(&t);
	tr_from_close(&from);
	tr_pretrained_free(&base);
	fix_close(&f);
}

Test(train_texture, there_is_no_base_of_it_alone, .init = tn_init)
{
	static struct fix f;
	const struct tr_some all = { &f.d, index_of, CASES };
	struct as_err e = { 0 };
	struct tr_pretrained base;

	pictures_load(&f);
	f.task.hyper.image_cells = 0;
	fails(tr_pretrain(&base, &all, 1,
			  &(struct tr_pretrain_how){
			      .seed = 1, .epochs = 1, .pool = f.pool, .watch = &f.watch },
			  &e),
	      AS_ECONFIG, "image_cells = 0: of the only part, scan, nothing can be hidden");
	tr_pretrained_free(&base);
	fix_close(&f);
}

Test(train_texture, a_linear_model_of_it_judges_and_teaches)
{
	static struct fix f;
	const struct tr_split s = { .train = index_of,
				    .trains = TRAINS,
				    .stop = index_of + TRAINS,
				    .stops = STOPS,
				    .calibrate = index_of + TRAINS,
				    .calibrates = STOPS };
	const struct tr_cases on = { s.train, s.trains, s.stop, s.stops };
	const size_t tests = CASES - TRAINS - STOPS;
	double penalty[TR_BASES] = { 0 };
	float thresholds[IO_LABELS_MAX];
	struct tr_linear_teachers l;
	struct as_err e = { 0 };
	struct tr_metrics m;
	float p[2 * CASES];
	float y[2 * CASES];

	pictures_load(&f);
	cr_assert(tr_base_fits(&f.d, TR_TEXTURE));
	cr_assert(zero(int, tr_base_fits(&f.d, TR_WORDS)));
	cr_assert(eq(u32, tr_base_parts(&f.d, TR_TEXTURE), 1));
	ok(tr_base_predict(&f.d, TR_TEXTURE, &s, index_of + TRAINS + STOPS, tests, p, thresholds,
			   &e));
	tr_truth(&f.d, index_of + TRAINS + STOPS, tests, y);
	tr_metrics_of(&f.task, &(struct tr_predictions){ tests, 2, p, y, thresholds }, &m);
	cr_assert(epsilon_eq(dbl, m.v[TR_AUC], 1.0, 1e-9));
	ok(tr_linear_teachers_fit(&l, &f.d, UINT32_MAX, &on, penalty, &e));
	for (size_t i = 0; i < CASES; i++) {
		const float *z = tr_linear_teachers_of(&l, 1, i);

		cr_assert(eq(ptr, (void *)(uintptr_t)z, l.z[TR_TEXTURE] + 2 * i));
		cr_assert(eq(int, z[1] > z[0], i % 2 == 1), "case %zu", i);
	}
	cr_assert(zero(ptr, (void *)(uintptr_t)tr_linear_teachers_of(&l, 0, 0)));
	tr_linear_teachers_free(&l);
	fix_close(&f);
}

/* Cases without a picture among those that train: the others' textures are no feature, not no
 * number. */
Test(train_texture, a_linear_model_that_saw_no_picture_still_says_numbers)
{
	static struct fix f;
	const struct tr_split s = { .train = index_of,
				    .trains = TRAINS,
				    .stop = index_of,
				    .stops = STOPS,
				    .calibrate = index_of,
				    .calibrates = STOPS };
	float thresholds[IO_LABELS_MAX];
	size_t pages[TRAINS];
	struct as_err e = { 0 };
	float p[2 * CASES];

	pictures_load(&f);
	for (size_t i = 0; i < TRAINS; i++) {
		pages[i] = f.d.v[i].pages;
		f.d.v[i].pages = 0;
	}
	ok(tr_base_predict(&f.d, TR_TEXTURE, &s, index_of, CASES, p, thresholds, &e));
	for (size_t i = 0; i < (size_t)2 * CASES; i++) {
		cr_assert(isfinite(p[i]), "%zu", i);
	}
	for (size_t i = 0; i < TRAINS; i++) {
		f.d.v[i].pages = pages[i];
	}
	fix_close(&f);
}

/* Pictures whose texture the model does not read are no texture to a linear model either. */
Test(train_texture, without_it_there_is_no_linear_model_of_it)
{
	static struct fix f;

	pictures_load(&f);
	f.task.hyper.image_texture = 0;
	cr_assert(zero(int, tr_base_fits(&f.d, TR_TEXTURE)));
	fix_close(&f);
}
