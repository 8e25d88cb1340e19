/* SPDX-License-Identifier: Apache-2.0
 * Every operation of the journal, with each call of the system, each statement and each piece of
 * SQLite's memory failing: an error that says so, or what was to be done; never a journal in
 * between. */
#include "tests/core/store/sweep.h"

#include <stdint.h>

/* One failure of each kind is swept. */
static const struct fault kinds[] = {
	{ .number = EIO },
	{ .number = EIO, .on = true }, /* the disk is gone */
	{ .number = ENOSPC, .on = true },
	{ .number = EINTR },
	{ .number = FAULT_INTERRUPT },
	{ .number = ENOMEM },
};

static void sweep_acts(const struct sweep_act *acts, size_t n)
{
	struct sweep_state from;
	struct st_store *s;
	size_t calls = 0;

	disk_use();
	s = kit_open();
	sweep_fill(s);
	st_close(s);
	sweep_take(&from);
	for (size_t i = 0; i < n; i++) {
		size_t of_act = 0;

		for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
			struct fault how = kinds[k];

			how.at = 1 + k % FAULT_STEP;
			of_act += sweep(&acts[i], &from, how);
		}
		cr_assert(lt(sz, (size_t)3, of_act), "%s: %zu failures", acts[i].name, of_act);
		calls += of_act;
	}
	cr_assert(lt(sz, n * 10, calls));
	sweep_free(&from);
}

static char other_big[ST_INLINE_MAX + 1]; /* no other case has it */

/* Pages x (in its row) and y (a file) of a case. */
static int submit(struct st_store *s, const char *kase, const char *key, const char *text,
		  struct st_answer *a, struct as_err *e)
{
	char row[IO_DIGEST_SIZE];
	char file[IO_DIGEST_SIZE];
	const struct st_page pages[] = {
		{ .name = "x", .type = "t", .sha256 = row, .data = text, .size = strlen(text) },
		{ .name = "y",
		  .type = "t",
		  .sha256 = file,
		  .data = other_big,
		  .size = sizeof other_big },
	};
	const struct st_submission in = { .stream = "s",
					  .kase = kase,
					  .key = key,
					  .manifest = key,
					  .complete = true,
					  .received = 7,
					  .arrived = 7,
					  .page = pages,
					  .pages = 2 };

	io_digest(text, strlen(text), row);
	io_digest(other_big, sizeof other_big, file);
	return st_submit(s, &in, a, e);
}

static int submit_new(struct st_store *s, struct as_err *e)
{
	struct st_answer a;
	const int rc = submit(s, "new", "k", "1", &a, e);

	cr_assert(rc != AS_OK || (a.verdict == ST_ACCEPTED && a.pages == 2));
	return rc;
}

static int submit_more(struct st_store *s, struct as_err *e)
{
	struct st_answer a;
	const int rc = submit(s, "small", "k", "page", &a, e);

	cr_assert(rc != AS_OK ||
		  (a.verdict == ST_ACCEPTED && a.pages == 2 && !a.fresh[0] && a.fresh[1]));
	return rc;
}

static int submit_to_parked(struct st_store *s, struct as_err *e)
{
	struct st_answer a;
	const int rc = submit(s, "parked", "k", "wait", &a, e);

	cr_assert(rc != AS_OK || (a.verdict == ST_ACCEPTED && a.woken));
	return rc;
}

static int submit_twice(struct st_store *s, struct as_err *e)
{
	struct st_answer a;
	int rc;

	TRY(submit(s, "new", "k", "1", &a, e));
	TRY(submit(s, "new", "k", "1", &a, e));
	cr_assert(eq(int, (int)a.verdict, ST_DUPLICATE));
	TRY(submit(s, "new", "other", "1", &a, e));
	cr_assert(eq(int, (int)a.verdict, ST_DUPLICATE));
	TRY(submit(s, "new", "third", "2", &a, e));
	cr_assert(eq(int, (int)a.verdict, ST_CONFLICT));
out:
	return rc;
}

