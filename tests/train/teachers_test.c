/* SPDX-License-Identifier: Apache-2.0
 * teachers_test.c - networks that a training learns from. */
#include "core/io/file.h"
#include "core/io/json.h"
#include "core/io/model.h"
#include "core/tensor/gemm.h"
#include "tests/train/fixture.h"

#include <math.h>

enum { CASES = 60, TEACHERS = 2, PARTS = 2 };

/* Mean of how far yes is from no under mask k: what both logits have in common says nothing. */
static double sure(const struct tr_scores *s, size_t k)
{
	const float *x = tr_scores_of(s, k);
	double sum = 0;

	for (size_t i = 0; i < s->n; i++) {
		sum += fabs((double)x[2 * i + 1] - (double)x[2 * i]);
	}
	return sum / (double)s->n;
}

/* What a network that is trained as planned says of all cases. */
static void fit(struct fix *f, const struct tr_plan *how, struct tr_scores *said)
{
	size_t all[CASES];
	struct tr_plan plan = *how;
	struct tr_trained t;
	struct as_err e = { 0 };

	for (size_t i = 0; i < CASES; i++) {
		all[i] = i;
	}
	ok(tr_trained_fit(&t, &f->d, &plan, &e));
	ok(tr_trained_score(&t, all, CASES, f->pool, said, &e));
	tr_trained_free(&t);
}

/* A teacher that is sure with all parts and knows nothing by the record alone, though the labels
 * say that one could. Index 1 masks the first part, the record; 2 the note. */
Test(train_teachers, each_pattern_of_parts_is_learned_from_its_own_answer, .init = tn_init)
{
	static struct fix f;
	struct tr_scores teacher;
	struct tr_scores with;
	struct tr_scores without;
	struct tr_study s;
	struct tr_plan plan;
	struct as_err e = { 0 };

	fix_load(&f, CASES, 2);
	f.task.hyper.alone_loss = 1;
	f.task.hyper.part_dropout = 0;
	ok(tr_study_open(&s, &f.d, &f.o, &e));
	plan = tr_study_plan(&s, &s.run[0].split, UINT32_MAX);
	fit(&f, &plan, &without);
	fit(&f, &plan, &teacher);
	for (size_t k = 0; k < teacher.masks; k++) {
		float *x = teacher.logits + k * teacher.n * teacher.c;

		for (size_t i = 0; i < teacher.n; i++) {
			x[2 * i] = k == 2 || f.d.v[i].label[0] < 0.5F ? 0 : 8;
			x[2 * i + 1] = k == 2 || f.d.v[i].label[1] < 0.5F ? 0 : 8;
		}
	}
	plan.teacher = &teacher;
	fit(&f, &plan, &with);
	cr_assert(lt(dbl, sure(&with, 2), 0.5 * sure(&without, 2)), "%g, %g", sure(&with, 2),
		  sure(&without, 2));
	cr_assert(lt(dbl, 0.5 * sure(&without, 0), sure(&with, 0)), "%g, %g", sure(&with, 0),
		  sure(&without, 0));
	tr_scores_free(&teacher);
	tr_scores_free(&with);
	tr_scores_free(&without);
	tr_study_free(&s);
	fix_close(&f);
}

/* What one teacher, and with alone_loss its specialists, say of the first split. */
static void teach(struct fix *f, float alone_loss, struct tr_study *s, struct tr_plan *plan,
		  struct tr_scores *mean)
{
	struct as_err e = { 0 };

	fix_load(f, CASES, 2);
	f->task.hyper.epochs = 3;
	f->task.hyper.alone_loss = alone_loss;
	f->o.teachers = 1;
	ok(tr_study_open(s, &f->d, &f->o, &e));
	*plan = tr_study_plan(s, &s->run[0].split, UINT32_MAX);
	ok(tr_study_teach(s, plan, 0, mean, &e));
}

