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
