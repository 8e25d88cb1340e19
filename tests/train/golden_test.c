/* SPDX-License-Identifier: Apache-2.0
 * A training step of the whole network, encoders and losses included, against PyTorch:
 * tests/golden/make_net.py wrote the numbers, and says what the cases are. */
#include "core/io/model.h"
#include "encoders/image/pixels.h"
#include "encoders/table/cells.h"
#include "encoders/text/tokens.h"
#include "fusion/match.h"
#include "tests/train/fixture.h"
#include "train/net.h"

#include <math.h>
#include <stdarg.h>

enum { CASES = 2, LABELS = 3, SCAN = 0, REPORT = 1, FINDINGS = 2 };

static const char ini[] =
    "[task]\nname = golden\ntarget = y\nkind = class\n"
    "labels = none, benign, malignant\n"
    "[part.scan]\nmodality = image\ncolumn = scan\n"
    "[part.report]\nmodality = text\ncolumn = report\n"
    "[part.findings]\nmodality = table\ncolumns = age:number, code:words\n"
    "[model]\nwidth = 8\nheads = 2\ngate_threshold = 0.4\nimage_size = 80\nimage_texture = 0\n"
    "image_channels = 8\n"
    "text_buckets = 256\ntext_embed = 8\ntable_bins = 4\n";
static const char statistics[] = "{\"table\":{\"findings\":["
				 "{\"name\":\"age\",\"type\":\"number\",\"edges\":[1,2,3]},"
				 "{\"name\":\"code\",\"type\":\"words\"}]}}";
static const float target[CASES][LABELS] = { { 0, 0, 1 }, { 1, 0, 0 } };
/* float32 against float64 through a whole network on numbers of order 1. */
static const double TOLERANCE = 5e-5;

/* The pages of both cases, in the order of tr_inputs. */
static const struct {
	unsigned n, part, page; /* "case<n>.<part><page>" */
} pages[] = { { 0, SCAN, 0 },     { 0, REPORT, 0 }, { 0, REPORT, 1 },
	      { 0, FINDINGS, 0 }, { 1, REPORT, 0 }, { 1, FINDINGS, 0 } };
enum { PAGES = sizeof pages / sizeof *pages };

struct golden {
	struct io_model file;
	struct io_task task;
	struct json_t *statistics;
	struct tr_net net;
	struct as_arena mem;
	float *g;
	struct tr_page page[PAGES];
	struct tr_case kase[CASES];
	struct enc_input input[PAGES];
	const struct enc_input *of[PAGES];
	struct tr_pass pass[CASES];
	struct tr_slopes slopes[CASES];
};

static const float *find(const struct golden *g, size_t *n, const char *format, ...)
{
	char name[NN_NAME_SIZE + sizeof "grad."];
	const struct io_tensor *t;
	float *v;
	va_list args;

	va_start(args, format);
	(void)vsnprintf(name, sizeof name, format, args);
	va_end(args);
	t = io_model_find(&g->file, name);
	cr_assert(ne(ptr, (void *)t, NULL), "%s is not in the golden file", name);
	*n = t->size / sizeof *v;
	v = memcpy(as_malloc(t->size), t->data, t->size); /* the file's is not aligned */
	return v;
}

static void check(const struct golden *g, const char *name, const float *got, size_t n)
{
	size_t size;
	const float *want = find(g, &size, "%s", name);
	double most = 1.0;

	cr_assert(eq(sz, size, n), "%s", name);
	for (size_t i = 0; i < n; i++) {
		most = fmax(most, fabs((double)want[i]));
	}
	for (size_t i = 0; i < n; i++) {
		cr_assert(le(dbl, fabs((double)got[i] - (double)want[i]) / most, TOLERANCE),
			  "%s[%zu] is %.8g, PyTorch says %.8g", name, i, (double)got[i],
			  (double)want[i]);
	}
	free((void *)want);
}

