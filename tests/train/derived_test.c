/* SPDX-License-Identifier: Apache-2.0 */
#include "train/derived.h"

#include "core/tensor/gemm.h"
#include "tests/train/fixture.h"

#include <string.h>

enum { CASES = 60 };

/* A report on the small task's cases, of which every seventh has no note: the answer of line i to
 * case k is (1 + 10 i + k / 100) / 100. */
struct told {
	struct fix f;
	struct tr_report r;
};

static float told(size_t line, size_t at)
{
	return (1.0F + 10.0F * (float)line + (float)at / 100.0F) / 100.0F;
}

static void tell(struct told *t, const struct tr_shares *missing)
{
	static size_t at[CASES];
	float p[2 * CASES];
	float threshold[IO_LABELS_MAX] = { 0 };

	fix_load(&t->f, CASES, 1);
	tr_report_init(&t->r, &t->f.d, 1, 3, true);
	tr_report_missing(&t->r, missing);
	threshold[1] = 0.13F;
	for (size_t i = 0; i < t->r.lines; i++) {
		for (size_t k = 0; k < CASES; k++) {
			at[k] = k;
			p[2 * k + 1] = told(i, k);
			p[2 * k] = 1.0F - told(i, k);
		}
		if (t->r.line[i].derived == TR_ITSELF) {
			tr_report_put(&t->r, i, 0, at, CASES, p, threshold);
		}
	}
}

static void forget(struct told *t)
{
	tr_report_free(&t->r);
	fix_close(&t->f);
}

static const struct tr_line *line(const struct told *t, const char *name)
{
	size_t i = 0;

	while (i < t->r.lines && strcmp(t->r.line[i].name, name) != 0) {
		i++;
	}
	cr_assert(lt(sz, i, t->r.lines), "no line %s", name);
	return &t->r.line[i];
}

Test(train_derived, the_late_average_is_of_the_parts_that_a_case_has, .init = tn_init)
{
	static struct told t;
	const struct tr_line *l;

	tell(&t, &(struct tr_shares){ .n = 0 });
	tr_report_derive(&t.r, 0, 1);
	l = line(&t, "average");
	cr_assert(l->baseline);
	for (size_t k = 0; k < CASES; k++) { /* line 1 is the record, 2 the note */
		const float want = k % 7 == 0 ? told(1, k) : 0.5F * (told(1, k) + told(2, k));

		cr_assert(epsilon_eq(flt, l->p[2 * k + 1], want, 1e-6F), "%zu", k);
		cr_assert(eq(u32, l->label[k], want >= 0.13F)); /* by the threshold of all parts */
	}
	cr_assert(not(isnan(l->m[0].v[TR_AUC])));
	forget(&t);
}

Test(train_derived, a_part_is_missing_from_its_share_of_the_cases, .init = tn_init)
{
	static struct told t;
	const struct tr_line *l[3];
	size_t gone[3] = { 0 };

	tell(&t, &(struct tr_shares){ { 0.3F, 0.6F, 1.0F }, 3 });
	cr_assert(eq(sz, t.r.lines, 8 + 2 * 3));
	tr_report_derive(&t.r, 0, 1);
	l[0] = line(&t, "note missing in 30 %");
	l[1] = line(&t, "note missing in 60 %");
	l[2] = line(&t, "note missing in 100 %");
	for (size_t k = 0; k < CASES; k++) {
		for (size_t i = 0; i < 3; i++) {
			const bool is = l[i]->p[2 * k + 1] == told(1, k);

			cr_assert(is || l[i]->p[2 * k + 1] == told(0, k));
			gone[i] += is;
			cr_assert(i == 0 || is || l[i - 1]->p[2 * k + 1] == told(0, k),
				  "case %zu has what is missing at a lower share", k);
		}
	}
	cr_assert(gone[0] > 9 && gone[0] < 27, "%zu", gone[0]);
	cr_assert(gone[1] > 27 && gone[1] < 45, "%zu", gone[1]);
	cr_assert(eq(sz, gone[2], CASES));
	cr_assert(eq(flt, line(&t, "record missing in 100 %")->p[1], told(2, 0)));
	forget(&t);
}

/* The others are one part, a pair, or a view of their own. */
Test(train_derived, of_four_parts_all_but_each_are_views, .init = tn_init)
{
	static struct fix f;
	static struct tr_report r;
	struct as_buf csv = { 0 };
	struct as_buf ini = { 0 };
	struct as_err e = { 0 };

	fix_csv(&csv, 20);
	as_buf_puts(&ini, "[task]\nname = four\ntarget = y\nkind = class\nlabels = no, yes\n");
	for (int m = 0; m < 4; m++) {
		as_buf_printf(&ini, "[part.p%d]\nmodality = text\ncolumn = %s\n", m,
			      (const char *const[]){ "a", "b", "w", "t" }[m]);
	}
	fix_open(&f, ini.data, csv.data, 1);
	ok(tr_data_load(&f.d, &f.task, &f.how, f.pool, &e));
	tr_report_init(&r, &f.d, 1, 15, false);
	cr_assert(eq(sz, r.lines, 1 + 4 + 6 + 4));
	tr_report_missing(&r, &(struct tr_shares){ { 1.0F }, 1 });
	cr_assert(eq(sz, r.lines, 1 + 4 + 6 + 2 * 4));
	same(r.line[11].name, "p1+p2+p3");
	same(r.line[14].name, "p0+p1+p2");
	same(r.line[15].name, "p0 missing in 100 %");
	same(tr_report_view(&r, 14)->name, "p1+p2+p3");
	same(tr_report_view(&r, 15)->name, "all");
	tr_report_free(&r);
	fix_close(&f);
	as_buf_free(&csv);
	as_buf_free(&ini);
}
