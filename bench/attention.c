/* SPDX-License-Identifier: Apache-2.0
 * attention.c - what a token of a long text costs in the text encoder: time and memory of 4,096 and
 * of 65,536 words, with the heads as they start, half of them closed, and their spans at the least.
 * Every case runs in a process of its own, which gives its peak of resident memory. */
#include "bench/bench.h"
#include "core/base/buf.h"
#include "core/tensor/gemm.h"
#include "encoders/text/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SHORT = 4096, LONG = 65536, HEADS = 4, TOKENS = 5 * 65536, ROUNDS_MAX = 32 };

/* A setting of the heads: how many are closed, and their spans. */
struct setting {
	const char *what;
	size_t closed;
	bool spanned;
	float span; /* bias of the spans' gate */
};

struct bench {
	struct io_task task;
	struct nn_params ps;
	struct as_arena mem;
	void *enc;
	struct enc_input in;
	float *rows;
};

struct result {
	size_t n;
	double us[ROUNDS_MAX]; /* a token */
	double mb;             /* peak of resident memory */
};

/* Words of a few thousand, so that the hashed rows are those of a text. */
static char *make_text(size_t words, size_t *size)
{
	char *text = as_calloc(words, 8);
	struct as_rng r;
	size_t n = 0;

	as_rng_seed(&r, 1, 1);
	for (size_t i = 0; i < words; i++) {
		n += (size_t)sprintf(text + n, "w%x ", (unsigned)(as_rng_float(&r) * 4000.0F));
	}
	*size = n;
	return text;
}

static void set_heads(struct bench *b, const struct setting *s)
{
	for (size_t i = 0; i < b->ps.n; i++) {
		const struct nn_param *p = &b->ps.p[i];

		if (strstr(p->name, ".attn.gate.b") != NULL) {
			for (size_t j = 0; j < p->cols * s->closed / HEADS; j++) {
				b->ps.v[p->at + j] = -10.0F;
			}
		} else if (strstr(p->name, ".attn.span.b") != NULL) {
			for (size_t j = 0; j < p->cols; j++) {
				b->ps.v[p->at + j] = s->span;
			}
		}
	}
}

static int bench_open(struct bench *b, const struct setting *s, size_t words, struct as_err *e)
{
	struct assay_item item = { .type = "text/plain", .part = "report" };
	struct as_rng r;
	int rc;

	item.data = make_text(words, &item.size);
	io_hyper_defaults(&b->task.hyper);
	b->task.hyper.text_words = LONG;
	b->task.hyper.heads = HEADS;
	b->task.hyper.spans = s->spanned;
	TRY(enc_text_kind.open(&b->enc, &b->ps, &b->task, NULL, e));
	as_rng_seed(&r, 7, 1);
	nn_params_start(&b->ps, &r);
	set_heads(b, s);
	TRY(enc_text_kind.prepare(b->enc, &item, &b->in, e));
	TRY(as_arena_init(&b->mem, "bench", (size_t)4 << 30, e));
	b->rows = as_calloc(b->in.rows * b->task.hyper.width, sizeof *b->rows);
out:
	free((void *)(uintptr_t)item.data);
	return rc;
}

static void bench_close(struct bench *b)
{
	enc_text_kind.input_free(&b->in);
	enc_text_kind.close(b->enc);
	nn_params_free(&b->ps);
	as_arena_free(&b->mem);
	free(b->rows);
}

/* Microseconds a token of every pass after one that warms up; as many tokens whatever the length.
 */
static size_t time_tokens(struct bench *b, size_t words, double us[ROUNDS_MAX])
{
	const size_t passes = TOKENS / words < ROUNDS_MAX ? TOKENS / words : ROUNDS_MAX;
	const struct nn_step step = { .p = b->ps.v, .mem = &b->mem };

	for (size_t i = 0; i <= passes; i++) {
		const double start = bench_now(true);
		void *act;

		as_arena_reset(&b->mem, 0);
		enc_text_kind.fwd(b->enc, &step, &b->in, b->rows, &act);
		us[i == 0 ? 0 : i - 1] = (bench_now(true) - start) * 1e6 / (double)words;
	}
	return passes;
}

/* In the child. */
static int measure(const struct setting *s, size_t words, int to)
{
	struct bench b = { 0 };
	struct as_err e = { 0 };
	struct rusage use;
	struct result r = { 0 };
	int status = EXIT_FAILURE;

	tn_init();
	if (bench_open(&b, s, words, &e) != AS_OK) {
		(void)fprintf(stderr, "bench: %s\n", e.msg);
	} else {
		r.n = time_tokens(&b, words, r.us);
		(void)getrusage(RUSAGE_SELF, &use);
		r.mb = (double)use.ru_maxrss / 1024.0;
		status = write(to, &r, sizeof r) == sizeof r ? EXIT_SUCCESS : EXIT_FAILURE;
	}
	bench_close(&b);
	return status;
}

static bool run(const struct setting *s, size_t words, struct result *r)
{
	int pipes[2];
	pid_t pid;
	int status = 0;
	bool got;

	if (pipe(pipes) != 0 || (pid = fork()) < 0) {
		perror("bench");
		return false;
	}
	if (pid == 0) {
		_exit(measure(s, words, pipes[1]));
	}
	(void)close(pipes[1]);
	got = read(pipes[0], r, sizeof *r) == sizeof *r;
	(void)close(pipes[0]);
	return waitpid(pid, &status, 0) == pid && got && status == 0;
}

static int report(const struct setting *s, size_t words, const char *name, const char *peer)
{
	struct result r;
	char memory[64];

	if (!run(s, words, &r)) {
		return EXIT_FAILURE;
	}
	(void)snprintf(memory, sizeof memory, "%s, peak", name);
	bench_print(
	    &(struct bench_line){
		.section = "attention", .name = name, .unit = "us/token", .peer = peer },
	    r.us, r.n);
	bench_print(&(struct bench_line){ .section = "attention", .name = memory, .unit = "MB" },
		    &r.mb, 1);
	return 0;
}

int bench_attention(void)
{
	static const struct setting settings[] = {
		{ "4 heads open", 0, false, 0.0F },
		{ "2 of 4 heads closed", 2, false, 0.0F },
		{ "spans as they start", 0, true, 2.0F },
		{ "spans at the least", 0, true, -20.0F },
		{ "2 closed and least spans", 2, true, -20.0F },
	};

	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		char few[64];
		char many[64];

		(void)snprintf(few, sizeof few, "%s, 4,096", settings[i].what);
		(void)snprintf(many, sizeof many, "%s, 65,536", settings[i].what);
		if (report(&settings[i], SHORT, few, NULL) != 0 ||
		    report(&settings[i], LONG, many, few) != 0) {
			return EXIT_FAILURE;
		}
	}
	return 0;
}