/* One member of a page as the numbers an encoder holds. */
static float *numbers(const struct golden *g, size_t i, const char *member, size_t *n)
{
	return (float *)find(g, n, "case%u.%s%u.%s", pages[i].n, g->task.part[pages[i].part].name,
			     pages[i].page, member);
}

static uint32_t *whole(const struct golden *g, size_t i, const char *member, size_t *n)
{
	float *v = numbers(g, i, member, n);
	uint32_t *out = as_calloc(*n, sizeof *out);

	for (size_t k = 0; k < *n; k++) {
		out[k] = (uint32_t)v[k];
	}
	free(v);
	return out;
}

static void load_text(const struct golden *g, size_t i, struct enc_input *in)
{
	struct enc_tokens *t = as_calloc(1, sizeof *t);
	size_t n;

	t->words.ids = whole(g, i, "ids", &n);
	t->words.start = whole(g, i, "start", &n);
	t->words.n = n - 1;
	t->bags = (struct nn_bags){ n - 1, t->words.start, t->words.ids };
	in->data = t;
}

static void load_table(const struct golden *g, size_t i, struct enc_input *in)
{
	struct enc_cells *c = as_calloc(1, sizeof *c);
	size_t n;

	c->names = 1;
	c->name = whole(g, i, "name", &c->n);
	c->missing = as_calloc(c->n, sizeof *c->missing); /* no cell is hidden here */
	c->numbers.token = whole(g, i, "number", &c->numbers.n);
	c->numbers.set = whole(g, i, "set", &n);
	c->numbers.e = numbers(g, i, "e", &n);
	c->words.token = whole(g, i, "word", &c->words.n);
	c->words.ids = whole(g, i, "ids", &c->words.ids_n);
	c->words.start = whole(g, i, "start", &n);
	in->data = c;
}

static void load_image(const struct golden *g, size_t i, struct enc_input *in)
{
	struct enc_pixels *px = as_calloc(1, sizeof *px);
	size_t n;

	px->v = numbers(g, i, "pixels", &n);
	in->data = px;
}

/* Rows of a page: as many as the part has, less those of its other page. */
static void load_pages(struct golden *g)
{
	static void (*const load[])(const struct golden *, size_t,
				    struct enc_input *) = { load_image, load_text, load_table };
	static const size_t rows[PAGES] = { 25, 40, 5, 9, 64, 6 };

	for (size_t i = 0; i < PAGES; i++) {
		struct tr_case *c = &g->kase[pages[i].n];

		load[pages[i].part](g, i, &g->input[i]);
		g->input[i].rows = rows[i];
		g->of[i] = &g->input[i];
		g->page[i] = (struct tr_page){ .part = pages[i].part, .page = pages[i].page };
		if (c->pages++ == 0) {
			c->first = i;
			c->page = &g->page[i];
		}
		c->parts |= 1U << pages[i].part;
	}
}

static void open_golden(struct golden *g)
{
	static const struct fu_source none[IO_PARTS_MAX];
	struct as_err e = { 0 };

	*g = (struct golden){ 0 };
	ok(io_model_open(&g->file, SOURCE_DIR "/tests/golden/net.safetensors", &e));
	ok(io_task_load(&g->task, tmpdir_file("task.ini", ini), &e));
	ok(io_json_parse(statistics, strlen(statistics), "statistics", &g->statistics, &e));
	ok(tr_net_open(&g->net, &g->task, none, g->statistics, 1, &e));
	ok(as_arena_init(&g->mem, "test", (size_t)64 << 20, &e));
	for (size_t i = 0; i < g->net.ps.n; i++) {
		const struct nn_param *p = &g->net.ps.p[i];
		size_t n;
		const float *v = find(g, &n, "%s", p->name);

		cr_assert(eq(sz, n, p->rows * p->cols), "%s", p->name);
		memcpy(g->net.ps.v + p->at, v, n * sizeof *v);
		free((void *)v);
	}
	g->g = as_calloc(g->net.ps.size, sizeof *g->g);
	load_pages(g);
}