static int judge(struct st_store *s, const char *kase, const struct st_dead *dead, struct as_err *e)
{
	char prev[IO_DIGEST_SIZE];
	char sha256[IO_DIGEST_SIZE];
	char body[256];
	struct st_judgment j = { .stream = "s",
				 .kase = kase,
				 .seq = 5,
				 .body = body,
				 .sha256 = sha256,
				 .time = 9,
				 .dead = dead };
	uint64_t last;
	int rc;

	TRY(st_last(s, "s", &last, prev, e));
	cr_assert(eq(u64, last, 4));
	j.size = (size_t)snprintf(
	    body, sizeof body,
	    "{\"subject\":\"%s\",\"data\":{\"stream\":\"s\",\"seq\":5,\"prev\":\"%s\"}}", kase,
	    prev);
	io_digest(body, j.size, sha256);
	TRY(st_judge(s, &j, e));
out:
	return rc;
}

static int judge_large(struct st_store *s, struct as_err *e)
{
	return judge(s, "large", NULL, e);
}

static int give_up_small(struct st_store *s, struct as_err *e)
{
	return judge(s, "small",
		     &(struct st_dead){ .part = "x", .reason = "attempts", .ended = "exit 3" }, e);
}

Test(store_fault, submissions_and_judgments)
{
	static const struct sweep_act acts[] = {
		{ .name = "a new case", .run = submit_new },
		{ .name = "more of a case", .run = submit_more },
		{ .name = "more of a parked case", .run = submit_to_parked },
		{ .name = "a case again", .run = submit_twice },
		{ .name = "a judgment", .run = judge_large },
		{ .name = "a dead letter", .run = give_up_small },
	};

	sweep_acts(acts, sizeof acts / sizeof *acts);
}

static void no_more(void *ctx, const struct st_case *c, const struct st_page *p)
{
	(void)c;
	(void)p;
	++*(int *)ctx;
}

static int attempt(struct st_store *s, struct as_err *e)
{
	const struct st_page p = { .name = "x", .out = ST_ALONE, .strikes = 2 };

	return st_attempt(s, "s", "large", &p, e);
}

static int attempts_over(struct st_store *s, struct as_err *e)
{
	return st_attempts_over(s, e);
}

static int set_clock(struct st_store *s, struct as_err *e)
{
	return st_clock(s, "s", -1, e);
}

static int park(struct st_store *s, struct as_err *e)
{
	return st_park(s, "s", "small", e);
}

static int wake(struct st_store *s, struct as_err *e)
{
	const struct st_due due = { .stream = "s", .until = 100, .max = 10 };
	int64_t first;
	int n = 0;
	const int rc = st_wake(s, &due, no_more, &n, &first, e);

	cr_assert(rc != AS_OK || (n == 1 && first == INT64_MAX));
	return rc;
}

static int waiting(struct st_store *s, struct as_err *e)
{
	int64_t first;
	size_t parked;
	int n = 0;
	int rc;

	TRY(st_parked(s, "s", &parked, &first, e));
	cr_assert(parked == 1 && first == 50);
	TRY(st_unjudged(s, no_more, &n, e));
	cr_assert(eq(int, n, 2));
	TRY(st_case(s, "s", "parked", no_more, &n, e));
	cr_assert(eq(int, n, 3));
out:
	return rc;
}

Test(store_fault, cases_that_wait)
{
	static const struct sweep_act acts[] = {
		{ .name = "an attempt", .run = attempt },
		{ .name = "an end in order", .run = attempts_over },
		{ .name = "another clock", .run = set_clock },
		{ .name = "a case goes to disk", .run = park },
		{ .name = "a case comes back", .run = wake },
		{ .name = "what waits", .run = waiting },
	};

	sweep_acts(acts, sizeof acts / sizeof *acts);
}

static int cursors(struct st_store *s, struct as_err *e)
{
	uint64_t seq;
	bool known;
	int rc;

	TRY(st_subscribe(s, "s", "other", &known, &seq, e));
	cr_assert(known && seq == 0);
	TRY(st_subscribe(s, "s", "sub", &known, &seq, e));
	cr_assert(known && seq == 1);
	TRY(st_ack(s, "s", "other", 3, &known, &seq, e));
	cr_assert(known && seq == 3);
	TRY(st_unsubscribe(s, "s", "sub", &known, &seq, e));
	cr_assert(known && seq == 1);
out:
	return rc;
}

static int retain(struct st_store *s, struct as_err *e)
{
	size_t gone;
	const int rc = st_retain(s, "s", &(struct st_keep){ .days = 1, .subscriber_days = 1 },
				 INT64_C(86400) * 1000000000 + 4500000000, &gone, e);

	cr_assert(rc != AS_OK || gone == 4);
	return rc;
}

