/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/strongest.h"

#include "tests/fusion/fixture.h"

/* Two parts of 2 and 4 rows with attention written down by hand. */
struct pair {
	struct fu_model m;
	struct fu_act a;
	float there[2 * 4], back[4 * 2];
	struct assay_place scan[2], report[4];
	struct assay_place *place[IO_PARTS_MAX];
};

static void fill(struct pair *p)
{
	*p = (struct pair){
		.m = { .parts = 2 },
		.a = { .present = { true, true }, .rows = { 2, 4 }, .n = 2 },
		.there = { 0.25F, 0.25F, 0.25F, 0.25F, 0.7F, 0.1F, 0.1F, 0.1F },
		.back = { 0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.5F, 0.1F, 0.9F },
		.scan = { { 0, 0, 0, 8, 8, "" }, { 0, 8, 0, 8, 8, "" } },
		.report = { { 0, 0, 4, 0, 0, "oval" },
			    { 0, 5, 9, 0, 0, "mass" },
			    { 0, 10, 12, 0, 0, "no" },
			    { 0, 13, 19, 0, 0, "shadow" } },
	};
	p->a.align.a[0][1] = p->there;
	p->a.align.a[1][0] = p->back;
	p->place[0] = p->scan;
	p->place[1] = p->report;
}

Test(fusion_strongest, strength_is_attention_times_the_rows_there_were_to_choose_from)
{
	struct fu_alignment out[5];
	struct pair p;

	fill(&p);
	cr_assert(eq(sz, fu_strongest(&p.m, &p.a, p.place, out, 5), 2));
	cr_assert(epsilon_eq(flt, out[0].strength, 2.8F, 1e-6F)); /* 0.7 of 4 rows */
	cr_assert(eq(u32, out[0].from, 0));
	cr_assert(eq(u32, out[0].to, 1));
	cr_assert(eq(u32, out[0].from_place.a, 8));
	same(out[0].to_place.label, "oval");
	cr_assert(epsilon_eq(flt, out[1].strength, 1.8F, 1e-6F)); /* 0.9 of 2 rows */
	cr_assert(eq(u32, out[1].from, 1));
	cr_assert(eq(u32, out[1].to, 0));
	same(out[1].from_place.label, "shadow");
	cr_assert(eq(u32, out[1].to_place.a, 8));
}

Test(fusion_strongest, a_pair_counts_once_in_its_stronger_direction)
{
	struct fu_alignment out[5];
	struct pair p;

	fill(&p);
	p.back[0] = 0.3F; /* "oval" looks at the same box as the box at it, but less */
	p.back[1] = 0.7F;
	cr_assert(eq(sz, fu_strongest(&p.m, &p.a, p.place, out, 5), 2));
	cr_assert(epsilon_eq(flt, out[0].strength, 2.8F, 1e-6F));
	cr_assert(eq(u32, out[0].from, 0));
}

Test(fusion_strongest, rows_of_one_place_count_once)
{
	struct fu_alignment out[5];
	struct pair p;

	fill(&p);
	p.report[3] = p.report[0];
	cr_assert(eq(sz, fu_strongest(&p.m, &p.a, p.place, out, 5), 1));
	cr_assert(epsilon_eq(flt, out[0].strength, 2.8F, 1e-6F));
}

Test(fusion_strongest, the_weakest_fall_out_when_there_are_more_than_wanted)
{
	struct fu_alignment out[1];
	struct pair p;

	fill(&p);
	p.back[6] = 0.02F;
	p.back[7] = 0.98F;
	p.there[4] = 0.1F;
	p.there[7] = 0.7F; /* the pair of "shadow" is now 2.8 one way, 1.96 the other */
	p.there[0] = 0.26F;
	cr_assert(eq(sz, fu_strongest(&p.m, &p.a, p.place, out, 1), 1));
	cr_assert(epsilon_eq(flt, out[0].strength, 2.8F, 1e-6F));
	same(out[0].to_place.label, "shadow");
}

Test(fusion_strongest, a_row_without_a_place_is_left_out)
{
	struct fu_alignment out[5];
	struct pair p;

	fill(&p);
	p.report[0] = (struct assay_place){ 0 };
	cr_assert(eq(sz, fu_strongest(&p.m, &p.a, p.place, out, 5), 1));
	same(out[0].from_place.label, "shadow");
}

Test(fusion_strongest, a_part_alone_has_none)
{
	struct fu_alignment out[5];
	struct pair p;

	fill(&p);
	p.a.align.a[0][1] = NULL;
	p.a.align.a[1][0] = NULL;
	cr_assert(zero(sz, fu_strongest(&p.m, &p.a, p.place, out, 5)));
}
