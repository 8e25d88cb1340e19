/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/file.h"
#include "core/tensor/gemm.h"
#include "tests/train/fixture.h"
#include "train/about.h"

#include <sys/stat.h>
#include <unistd.h>

/* A study of the small task in `folds` folds; ends after so many batches (0: never). */
static int study(struct fix *f, size_t stop_at, struct tr_checkpoint *c, const char *out,
		 struct as_err *e)
{
	static struct tr_study s;
	int rc;

	f->stop_at = stop_at;
	f->batches = 0;
	f->o.checkpoint = c;
	rc = tr_study_run(&s, &f->d, &f->o, e);
	if (rc == AS_OK && out != NULL && !s.interrupted) {
		rc = tr_study_save(&s, out, e);
	}
	tr_study_free(&s);
	return rc;
}

static void open_checkpoint(struct fix *f, struct tr_checkpoint *c, const char *folder, bool resume)
{
	struct as_buf about = { 0 };
	struct as_err e = { 0 };

	tr_about_study(&f->d, &f->o, "train", &about);
	ok(tr_checkpoint_open(c, folder, about.data, resume, &e));
	as_buf_free(&about);
}

static void same_files(const char *a, const char *b)
{
	struct as_buf x = { 0 };
	struct as_buf y = { 0 };
	struct as_err e = { 0 };

	ok(io_read_file(a, 64 << 20, &x, &e));
	ok(io_read_file(b, 64 << 20, &y, &e));
	cr_assert(eq(sz, x.len, y.len));
	cr_assert(zero(int, memcmp(x.data, y.data, x.len)));
	as_buf_free(&x);
	as_buf_free(&y);
}

/* Interrupted every few batches, in the middle of epochs, until it is through. */
Test(tr_checkpoint, interrupted_and_resumed_gives_the_model_of_an_uninterrupted_study,
     .init = tn_init)
{
	const char *whole = tmpdir_path("whole.safetensors");
	const char *pieces = tmpdir_path("pieces.safetensors");
	const char *folder = tmpdir_path("pieces.checkpoint");
	static struct fix f;
	struct tr_checkpoint c;
	struct as_err e = { 0 };
	size_t tries = 0;

	fix_load(&f, 60, 2);
	f.task.hyper.epochs = 5;
	f.o.folds = 3;
	ok(study(&f, 0, NULL, whole, &e));
	do {
		open_checkpoint(&f, &c, folder, tries > 0);
		cr_assert(eq(int, c.resumed, tries > 0));
		(void)study(&f, 7, &c, pieces, &e); /* an early end has no model yet */
		tr_checkpoint_close(&c);
		cr_assert(lt(sz, ++tries, 60));
	} while (access(pieces, F_OK) != 0);
	cr_assert(lt(sz, 4, tries));
	same_files(whole, pieces);
	fix_close(&f);
}

Test(tr_checkpoint, of_another_training_is_refused_by_name, .init = tn_init)
{
	const char *folder = tmpdir_path("checkpoint");
	static struct fix f;
	struct tr_checkpoint c;
	struct as_buf about = { 0 };
	struct as_err e = { 0 };

	fix_load(&f, 30, 1);
	open_checkpoint(&f, &c, folder, false);
	tr_checkpoint_close(&c);
	f.o.seed = 2;
	tr_about_study(&f.d, &f.o, "train", &about);
	fails(tr_checkpoint_open(&c, folder, about.data, true, &e), AS_EUSAGE,
	      "another seed: 1 there, 2 here");
	tr_checkpoint_close(&c);
	f.o.seed = 1;
	f.task.hyper.epochs++;
	as_buf_clear(&about);
	tr_about_study(&f.d, &f.o, "train", &about);
	fails(tr_checkpoint_open(&c, folder, about.data, true, &e), AS_EUSAGE, "another task");
	tr_checkpoint_close(&c);
	/* Without resume it begins anew, whatever there is. */
	ok(tr_checkpoint_open(&c, folder, about.data, false, &e));
	cr_assert(not(c.resumed));
	ok(tr_checkpoint_remove(&c, &e));
	cr_assert(ne(int, access(folder, F_OK), 0));
	tr_checkpoint_close(&c);
	as_buf_free(&about);
	fix_close(&f);
}

Test(tr_checkpoint, that_is_damaged_is_refused)
{
	const char *folder = tmpdir_path("checkpoint");
	const char *file = tmpdir_path("checkpoint/000");
	double x = 3;
	double y = 4;
	const struct tr_piece piece[] = { { &x, sizeof x }, { &y, sizeof y } };
	struct tr_checkpoint c;
	struct as_buf bytes = { 0 };
	struct as_err e = { 0 };
	bool found;

	ok(tr_checkpoint_open(&c, folder, "a 1\n", false, &e));
	ok(tr_checkpoint_load(&c, 0, false, piece, 2, &found, &e));
	cr_assert(not(found));
	ok(tr_checkpoint_save(&c, 0, false, piece, 2, &e));
	x = y = 0;
	ok(tr_checkpoint_load(&c, 0, false, piece, 2, &found, &e));
	cr_assert(found && x == 3.0 && y == 4.0);
	fails(tr_checkpoint_load(&c, 0, false, piece, 1, &found, &e), AS_EFORMAT, "000: damaged");
	ok(io_read_file(file, 1 << 20, &bytes, &e));
	for (size_t i = 0; i < bytes.len; i += 7) { /* any byte: magic, digests, sizes, data */
		bytes.data[i] ^= 1;
		ok(io_write_file(file, bytes.data, bytes.len, 0644, &e));
		fails(tr_checkpoint_load(&c, 0, false, piece, 2, &found, &e), AS_EFORMAT,
		      "damaged");
		bytes.data[i] ^= 1;
	}
	ok(io_write_file(file, bytes.data, bytes.len / 2, 0644, &e));
	fails(tr_checkpoint_load(&c, 0, false, piece, 2, &found, &e), AS_EFORMAT, "damaged");
	as_buf_free(&bytes);
	tr_checkpoint_close(&c);
}

/* A rate that no network survives: the run ends with the batch named, not with a model of NaN. */
Test(tr_checkpoint, a_loss_that_explodes_ends_the_training_with_the_batch_named, .init = tn_init)
{
	static struct fix f;
	struct as_err e = { 0 };
	int rc;

	fix_load(&f, 40, 1);
	f.task.hyper.rate = 3e37F;
	f.task.hyper.epochs = 60;
	rc = study(&f, 0, NULL, tmpdir_path("nan.safetensors"), &e);
	cr_assert(eq(int, rc, AS_EFORMAT), "%s", e.msg);
	cr_assert(ne(ptr, strstr(e.msg, "batch"), NULL), "%s", e.msg);
	cr_assert(ne(ptr, strstr(e.msg, "is not a number"), NULL), "%s", e.msg);
	cr_assert(ne(int, access(tmpdir_path("nan.safetensors"), F_OK), 0));
	fix_close(&f);
}
