/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/conflict.h"

#include "tests/support/check.h"

Test(fusion_conflict, identical_judgments_do_not_conflict)
{
	static const float p[] = { 0.3F, 0.7F, 0.3F, 0.7F, 0.3F, 0.7F };

	cr_assert(epsilon_eq(dbl, fu_conflict_class(p, 3, 2), 0.0, 1e-9));
	cr_assert(epsilon_eq(dbl, fu_conflict_multi(p, 3, 2), 0.0, 1e-9));
}

Test(fusion_conflict, opposite_certainties_conflict_fully)
{
	static const float two[] = { 1.0F, 0.0F, 0.0F, 1.0F };
	static const float three[] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };

	cr_assert(epsilon_eq(dbl, fu_conflict_class(two, 2, 2), 1.0, 1e-9));
	cr_assert(epsilon_eq(dbl, fu_conflict_class(three, 3, 3), 1.0, 1e-9));
	cr_assert(epsilon_eq(dbl, fu_conflict_multi(two, 2, 2), 1.0, 1e-9));
}

Test(fusion_conflict, a_sure_and_an_undecided_part_conflict_by_the_value_of_the_formula)
{
	/* mean (.75, .25): H = .811278; mean of H(1, 0) = 0 and H(.5, .5) = 1 is .5 */
	static const float p[] = { 1.0F, 0.0F, 0.5F, 0.5F };

	cr_assert(epsilon_eq(dbl, fu_conflict_class(p, 2, 2), 0.311278, 1e-6));
}

Test(fusion_conflict, two_sure_parts_against_one_among_three_labels)
{
	/* mean (2/3, 1/3, 0): H = .918296, over log2 3 = 1.584963 */
	static const float p[] = { 1, 0, 0, 1, 0, 0, 0, 1, 0 };

	cr_assert(epsilon_eq(dbl, fu_conflict_class(p, 3, 3), 0.918296 / 1.584963, 1e-6));
}

Test(fusion_conflict, two_sure_parts_conflict_fully_however_many_labels_there_are)
{
	static const float p[] = { 1, 0, 0, 0, 0, 1 };

	cr_assert(epsilon_eq(dbl, fu_conflict_class(p, 2, 3), 1.0, 1e-9));
}

Test(fusion_conflict, multi_is_the_mean_over_labels)
{
	/* the first label in full conflict, the second in none */
	static const float p[] = { 1.0F, 0.2F, 0.0F, 0.2F };

	cr_assert(epsilon_eq(dbl, fu_conflict_multi(p, 2, 2), 0.5, 1e-6));
}

Test(fusion_conflict, values_conflict_by_their_spread_over_the_targets)
{
	static const double v[] = { 1.0, 3.0 };

	cr_assert(epsilon_eq(dbl, fu_conflict_value(v, 2, 4.0), 0.25, 1e-12));
	cr_assert(eq(dbl, fu_conflict_value(v, 2, 0.5), 1.0));
}

Test(fusion_conflict, one_part_conflicts_with_nobody)
{
	static const float p[] = { 0.9F, 0.1F };
	static const double v[] = { 1.0 };

	cr_assert(zero(dbl, fu_conflict_class(p, 1, 2)));
	cr_assert(zero(dbl, fu_conflict_multi(p, 1, 2)));
	cr_assert(zero(dbl, fu_conflict_value(v, 1, 1.0)));
	cr_assert(zero(dbl, fu_conflict_class(p, 0, 2)));
}
