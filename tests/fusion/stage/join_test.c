/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/stage/join.h"
#include "tests/support/check.h"

#include <stdio.h>

/* A task of `parts` parts, the last of which may have `repeat` pages. */
static struct io_task task_of(size_t parts, uint32_t repeat)
{
	struct io_task t = { .parts = parts };

	for (size_t i = 0; i < parts; i++) {
		(void)snprintf(t.part[i].name, sizeof t.part[i].name, "p%zu", i);
		t.part[i].repeat = i + 1 == parts ? repeat : 1;
	}
	return t;
}

static void encode(struct fu_case *c, struct fu_slot *s)
{
	const float v[2] = { 1.0F, 2.0F };
	struct assay_place place = { .page = s->page };

	memset(place.label, 'x', sizeof place.label);
	fu_slot_encoded(c, s, 1, 2, v, &place);
}

Test(stage_join, case_closes_when_all_declared_parts_are_there)
{
	const struct io_task t = task_of(2, 1);
	struct fu_join j = { 0 };
	struct fu_case *c = fu_join_open(&j, "s", "a", &t);
	struct fu_slot *s;

	fu_case_start(&j, c, 1, 1000);
	s = fu_case_accept(c, 0, 0, 5);
	cr_assert(not(fu_case_closes(c, 10)));
	cr_assert(fu_case_misses(c, 1));
	encode(c, s);
	cr_assert(not(fu_case_ready(c))); /* encoded, but open */
	s = fu_case_accept(c, 1, 0, 6);
	cr_assert(fu_case_closes(c, 10));
	cr_assert(not(fu_case_ready(c)));
	encode(c, s);
	cr_assert(fu_case_ready(c));
	fu_join_free(&j);
}

Test(stage_join, complete_closes_with_parts_missing)
{
	const struct io_task t = task_of(2, 1);
	struct fu_join j = { 0 };
	struct fu_case *c = fu_join_open(&j, "s", "a", &t);

	fu_case_start(&j, c, 1, 1000);
	c->complete = true;
	cr_assert(fu_case_closes(c, 10));
	cr_assert(fu_case_ready(c)); /* nothing was accepted, nothing is waited for */
	fu_join_free(&j);
}

Test(stage_join, part_that_repeats_closes_by_word_or_by_time_only)
{
	const struct io_task t = task_of(2, 3);
	struct fu_join j = { 0 };
	struct fu_case *c = fu_join_open(&j, "s", "a", &t);

	fu_case_start(&j, c, 1, 1000);
	(void)fu_case_accept(c, 0, 0, 5);
	for (uint32_t page = 0; page < 3; page++) {
		(void)fu_case_accept(c, 1, page, 5);
		cr_assert(not(fu_case_closes(c, 10)));
	}
	cr_assert(not(fu_case_closes(c, 999)));
	cr_assert(fu_case_closes(c, 1000));
	fu_join_free(&j);
}

Test(stage_join, accepted_page_is_waited_for_beyond_the_deadline)
{
	const struct io_task t = task_of(2, 1);
	struct fu_join j = { 0 };
	struct fu_case *c = fu_join_open(&j, "s", "a", &t);
	struct fu_slot *s;

	fu_case_start(&j, c, 1, 1000);
	s = fu_case_accept(c, 0, 0, 5);
	cr_assert(fu_case_closes(c, 2000));
	cr_assert(not(fu_case_ready(c)));
	cr_assert(fu_case_closes(c, 3000));
	encode(c, s);
	cr_assert(fu_case_ready(c));
	fu_join_free(&j);
}

Test(stage_join, submission_in_the_journal_holds_the_case_open)
{
	const struct io_task t = task_of(2, 1);
	struct fu_join j = { 0 };
	struct fu_case *c = fu_join_open(&j, "s", "a", &t);

	fu_case_start(&j, c, 1, 1000);
	c->pending = 1;
	cr_assert(not(fu_case_closes(c, 2000)));
	c->pending = 0;
	cr_assert(fu_case_closes(c, 2000));
	c->pending = 1;
	cr_assert(fu_case_closes(c, 2000)); /* closed stays closed */
	fu_join_free(&j);
}

Test(stage_join, deadlines_come_earliest_first)
{
	enum { N = 200 };
	const struct io_task t = task_of(1, 1);
	struct fu_join j = { 0 };
	struct fu_case *c;
	int64_t last = 0;
	size_t n = 0;

	for (int i = 0; i < N; i++) {
		char id[16];

		(void)snprintf(id, sizeof id, "%d", i);
		c = fu_join_open(&j, "s", id, &t);
		fu_case_start(&j, c, 1, (i * 7919) % 1009); /* in no order */
	}
	for (int i = 0; i < N; i += 3) { /* some are judged before, from anywhere in the heap */
		char id[16];

		(void)snprintf(id, sizeof id, "%d", i);
		fu_join_close(&j, fu_join_find(&j, "s", id));
	}
	while ((c = fu_join_next(&j)) != NULL) {
		cr_assert(ge(i64, c->deadline, last));
		last = c->deadline;
		fu_join_late(&j, c);
		n++;
	}
	cr_assert(eq(sz, n, (size_t)(N - (N + 2) / 3)));
	fu_join_free(&j);
}

Test(stage_join, cases_of_two_streams_have_names_of_their_own)
{
	const struct io_task t = task_of(1, 1);
	struct fu_join j = { 0 };
	const struct fu_case *a = fu_join_open(&j, "s", "a", &t);
	const struct fu_case *b = fu_join_open(&j, "t", "a", &t);

	cr_assert(eq(ptr, fu_join_find(&j, "s", "a"), (void *)a));
	cr_assert(eq(ptr, fu_join_find(&j, "t", "a"), (void *)b));
	cr_assert(eq(ptr, fu_join_find(&j, "u", "a"), NULL));
	fu_join_free(&j);
}

Test(stage_join, label_from_the_wire_is_ended)
{
	const struct io_task t = task_of(1, 1);
	struct fu_join j = { 0 };
	struct fu_case *c = fu_join_open(&j, "s", "a", &t);
	struct fu_slot *s;

	fu_case_start(&j, c, 1, 1000);
	s = fu_case_accept(c, 0, 2, 5);
	encode(c, s);
	cr_assert(eq(sz, strlen(s->place[0].label), sizeof s->place[0].label - 1));
	cr_assert(eq(u32, s->place[0].page, 2));
	cr_assert(eq(flt, s->v[1], 2.0F));
	fu_join_free(&j);
}
