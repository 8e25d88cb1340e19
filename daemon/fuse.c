/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/fuse.h"

#include <stdio.h>
#include <stdlib.h>

void dm_fusing_free(struct dm_fusing *f)
{
	as_buf_free(&f->outcome.members);
	free(f);
}

/* NULL ends it. */
static void *work(void *arg)
{
	struct dm_fuse_thread *t = arg;
	struct bus_poll item = { .socket = t->there };
	struct as_err e;
	void *got;

	while (bus_poll(&item, 1, -1, &e) == AS_OK) {
		while (bus_get(t->there, &got, &e) == AS_OK) {
			struct dm_fusing *f = got;

			if (f == NULL) {
				return NULL;
			}
			fu_stage_judge(f->judge, f->kase, &f->outcome);
			if (bus_give(t->there, f, &e) != AS_OK) {
				dm_fusing_free(f);
			}
		}
	}
	return NULL;
}

static int start_thread(struct dm_fuse_thread *t, struct bus *bus, size_t i, struct as_err *e)
{
	char address[64];
	struct bus_options o = {
		.type = BUS_PAIR, .endpoint = address, .bind = true, .max_bytes = -1
	};
	int rc;

	(void)snprintf(address, sizeof address, "inproc://fuse-%zu", i);
	TRY(bus_socket_open(&t->here, bus, &o, e));
	o.bind = false;
	TRY(bus_socket_open(&t->there, bus, &o, e));
	if (pthread_create(&t->thread, NULL, work, t) != 0) {
		return as_fail(e, AS_EIO, "fusion thread %zu cannot be started", i);
	}
	t->running = true;
out:
	return rc;
}

int dm_fuse_start(struct dm_fuse *f, struct bus *bus, size_t threads, struct as_err *e)
{
	int rc = AS_OK;

	f->thread = as_calloc(threads, sizeof *f->thread);
	f->threads = threads;
	for (size_t i = 0; i < threads && rc == AS_OK; i++) {
		rc = start_thread(&f->thread[i], bus, i, e);
	}
	return rc;
}

void dm_fuse_stop(struct dm_fuse *f)
{
	struct as_err e;

	for (size_t i = 0; i < f->threads; i++) {
		struct dm_fuse_thread *t = &f->thread[i];
		void *got;

		if (t->running && bus_give(t->here, NULL, &e) == AS_OK) {
			(void)pthread_join(t->thread, NULL);
		}
		while (t->here != NULL && bus_get(t->here, &got, &e) == AS_OK) {
			dm_fusing_free(got);
		}
		bus_socket_close(t->there);
		bus_socket_close(t->here);
	}
	free(f->thread);
	*f = (struct dm_fuse){ 0 };
}

void dm_fuse_give(struct dm_fuse *f, struct dm_case *owner, const struct fu_case *kase,
		  struct fu_judge *judge)
{
	struct dm_fusing *job = as_calloc(1, sizeof *job);
	struct as_err e;
	size_t least = 0;

	for (size_t i = 1; i < f->threads; i++) {
		least = f->thread[i].inside < f->thread[least].inside ? i : least;
	}
	*job = (struct dm_fusing){ .owner = owner, .kase = kase, .judge = &judge[least] };
	if (bus_give(f->thread[least].here, job, &e) != AS_OK) {
		abort(); /* a pair without a bound takes everything */
	}
	f->thread[least].inside++;
}

struct dm_fusing *dm_fuse_get(struct dm_fuse *f, size_t i)
{
	struct as_err e;
	void *got;

	if (bus_get(f->thread[i].here, &got, &e) != AS_OK) {
		return NULL;
	}
	f->thread[i].inside--;
	return got;
}
