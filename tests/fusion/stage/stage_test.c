/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/stage/stage.h"
#include "tests/fusion/court.h"
#include "tests/support/check.h"

/* A case with the features of the court's pages, in the order given. */
static struct fu_case *case_of(struct fu_join *j, const struct court *k, const size_t *order,
			       size_t n)
{
	struct fu_case *c = fu_join_open(j, "s", "a", &k->j.task);

	fu_case_start(j, c, 1, INT64_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct fu_page *p = &k->page[order[i]];
		struct fu_slot *s = fu_case_accept(c, p->part, p->page, 0);

		fu_slot_encoded(c, s, p->rows, p->dim, p->v, p->place);
	}
	return c;
}

Test(stage_stage, members_are_those_of_the_judge)
{
	static const size_t order[] = { 3, 1, 0, 2 };
	struct fu_join j = { 0 };
	struct fu_outcome o;
	struct as_buf want = { 0 };
	struct io_jw w = { .b = &want };
	struct draft d;
	struct court k;

	court_draft(&d, IO_CLASS, 2);
	court_open(&k, &d);
	court_judge(&k, 4);
	fu_judgment_write(&k.j, &k.out, &w);
	fu_stage_judge(&k.j, case_of(&j, &k, order, 4), &o);
	cr_assert(not(o.rejected));
	same(o.members.data, want.data); /* whatever the order in which pages came */
	cr_assert(lt(dbl, 0.0, o.ms));
	as_buf_free(&want);
	as_buf_free(&o.members);
	fu_join_free(&j);
	fu_judge_close(&k.j);
}

Test(stage_stage, features_that_do_not_fit_are_a_rejection)
{
	static const size_t order[] = { 0, 2 };
	struct fu_join j = { 0 };
	struct fu_outcome o;
	struct draft d;
	struct court k;

	court_draft(&d, IO_CLASS, 2);
	court_open(&k, &d);
	k.page[2].dim = 4;
	fu_stage_judge(&k.j, case_of(&j, &k, order, 2), &o);
	cr_assert(o.rejected);
	cr_assert(ne(ptr, strstr(o.message, "series"), NULL), "%s", o.message);
	as_buf_free(&o.members);
	fu_join_free(&j);
	fu_judge_close(&k.j);
}

Test(stage_stage, times_are_those_of_the_slowest_page)
{
	const struct io_task t = { .parts = 1 };
	struct fu_join j = { 0 };
	struct fu_case *c = fu_join_open(&j, "s", "a", &t);
	struct fu_slot *a = fu_case_accept(c, 0, 0, 0);
	struct fu_slot *b = fu_case_accept(c, 0, 1, 0);
	struct fu_times times;

	*a = (struct fu_slot){ .queue = 1.0, .decode = 5.0, .encode = 2.0 };
	*b = (struct fu_slot){ .queue = 3.0, .decode = 4.0, .encode = 6.0 };
	times = fu_case_times(c);
	cr_assert(eq(dbl, times.queue, 3.0));
	cr_assert(eq(dbl, times.decode, 5.0));
	cr_assert(eq(dbl, times.encode, 6.0));
	fu_join_free(&j);
}
