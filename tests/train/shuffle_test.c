/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/train/fixture.h"

#include "core/tensor/gemm.h"
#include "train/shuffle.h"

#include <math.h>

static const char two_records[] = "[task]\n"
				  "name = two\n"
				  "target = y\n"
				  "labels = no, yes\n"
				  "[part.signal]\n"
				  "modality = table\n"
				  "columns = a:number\n"
				  "[part.noise]\n"
				  "modality = table\n"
				  "columns = b:number\n"
				  "[model]\n"
				  "width = 16\n"
				  "heads = 2\n"
				  "[train]\n"
				  "epochs = 20\n"
				  "rate = 0.003\n";

/* n cases; a tells y, b is noise; every third case has no noise part. */
static void load(struct fix *f, size_t n)
{
	struct as_buf csv = { 0 };
	struct as_rng rng;
	struct as_err e = { 0 };

	as_rng_seed(&rng, 5, 0);
	as_buf_puts(&csv, "case,a,b,y\n");
	for (size_t i = 0; i < n; i++) {
		as_buf_printf(&csv, "c%zu,%.3f,", i,
			      (double)(as_rng_normal(&rng) + (i % 2 == 0 ? 3.0F : -3.0F)));
		if (i % 3 != 0) {
			as_buf_printf(&csv, "%.3f", (double)as_rng_normal(&rng));
		}
		as_buf_printf(&csv, ",%s\n", i % 2 == 0 ? "yes" : "no");
	}
	fix_open(f, two_records, csv.data, 2);
	as_buf_free(&csv);
	ok(tr_data_load(&f->d, &f->task, &f->how, f->pool, &e));
}

Test(train_shuffle, the_part_with_the_signal_drops_and_noise_does_not, .init = tn_init)
{
	struct fix f;
	struct tr_study s;
	struct as_err e = { 0 };
	double drop;
	double se;

	load(&f, 90);
	f.o.folds = 3;
	f.o.shuffles = 20;
	ok(tr_study_run(&s, &f.d, &f.o, &e));
	cr_assert(lt(dbl, 0.95, s.report.line[0].m[0].v[TR_AUC]));
	/* Exchanged at random it tells nothing: an AUC of one half. */
	for (size_t k = 0; k < 3; k++) {
		cr_assert(epsilon_eq(dbl, s.report.shuffled[0][k].v[TR_AUC], 0.5, 0.1), "%g",
			  s.report.shuffled[0][k].v[TR_AUC]);
	}
	tr_report_drop(&s.report, 0, &drop, &se);
	cr_assert(lt(dbl, 0.4, drop), "%g", drop);
	cr_assert(lt(dbl, se, 0.1), "%g", se);
	tr_report_drop(&s.report, 1, &drop, &se);
	cr_assert(epsilon_eq(dbl, drop, 0.0, 0.02), "%g", drop);
	/* What spoke for the true label speaks for no label when it is another case's. */
	for (size_t k = 0; k < 3; k++) {
		const struct tr_toward *t = &s.report.toward[0][k];

		cr_assert(lt(dbl, 1.0, t->own), "%g", t->own);
		cr_assert(lt(dbl, fabs(t->exchanged), 0.3 * t->own), "%g", t->exchanged);
		cr_assert(lt(dbl, fabs(s.report.toward[1][k].own), 0.3 * t->own));
	}
	tr_study_free(&s);
	fix_close(&f);
}

