/* SPDX-License-Identifier: Apache-2.0
 * pictures.h - cases of one drawn picture each, striped along columns or rows. */
#ifndef TESTS_TRAIN_PICTURES_H
#define TESTS_TRAIN_PICTURES_H

#include "tests/encoders/image/drawn.h"
#include "tests/train/fixture.h"

#include <math.h>

enum { CASES = 24, TRAINS = 12, STOPS = 4, SIDE = 40 };

static const char pictures_ini[] = "[task]\n"
				   "name = stripes\n"
				   "target = label\n"
				   "kind = class\n"
				   "labels = no, yes\n"
				   "[part.scan]\n"
				   "modality = image\n"
				   "column = picture\n"
				   "[model]\n"
				   "width = 8\n"
				   "heads = 2\n"
				   "image_size = 32\n"
				   "[train]\n"
				   "epochs = 2\n";

static size_t index_of[CASES];

/* Stripes across columns or rows, of several widths, somewhere: no place says which. */
static inline void put_picture(size_t i)
{
	unsigned char v[SIDE * SIDE];
	char name[32];

	for (size_t k = 0; k < sizeof v; k++) {
		const double along = (double)(i % 2 == 0 ? k % SIDE : k / SIDE);

		v[k] = (unsigned char)(128 +
				       90 * sin(along * (0.8 + 0.1 * (double)(i % 7)) + (double)i));
	}
	(void)snprintf(name, sizeof name, "%zu.png", i);
	cr_assert(write_png(tmpdir_path(name), SIDE, v));
}

static inline void pictures_load(struct fix *f)
{
	struct as_buf csv = { 0 };
	struct as_err e = { 0 };

	as_buf_puts(&csv, "case,picture,label\n");
	for (size_t i = 0; i < CASES; i++) {
		put_picture(i);
		as_buf_printf(&csv, "c%zu,%zu.png,%s\n", i, i, i % 2 == 0 ? "no" : "yes");
		index_of[i] = i;
	}
	fix_open(f, pictures_ini, csv.data, 1);
	as_buf_free(&csv);
	ok(tr_data_load(&f->d, &f->task, &f->how, f->pool, &e));
}

/* The plan of a training of cases from this one on. */
static inline struct tr_plan plan_of(struct fix *f, size_t from)
{
	return (struct tr_plan){ .train = index_of + from,
				 .trains = TRAINS,
				 .stop = index_of,
				 .stops = STOPS,
				 .parts = 1,
				 .epochs = 2,
				 .schedule = 2,
				 .seed = 1,
				 .pool = f->pool,
				 .watch = &f->watch };
}

static inline const float *weight(const struct tr_net *net, const char *name)
{
	const struct nn_param *p = nn_param_find(&net->ps, name);

	cr_assert(ne(ptr, (void *)(uintptr_t)p, NULL), "%s", name);
	return net->ps.v + p->at;
}

#endif
