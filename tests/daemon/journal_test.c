/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/buf.h"
#include "daemon/journal.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <stdio.h>

TestSuite(daemon_journal, .timeout = 60);

enum { MANY = 700 }; /* more than two groups */

static struct dm_op *wait_op(struct dm_journal *j)
{
	struct bus_poll item = { .socket = j->here };
	struct dm_op *op;
	struct as_err e = { 0 };

	while ((op = dm_journal_get(j)) == NULL) {
		ok(bus_poll(&item, 1, 30000, &e));
	}
	return op;
}

static void submit(struct dm_journal *j, int i)
{
	char id[16];
	struct dm_op *op;

	(void)snprintf(id, sizeof id, "c%d", i);
	op = dm_op_make(DM_OP_SUBMIT, "s", id);
	op->key = as_strdup(id);
	op->complete = true;
	op->received = 1;
	dm_journal_give(j, op);
}

static void judge(struct dm_journal *j, int i, uint64_t seq)
{
	char id[16];
	struct dm_op *op;

	(void)snprintf(id, sizeof id, "c%d", i);
	op = dm_op_make(DM_OP_JUDGE, "s", id);
	op->seq = seq;
	as_buf_printf(
	    &op->body,
	    "{\"subject\":\"%s\",\"data\":{\"stream\":\"s\",\"seq\":%d,\"prev\":\"%064d\"}}", id,
	    (int)seq, 0);
	io_digest(op->body.data, op->body.len, op->sha256);
	dm_journal_give(j, op);
}

Test(daemon_journal, operations_come_back_in_order_and_are_kept)
{
	struct dm_journal j = { 0 };
	struct as_err e = { 0 };
	struct bus *bus;
	struct dm_op *op;

	ok(bus_open(&bus, &e));
	ok(dm_journal_start(&j, bus, tmpdir_path("state"), &e));
	for (int i = 0; i < MANY; i++) {
		submit(&j, i);
	}
	for (int i = 0; i < MANY; i++) {
		char id[16];

		(void)snprintf(id, sizeof id, "c%d", i);
		op = wait_op(&j);
		same(op->kase, id);
		cr_assert(eq(int, (int)op->answer.verdict, ST_ACCEPTED));
		dm_op_free(op);
	}
	judge(&j, 3, 1);
	dm_op_free(wait_op(&j));
	dm_journal_stop(&j);
	bus_close(bus);
	ok(bus_open(&bus, &e));
	ok(dm_journal_start(&j, bus, tmpdir_path("state"), &e));
	op = dm_op_make(DM_OP_OPEN, "s", "");
	dm_journal_give(&j, op);
	op = wait_op(&j);
	cr_assert(eq(sz, op->founds, (size_t)MANY - 1));
	cr_assert(eq(u64, op->last, 1));
	dm_op_free(op);
	op = dm_op_make(DM_OP_REPLAY, "s", "");
	op->credit = 10;
	dm_journal_give(&j, op);
	op = wait_op(&j);
	cr_assert(eq(sz, op->ends, (size_t)1));
	cr_assert(ne(ptr, strstr(op->body.data, "\"subject\":\"c3\""), NULL));
	dm_op_free(op);
	dm_journal_stop(&j);
	bus_close(bus);
}

Test(daemon_journal, failed_group_answers_nobody)
{
	struct dm_journal j = { 0 };
	struct as_err e = { 0 };
	struct bus *bus;
	struct dm_op *op;

	ok(bus_open(&bus, &e));
	ok(dm_journal_start(&j, bus, tmpdir_path("state"), &e));
	submit(&j, 1);
	judge(&j, 1, 7); /* not the next number: a fault of ours, and the end */
	op = wait_op(&j);
	if (op->kind == DM_OP_SUBMIT) { /* it went in a group of its own */
		dm_op_free(op);
		op = wait_op(&j);
	}
	cr_assert(eq(int, (int)op->kind, DM_OP_FAILED));
	cr_assert(eq(int, op->rc, AS_EFORMAT));
	cr_assert(ne(ptr, strstr(op->e.msg, "number 7 of s after 0"), NULL), "%s", op->e.msg);
	dm_op_free(op);
	submit(&j, 2); /* nobody takes it; stopping frees it */
	dm_journal_stop(&j);
	bus_close(bus);
}
