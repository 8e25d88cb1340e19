/* SPDX-License-Identifier: Apache-2.0
 * team.c - a job is one 64-bit word: how many parts it has, and how many have been taken. Whoever
 * takes a part below that number may read the rest of the job, because the caller does not return
 * before that part is done. A helper looks for work for some microseconds, as there are several
 * jobs a block, and then sleeps. */
#include "core/nn/team.h"

#include "core/base/buf.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>

enum {
	LOOKS = 2000,   /* of a helper before it sleeps: some 50 us */
	PATIENCE = 500, /* of a caller before it lets others run */
	STEP_ROWS = 6,  /* rows that products take at once */
};

struct helper {
	struct nn_team *team;
	struct as_arena mem;
	pthread_t thread;
};

struct nn_team {
	_Atomic uint64_t job; /* parts << 32 | taken */
	_Atomic size_t done;
	_Atomic unsigned asleep;
	_Atomic bool over;
	/* Of the job in hand: written before `job`, read by who has taken a part of it. */
	nn_team_part *part;
	void *ctx;
	const struct nn_step *step;
	size_t n, at_once;
	/* Guards only the sleep: a helper counts itself asleep and looks once more before it waits.
	 */
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	size_t helpers;
	struct helper *helper;
};

static void rest(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#endif
}

static bool has_work(struct nn_team *t)
{
	const uint64_t job = atomic_load(&t->job);

	return (uint32_t)job < job >> 32 || atomic_load(&t->over);
}

/* Takes parts until there are none. */
static void work(struct nn_team *t, struct as_arena *mem)
{
	while (has_work(t) && !atomic_load(&t->over)) {
		const uint64_t job = atomic_fetch_add(&t->job, 1);
		const size_t i = (uint32_t)job;
		struct nn_step s;
		size_t mark;

		if (i >= job >> 32) {
			return;
		}
		s = *t->step;
		s.mem = mem;
		s.team = NULL;
		mark = mem->used;
		t->part(t->ctx, &s, i * t->at_once,
			t->n - i * t->at_once < t->at_once ? t->n : (i + 1) * t->at_once);
		as_arena_reset(mem, mark);
		atomic_fetch_add(&t->done, 1);
	}
}

static void *help(void *arg)
{
	struct helper *h = arg;
	struct nn_team *t = h->team;

	while (!atomic_load(&t->over)) {
		for (size_t i = 0; i < LOOKS && !has_work(t); i++) {
			rest();
		}
		if (!has_work(t)) {
			(void)pthread_mutex_lock(&t->mutex);
			atomic_fetch_add(&t->asleep, 1);
			while (!has_work(t)) {
				(void)pthread_cond_wait(&t->wake, &t->mutex);
			}
			atomic_fetch_sub(&t->asleep, 1);
			(void)pthread_mutex_unlock(&t->mutex);
		}
		work(t, &h->mem);
	}
	return NULL;
}

static void wake(struct nn_team *t)
{
	if (atomic_load(&t->asleep) > 0) {
		(void)pthread_mutex_lock(&t->mutex);
		(void)pthread_cond_broadcast(&t->wake);
		(void)pthread_mutex_unlock(&t->mutex);
	}
}

int nn_team_open(struct nn_team **out, size_t threads, size_t bytes, struct as_err *e)
{
	struct nn_team *t = NULL;
	int rc = AS_OK;

	*out = NULL;
	if (threads < 2) {
		return AS_OK;
	}
	t = as_calloc(1, sizeof *t);
	t->helper = as_calloc(threads - 1, sizeof *t->helper);
	(void)pthread_mutex_init(&t->mutex, NULL);
	(void)pthread_cond_init(&t->wake, NULL);
	for (size_t i = 0; i < threads - 1; i++) {
		struct helper *h = &t->helper[i];

		h->team = t;
		TRY(as_arena_init(&h->mem, "helper", bytes, e));
		if (pthread_create(&h->thread, NULL, help, h) != 0) {
			as_arena_free(&h->mem);
			rc = as_fail(e, AS_EIO, "thread %zu of %zu cannot be started", i + 2,
				     threads);
			goto out;
		}
		t->helpers++;
	}
out:
	if (rc != AS_OK) {
		nn_team_close(t);
		t = NULL;
	}
	*out = t;
	return rc;
}

void nn_team_close(struct nn_team *t)
{
	if (t == NULL) {
		return;
	}
	atomic_store(&t->over, true);
	wake(t);
	for (size_t i = 0; i < t->helpers; i++) {
		(void)pthread_join(t->helper[i].thread, NULL);
		as_arena_free(&t->helper[i].mem);
	}
	(void)pthread_cond_destroy(&t->wake);
	(void)pthread_mutex_destroy(&t->mutex);
	free(t->helper);
	free(t);
}

/* Nobody shares the work. */
static void run_alone(const struct nn_step *s, size_t n, size_t at_once, nn_team_part *part,
		      void *ctx)
{
	const size_t mark = s->mem->used;
	struct nn_step own = *s;

	own.team = NULL;
	for (size_t i = 0; i < n; i += at_once) {
		part(ctx, &own, i, n - i < at_once ? n : i + at_once);
		as_arena_reset(s->mem, mark);
	}
}

void nn_team_run(const struct nn_step *s, size_t n, size_t at_once, nn_team_part *part, void *ctx)
{
	const size_t parts = (n + at_once - 1) / at_once;
	struct nn_team *t = s->team;

	if (t == NULL || parts < 2) {
		run_alone(s, n, at_once, part, ctx);
		return;
	}
	t->part = part;
	t->ctx = ctx;
	t->step = s;
	t->n = n;
	t->at_once = at_once;
	atomic_store(&t->done, 0);
	atomic_store(&t->job, (uint64_t)parts << 32);
	wake(t);
	work(t, s->mem);
	for (size_t i = 0; atomic_load(&t->done) < parts; i++) {
		if (i < PATIENCE) {
			rest();
		} else {
			(void)sched_yield();
		}
	}
}

size_t nn_team_share(const struct nn_step *s, size_t n)
{
	const size_t parts = s->team != NULL ? 2 * (s->team->helpers + 1) : 1;
	const size_t rows = (n + parts - 1) / parts;

	return parts == 1 ? n : (rows + STEP_ROWS - 1) / STEP_ROWS * STEP_ROWS;
}
