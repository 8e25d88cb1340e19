/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/ledger.h"

#include "core/io/digest.h"
#include "core/io/json.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct ledger_case {
	char id[LEDGER_NAME];
	bool bad, accepted;
	size_t judged;        /* times it is in the journal */
	struct as_buf answer; /* the first that a client was sent */
};

/* What a body says of itself. */
struct entry {
	uint64_t seq;
	char id[LEDGER_NAME], kind[16], prev[IO_DIGEST_SIZE];
};

static void roll_add(struct ledger_roll *r, const void *body, size_t n)
{
	if (r->n == r->cap) {
		r->cap = r->cap ? 2 * r->cap : 64;
		r->body = as_realloc(r->body, r->cap, sizeof *r->body);
	}
	r->body[r->n] = (struct as_buf){ 0 };
	as_buf_put(&r->body[r->n++], body, n);
}

static void roll_free(struct ledger_roll *r)
{
	for (size_t i = 0; i < r->n; i++) {
		as_buf_free(&r->body[i]);
	}
	free(r->body);
	*r = (struct ledger_roll){ 0 };
}

void ledger_free(struct ledger *l)
{
	for (size_t i = 0; i < l->cases.cap; i++) {
		struct ledger_case *c = l->cases.slot[i].key ? l->cases.slot[i].value : NULL;

		if (c != NULL) {
			as_buf_free(&c->answer);
			free(c);
		}
	}
	as_map_free(&l->cases);
	roll_free(&l->journal);
	for (size_t i = 0; i < l->readers; i++) {
		roll_free(&l->reader[i]);
	}
	as_buf_free(&l->answers);
	*l = (struct ledger){ 0 };
}

static struct ledger_case *find(struct ledger *l, const char *id)
{
	struct ledger_case *c = as_map_find(&l->cases, id);

	if (c == NULL) {
		c = as_calloc(1, sizeof *c);
		(void)snprintf(c->id, sizeof c->id, "%s", id);
		as_map_put(&l->cases, id, c);
	}
	return c;
}

void ledger_submitted(struct ledger *l, const char *id, bool bad)
{
	find(l, id)->bad = bad;
}

void ledger_accepted(struct ledger *l, const char *id)
{
	find(l, id)->accepted = true;
}

void ledger_answered(struct ledger *l, const char *id, const void *body, size_t n)
{
	struct ledger_case *c = find(l, id);

	if (c->answer.len == 0) {
		as_buf_put(&c->answer, body, n);
	} else if (c->answer.len != n || memcmp(c->answer.data, body, n) != 0) {
		as_buf_printf(&l->answers, "I3 case %s was answered twice, differently\n", id);
	}
}

void ledger_saw(struct ledger *l, const char *reader, const void *body, size_t n)
{
	size_t i = 0;

	while (i < l->readers && strcmp(l->reader[i].name, reader) != 0) {
		i++;
	}
	if (i == l->readers && l->readers < LEDGER_READERS) {
		(void)snprintf(l->reader[l->readers++].name, LEDGER_NAME, "%s", reader);
	}
	if (i < l->readers) {
		roll_add(&l->reader[i], body, n);
	}
}

void ledger_journal_start(struct ledger *l)
{
	roll_free(&l->journal);
	(void)snprintf(l->journal.name, sizeof l->journal.name, "journal");
}

void ledger_journal(struct ledger *l, const void *body, size_t n)
{
	roll_add(&l->journal, body, n);
}

static bool read_entry(const struct as_buf *b, struct entry *out)
{
	struct json_t *doc = NULL;
	const struct json_t *data;
	struct as_err e;
	const bool read = io_json_parse(b->data, b->len, "body", &doc, &e) == AS_OK;

	*out = (struct entry){ 0 };
	if (read) {
		data = io_json_find(doc, "data");
		out->seq = io_json_find_u64(data, "seq", 0);
		(void)snprintf(out->id, sizeof out->id, "%s", io_json_find_str(doc, "subject", ""));
		(void)snprintf(out->kind, sizeof out->kind, "%s",
			       io_json_find_str(data, "kind", ""));
		(void)snprintf(out->prev, sizeof out->prev, "%s",
			       io_json_find_str(data, "prev", ""));
	}
	io_json_free(doc);
	return read;
}

