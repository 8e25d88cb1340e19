/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/e2e/world.h"

#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define SHARED BUILD_DIR "/e2e"

static bool newer(const char *path, const char *than)
{
	struct stat a;
	struct stat b;

	return stat(path, &a) == 0 && stat(than, &b) == 0 &&
	       (a.st_mtim.tv_sec > b.st_mtim.tv_sec ||
		(a.st_mtim.tv_sec == b.st_mtim.tv_sec && a.st_mtim.tv_nsec > b.st_mtim.tv_nsec));
}

static void must(struct proc *p, int code)
{
	cr_assert(eq(int, code, 0), "%s%s", p->out.data ? p->out.data : "",
		  p->err.data ? p->err.data : "");
	proc_free(p);
}

static void make(void)
{
	struct proc p;

	must(&p, proc_run(&p, "phantom", "--cases", "48", "--seed", "1", "--out", SHARED "/train"));
	must(&p, proc_run(&p, "phantom", "--cases", "10", "--seed", "2", "--out", SHARED "/new"));
	proc_start(&p,
		   (const char *const[]){ "assay", "train",
					  SOURCE_DIR "/examples/breast/phantom.ini", "--data",
					  SHARED "/train/cases.csv", "--out",
					  SHARED "/model.safetensors", "--epochs", "2", NULL },
		   NULL);
	must(&p, proc_wait(&p, 10 * PROC_MS));
}

/* Tests run in several processes at once: one makes what is shared, the others wait for it. */
static void shared(void)
{
	int lock;

	(void)mkdir(SHARED, 0777);
	lock = open(SHARED "/lock", O_CREAT | O_RDWR | O_CLOEXEC, 0666);
	cr_assert(lock >= 0 && flock(lock, LOCK_EX) == 0);
	if (!newer(SHARED "/model.safetensors", BUILD_DIR "/bin/assay")) {
		make();
	}
	(void)close(lock);
}

const char *world_model(void)
{
	shared();
	return SHARED "/model.safetensors";
}

const char *world_cases(void)
{
	shared();
	return SHARED "/new/cases.csv";
}

const char *world_format(const char *fmt, ...)
{
	static struct as_buf kept[1024]; /* so that the texts stay reachable */
	static size_t n;
	struct as_buf *b = &kept[n++ % 1024];
	char text[4096];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	as_buf_clear(b);
	as_buf_puts(b, text);
	return b->data;
}

/* The n-th line of the table; phantom writes no newline into a cell. */
static char *table_line(int n)
{
	FILE *f = fopen(world_cases(), "r");
	char *line = NULL;
	size_t cap = 0;

	cr_assert(ne(ptr, f, NULL));
	for (int i = 0; i <= n; i++) cr_assert(getline(&line, &cap, f) > 0);
	(void)fclose(f);
	return line;
}

const char *world_part(const char *part, int n)
{
	const char *name = world_format("%s-%d", part, n);
	struct as_buf text = { 0 };
	char *header;
	char *line;
	const char *path;

	if (strcmp(part, "scan") == 0) {
		(void)world_cases();
		return world_format(SHARED "/new/images/2-%04d.png", n);
	}
	header = table_line(0);
	line = table_line(n);
	if (strcmp(part, "report") == 0) {
		const char *quote = strchr(line, '"') + 1;

		as_buf_put(&text, quote, strcspn(quote, "\""));
	} else {
		as_buf_printf(&text, "%s%s", header, line);
	}
	path = tmpdir_file(name, text.data);
	as_buf_free(&text);
	free(header);
	free(line);
	return path;
}

const char *world_settings(const char *name, const char *text)
{
	return tmpdir_file(
	    name, world_format("[daemon]\nstate = %s/state\nruntime = %s/run\nthreads = 1\n"
			       "[encoder.image]\nplugin = " BUILD_DIR "/plugins/image.so\n"
			       "[encoder.text]\nplugin = " BUILD_DIR "/plugins/text.so\n"
			       "[encoder.table]\nplugin = " BUILD_DIR "/plugins/table.so\n%s",
			       tmpdir(), tmpdir(), text));
}

