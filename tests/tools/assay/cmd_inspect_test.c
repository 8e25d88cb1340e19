/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/model.h"
#include "core/io/task.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"
#include "tests/tools/assay/capture.h"
#include "tools/assay/cmd.h"

/* A small file of two tensors; with a task's metadata where format is given. */
static const char *save(const char *format)
{
	const char *path = tmpdir_path("m.safetensors");
	struct nn_params ps = { 0 };
	const struct nn_params *sets[] = { &ps };
	struct as_buf text = { 0 };
	struct io_jw w = { .b = &text };
	struct as_rng rng;
	struct io_task t;
	struct as_err e;

	as_rng_seed(&rng, 1, 0);
	(void)nn_param_add(&ps, "text", "w", 3, 5, NN_DECAY, NN_ONE, 0.0F);
	(void)nn_param_add(&ps, "text", "b", 1, 5, 0, NN_ZERO, 0.0F);
	nn_params_start(&ps, &rng);
	ok(io_task_load(&t,
			tmpdir_file("t.ini", "[task]\nname = t\ntarget = y\nlabels = no, yes\n"
					     "[part.report]\nmodality = text\ncolumn = words\n"),
			&e));
	io_task_write(&t, &w, NULL);
	{
		const struct io_meta meta[] = {
			{ "format", format },
			{ "task", text.data },
			{ "calibration", "{\"threshold\":0.25,\"temperature\":{\"fused\":1.5}}" },
			{ "training", "{\"seed\":7,\"curve\":[0.5,0.25],\"retrain\":true,"
				      "\"runs\":[{\"train\":5,\"curve\":[{\"loss\":0.5},"
				      "{\"loss\":0.25}]}]}" },
		};

		ok(io_model_save(path, sets, 1, meta, format != NULL ? 4 : 0, &e));
	}
	io_task_free(&t);
	as_buf_free(&text);
	nn_params_free(&ps);
	return path;
}

static struct capture inspect(const char *path, const char *more)
{
	const char *const args[] = { "inspect", path, more, NULL };

	return capture(cmd_inspect, args);
}

static void shows(const struct capture *c, const char *text)
{
	cr_assert(ne(ptr, strstr(c->out.data, text), NULL), "no \"%s\" in: %s", text, c->out.data);
}

Test(assay_cmd_inspect, shows_a_model)
{
	const char *path = save("assay-model-1");
	char digest[IO_DIGEST_SIZE];
	struct capture c = inspect(path, NULL);
	struct as_err e;

	ok(io_digest_file(path, digest, &e));
	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	shows(&c, digest);
	shows(&c, "task      t: class, target y\n");
	shows(&c, "labels    no, yes (positive)\n");
	shows(&c, "part      report: text, column words\n");
	shows(&c, "weights   20 in 2 tensors, 80 bytes\n");
	shows(&c, "threshold 0.25\n");
	shows(&c, "    fused 1.5\n");
	shows(&c, "curve 0.5 0.25\n");
	shows(&c, "retrain yes\n");
	shows(&c, "  runs 1\n    train 5\n    curve\n      loss 0.5 0.25\n");
	shows(&c, "text.w  F32             15  [3, 5]\n");
	capture_free(&c);
}

Test(assay_cmd_inspect, shows_any_safetensors_file)
{
	struct capture c = inspect(save(NULL), NULL);

	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	shows(&c, "text.b  F32              5  [1, 5]\n");
	cr_assert(zero(ptr, strstr(c.out.data, "labels")));
	capture_free(&c);
}

Test(assay_cmd_inspect, gives_the_same_as_json)
{
	struct capture c = inspect(save("assay-model-1"), "--json");
	struct json_t *doc;
	const struct json_t *meta;
	struct as_err e;

	cr_assert(eq(int, c.rc, 0), "%s", c.err.data);
	ok(io_json_parse(c.out.data, c.out.len, "stdout", &doc, &e));
	cr_assert(eq(u64, io_json_find_u64(doc, "weights", 0), 20));
	cr_assert(eq(sz, io_json_len(io_json_find(doc, "tensors")), 2));
	meta = io_json_find(doc, "metadata");
	same(io_json_find_str(meta, "format", ""), "assay-model-1");
	cr_assert(
	    eq(dbl, io_json_find_num(io_json_find(meta, "calibration"), "threshold", 0), 0.25));
	io_json_free(doc);
	capture_free(&c);
}

Test(assay_cmd_inspect, says_what_is_wrong_with_a_file)
{
	struct capture c = inspect(tmpdir_file("bad", "PK\3\4 a zip archive"), NULL);

	cr_assert(eq(int, c.rc, 65));
	cr_assert(ne(ptr, strstr(c.err.data, "bad: header: "), NULL), "%s", c.err.data);
	capture_free(&c);
	c = inspect("/gone", NULL);
	cr_assert(eq(int, c.rc, 66));
	capture_free(&c);
	c = inspect(save("assay-model-9"), NULL);
	cr_assert(eq(int, c.rc, 65));
	cr_assert(ne(ptr, strstr(c.err.data, "format assay-model-9 is not known"), NULL), "%s",
		  c.err.data);
	capture_free(&c);
}