Test(train_shuffle, text_and_json_tell_the_drop_and_the_differences, .init = tn_init)
{
	struct fix f;
	struct tr_study s;
	struct as_buf text = { 0 };
	struct as_buf json = { 0 };
	struct io_jw w = { .b = &json };
	struct as_err e = { 0 };

	load(&f, 60);
	f.o.folds = 3;
	f.o.shuffles = 2;
	f.task.hyper.epochs = 2;
	ok(tr_study_run(&s, &f.d, &f.o, &e));
	tr_report_text(&s.report, &text);
	cr_assert(ne(ptr, strstr(text.data, "auc - all     se\n"), NULL), "%s", text.data);
	cr_assert(ne(ptr, strstr(text.data, "\nsignal shuffled "), NULL), "%s", text.data);
	cr_assert(ne(ptr, strstr(text.data, "\nnoise shuffled "), NULL), "%s", text.data);
	io_jw_obj(&w, NULL);
	tr_report_write(&s.report, &w);
	io_jw_end_obj(&w);
	cr_assert(ne(ptr, strstr(json.data, "\"compared\":\"auc\""), NULL), "%s", json.data);
	cr_assert(ne(ptr, strstr(json.data, "\"difference_se\":"), NULL), "%s", json.data);
	cr_assert(ne(ptr, strstr(json.data, "\"shuffled\":{\"signal\":{\"auc\":"), NULL), "%s",
		  json.data);
	cr_assert(ne(ptr, strstr(json.data, "\"drop\":"), NULL), "%s", json.data);
	cr_assert(ne(ptr, strstr(json.data, "\"contribution_shuffled\":"), NULL), "%s", json.data);
	cr_assert(ne(ptr, strstr(json.data, "\"ece\":"), NULL), "%s", json.data);
	cr_assert(ne(ptr, strstr(text.data, " towards the true label, shuffled "), NULL), "%s",
		  text.data);
	cr_assert(ne(ptr, strstr(text.data, "calibration error "), NULL), "%s", text.data);
	as_buf_free(&text);
	as_buf_free(&json);
	tr_study_free(&s);
	fix_close(&f);
}

static void shuffle(const struct fix *f, const struct tr_trained *t, uint64_t seed,
		    struct tr_metrics m[IO_PARTS_MAX])
{
	struct tr_shuffle how = { .permutations = 3, .seed = seed, .pool = f->pool };
	struct tr_toward toward[IO_PARTS_MAX];
	size_t cases[30];
	struct as_err e = { 0 };

	for (size_t i = 0; i < 30; i++) {
		cases[i] = i;
	}
	how.cases = cases;
	how.n = 30;
	ok(tr_shuffle(t, &how, m, toward, &e));
}

Test(train_shuffle, a_seed_draws_the_same_permutations_again, .init = tn_init)
{
	struct fix f;
	struct tr_study s;
	struct as_err e = { 0 };
	struct tr_metrics a[IO_PARTS_MAX];
	struct tr_metrics b[IO_PARTS_MAX];
	struct tr_metrics c[IO_PARTS_MAX];

	load(&f, 60);
	f.task.hyper.epochs = 5;
	ok(tr_study_run(&s, &f.d, &f.o, &e));
	shuffle(&f, &s.kept, 1, a);
	shuffle(&f, &s.kept, 1, b);
	shuffle(&f, &s.kept, 2, c);
	cr_assert(eq(dbl, a[0].v[TR_LOSS], b[0].v[TR_LOSS]));
	cr_assert(eq(dbl, a[1].v[TR_LOSS], b[1].v[TR_LOSS]));
	cr_assert(ne(dbl, a[0].v[TR_LOSS], c[0].v[TR_LOSS]));
	tr_study_free(&s);
	fix_close(&f);
}

/* A case has nothing to exchange with itself. */
Test(train_shuffle, a_part_of_one_case_alone_stays_where_it_is, .init = tn_init)
{
	struct fix f;
	struct tr_study s;
	struct as_err e = { 0 };
	struct tr_metrics m[IO_PARTS_MAX];
	struct tr_toward toward[IO_PARTS_MAX];
	struct tr_scores scores = { 0 };
	float p[2 * 3];
	float y[2 * 3];
	struct tr_metrics want;
	const size_t cases[] = { 0, 1, 3 }; /* 0 and 3 have no noise */

	load(&f, 60);
	f.task.hyper.epochs = 2;
	ok(tr_study_run(&s, &f.d, &f.o, &e));
	ok(tr_trained_score(&s.kept, cases, 3, f.pool, &scores, &e));
	tr_answers(&s.kept.calibration, &f.task, &scores, 0, p);
	tr_truth(&f.d, cases, 3, y);
	tr_metrics_of(&f.task, &(struct tr_predictions){ 3, 2, p, y, s.kept.calibration.threshold },
		      &want);
	ok(tr_shuffle(&s.kept,
		      &(struct tr_shuffle){
			  .cases = cases, .n = 3, .permutations = 4, .seed = 1, .pool = f.pool },
		      m, toward, &e));
	cr_assert(epsilon_eq(dbl, toward[1].own, toward[1].exchanged, 1e-6));
	cr_assert(epsilon_eq(dbl, m[1].v[TR_LOSS], want.v[TR_LOSS], 1e-6));
	tr_scores_free(&scores);
	tr_study_free(&s);
	fix_close(&f);
}
