/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/core/store/kit.h"

static uint64_t subscribe(struct st_store *s, const char *name)
{
	struct as_err e = { 0 };
	uint64_t seq = 99;
	bool known;

	ok(st_begin(s, &e));
	ok(st_subscribe(s, "s", name, &known, &seq, &e));
	ok(st_commit(s, &e));
	cr_assert(known);
	return seq;
}

static uint64_t ack(struct st_store *s, const char *name, uint64_t to)
{
	struct as_err e = { 0 };
	uint64_t seq = 99;
	bool known;

	ok(st_begin(s, &e));
	ok(st_ack(s, "s", name, to, &known, &seq, &e));
	ok(st_commit(s, &e));
	cr_assert(known);
	return seq;
}

Test(store_cursor, is_kept_and_never_goes_back)
{
	struct st_store *s = kit_open();

	kit_fill(s, 1, 5);
	cr_assert(eq(u64, subscribe(s, "n"), 0));
	cr_assert(eq(u64, ack(s, "n", 3), 3));
	cr_assert(eq(u64, ack(s, "n", 2), 3));
	cr_assert(eq(u64, subscribe(s, "m"), 0)); /* each has its own */
	st_close(s);
	s = kit_open();
	cr_assert(eq(u64, subscribe(s, "n"), 3));
	st_close(s);
}

Test(store_cursor, name_that_was_not_made_or_was_dropped_is_unknown)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };
	uint64_t seq = 0;
	bool known = true;

	ok(st_ack(s, "s", "n", 3, &known, &seq, &e));
	cr_assert(not(known));
	(void)subscribe(s, "n");
	ok(st_unsubscribe(s, "s", "n", &known, &seq, &e));
	cr_assert(known);
	ok(st_ack(s, "s", "n", 3, &known, &seq, &e));
	cr_assert(not(known));
	ok(st_unsubscribe(s, "s", "n", &known, &seq, &e));
	cr_assert(not(known));
	st_close(s);
}

Test(store_cursor, stream_has_room_for_so_many_names)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };
	char name[16];
	uint64_t seq;
	bool known;

	for (int i = 0; i < ST_SUBSCRIBERS_MAX; i++) {
		(void)snprintf(name, sizeof name, "n%d", i);
		(void)subscribe(s, name);
	}
	ok(st_subscribe(s, "s", "one-more", &known, &seq, &e));
	cr_assert(not(known));
	ok(st_subscribe(s, "s", "n7", &known, &seq, &e));
	cr_assert(known);
	ok(st_subscribe(s, "t", "one-more", &known, &seq, &e));
	cr_assert(known);
	st_close(s);
}

Test(store_cursor, epochs_tell_what_a_restore_left_as_it_was)
{
	struct st_store *s = kit_open();
	struct as_err e = { 0 };
	uint64_t seq;

	kit_sql("INSERT INTO epoch VALUES(5, '', 0), (5, 's', 7), (9, '', 0), (9, 's', 12),"
		" (9, 't', 3)",
		&s);
	ok(st_shared(s, "s", 1, &seq, &e));
	cr_assert(eq(u64, seq, 7)); /* what came between 7 and 12 in epoch 5 is not epoch 1's */
	ok(st_shared(s, "s", 5, &seq, &e));
	cr_assert(eq(u64, seq, 12));
	ok(st_shared(s, "t", 1, &seq, &e));
	cr_assert(eq(u64, seq, 0)); /* the restore of epoch 5 did not find it */
	ok(st_shared(s, "t", 5, &seq, &e));
	cr_assert(eq(u64, seq, 3));
	ok(st_shared(s, "s", 6, &seq, &e));
	cr_assert(eq(u64, seq, 0)); /* no epoch of this journal */
	st_close(s);
}
