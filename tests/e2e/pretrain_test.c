/* SPDX-License-Identifier: Apache-2.0
 * assay pretrain on the phantom cases, and trainings that start with what it makes. */
#include "core/io/file.h"
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(e2e_pretrain, .timeout = 300);

static const char TASK[] = SOURCE_DIR "/examples/breast/phantom.ini";
static const char DATA[] = BUILD_DIR "/e2e/train/cases.csv";

static void start(struct proc *p, const char *out, const char *epochs)
{
	(void)world_model(); /* makes the cases, too */
	proc_start(p,
		   (const char *const[]){ "assay", "pretrain", TASK, "--data", DATA, "--out", out,
					  "--threads", "2", "--epochs", epochs, "--resume", NULL },
		   NULL);
}

static double after(const char *text, const char *what)
{
	char *at = strstr(text, what);

	cr_assert(ne(ptr, at, NULL), "%s: %s", what, text);
	return strtod(at + strlen(what), NULL);
}

/* Killed after its first epoch it goes on, and gives the bytes of one that was not. */
Test(e2e_pretrain, held_out_phantoms_are_guessed_better_and_a_killed_one_goes_on)
{
	const char *out[] = { tmpdir_path("a.base"), tmpdir_path("b.base") };
	struct as_buf file[2] = { { 0 }, { 0 } };
	struct as_err e = { 0 };
	struct proc p;

	start(&p, out[0], "4");
	cr_assert(eq(int, proc_wait(&p, 3 * PROC_MS), 0), "%s", p.err.data);
	cr_assert(
	    lt(dbl, after(p.out.data, "after epoch 1, "), after(p.out.data, "loss on these ")),
	    "%s", p.out.data);
	proc_free(&p);
	start(&p, out[1], "4");
	cr_assert(proc_says(&p, "epoch 2/4", PROC_MS), "%s", p.err.data);
	proc_signal(&p, SIGKILL);
	(void)proc_wait(&p, PROC_MS);
	proc_free(&p);
	start(&p, out[1], "4");
	cr_assert(eq(int, proc_wait(&p, 3 * PROC_MS), 0), "%s", p.err.data);
	cr_assert(ne(ptr, strstr(p.err.data, "goes on from"), NULL), "%s", p.err.data);
	proc_free(&p);
	for (size_t i = 0; i < 2; i++) {
		ok(io_read_file(out[i], 64 << 20, &file[i], &e));
	}
	cr_assert(file[0].len == file[1].len &&
		  memcmp(file[0].data, file[1].data, file[0].len) == 0);
	as_buf_free(&file[0]);
	as_buf_free(&file[1]);
}

Test(e2e_pretrain, a_training_starts_with_a_base_or_a_model_and_says_so)
{
	const char *base = tmpdir_path("a.base");
	const char *from[] = { base, world_model() };
	const char *out = tmpdir_path("out");
	struct proc p;

	start(&p, base, "1");
	cr_assert(eq(int, proc_wait(&p, 3 * PROC_MS), 0), "%s", p.err.data);
	proc_free(&p);
	cr_assert(eq(int, proc_run(&p, "assay", "inspect", base), 0), "%s", p.err.data);
	cr_assert(ne(ptr, strstr(p.out.data, "pretrain"), NULL), "%s", p.out.data);
	proc_free(&p);
	cr_assert(eq(int, proc_run(&p, "assay", "judge", base, "--data", world_cases()), 65));
	cr_assert(ne(ptr, strstr(p.err.data, "assay-base-1"), NULL), "%s", p.err.data);
	proc_free(&p);
	for (size_t i = 0; i < 2; i++) {
		cr_assert(eq(int,
			     proc_run(&p, "assay", "train", TASK, "--data", DATA, "--out", out,
				      "--epochs", "1", "--from", from[i]),
			     0),
			  "%s", p.err.data);
		cr_assert(ne(ptr, strstr(p.err.data, ", text 21 of 21"), NULL), "%s", p.err.data);
		proc_free(&p);
	}
	cr_assert(eq(int,
		     proc_run(&p, "assay", "train", TASK, "--data", DATA, "--out", out, "--from",
			      world_cases()),
		     65),
		  "%s", p.err.data);
	proc_free(&p);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "train", TASK, "--data", DATA, "--out", out, "--from",
			      base, "--pretrain"),
		     64));
	proc_free(&p);
	cr_assert(eq(int,
		     proc_run(&p, "assay", "train", TASK, "--data", DATA, "--out", out,
			      "--unlabelled", DATA),
		     64));
	proc_free(&p);
}
