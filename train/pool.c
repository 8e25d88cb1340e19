/* SPDX-License-Identifier: Apache-2.0 */
#include "train/pool.h"

#include "core/base/buf.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

struct worker {
	struct tr_pool *pool;
	size_t number;
	pthread_t thread;
};

struct tr_pool {
	size_t threads;
	struct worker *worker; /* [threads], the first is the caller's */
	size_t started;
	/* Guards all below. A call lasts milliseconds and its parts end together: a message to each
	 * thread and back would be the same lock twice. */
	pthread_mutex_t lock;
	pthread_cond_t work, done;
	size_t round; /* counts the calls of tr_pool_run */
	size_t busy;  /* threads, the caller's left out, that have not finished this round */
	bool quit;
	size_t n;
	void (*fn)(void *ctx, size_t i, size_t thread);
	void *ctx;
};

static void work(const struct tr_pool *p, size_t thread)
{
	const size_t end = p->n * (thread + 1) / p->threads;

	for (size_t i = p->n * thread / p->threads; i < end; i++) {
		p->fn(p->ctx, i, thread);
	}
}

static void *run_worker(void *arg)
{
	const struct worker *w = arg;
	struct tr_pool *p = w->pool;
	size_t seen = 0;

	(void)pthread_mutex_lock(&p->lock);
	for (;;) {
		while (p->round == seen && !p->quit) {
			(void)pthread_cond_wait(&p->work, &p->lock);
		}
		if (p->quit) {
			break;
		}
		seen = p->round;
		(void)pthread_mutex_unlock(&p->lock);
		work(p, w->number);
		(void)pthread_mutex_lock(&p->lock);
		if (--p->busy == 0) {
			(void)pthread_cond_signal(&p->done);
		}
	}
	(void)pthread_mutex_unlock(&p->lock);
	return NULL;
}

int tr_pool_open(struct tr_pool **out, size_t threads, struct as_err *e)
{
	struct tr_pool *p = as_calloc(1, sizeof *p);

	*out = p;
	p->threads = threads;
	p->worker = as_calloc(threads, sizeof *p->worker);
	(void)pthread_mutex_init(&p->lock, NULL);
	(void)pthread_cond_init(&p->work, NULL);
	(void)pthread_cond_init(&p->done, NULL);
	for (p->started = 1; p->started < threads; p->started++) {
		struct worker *w = &p->worker[p->started];
		int err;

		*w = (struct worker){ .pool = p, .number = p->started };
		err = pthread_create(&w->thread, NULL, run_worker, w);
		if (err != 0) {
			return as_fail(e, AS_EIO, "cannot start thread %zu of %zu: %s", p->started,
				       threads, strerror(err));
		}
	}
	return AS_OK;
}

void tr_pool_close(struct tr_pool *p)
{
	if (p == NULL) {
		return;
	}
	(void)pthread_mutex_lock(&p->lock);
	p->quit = true;
	(void)pthread_cond_broadcast(&p->work);
	(void)pthread_mutex_unlock(&p->lock);
	for (size_t i = 1; i < p->started; i++) {
		(void)pthread_join(p->worker[i].thread, NULL);
	}
	(void)pthread_cond_destroy(&p->done);
	(void)pthread_cond_destroy(&p->work);
	(void)pthread_mutex_destroy(&p->lock);
	free(p->worker);
	free(p);
}

size_t tr_pool_threads(const struct tr_pool *p)
{
	return p->threads;
}

void tr_pool_run(struct tr_pool *p, size_t n, void (*fn)(void *ctx, size_t i, size_t thread),
		 void *ctx)
{
	(void)pthread_mutex_lock(&p->lock);
	p->n = n;
	p->fn = fn;
	p->ctx = ctx;
	p->busy = p->threads - 1;
	p->round++;
	(void)pthread_cond_broadcast(&p->work);
	(void)pthread_mutex_unlock(&p->lock);
	work(p, 0);
	(void)pthread_mutex_lock(&p->lock);
	while (p->busy > 0) {
		(void)pthread_cond_wait(&p->done, &p->lock);
	}
	(void)pthread_mutex_unlock(&p->lock);
}
