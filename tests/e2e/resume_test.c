/* SPDX-License-Identifier: Apache-2.0
 * Trainings that are killed and go on. */
#include "core/base/clock.h"
#include "core/base/rng.h"
#include "core/io/file.h"
#include "tests/e2e/world.h"
#include "tests/encoders/image/drawn.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(e2e_resume, .timeout = 300);

#ifdef AS_INSTRUMENTED
enum { KILLS = 5 }; /* each start takes longer than most of them live */
#else
enum { KILLS = 25 };
#endif

static const char TASK[] = "[task]\nname = small\ntarget = y\nkind = class\nlabels = no, yes\n"
			   "[part.record]\nmodality = table\ncolumns = a:number, b:number\n"
			   "[part.note]\nmodality = text\ncolumn = t\n"
			   "[part.scan]\nmodality = image\ncolumn = scan\n"
			   "[model]\nimage_size = 32\nimage_channels = 8\nwidth = 16\nheads = "
			   "2\ntext_buckets = 256\ntext_embed = 8\n"
			   "[train]\nepochs = 30\nrate = 0.003\nlinear_loss = 1\n";

/* Two cases in twenty have a picture: they take most of the time. */
enum { EACH = 20, SIDE = 32 };

static void put_picture(int i)
{
	unsigned char v[SIDE * SIDE];
	char name[16];

	for (int k = 0; k < SIDE * SIDE; k++) {
		v[k] = (unsigned char)(k * (i + 3) % 251);
	}
	(void)snprintf(name, sizeof name, "%d.png", i);
	cr_assert(write_png(tmpdir_path(name), SIDE, v));
}

static const char *cases(void)
{
	struct as_buf csv = { 0 };
	struct as_rng rng;
	const char *path;

	as_rng_seed(&rng, 3, 0);
	as_buf_puts(&csv, "case,a,b,t,scan,y\n");
	for (int i = 0; i < 120; i++) {
		as_buf_printf(&csv, "c%d,%.3f,%.3f,%s,", i,
			      (double)(as_rng_normal(&rng) + (float)(i % 2)),
			      (double)as_rng_normal(&rng), i % 3 > 0 ? "a dark mass" : "clear");
		if (i % EACH < 2) {
			put_picture(i);
			as_buf_printf(&csv, "%d.png", i);
		}
		as_buf_printf(&csv, ",%s\n", i % 2 > 0 ? "yes" : "no");
	}
	path = tmpdir_file("cases.csv", csv.data);
	as_buf_free(&csv);
	return path;
}

static void start(struct proc *p, const char *out, const char *seed)
{
	proc_start(p,
		   (const char *const[]){ "assay", "train", tmpdir_path("task.ini"), "--data",
					  tmpdir_path("cases.csv"), "--out", out, "--folds", "3",
					  "--threads", "1", "--seed", seed, "--resume", NULL },
		   NULL);
}

static void start_student(struct proc *p, const char *out, const char *seed)
{
	proc_start(p,
		   (const char *const[]){ "assay",
					  "compress",
					  tmpdir_path("teacher.safetensors"),
					  "--data",
					  tmpdir_path("cases.csv"),
					  "--out",
					  out,
					  "--threads",
					  "1",
					  "--seed",
					  seed,
					  "--size",
					  "0.8",
					  "--max-loss",
					  "100",
					  "--order",
					  "curriculum",
					  "--int8",
					  "--resume",
					  NULL },
		   NULL);
}

static void same_bytes(const char *a, const char *b)
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

/* SIGKILL after a time of its own each, so that it strikes anywhere: reading, an epoch, a write.
 * The first three have less than a quarter of a whole run each, so that no machine is done before.
 */
static void kill_anywhere(void (*begin)(struct proc *, const char *, const char *))
{
	const char *whole = tmpdir_path("whole.safetensors");
	const char *pieces = tmpdir_path("pieces.safetensors");
	struct proc p;
	struct as_rng rng;
	size_t killed = 0;
	int64_t span = as_mono_ns();
	int code;

	begin(&p, whole, "1");
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 0), "%s", p.err.data);
	span = (as_mono_ns() - span) / 1000000;
	proc_free(&p);
	as_rng_seed(&rng, 4, 0);
	do {
		const int ms =
		    1 + (int)as_rng_below(&rng, (uint64_t)span / 4 * (1 + killed / 3) + 1);

		begin(&p, pieces, "1");
		if (killed < KILLS) {
			(void)proc_says(&p, "what it never says", ms);
			proc_signal(&p, SIGKILL);
		}
		code = proc_wait(&p, PROC_MS);
		cr_assert(code == 0 || code == 128 + SIGKILL, "%d: %s", code, p.err.data);
		proc_free(&p);
		killed += code != 0;
	} while (code != 0);
	cr_assert(lt(sz, 2, killed));
	same_bytes(whole, pieces);
	cr_assert(ne(int, access(tmpdir_path("pieces.safetensors.checkpoint"), F_OK), 0),
		  "the checkpoint of a training that is done is gone");
}

Test(e2e_resume, killed_anywhere_a_training_gives_the_same_model)
{
	(void)tmpdir_file("task.ini", TASK);
	(void)cases();
	kill_anywhere(start);
}

/* Of a teacher with folds: teachers, students and the student of all cases. */
Test(e2e_resume, killed_anywhere_a_compression_gives_the_same_student)
{
	const char *out = tmpdir_path("other.safetensors");
	struct proc p;

	(void)tmpdir_file("task.ini", TASK);
	(void)cases();
	start(&p, tmpdir_path("teacher.safetensors"), "1");
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 0), "%s", p.err.data);
	proc_free(&p);
	kill_anywhere(start_student);
	start_student(&p, out, "1");
	cr_assert(proc_says(&p, "student 2/3", PROC_MS), "%s", p.err.data);
	proc_signal(&p, SIGINT);
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 130), "%s", p.err.data);
	cr_assert(ne(ptr, strstr(p.err.data, "--resume goes on"), NULL), "%s", p.err.data);
	cr_assert(ne(int, access(out, F_OK), 0), "nothing is written");
	proc_free(&p);
	start_student(&p, out, "2");
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 64), "%s", p.err.data);
	cr_assert(ne(ptr, strstr(p.err.data, "student-seed: 1 there, 2 here"), NULL), "%s",
		  p.err.data);
	proc_free(&p);
}

Test(e2e_resume, ctrl_c_keeps_the_best_and_the_checkpoint_of_no_other_training)
{
	const char *out = tmpdir_path("model.safetensors");
	struct proc p;

	(void)tmpdir_file("task.ini", TASK);
	(void)cases();
	start(&p, out, "1");
	cr_assert(proc_says(&p, "epoch 3/", PROC_MS), "%s", p.err.data);
	proc_signal(&p, SIGINT);
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 130), "%s", p.err.data);
	cr_assert(zero(int, access(out, F_OK)), "the best so far is there");
	proc_free(&p);
	start(&p, out, "2");
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 64), "%s", p.err.data);
	cr_assert(ne(ptr, strstr(p.err.data, "another seed: 1 there, 2 here"), NULL), "%s",
		  p.err.data);
	proc_free(&p);
	start(&p, out, "1");
	cr_assert(eq(int, proc_wait(&p, PROC_MS), 0), "%s", p.err.data);
	cr_assert(ne(ptr, strstr(p.err.data, "goes on from"), NULL), "%s", p.err.data);
	proc_free(&p);
}
