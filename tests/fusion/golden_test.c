/* SPDX-License-Identifier: Apache-2.0
 * The whole network against PyTorch: tests/golden/make_fusion.py wrote the numbers. */
#include "core/io/model.h"
#include "fusion/model.h"

#include "tests/fusion/fixture.h"

#include <math.h>

/* float32 against float64 through some ten operations on numbers of order 1. */
static const double TOLERANCE = 2e-5;

struct golden {
	struct io_model file;
	struct fix_net net; /* its weights come from the file */
};

static void get(const struct golden *g, const char *name, float *out, size_t n)
{
	const struct io_tensor *t = io_model_find(&g->file, name);

	cr_assert(ne(ptr, (void *)t, NULL), "%s is not in the golden file", name);
	cr_assert(eq(sz, t->size, n * sizeof *out), "%s", name);
	memcpy(out, t->data, t->size);
}

static void check(const struct golden *g, const char *name, const float *got, size_t n)
{
	float *want = as_calloc(n, sizeof *want);

	get(g, name, want, n);
	for (size_t i = 0; i < n; i++) {
		const double scale = fmax(1.0, fabs((double)want[i]));

		cr_assert(le(dbl, fabs((double)got[i] - (double)want[i]) / scale, TOLERANCE),
			  "%s[%zu] is %.8g, PyTorch says %.8g", name, i, (double)got[i],
			  (double)want[i]);
	}
	free(want);
}

static void open_golden(struct golden *g)
{
	struct as_err e = { 0 };

	fix_net_init(&g->net, IO_CLASS, 0);
	ok(io_model_open(&g->file, SOURCE_DIR "/tests/golden/fusion.safetensors", &e));
	for (size_t i = 0; i < g->net.ps.n; i++) {
		const struct nn_param *p = &g->net.ps.p[i];

		get(g, p->name, g->net.ps.v + p->at, p->rows * p->cols);
	}
}

static void load_case(struct golden *g, unsigned n, unsigned present)
{
	static const size_t rows[FIX_PARTS] = { 4, 6, 3 };
	char name[NN_NAME_SIZE];

	memset(g->net.g, 0, g->net.ps.size * sizeof *g->net.g);
	memset(g->net.dx, 0, sizeof g->net.dx);
	(void)snprintf(name, sizeof name, "case%u.given.logits", n);
	get(g, name, g->net.dlogits, FIX_LABELS);
	for (size_t m = 0; m < FIX_PARTS; m++) {
		const char *part = fix_parts[m][0];

		g->net.rows[m].rows = (present >> m & 1) != 0 ? rows[m] : 0;
		if (g->net.rows[m].rows == 0) {
			continue;
		}
		(void)snprintf(name, sizeof name, "case%u.rows.%s", n, part);
		get(g, name, g->net.x[m], rows[m] * g->net.model.dim[m]);
		(void)snprintf(name, sizeof name, "case%u.given.late.%s", n, part);
		get(g, name, g->net.dlate[m], FIX_LABELS);
		(void)snprintf(name, sizeof name, "case%u.given.z.%s", n, part);
		get(g, name, g->net.dz[m], FIX_D);
	}
}

static void check_forward(struct golden *g, unsigned n)
{
	char name[NN_NAME_SIZE];
	struct fu_act a;

	fix_net_fwd(&g->net, &a);
	(void)snprintf(name, sizeof name, "case%u.out.logits", n);
	check(g, name, a.logits, FIX_LABELS);
	for (size_t m = 0; m < FIX_PARTS; m++) {
		const char *part = fix_parts[m][0];

		if (!a.present[m]) {
			continue;
		}
		(void)snprintf(name, sizeof name, "case%u.out.late.%s", n, part);
		check(g, name, a.late[m], FIX_LABELS);
		(void)snprintf(name, sizeof name, "case%u.out.z.%s", n, part);
		check(g, name, a.seen[m].z, FIX_D);
		(void)snprintf(name, sizeof name, "case%u.out.weight.%s", n, part);
		check(g, name, a.weight + m, 1);
	}
}

/* Weights without a gradient in the file took no part in the case: theirs must be zero. */
static size_t check_backward(struct golden *g, unsigned n)
{
	char name[NN_NAME_SIZE + sizeof "case0.grad."];
	size_t in_file = 0;

	fix_net_bwd(&g->net);
	for (size_t i = 0; i < g->net.ps.n; i++) {
		const struct nn_param *p = &g->net.ps.p[i];
		const size_t size = p->rows * p->cols;

		(void)snprintf(name, sizeof name, "case%u.grad.%s", n, p->name);
		if (io_model_find(&g->file, name) != NULL) {
			check(g, name, g->net.g + p->at, size);
			in_file++;
			continue;
		}
		for (size_t k = 0; k < size; k++) {
			cr_assert(eq(flt, g->net.g[p->at + k], 0.0F), "%s", name);
		}
	}
	for (size_t m = 0; m < FIX_PARTS; m++) {
		if (g->net.rows[m].rows > 0) {
			(void)snprintf(name, sizeof name, "case%u.grad.rows.%s", n,
				       fix_parts[m][0]);
			check(g, name, g->net.dx[m], g->net.rows[m].rows * g->net.model.dim[m]);
		}
	}
	return in_file;
}

static size_t check_case(unsigned n, unsigned present)
{
	struct golden g;
	size_t in_file;

	open_golden(&g);
	load_case(&g, n, present);
	check_forward(&g, n);
	in_file = check_backward(&g, n);
	io_model_close(&g.file);
	fix_net_free(&g.net);
	return in_file;
}

Test(fusion_golden, three_parts_give_what_pytorch_gives)
{
	cr_assert(ge(sz, check_case(0, 7), 30));
}

Test(fusion_golden, two_parts_give_what_pytorch_gives)
{
	cr_assert(ge(sz, check_case(1, 6), 20));
}

Test(fusion_golden, one_part_gives_what_pytorch_gives)
{
	cr_assert(ge(sz, check_case(2, 4), 10));
}

Test(fusion_golden, no_part_gives_what_pytorch_gives)
{
	cr_assert(eq(sz, check_case(3, 0), 3));
}
