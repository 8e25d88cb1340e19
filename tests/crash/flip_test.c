/* SPDX-License-Identifier: Apache-2.0
 * flip_test.c - a state whose files were changed while no daemon ran: a byte is another, or a file
 * is cut. A daemon on it either refuses (and says why), or names the judgment that it cannot tell,
 * or tells what was there: never anything else.
 *
 * CRASH_STEP=1 in the environment takes ten times as many places (`make nightly`). */
#include "core/base/clock.h"
#include "tests/crash/life.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <dirent.h>
#include <math.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(crash_flip, .timeout = 3600);

enum { JUDGED = 8, CASES = 10, FEW = 6 };

/* What a daemon did on a changed state. */
struct tally {
	int tried, refused, named, intact;
};

struct flip {
	struct life l;
	char pristine[300];
	struct as_buf truth[CASES]; /* of a daemon on the state as it was */
	struct tally tally;
};

static void copy(const char *from, const char *to)
{
	char command[1024];

	(void)snprintf(command, sizeof command, "rm -rf %s && cp -a %s %s", to, from, to);
	cr_assert(zero(int, system(command)), "%s", command);
}

static const char *case_id(int i)
{
	static char id[8];

	(void)snprintf(id, sizeof id, "c%d", i);
	return id;
}

static void submit(struct flip *t, int from, int to)
{
	for (int i = from; i < to; i++) {
		life_submit(&t->l, case_id(i), i % 2 == 0 ? LIFE_SPOOLED + (size_t)i : 100);
	}
}

/* Six judgments in the database, two in its WAL, two cases open, one of them with a file. */
static void make_state(struct flip *t)
{
	life_init(&t->l, "flip", "");
	(void)snprintf(t->pristine, sizeof t->pristine, "%s.was", t->l.state);
	life_start(&t->l);
	submit(t, 0, 6);
	life_wait(&t->l, 6);
	life_kill(&t->l, SIGTERM);
	submit(t, 6, JUDGED);
	life_wait(&t->l, JUDGED);
	life_signal_workers(&t->l, SIGSTOP);
	submit(t, JUDGED, CASES);
	proc_signal(&t->l.daemon, SIGKILL);
	(void)proc_wait(&t->l.daemon, LIFE_MS);
	proc_free(&t->l.daemon);
	copy(t->l.state, t->pristine);
}

static bool is_gone(const struct proc *p, int wait_ms)
{
	struct pollfd f = { .fd = p->fd, .events = POLLIN };

	return poll(&f, 1, wait_ms) > 0;
}

/* Of a case that was open both may have been judged at another time; what is said of it is the
 * same. Bytes in the spool that are not those accepted are a rejection that says so. */
static bool is_true(const struct flip *t, int i, const struct bus_call *c, const struct bus_msg *m)
{
	const struct json_t *data = io_json_find(c->doc, "data");
	const struct as_buf *truth = &t->truth[i];
	struct json_t *was = NULL;
	struct as_err e = { 0 };
	bool is;

	if (i < JUDGED) {
		return bus_size(m, 2) == truth->len &&
		       memcmp(bus_data(m, 2), truth->data, truth->len) == 0;
	}
	if (strcmp(io_json_find_str(data, "limit", ""), "spool") == 0) {
		return true;
	}
	ok(io_json_parse(truth->data, truth->len, "truth", &was, &e));
	is = strcmp(io_json_find_str(data, "label", ""),
		    io_json_find_str(io_json_find(was, "data"), "label", "?")) == 0 &&
	     strcmp(io_json_find_str(c->doc, "subject", ""), case_id(i)) == 0 &&
	     fabs(io_json_find_num(data, "probability", 0) -
		  io_json_find_num(io_json_find(was, "data"), "probability", 9)) < 1e-4;
	io_json_free(was);
	return is;
}

/* Asks for one case until there is an answer that lasts; false: the daemon ended. */
static bool ask(struct flip *t, struct bus_socket *front, int i, const char *what)
{
	const int64_t late = as_mono_ns() + INT64_C(1000000) * LIFE_MS;
	struct as_buf json = { 0 };
	const struct bus_say get = { .verb = "GET", .json = &json };
	bool over = false;

	as_buf_printf(&json, "{\"stream\":\"s\",\"case\":\"%s\"}", case_id(i));
	while (!over && !is_gone(&t->l.daemon, 10)) {
		struct bus_call c = { 0 };
		struct as_err e = { 0 };
		const int rc = bus_request(front, &get, 1000, &t->l.msg, &c, &e);

		cr_assert(lt(i64, as_mono_ns(), late), "%s: no answer about c%d", what, i);
		if (rc == AS_EPROTO && strstr(e.msg, "its digest") != NULL) {
			t->tally.named++;
			over = true;
		} else if (rc == AS_OK && strcmp(c.verb, "JUDGMENT") == 0) {
			cr_assert(t->truth[i].len == 0 || is_true(t, i, &c, &t->l.msg),
				  "%s: c%d is another: %.*s", what, i, (int)bus_size(&t->l.msg, 2),
				  (const char *)bus_data(&t->l.msg, 2));
			if (t->truth[i].len == 0) {
				as_buf_put(&t->truth[i], bus_data(&t->l.msg, 2),
					   bus_size(&t->l.msg, 2));
			}
			over = true;
		} else if (rc == AS_OK && strcmp(c.verb, "UNKNOWN") == 0) {
			cr_assert(strstr(io_json_find_str(c.doc, "message", ""), "no case") == NULL,
				  "%s: c%d is lost", what, i);
		}
		bus_call_free(&c);
	}
	as_buf_free(&json);
	return over;
}

