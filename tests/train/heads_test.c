/* SPDX-License-Identifier: Apache-2.0 */
#include "core/tensor/gemm.h"
#include "tests/train/fixture.h"

enum { CASES = 30 };

/* What a study says with heads that are closed below this share; a gate of one is never reached. */
static void study(float threshold, struct nn_heads *heads, struct as_buf *text)
{
	static struct fix f;
	struct tr_study s;
	struct as_err e = { 0 };

	fix_load(&f, CASES, 2);
	f.task.hyper.epochs = 1;
	f.task.hyper.gate_threshold = threshold;
	f.o.folds = 3;
	ok(tr_study_run(&s, &f.d, &f.o, &e));
	*heads = s.report.heads;
	tr_report_text(&s.report, text);
	tr_study_free(&s);
	fix_close(&f);
}

Test(train_heads, what_was_not_computed_is_said, .init = tn_init)
{
	struct nn_heads none;
	struct nn_heads all;
	struct as_buf text = { 0 };

	study(0.0F, &all, &text);
	cr_assert(lt(u64, 0, all.all));
	cr_assert(eq(u64, all.computed, all.all));
	cr_assert(eq(dbl, all.done, all.work));
	cr_assert(eq(ptr, strstr(text.data, "skipped"), NULL));
	as_buf_free(&text);
	study(1.0F, &none, &text);
	cr_assert(eq(u64, none.all, all.all));
	cr_assert(eq(dbl, none.work, all.work));
	cr_assert(eq(u64, none.computed, 0));
	cr_assert(eq(dbl, none.done, 0));
	cr_assert(
	    ne(ptr, strstr(text.data, "skipped: 100.0 % of the attention heads, 100.0 %"), NULL));
	as_buf_free(&text);
}

/* Folds trained once, their test cases scored with all heads and with none. */
Test(train_heads, folds_are_scored_with_heads_closed_too, .init = tn_init)
{
	struct fix f;
	struct tr_study s;
	struct as_err e = { 0 };
	const struct tr_line *l;

	fix_load(&f, CASES, 2);
	f.task.hyper.epochs = 1;
	f.o.folds = 3;
	f.o.gates = (struct tr_shares){ { 0.001F, 1.0F }, 2 };
	ok(tr_study_run(&s, &f.d, &f.o, &e));
	l = &s.report.line[s.report.lines - 2];
	same(l[0].name, "heads below 0.001");
	same(l[1].name, "heads below 1");
	cr_assert(eq(u64, l[0].heads.all, s.report.heads.all));
	cr_assert(eq(u64, l[0].heads.computed, l[0].heads.all));
	cr_assert(eq(u64, l[1].heads.all, s.report.heads.all));
	cr_assert(eq(u64, l[1].heads.computed, 0));
	cr_assert(eq(dbl, l[0].difference, 0));
	cr_assert(lt(dbl, 0, l[1].difference_se));
	for (size_t i = 0; i < 2 * (size_t)CASES; i++) {
		cr_assert(eq(flt, l[0].p[i], s.report.line[0].p[i]), "%zu", i);
	}
	cr_assert(ne(flt, l[1].p[0], s.report.line[0].p[0]));
	cr_assert(eq(flt, s.kept.net.closed_below, 0.0F));
	tr_study_free(&s);
	fix_close(&f);
}
