/* SPDX-License-Identifier: Apache-2.0
 * fuse.h - the threads that judge cases. A case is handed to one by pointer and comes back the same
 * way; until then nobody else touches it. */
#ifndef DM_FUSE_H
#define DM_FUSE_H

#include "core/bus/bus.h"
#include "fusion/stage/stage.h"

#include <pthread.h>

struct dm_case;

struct dm_fusing {
	struct dm_case *owner;
	const struct fu_case *kase;
	struct fu_judge *judge; /* of this thread */
	struct fu_outcome outcome;
};

struct dm_fuse_thread {
	struct bus_socket *here, *there;
	pthread_t thread;
	bool running;
	size_t inside; /* cases handed over and not back */
};

struct dm_fuse {
	struct dm_fuse_thread *thread;
	size_t threads;
};

int dm_fuse_start(struct dm_fuse *f, struct bus *bus, size_t threads, struct as_err *e) AS_CHECKED;
/* Finishes the cases in hand, gives none of them back. */
void dm_fuse_stop(struct dm_fuse *f);
/* Hands the case to the thread with the least to do; judge [threads] are its model's. */
void dm_fuse_give(struct dm_fuse *f, struct dm_case *owner, const struct fu_case *kase,
		  struct fu_judge *judge);
/* NULL: nothing has come back from thread i. */
struct dm_fusing *dm_fuse_get(struct dm_fuse *f, size_t i);
void dm_fusing_free(struct dm_fusing *f);

#endif
