/* SPDX-License-Identifier: Apache-2.0
 * Every limit of a submission: one below it, at it, one above it. */
#include "tests/daemon/hall.h"

TestSuite(daemon_limits, .timeout = 120);

enum { PAGES = IO_PARTS_MAX * IO_PAGES_MAX };

/* A submission to be: what differs from the plain one of part a, page 0, one byte. */
struct sent {
	const char *id, *key, *name, *type;
	unsigned page;
	size_t bytes;  /* of each part */
	size_t parts;  /* the second is "b", the others are a again */
	size_t blanks; /* of the JSON */
	size_t extra;  /* frames too many */
};

static void write_parts(struct as_buf *b, const struct sent *s, const char *sha256)
{
	for (size_t i = 0; i < s->parts; i++) {
		as_buf_printf(b,
			      "%s{\"name\":\"%s\",\"page\":%u,\"type\":\"%s\",\"size\":%zu,"
			      "\"sha256\":\"%s\"}",
			      i ? "," : "", i == 1 ? "b" : s->name, s->page, s->type, s->bytes,
			      sha256);
	}
}

static const char *submit(struct hall *h, struct sent s)
{
	static struct bus_frame f[PAGES + 64];
	char *text = as_calloc(s.bytes + 1, 1);
	struct as_buf b = { 0 };
	char sha256[IO_DIGEST_SIZE];

	s.name = s.name ? s.name : "a";
	s.type = s.type ? s.type : "t";
	s.bytes = s.bytes ? s.bytes : 1;
	s.parts = s.parts ? s.parts : 1;
	io_digest(text, s.bytes, sha256);
	for (size_t i = 0; i < s.parts + s.extra; i++) {
		f[i] = (struct bus_frame){ text, s.bytes, NULL };
	}
	as_buf_printf(&b, "{\"stream\":\"s\",\"case\":\"%s\",", s.id);
	if (s.key != NULL) {
		as_buf_printf(&b, "\"key\":\"%s\",", s.key);
	}
	as_buf_puts(&b, "\"parts\":[");
	write_parts(&b, &s, sha256);
	as_buf_puts(&b, "]");
	while (b.len + 1 < s.blanks) {
		as_buf_puts(&b, " ");
	}
	as_buf_puts(&b, "}");
	hall_say(h->front, "SUBMIT", b.data, f, s.parts + s.extra);
	as_buf_free(&b);
	free(text);
	return hall_hear(h, h->front);
}

static void refused(struct hall *h, struct sent s, const char *limit)
{
	same(submit(h, s), "REFUSED");
	same(hall_str(h, "limit"), limit);
	cr_assert(lt(sz, 0, strlen(hall_str(h, "message"))));
}

/* n letters, in memory that is the caller's. */
static char *letters(size_t n)
{
	char *s = as_calloc(n + 1, 1);

	memset(s, 'x', n);
	return s;
}

static void open_hall(struct hall *h)
{
	hall_open(h, hall_settings("part_bytes = 80000\ncase_bytes = 120000\ngrace_ms = 0",
				   hall_model("m", 1)));
	hall_wait_open(h);
}

/* Accepted with n - 1 and n letters as the member at `offset` of struct sent, refused with n + 1.
 */
static void text_limit(size_t offset, size_t n, const char *limit)
{
	struct hall h;

	open_hall(&h);
	for (size_t i = n - 1; i <= n + 1; i++) {
		char *text = letters(i);
		struct sent s = { .id = i < n ? "below" : i > n ? "above" : "at" };

		memcpy((char *)&s + offset, &text, sizeof text);
		if (i <= n) {
			same(submit(&h, s), "ACCEPTED");
		} else {
			refused(&h, s, limit);
		}
		free(text);
	}
	hall_close(&h);
}

Test(daemon_limits, case_id)
{
	text_limit(offsetof(struct sent, id), 256, "case");
}

Test(daemon_limits, key)
{
	text_limit(offsetof(struct sent, key), 256, "key");
}

Test(daemon_limits, type)
{
	text_limit(offsetof(struct sent, type), 127, "type");
}

/* No part of the task has such a name; up to 40 letters that is what is said. */
Test(daemon_limits, name)
{
	struct hall h;

	open_hall(&h);
	for (size_t i = 39; i <= 41; i++) {
		char *name = letters(i);

		refused(&h, (struct sent){ .id = "c", .name = name }, i <= 40 ? "" : "name");
		free(name);
	}
	hall_close(&h);
}