static void close_golden(struct golden *g)
{
	for (size_t i = 0; i < PAGES; i++) {
		const int k = g->net.enc.of[pages[i].part];

		g->net.enc.kind[k]->input_free(&g->input[i]);
	}
	free(g->g);
	as_arena_free(&g->mem);
	tr_net_close(&g->net);
	io_json_free(g->statistics);
	io_task_free(&g->task);
	io_model_close(&g->file);
}

/* keep: as in training, nothing drawn. */
static struct nn_step step_of(struct golden *g, bool keep)
{
	return (struct nn_step){
		.p = g->net.ps.v, .g = g->g, .mem = &g->mem, .gate_loss = 0.05F, .keep = keep
	};
}

static void forward(struct golden *g, const struct nn_step *s)
{
	const struct tr_inputs in = { .of = g->of };

	for (size_t n = 0; n < CASES; n++) {
		tr_net_encode(&g->net, s, &in, &g->kase[n], UINT32_MAX, &g->pass[n]);
		tr_net_fuse(&g->net, s, UINT32_MAX, &g->pass[n]);
	}
}

static void check_forward(struct golden *g, const struct nn_step *s)
{
	char name[NN_NAME_SIZE];

	forward(g, s);
	for (size_t n = 0; n < CASES; n++) {
		const struct tr_pass *p = &g->pass[n];

		for (size_t m = 0; m < g->task.parts; m++) {
			if ((p->parts >> m & 1U) != 0) {
				(void)snprintf(name, sizeof name, "case%zu.%s.rows", n,
					       g->task.part[m].name);
				check(g, name, p->rows[m].v, p->rows[m].rows * g->net.fuse.d);
			}
		}
		(void)snprintf(name, sizeof name, "case%zu.logits", n);
		check(g, name, p->fuse.logits, LABELS);
	}
}

Test(train_golden, judging_gives_what_pytorch_gives)
{
	static struct golden g;
	struct nn_step s;

	open_golden(&g);
	s = step_of(&g, false);
	check_forward(&g, &s);
	close_golden(&g);
}

/* The loss and its slopes, as train/step.c adds them up. */
static double losses(struct golden *g, const struct nn_step *s)
{
	const float *z[2][CASES];
	float *dz[2][CASES];
	double loss = 0.0;

	for (size_t n = 0; n < CASES; n++) {
		const struct tr_target t = { .label = target[n] };
		const struct tr_pass *p = &g->pass[n];

		tr_slopes_init(&g->slopes[n], &g->net, s, p);
		loss += tr_net_loss(&g->net, p, &t, 1.0 / CASES, &g->slopes[n]);
		for (size_t k = 0; k < 2; k++) {
			z[k][n] = p->fuse.seen[REPORT + k].z;
			dz[k][n] = g->slopes[n].z[REPORT + k];
		}
	}
	return loss + fu_match_loss(z[0], z[1], CASES, g->net.fuse.d, g->task.hyper.align_loss,
				    dz[0], dz[1]);
}

Test(train_golden, a_step_has_the_loss_and_the_gradients_of_pytorch)
{
	static struct golden g;
	const struct tr_inputs in = { .of = g.of };
	struct nn_step s;
	float loss;

	open_golden(&g);
	s = step_of(&g, true);
	check_forward(&g, &s);
	loss = (float)losses(&g, &s);
	check(&g, "loss", &loss, 1);
	for (size_t n = CASES; n-- > 0;) {
		tr_net_bwd(&g.net, &s, &in, &g.pass[n], &g.slopes[n]);
	}
	for (size_t i = 0; i < g.net.ps.n; i++) {
		const struct nn_param *p = &g.net.ps.p[i];
		char name[NN_NAME_SIZE + sizeof "grad."];

		if (p->at == g.net.fuse.scale) {
			continue; /* set by calibration, not by gradients */
		}
		(void)snprintf(name, sizeof name, "grad.%s", p->name);
		check(&g, name, g.g + p->at, p->rows * p->cols);
	}
	close_golden(&g);
}
