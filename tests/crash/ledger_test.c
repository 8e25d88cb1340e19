/* SPDX-License-Identifier: Apache-2.0
 * ledger_test.c - the checker itself: it accepts what is right and sees each planted fault. */
#include "core/io/digest.h"
#include "tests/crash/ledger.h"
#include "tests/support/check.h"

#include <stdio.h>

enum { CASES = 4 };

struct plant {
	struct ledger l;
	struct as_buf body[CASES + 1]; /* number 1 is [0] */
	struct as_buf why;
};

static void make_body(struct plant *p, int seq, const char *id, const char *kind)
{
	char prev[IO_DIGEST_SIZE];

	(void)snprintf(prev, sizeof prev, "%064d", 0);
	if (seq > 1) {
		io_digest(p->body[seq - 2].data, p->body[seq - 2].len, prev);
	}
	as_buf_printf(&p->body[seq - 1],
		      "{\"subject\":\"%s\",\"data\":{\"seq\":%d,\"prev\":\"%s\",\"kind\":\"%s\"}}",
		      id, seq, prev, kind);
}

static void put(struct plant *p, bool journal, int seq)
{
	const struct as_buf *b = &p->body[seq - 1];

	if (journal) {
		ledger_journal(&p->l, b->data, b->len);
	} else {
		ledger_saw(&p->l, "reader", b->data, b->len);
	}
}

/* Four accepted cases, judged in order, seen in order. */
static void set_up(struct plant *p)
{
	*p = (struct plant){ 0 };
	ledger_journal_start(&p->l);
	for (int i = 1; i <= CASES; i++) {
		char id[8];

		(void)snprintf(id, sizeof id, "c%d", i);
		ledger_submitted(&p->l, id, false);
		ledger_accepted(&p->l, id);
		make_body(p, i, id, "result");
	}
}

static void tear_down(struct plant *p)
{
	ledger_free(&p->l);
	for (int i = 0; i <= CASES; i++) {
		as_buf_free(&p->body[i]);
	}
	as_buf_free(&p->why);
}

static void put_all(struct plant *p, bool journal)
{
	for (int i = 1; i <= CASES; i++) {
		put(p, journal, i);
	}
}

static void sees(struct plant *p, const char *what)
{
	cr_assert(not(ledger_check(&p->l, &p->why)));
	cr_assert(strstr(p->why.data, what) != NULL, "%s", p->why.data);
	tear_down(p);
}

Test(crash_ledger, accepts_what_is_right)
{
	struct plant p;

	set_up(&p);
	put_all(&p, true);
	put_all(&p, false);
	ledger_answered(&p.l, "c2", p.body[1].data, p.body[1].len);
	ledger_answered(&p.l, "c2", p.body[1].data, p.body[1].len);
	cr_assert(ledger_check(&p.l, &p.why), "%s", p.why.data ? p.why.data : "");
	cr_assert(ledger_check(&p.l, &p.why), "a second check finds the same");
	tear_down(&p);
}

Test(crash_ledger, sees_a_lost_case)
{
	struct plant p;

	set_up(&p);
	ledger_accepted(&p.l, "lost");
	put_all(&p, true);
	sees(&p, "I1 case lost was accepted and is not judged");
}

Test(crash_ledger, sees_a_gap)
{
	struct plant p;

	set_up(&p);
	put_all(&p, true);
	put(&p, false, 1);
	put(&p, false, 3);
	put(&p, false, 4);
	sees(&p, "I2 reader: number 3 where 2 was due");
}

Test(crash_ledger, sees_a_lost_tail)
{
	struct plant p;

	set_up(&p);
	put_all(&p, true);
	put(&p, false, 1);
	sees(&p, "I2 reader saw 1 judgments of 4");
}

Test(crash_ledger, sees_a_duplicate)
{
	struct plant p;

	set_up(&p);
	put_all(&p, true);
	put(&p, false, 1);
	put(&p, false, 2);
	put(&p, false, 2);
	sees(&p, "I2 reader: number 2 where 3 was due");
}

Test(crash_ledger, sees_disorder)
{
	struct plant p;

	set_up(&p);
	put(&p, true, 1);
	put(&p, true, 3);
	put(&p, true, 2);
	put(&p, true, 4);
	sees(&p, "I2 journal: number 3 where 2 was due");
}

Test(crash_ledger, sees_a_case_judged_twice)
{
	struct plant p;

	set_up(&p);
	put_all(&p, true);
	make_body(&p, CASES + 1, "c1", "result");
	put(&p, true, CASES + 1);
	sees(&p, "I1 case c1 is judged 2 times");
}

Test(crash_ledger, sees_a_changed_body_and_a_broken_chain)
{
	struct plant p;

	set_up(&p);
	put_all(&p, false);
	as_buf_clear(&p.body[1]);
	make_body(&p, 2, "c2", "result ");
	put_all(&p, true);
	cr_assert(not(ledger_check(&p.l, &p.why)));
	cr_assert(strstr(p.why.data, "I5 journal: number 3 does not follow") != NULL);
	sees(&p, "I4 reader saw another number 2");
}

Test(crash_ledger, sees_an_innocent_rejected_and_a_changed_answer)
{
	struct plant p;

	set_up(&p);
	as_buf_clear(&p.body[CASES - 1]);
	make_body(&p, CASES, "c4", "rejected");
	put_all(&p, true);
	ledger_answered(&p.l, "c1", "{}", 2);
	ledger_answered(&p.l, "c1", "{ }", 3);
	cr_assert(not(ledger_check(&p.l, &p.why)));
	cr_assert(strstr(p.why.data, "I7 case c4: rejected, and it was innocent") != NULL);
	cr_assert(strstr(p.why.data, "I3 case c1: a client was sent another") != NULL);
	sees(&p, "I3 case c1 was answered twice, differently");
}
