/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/stage/join.h"

#include "core/base/buf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_SIZE = IO_NAME_SIZE + IO_CASE_MAX + 2 };

/* A stream's name has no slash: the pair has one reading. */
static const char *name_of(char out[NAME_SIZE], const char *stream, const char *id)
{
	(void)snprintf(out, NAME_SIZE, "%s/%s", stream, id);
	return out;
}

static void put_at(struct fu_join *j, size_t at, struct fu_case *c)
{
	j->heap[at - 1] = c;
	c->at = at;
}

static void sift_up(struct fu_join *j, struct fu_case *c)
{
	size_t at = c->at;

	while (at > 1 && j->heap[at / 2 - 1]->deadline > c->deadline) {
		put_at(j, at, j->heap[at / 2 - 1]);
		at /= 2;
	}
	put_at(j, at, c);
}

static void sift_down(struct fu_join *j, struct fu_case *c)
{
	size_t at = c->at;

	for (;;) {
		size_t child = 2 * at;

		if (child < j->heaped && j->heap[child]->deadline < j->heap[child - 1]->deadline) {
			child++;
		}
		if (child > j->heaped || j->heap[child - 1]->deadline >= c->deadline) {
			break;
		}
		put_at(j, at, j->heap[child - 1]);
		at = child;
	}
	put_at(j, at, c);
}

static void heap_add(struct fu_join *j, struct fu_case *c)
{
	if (j->heaped == j->heap_cap) {
		j->heap_cap = j->heap_cap ? 2 * j->heap_cap : 64;
		j->heap = as_realloc(j->heap, j->heap_cap, sizeof(struct fu_case *));
	}
	put_at(j, ++j->heaped, c);
	sift_up(j, c);
}

void fu_join_late(struct fu_join *j, struct fu_case *c)
{
	const size_t at = c->at;
	struct fu_case *last;

	if (at == 0) {
		return;
	}
	last = j->heap[--j->heaped];
	c->at = 0;
	if (last != c) {
		put_at(j, at, last);
		sift_up(j, last);
		sift_down(j, last);
	}
}

struct fu_case *fu_join_next(const struct fu_join *j)
{
	return j->heaped ? j->heap[0] : NULL;
}

struct fu_case *fu_join_find(const struct fu_join *j, const char *stream, const char *id)
{
	char name[NAME_SIZE];

	return as_map_find(&j->cases, name_of(name, stream, id));
}

struct fu_case *fu_join_open(struct fu_join *j, const char *stream, const char *id,
			     const struct io_task *task)
{
	struct fu_case *c = as_calloc(1, sizeof *c);
	char name[NAME_SIZE];

	(void)snprintf(c->stream, sizeof c->stream, "%s", stream);
	(void)snprintf(c->id, sizeof c->id, "%s", id);
	c->task = task;
	c->deadline = INT64_MAX;
	as_map_put(&j->cases, name_of(name, stream, id), c);
	return c;
}

void fu_case_clear(struct fu_case *c)
{
	for (size_t i = 0; i < c->slots; i++) {
		free(c->slot[i]->v);
		free(c->slot[i]->place);
		free(c->slot[i]);
	}
	c->slots = 0;
	c->encoded = 0;
	c->closed = false;
}

static void case_free(struct fu_case *c)
{
	fu_case_clear(c);
	free(c->slot);
	free(c);
}

void fu_join_close(struct fu_join *j, struct fu_case *c)
{
	char name[NAME_SIZE];

	fu_join_late(j, c);
	(void)as_map_remove(&j->cases, name_of(name, c->stream, c->id));
	case_free(c);
}

void fu_join_free(struct fu_join *j)
{
	for (size_t i = 0; i < j->cases.cap; i++) {
		if (j->cases.slot[i].key != NULL) {
			case_free(j->cases.slot[i].value);
		}
	}
	as_map_free(&j->cases);
	free(j->heap);
	*j = (struct fu_join){ 0 };
}

void fu_case_start(struct fu_join *j, struct fu_case *c, int64_t received, int64_t deadline)
{
	c->received = received;
	c->deadline = deadline;
	if (deadline != INT64_MAX && !c->closed) {
		heap_add(j, c);
	}
}

struct fu_slot *fu_case_accept(struct fu_case *c, uint32_t part, uint32_t page, int64_t now)
{
	struct fu_slot *s = as_calloc(1, sizeof *s);

	if (c->slots == c->slot_cap) {
		c->slot_cap = c->slot_cap ? 2 * c->slot_cap : IO_PARTS_MAX;
		c->slot = as_realloc(c->slot, c->slot_cap, sizeof(struct fu_slot *));
	}
	s->part = part;
	s->page = page;
	s->accepted = now;
	c->slot[c->slots++] = s;
	return s;
}

void fu_slot_encoded(struct fu_case *c, struct fu_slot *s, uint32_t rows, uint32_t dim,
		     const void *v, const void *place)
{
	s->rows = rows;
	s->dim = dim;
	s->v = as_malloc((size_t)rows * dim * sizeof *s->v);
	memcpy(s->v, v, (size_t)rows * dim * sizeof *s->v);
	s->place = as_malloc(rows * sizeof *s->place);
	memcpy(s->place, place, rows * sizeof *s->place);
	for (size_t i = 0; i < rows; i++) {
		s->place[i].label[sizeof s->place[i].label - 1] = '\0'; /* it came by wire */
	}
	s->state = FU_ENCODED;
	c->encoded++;
}

bool fu_case_misses(const struct fu_case *c, uint32_t part)
{
	for (size_t i = 0; i < c->slots; i++) {
		if (c->slot[i]->part == part) {
			return false;
		}
	}
	return true;
}

static bool has_all(const struct fu_case *c)
{
	for (uint32_t m = 0; m < c->task->parts; m++) {
		if (c->task->part[m].repeat > 1 || fu_case_misses(c, m)) {
			return false;
		}
	}
	return true;
}

bool fu_case_closes(struct fu_case *c, int64_t now)
{
	if (!c->closed && c->pending == 0) {
		c->closed = c->complete || now >= c->deadline || has_all(c);
	}
	return c->closed;
}

bool fu_case_ready(const struct fu_case *c)
{
	return c->closed && c->encoded == c->slots;
}