/* Runs a daemon on the state as it lies there. */
static void look(struct flip *t, const char *what)
{
	const char *const argv[] = { BUILD_DIR "/bin/assayd", "-c", t->l.settings, NULL };
	const int named = t->tally.named;
	struct bus_socket *front = NULL;
	struct as_err e = { 0 };
	char at[BUS_ENDPOINT_SIZE];
	bool up = true;

	proc_start(&t->l.daemon, argv, NULL);
	(void)snprintf(at, sizeof at, "ipc://%s/front", t->l.run);
	ok(bus_connect(&front, t->l.bus, at, NULL, &e));
	for (int i = 0; i < CASES && up; i++) {
		up = ask(t, front, i, what);
	}
	bus_socket_close(front);
	t->tally.tried++;
	if (!up) {
		const int code = proc_wait(&t->l.daemon, LIFE_MS);

		t->tally.refused++;
		cr_assert(code == 65 || code == 74 || code == 78, "%s: ended with %d: %s", what,
			  code, t->l.daemon.err.data);
		cr_assert(t->l.daemon.err.len > 0, "%s: refused without a word", what);
	} else {
		t->tally.intact += t->tally.named == named;
		proc_signal(&t->l.daemon, SIGKILL);
		(void)proc_wait(&t->l.daemon, LIFE_MS);
	}
	proc_free(&t->l.daemon);
}

static void set_up(struct flip *t)
{
	*t = (struct flip){ 0 };
	make_state(t);
	look(t, "as it was");
	cr_assert(eq(int, t->tally.intact, 1));
	t->tally = (struct tally){ 0 };
}

static void tear_down(struct flip *t)
{
	for (int i = 0; i < CASES; i++) {
		as_buf_free(&t->truth[i]);
	}
	life_free(&t->l);
}

static int places(void)
{
	const char *s = getenv("CRASH_STEP");

	return s != NULL && atol(s) == 1 ? 10 * FEW : FEW;
}

static long size_of(const char *path)
{
	struct stat st;

	cr_assert(zero(int, stat(path, &st)), "%s", path);
	return (long)st.st_size;
}

/* The file with the byte at k / n of its length changed, or cut there. */
static void change(struct flip *t, const char *name, int k, int n, bool cut)
{
	char path[600];
	char what[700];
	long at;

	copy(t->pristine, t->l.state);
	(void)snprintf(path, sizeof path, "%s/%s", t->l.state, name);
	at = size_of(path) * k / n + (cut ? 0 : 37 * k % 101);
	at = at < size_of(path) ? at : size_of(path) - 1;
	(void)snprintf(what, sizeof what, "%s %s at %ld", name, cut ? "cut" : "changed", at);
	if (cut) {
		cr_assert(zero(int, truncate(path, at)));
	} else {
		FILE *f = fopen(path, "r+b");
		int c;

		cr_assert(f != NULL && fseek(f, at, SEEK_SET) == 0);
		c = fgetc(f);
		cr_assert(fseek(f, at, SEEK_SET) == 0 && fputc(c ^ (1 << k % 8), f) >= 0);
		cr_assert(zero(int, fclose(f)));
	}
	look(t, what);
}

/* Everywhere in the file; most of it has to be noticed. */
static void change_all(struct flip *t, const char *name, bool cut)
{
	const int n = places();

	t->tally = (struct tally){ 0 };
	for (int k = 0; k < n; k++) {
		change(t, name, k, n, cut);
	}
	(void)fprintf(stderr, "%s %s: %d times, %d refused, %d named a judgment, %d intact\n", name,
		      cut ? "cut" : "changed", t->tally.tried, t->tally.refused, t->tally.named,
		      t->tally.intact);
	cr_assert(lt(int, 0, t->tally.refused + t->tally.named));
}

Test(crash_flip, changed_and_cut_database)
{
	struct flip t;

	set_up(&t);
	change_all(&t, "journal.db", false);
	change_all(&t, "journal.db", true);
	tear_down(&t);
}

Test(crash_flip, changed_and_cut_log)
{
	struct flip t;

	set_up(&t);
	change_all(&t, "journal.db-wal", false);
	change_all(&t, "journal.db-wal", true);
	tear_down(&t);
}

/* A page that is not what was accepted is the end of its case, which says so. */
Test(crash_flip, changed_and_cut_file_of_the_spool)
{
	struct flip t;
	char spool[400];
	char name[300] = "";
	const struct dirent *entry;
	DIR *dir;

	set_up(&t);
	(void)snprintf(spool, sizeof spool, "%s/spool", t.pristine);
	dir = opendir(spool);
	cr_assert(ne(ptr, dir, NULL));
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] != '.') {
			(void)snprintf(name, sizeof name, "spool/%s", entry->d_name);
		}
	}
	(void)closedir(dir);
	change(&t, name, 1, 3, false);
	change(&t, name, 2, 3, true);
	change(&t, name, 0, 3, true);
	cr_assert(eq(int, t.tally.intact, 3)); /* true, or rejected for it */
	tear_down(&t);
}