/* I2, and I5 where the roll begins at number 1. */
static void check_order(const struct ledger_roll *r, struct as_buf *why)
{
	char prev[IO_DIGEST_SIZE];

	memset(prev, '0', sizeof prev - 1);
	prev[sizeof prev - 1] = '\0';
	for (size_t i = 0; i < r->n; i++) {
		struct entry t;

		if (!read_entry(&r->body[i], &t)) {
			as_buf_printf(why, "I4 %s: body %zu is no JSON\n", r->name, i + 1);
		} else if (t.seq != i + 1) {
			as_buf_printf(why, "I2 %s: number %" PRIu64 " where %zu was due\n", r->name,
				      t.seq, i + 1);
		} else if (strcmp(t.prev, prev) != 0) {
			as_buf_printf(why, "I5 %s: number %zu does not follow the one before\n",
				      r->name, i + 1);
		}
		io_digest(r->body[i].data, r->body[i].len, prev);
	}
}

/* I1 and I7 of the journal's bodies. */
static void check_judgments(const struct ledger *l, struct as_buf *why)
{
	for (size_t i = 0; i < l->journal.n; i++) {
		struct ledger_case *c;
		struct entry t;

		(void)read_entry(&l->journal.body[i], &t);
		c = as_map_find(&l->cases, t.id);
		if (c == NULL) {
			as_buf_printf(why, "I1 number %" PRIu64 ": nobody submitted case %s\n",
				      t.seq, t.id);
			continue;
		}
		c->judged++;
		if ((strcmp(t.kind, "rejected") == 0) != c->bad) {
			as_buf_printf(why, "I7 case %s: %s, and it was %s\n", t.id, t.kind,
				      c->bad ? "poison" : "innocent");
		}
		if (c->answer.len > 0 &&
		    (c->answer.len != l->journal.body[i].len ||
		     memcmp(c->answer.data, l->journal.body[i].data, c->answer.len) != 0)) {
			as_buf_printf(why, "I3 case %s: a client was sent another judgment\n",
				      t.id);
		}
	}
}

static void check_cases(const struct ledger *l, struct as_buf *why)
{
	for (size_t i = 0; i < l->cases.cap; i++) {
		struct ledger_case *c = l->cases.slot[i].key ? l->cases.slot[i].value : NULL;

		if (c == NULL) {
			continue;
		}
		if (c->accepted && c->judged == 0) {
			as_buf_printf(why, "I1 case %s was accepted and is not judged\n", c->id);
		}
		if (c->judged > 1) {
			as_buf_printf(why, "I1 case %s is judged %zu times\n", c->id, c->judged);
		}
		if (c->answer.len > 0 && c->judged == 0) {
			as_buf_printf(why, "I4 case %s: a client was sent what is not there\n",
				      c->id);
		}
		c->judged = 0; /* counted anew by the next check */
	}
}

/* I4: a subscriber's bodies are the journal's. */
static void check_reader(const struct ledger *l, const struct ledger_roll *r, struct as_buf *why)
{
	for (size_t i = 0; i < r->n; i++) {
		struct entry t;
		const struct as_buf *truth;

		if (!read_entry(&r->body[i], &t) || t.seq == 0 || t.seq > l->journal.n) {
			as_buf_printf(why, "I4 %s saw number %" PRIu64 ", which is not there\n",
				      r->name, t.seq);
			continue;
		}
		truth = &l->journal.body[t.seq - 1];
		if (truth->len != r->body[i].len ||
		    memcmp(truth->data, r->body[i].data, truth->len) != 0) {
			as_buf_printf(why, "I4 %s saw another number %" PRIu64 "\n", r->name,
				      t.seq);
		}
	}
}

bool ledger_check(const struct ledger *l, struct as_buf *why)
{
	const size_t before = why->len;

	if (l->answers.len > 0) {
		as_buf_puts(why, l->answers.data);
	}
	check_order(&l->journal, why);
	check_judgments(l, why);
	check_cases(l, why);
	for (size_t i = 0; i < l->readers; i++) {
		check_order(&l->reader[i], why);
		check_reader(l, &l->reader[i], why);
		if (l->reader[i].n != l->journal.n) {
			as_buf_printf(why, "I2 %s saw %zu judgments of %zu\n", l->reader[i].name,
				      l->reader[i].n, l->journal.n);
		}
	}
	return why->len == before;
}