static int purge(struct st_store *s, const char *kase, uint64_t seq, struct as_err *e)
{
	struct st_purged p;
	const int rc = st_purge(s, "s", kase, "2026-11-27T00:00:00Z", &p, e);

	cr_assert(rc != AS_OK || (p.state == ST_JUDGED && p.seq == seq));
	return rc;
}

static int purge_judged(struct st_store *s, struct as_err *e)
{
	return purge(s, "c2", 2, e);
}

static int purge_dead(struct st_store *s, struct as_err *e)
{
	return purge(s, "dead", 4, e);
}

static int drop_letter(struct st_store *s, struct as_err *e)
{
	return st_dead_drop(s, 1, e);
}

static int retry_letter(struct st_store *s, struct as_err *e)
{
	struct st_retry r = { .id = 1, .received = 9, .arrived = 9 };
	const int rc = st_dead_retry(s, &r, e);

	cr_assert(rc != AS_OK || strcmp(r.as, "dead~2") == 0);
	return rc;
}

static int retry_letter_as(struct st_store *s, struct as_err *e)
{
	struct st_retry r = { .id = 1, .as = "again", .received = 9, .arrived = 9 };

	return st_dead_retry(s, &r, e);
}

Test(store_fault, what_is_kept_and_let_go)
{
	static const struct sweep_act acts[] = {
		{ .name = "cursors", .run = cursors },
		{ .name = "retention", .run = retain },
		{ .name = "a purge", .run = purge_judged },
		{ .name = "a purge of a dead letter", .run = purge_dead },
		{ .name = "a letter dropped", .run = drop_letter },
		{ .name = "a letter tried again", .run = retry_letter },
		{ .name = "a letter tried by a name", .run = retry_letter_as },
	};

	sweep_acts(acts, sizeof acts / sizeof *acts);
}

static bool count_one(void *ctx, uint64_t seq, const void *body, size_t size)
{
	(void)body;
	++*(int *)ctx;
	return seq > 0 && size > 0;
}

static void count_letter(void *ctx, const struct st_letter *l)
{
	++*(int *)ctx;
	same(l->kase, "dead");
}

static int read_stream(struct st_store *s, struct as_err *e)
{
	struct as_buf body = { 0 };
	struct st_bounds b;
	enum st_state state;
	uint64_t n;
	int heard = 0;
	int rc;

	TRY(st_bounds(s, "s", &b, e));
	cr_assert(b.first == 1 && b.last == 4);
	TRY(st_shared(s, "s", st_epoch(s), &n, e));
	TRY(st_find(s, "s", "c2", &state, &body, e));
	cr_assert(state == ST_JUDGED && body.len > 0);
	TRY(st_find(s, "s", "small", &state, &body, e));
	cr_assert(eq(int, (int)state, ST_OPEN));
	TRY(st_replay(s, "s", 0, count_one, &heard, &n, e));
	cr_assert(n == 4 && heard == 4);
	TRY(st_dead_list(s, 0, 10, count_letter, &heard, e));
	cr_assert(eq(int, heard, 5));
out:
	as_buf_free(&body);
	return rc;
}

static int read_pages(struct st_store *s, struct as_err *e)
{
	const struct st_page page = { .name = "x" };
	struct as_buf bytes = { 0 };
	int rc;

	TRY(st_load(s, "s", "small", &page, &bytes, e));
	cr_assert(eq(sz, bytes.len, (size_t)4));
	TRY(st_load(s, "s", "large", &page, &bytes, e));
	cr_assert(eq(sz, bytes.len, sizeof sweep_big + 3));
out:
	as_buf_free(&bytes);
	return rc;
}

static int verify(struct st_store *s, struct as_err *e)
{
	struct st_verify v = { .whole = true };
	const int rc = st_verify_all(s, &v, e);

	cr_assert(rc != AS_OK || (v.structure && v.judgments == 4 && v.pages == 4));
	return rc;
}

static int check(struct st_store *s, struct as_err *e)
{
	return st_check(s, e);
}

Test(store_fault, what_is_read)
{
	static const struct sweep_act acts[] = {
		{ .name = "a stream", .run = read_stream },
		{ .name = "pages", .run = read_pages },
		{ .name = "a verification", .run = verify },
		{ .name = "a start's check", .run = check, .bare = true },
	};

	sweep_acts(acts, sizeof acts / sizeof *acts);
}