void world_start(struct world *w, const char *settings)
{
	const char *run = tmpdir_path("run");
	struct as_err e = { 0 };
	struct proc p;
	int code;

	*w = (struct world){ 0 };
	(void)setenv("ASSAY_RUNTIME", run, 1);
	proc_start(&w->daemon, (const char *const[]){ "assayd", "-c", settings, NULL }, NULL);
	code = proc_run(&p, "assay", "status", "--wait-ready", "50");
	if (code != 0) {
		(void)proc_says(&w->daemon, "\x01", 0);
	}
	cr_assert(eq(int, code, 0), "%s%s", p.err.data ? p.err.data : "",
		  w->daemon.err.data ? w->daemon.err.data : "");
	proc_free(&p);
	ok(bus_open(&w->bus, &e));
	ok(bus_connect(&w->front, w->bus, world_format("ipc://%s/front", run), NULL, &e));
}

void world_start_plain(struct world *w)
{
	world_start(w, world_settings("assayd.ini", world_format("[stream.breast]\nmodel = %s\n"
								 "deadline_ms = 600000\n",
								 world_model())));
}

void world_stop(struct world *w)
{
	bus_call_free(&w->answer);
	bus_msg_free(&w->msg);
	bus_socket_close(w->front);
	bus_close(w->bus);
	proc_signal(&w->daemon, SIGTERM);
	cr_assert(eq(int, proc_wait(&w->daemon, PROC_MS), 0), "%s",
		  w->daemon.err.data ? w->daemon.err.data : "");
	proc_free(&w->daemon);
	*w = (struct world){ 0 };
}

/* ERROR is an answer like any other here, so the message is read by hand. */
const char *world_next(struct world *w)
{
	struct as_err e = { 0 };

	bus_call_free(&w->answer);
	w->answer = (struct bus_call){ 0 };
	ok(bus_recv_wait(w->front, &w->msg, PROC_MS, &e));
	ok(bus_call_read(&w->answer, &w->msg, 0, &e));
	return w->answer.verb;
}

const char *world_ask(struct world *w, const char *verb, const char *json)
{
	struct as_buf text = { 0 };
	struct as_err e = { 0 };
	struct bus_frame f[3] = { { .data = BUS_PROTOCOL, .size = strlen(BUS_PROTOCOL) },
				  { .data = verb, .size = strlen(verb) } };

	as_buf_puts(&text, json ? json : "{}");
	f[2] = (struct bus_frame){ .data = text.data, .size = text.len };
	ok(bus_send_wait(w->front, f, 3, PROC_MS, &e));
	as_buf_free(&text);
	return world_next(w);
}

const char *world_str(const struct world *w, const char *key)
{
	return io_json_find_str(w->answer.doc, key, "");
}

const struct json_t *world_json(const char *line)
{
	static struct json_t *kept[1024]; /* so that the documents stay reachable */
	static size_t n;
	struct as_err e = { 0 };

	cr_assert(ne(ptr, (void *)(uintptr_t)line, NULL));
	io_json_free(kept[n % 1024]);
	ok(io_json_parse(line, strlen(line), "a line", &kept[n % 1024], &e));
	return kept[n++ % 1024];
}

const struct json_t *world_at(const struct json_t *doc, const char *path)
{
	const char *dot = strchr(path, '.');
	char key[64];

	(void)snprintf(key, sizeof key, "%.*s", dot ? (int)(dot - path) : (int)strlen(path), path);
	return dot ? world_at(io_json_find(doc, key), dot + 1) : io_json_find(doc, key);
}

double world_num(const struct json_t *doc, const char *path)
{
	const char *dot = strrchr(path, '.');
	char parent[64];

	if (dot == NULL) {
		return io_json_find_num(doc, path, -1);
	}
	(void)snprintf(parent, sizeof parent, "%.*s", (int)(dot - path), path);
	return io_json_find_num(world_at(doc, parent), dot + 1, -1);
}

const char *world_text(const struct json_t *doc, const char *path)
{
	const char *dot = strrchr(path, '.');
	char parent[64];

	if (dot == NULL) {
		return io_json_find_str(doc, path, "");
	}
	(void)snprintf(parent, sizeof parent, "%.*s", (int)(dot - path), path);
	return io_json_find_str(world_at(doc, parent), dot + 1, "");
}