Test(daemon_limits, page_number)
{
	struct hall h;

	open_hall(&h);
	same(submit(&h, (struct sent){ .id = "c" }), "ACCEPTED");
	refused(&h, (struct sent){ .id = "c", .page = 1 }, "repeat"); /* the task's */
	refused(&h, (struct sent){ .id = "c", .page = 15 }, "repeat");
	refused(&h, (struct sent){ .id = "c", .page = 16 }, "page");
	hall_close(&h);
}

Test(daemon_limits, bytes_of_a_page_and_of_a_submission)
{
	struct hall h;

	open_hall(&h);
	same(submit(&h, (struct sent){ .id = "p-", .bytes = 79999 }), "ACCEPTED");
	same(submit(&h, (struct sent){ .id = "p", .bytes = 80000 }), "ACCEPTED");
	refused(&h, (struct sent){ .id = "p+", .bytes = 80001 }, "part_bytes");
	same(submit(&h, (struct sent){ .id = "s-", .bytes = 59999, .parts = 2 }), "ACCEPTED");
	same(submit(&h, (struct sent){ .id = "s", .bytes = 60000, .parts = 2 }), "ACCEPTED");
	refused(&h, (struct sent){ .id = "s+", .bytes = 60001, .parts = 2 }, "case_bytes");
	hall_close(&h);
}

/* Up to 64 KiB a page is in its row, above in the spool; both come back. */
Test(daemon_limits, bytes_in_a_row)
{
	struct hall h;
	struct hall_job j;

	open_hall(&h);
	for (size_t i = ST_INLINE_MAX - 1; i <= ST_INLINE_MAX + 1; i++) {
		char id[16];

		(void)snprintf(id, sizeof id, "%zu", i);
		same(submit(&h, (struct sent){ .id = id, .bytes = i }), "ACCEPTED");
	}
	hall_close(&h);
	open_hall(&h);
	hall_work(&h, h.work, 1);
	for (size_t i = ST_INLINE_MAX - 1; i <= ST_INLINE_MAX + 1; i++) {
		j = hall_job(&h, h.work);
		cr_assert(eq(sz, bus_size(&h.m, 3), i));
		hall_encode(&h, &j, 1.0F);
	}
	hall_close(&h);
}

/* More pages than a task can have are more than 128; fewer are looked at one by one. */
Test(daemon_limits, pages)
{
	struct hall h;

	open_hall(&h);
	refused(&h, (struct sent){ .id = "c", .parts = PAGES - 1 }, "");
	same(hall_str(&h, "message"), "a part is named twice");
	refused(&h, (struct sent){ .id = "c", .parts = PAGES }, "");
	same(hall_str(&h, "message"), "a part is named twice");
	refused(&h, (struct sent){ .id = "c", .parts = PAGES + 1 }, "parts");
	hall_close(&h);
}

Test(daemon_limits, manifest)
{
	struct hall h;

	open_hall(&h);
	same(submit(&h, (struct sent){ .id = "below", .blanks = BUS_JSON_MAX - 1 }), "ACCEPTED");
	same(submit(&h, (struct sent){ .id = "at", .blanks = BUS_JSON_MAX }), "ACCEPTED");
	same(submit(&h, (struct sent){ .id = "above", .blanks = BUS_JSON_MAX + 1 }), "ERROR");
	same(hall_str(&h, "field"), "frames");
	hall_close(&h);
}

/* Frames of one message: protocol, verb and JSON, and the client's address, are four. */
Test(daemon_limits, frames)
{
	enum { REST = BUS_FRAMES_MAX - 4 - 1 };
	struct hall h;

	open_hall(&h);
	for (size_t i = REST - 1; i <= REST; i++) {
		refused(&h, (struct sent){ .id = "c", .extra = i }, "");
		same(hall_str(&h, "field"), "parts");
	}
	same(submit(&h, (struct sent){ .id = "c", .extra = REST + 1 }), "ERROR");
	same(hall_str(&h, "message"), "more than 160 frames");
	hall_close(&h);
}

Test(daemon_limits, verb)
{
	struct hall h;

	open_hall(&h);
	same(hall_ask(&h, h.front, "ABCDEFGHIJKLMNOPQRSTUV", "{}"), "ERROR");
	same(hall_str(&h, "field"), "verb");
	same(hall_ask(&h, h.front, "ABCDEFGHIJKLMNOPQRSTUVW", "{}"), "ERROR");
	same(hall_str(&h, "field"), "verb");
	same(hall_ask(&h, h.front, "ABCDEFGHIJKLMNOPQRSTUVWX", "{}"), "ERROR");
	same(hall_str(&h, "field"), "frames");
	hall_close(&h);
}