/* Under mask k: all parts, the note alone (the record is masked), the record alone, none. */
Test(train_teachers, of_a_part_alone_its_specialist_has_a_say, .init = tn_init)
{
	static struct fix f;
	struct tr_scores mean;
	struct tr_scores said[3];
	struct tr_study s;
	struct tr_plan plan;
	struct as_rng seeds;

	teach(&f, 0.3F, &s, &plan, &mean);
	as_rng_seed(&seeds, f.o.seed, 0x74656163U);
	for (size_t i = 0; i < 3; i++) {
		plan.parts = i == 0 ? UINT32_MAX : 1U << (i - 1);
		plan.seed = as_rng_u64(&seeds);
		fit(&f, &plan, &said[i]);
	}
	for (size_t j = 0; j < (size_t)2 * CASES; j++) {
		const float *all[3] = { tr_scores_of(&said[0], 0) + j,
					tr_scores_of(&said[0], 1) + j,
					tr_scores_of(&said[0], 2) + j };

		cr_assert(eq(flt, tr_scores_of(&mean, 0)[j], *all[0]));
		cr_assert(epsilon_eq(flt, tr_scores_of(&mean, 1)[j],
				     (*all[1] + tr_scores_of(&said[2], 1)[j]) / 2, 1e-6F));
		cr_assert(epsilon_eq(flt, tr_scores_of(&mean, 2)[j],
				     (*all[2] + tr_scores_of(&said[1], 2)[j]) / 2, 1e-6F));
	}
	for (size_t i = 0; i < 3; i++) {
		tr_scores_free(&said[i]);
	}
	tr_scores_free(&mean);
	tr_study_free(&s);
	fix_close(&f);
}

/* Where nobody asks of a part alone there is none to teach it. */
Test(train_teachers, without_parts_alone_there_are_no_specialists, .init = tn_init)
{
	static struct fix f;
	struct tr_scores mean;
	struct tr_scores said;
	struct tr_study s;
	struct tr_plan plan;
	struct as_rng seeds;

	teach(&f, 0, &s, &plan, &mean);
	cr_assert(eq(sz, f.epochs, 3));
	as_rng_seed(&seeds, f.o.seed, 0x74656163U);
	plan.seed = as_rng_u64(&seeds);
	fit(&f, &plan, &said);
	cr_assert(zero(int, memcmp(mean.logits, said.logits,
				   mean.masks * mean.n * mean.c * sizeof *mean.logits)));
	tr_scores_free(&said);
	tr_scores_free(&mean);
	tr_study_free(&s);
	fix_close(&f);
}

Test(train_teachers, the_same_seed_gives_the_same_bytes_and_the_record_counts_them, .init = tn_init)
{
	struct as_buf file[2] = { { 0 }, { 0 } };
	struct as_err e = { 0 };
	static struct fix f;
	struct tr_study s;
	struct io_model m;
	struct json_t *record;

	for (size_t i = 0; i < 2; i++) {
		fix_load(&f, CASES, 2);
		f.task.hyper.epochs = 3;
		f.task.hyper.alone_loss = 0.3F;
		f.o.folds = 3;
		f.o.teachers = TEACHERS;
		ok(tr_study_run(&s, &f.d, &f.o, &e));
		ok(tr_study_save(&s, tmpdir_path("model"), &e));
		ok(io_read_file(tmpdir_path("model"), 1 << 24, &file[i], &e));
		/* The teachers of three folds and of all cases, and those that learn from them. */
		cr_assert(eq(sz, f.epochs,
			     (size_t)(1 + TEACHERS * (1 + PARTS)) *
				 (size_t)(3 * 3 + s.run[3].outcome.epochs)));
		tr_study_free(&s);
		fix_close(&f);
	}
	cr_assert(eq(sz, file[0].len, file[1].len));
	cr_assert(zero(int, memcmp(file[0].data, file[1].data, file[0].len)));
	ok(io_model_open(&m, tmpdir_path("model"), &e));
	ok(io_model_meta(&m, "training", &record, &e));
	cr_assert(eq(u64, io_json_find_u64(record, "teachers", 0), TEACHERS));
	io_json_free(record);
	io_model_close(&m);
	as_buf_free(&file[0]);
	as_buf_free(&file[1]);
}

Test(train_teachers, one_that_is_interrupted_ends_the_training, .init = tn_init)
{
	static struct fix f;
	struct tr_study s;
	struct as_err e = { 0 };

	fix_load(&f, CASES, 1);
	f.o.teachers = TEACHERS;
	f.stop_at = 12;
	fails(tr_study_run(&s, &f.d, &f.o, &e), AS_ECLOSED, "interrupted");
	tr_study_free(&s);
	fix_close(&f);
}
