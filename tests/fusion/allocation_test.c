/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fusion/court.h"
#include "tests/support/count.h"

Test(fusion_allocation, a_case_is_judged_without_the_allocator)
{
	struct draft d;
	struct court c;
	size_t before;

	court_draft(&d, IO_CLASS, 2);
	before = count_allocations;
	court_open(&c, &d);
	cr_assert(lt(sz, before, count_allocations), "opening a model allocates");
	court_judge(&c, 4);
	for (size_t pages = 4; pages > 0; pages--) {
		before = count_allocations;
		court_judge(&c, pages);
		cr_assert(eq(sz, count_allocations, before));
	}
	fu_judge_close(&c.j);
}
