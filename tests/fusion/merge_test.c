/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/merge.h"

#include "tests/support/check.h"

Test(fusion_merge, few_rows_are_joined_in_page_order_and_nothing_is_averaged)
{
	static const size_t rows[] = { 2, 1 };
	static const float one[] = { 1, 2, 3, 4 };
	static const float two[] = { 5, 6 };
	static const float want[] = { 1, 2, 3, 4, 5, 6 };
	const float *x[] = { one, two };
	struct fu_merge m;
	float y[6];

	fu_merge_plan(&m, rows, 2);
	cr_assert(eq(sz, m.rows, 3));
	fu_merge_fwd(&m, x, y, 2);
	cr_assert(zero(int, memcmp(y, want, sizeof y)));
}

Test(fusion_merge, sixteen_full_pages_become_four_means_each)
{
	size_t rows[IO_PAGES_MAX];
	struct fu_merge m;

	for (size_t i = 0; i < IO_PAGES_MAX; i++) {
		rows[i] = 64;
	}
	fu_merge_plan(&m, rows, IO_PAGES_MAX);
	cr_assert(eq(sz, m.rows, FU_ROWS_MAX));
	for (size_t r = 0; r < m.rows; r++) {
		cr_assert(eq(u32, m.row[r].page, r / 4));
		cr_assert(eq(u32, m.row[r].first, r % 4 * 16));
		cr_assert(eq(u32, m.row[r].n, 16));
	}
}

Test(fusion_merge, every_row_counts_once_and_no_group_crosses_a_page)
{
	static const size_t rows[] = { 1, 64, 7, 30, 500 };
	struct fu_merge m;
	size_t page = 0;
	size_t next = 0;

	fu_merge_plan(&m, rows, 5);
	cr_assert(le(sz, m.rows, FU_ROWS_MAX));
	for (size_t r = 0; r < m.rows; r++) {
		if (m.row[r].page != page) {
			cr_assert(eq(sz, next, rows[page]));
			page++;
			next = 0;
		}
		cr_assert(eq(u32, m.row[r].page, page));
		cr_assert(eq(u32, m.row[r].first, next));
		cr_assert(lt(u32, 0, m.row[r].n));
		next += m.row[r].n;
	}
	cr_assert(eq(sz, page, 4));
	cr_assert(eq(sz, next, 500));
}

Test(fusion_merge, backward_is_the_adjoint_of_forward)
{
	static const size_t rows[] = { 70, 3 };
	static float x[73];
	static float dx[73];
	const float *from[] = { x, x + 70 };
	float *to[] = { dx, dx + 70 };
	struct fu_merge m;
	float y[FU_ROWS_MAX];
	float dy[FU_ROWS_MAX];
	double forward = 0.0;
	double backward = 0.0;

	for (size_t i = 0; i < 73; i++) {
		x[i] = (float)(i * i % 17);
		dx[i] = 0.0F;
	}
	fu_merge_plan(&m, rows, 2);
	fu_merge_fwd(&m, from, y, 1);
	for (size_t i = 0; i < m.rows; i++) {
		dy[i] = (float)(i % 5);
		forward += (double)y[i] * (double)dy[i];
	}
	fu_merge_bwd(&m, dy, to, 1);
	for (size_t i = 0; i < 73; i++) {
		backward += (double)x[i] * (double)dx[i];
	}
	cr_assert(epsilon_eq(dbl, forward, backward, 1e-4));
	cr_assert(eq(flt, y[0], (x[0] + x[1]) / 2.0F));
}

/* 128 rows in 64 pairs; only the first pair is looked at. */
static struct assay_place first_pair(const char *modality, struct assay_place one,
				     struct assay_place two)
{
	static const size_t rows[] = { 128 };
	static struct assay_place place[128];
	const struct assay_place *from[] = { place };
	struct assay_place out[FU_ROWS_MAX];
	struct fu_merge m;

	place[0] = one;
	place[1] = two;
	fu_merge_plan(&m, rows, 1);
	fu_merge_places(&m, modality, from, out);
	return out[0];
}

Test(fusion_merge, merged_text_is_the_span_from_the_first_word_to_the_last)
{
	const struct assay_place p =
	    first_pair("text", (struct assay_place){ 2, 10, 19, 0, 0, "irregular" },
		       (struct assay_place){ 2, 20, 26, 0, 0, "margin" });

	cr_assert(eq(u32, p.page, 2));
	cr_assert(eq(u32, p.a, 10));
	cr_assert(eq(u32, p.b, 26));
	same(p.label, "irregular .. margin");
}

Test(fusion_merge, a_long_label_is_cut_at_a_character)
{
	const char *bytes =
	    "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
	    "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4";
	struct assay_place one = { 0, 0, 38, 0, 0, "" };
	struct assay_place p;

	memcpy(one.label, bytes, strlen(bytes) + 1);
	p = first_pair("text", one, one);
	cr_assert(eq(sz, strlen(p.label), 42)); /* 38 + " .. ", and no half of the next letter */
}

Test(fusion_merge, merged_boxes_are_the_box_around_them)
{
	const struct assay_place p =
	    first_pair("image", (struct assay_place){ 1, 32, 40, 16, 16, "" },
		       (struct assay_place){ 1, 48, 24, 16, 16, "" });

	cr_assert(eq(u32, p.a, 32));
	cr_assert(eq(u32, p.b, 24));
	cr_assert(eq(u32, p.c, 32));
	cr_assert(eq(u32, p.d, 32));
}

Test(fusion_merge, a_row_without_a_box_does_not_stretch_another_s)
{
	const struct assay_place none = { 1, 0, 0, 0, 0, "" };
	const struct assay_place one = { 1, 48, 24, 16, 8, "" };
	const struct assay_place from[][2] = { { one, none }, { none, one } };
	struct assay_place p;

	for (size_t i = 0; i < 2; i++) {
		p = first_pair("image", from[i][0], from[i][1]);
		cr_assert(eq(u32, p.a, 48));
		cr_assert(eq(u32, p.b, 24));
		cr_assert(eq(u32, p.c, 16));
		cr_assert(eq(u32, p.d, 8));
	}
	p = first_pair("image", none, none);
	cr_assert(zero(int, memcmp(&p, &none, sizeof p)));
}

Test(fusion_merge, merged_cells_are_named_by_the_first)
{
	const struct assay_place p =
	    first_pair("table", (struct assay_place){ 0, 4, 2, 0, 0, "r / c" },
		       (struct assay_place){ 0, 4, 3, 0, 0, "r / d" });

	cr_assert(eq(u32, p.a, 4));
	cr_assert(eq(u32, p.b, 2));
	same(p.label, "r / c");
}

Test(fusion_merge, a_label_without_an_end_is_ended)
{
	struct assay_place one = { 0, 1, 2, 0, 0, "" };
	struct assay_place p;

	memset(one.label, 'x', sizeof one.label);
	p = first_pair("series", one, one);
	cr_assert(eq(sz, strlen(p.label), 43));
}
