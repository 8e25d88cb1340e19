/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/life.h"

#include "core/base/clock.h"
#include "core/io/digest.h"
#include "core/io/file.h"
#include "tests/daemon/hall.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

enum { ANSWER_MS = 2000, CREDIT = 100 };

void life_plugin(struct life *l, const char *so)
{
	struct as_buf b = { 0 };
	struct as_err e = { 0 };

	as_buf_printf(&b,
		      "[daemon]\nstate = %s\nruntime = %s\nlog_level = warn\n%s\n"
		      "[encoder.null]\nplugin = %s\nworkers = %d\n"
		      "[stream.s]\nmodel = %s\ndeadline_ms = 600000\n",
		      l->state, l->run, l->keys, so, l->workers,
		      hall_model("nulls.safetensors", 3));
	ok(io_write_file(l->settings, b.data, b.len, 0600, &e));
	as_buf_free(&b);
}

void life_init(struct life *l, const char *name, const char *keys)
{
	struct as_err e = { 0 };

	*l = (struct life){ .workers = 1 };
	(void)snprintf(l->settings, sizeof l->settings, "%s.ini", tmpdir_path(name));
	(void)snprintf(l->state, sizeof l->state, "%s.state", tmpdir_path(name));
	(void)snprintf(l->run, sizeof l->run, "%s.run", tmpdir_path(name));
	(void)snprintf(l->keys, sizeof l->keys, "%s", keys);
	life_plugin(l, BUILD_DIR "/plugins/null.so");
	ok(bus_open(&l->bus, &e));
	ledger_journal_start(&l->ledger);
}

void life_free(struct life *l)
{
	proc_free(&l->daemon);
	bus_msg_free(&l->msg);
	bus_socket_close(l->front);
	bus_socket_close(l->feed);
	bus_close(l->bus);
	ledger_free(&l->ledger);
}

/* at NULL: the socket of that name in the folder. */
static struct bus_socket *connect_to(struct life *l, enum bus_type type, const char *name,
				     const char *at)
{
	char ipc[BUS_ENDPOINT_SIZE];
	const struct bus_options o = { .type = type,
				       .endpoint = at ? at : ipc,
				       .hwm = 1000,
				       .max_bytes = -1,
				       .curve = at ? l->curve : NULL };
	struct bus_socket *s = NULL;
	struct as_err e = { 0 };

	(void)snprintf(ipc, sizeof ipc, "ipc://%s/%s", l->run, name);
	ok(bus_socket_open(&s, l->bus, &o, &e));
	return s;
}

static void start(struct life *l, bool first)
{
	const char *argv[LIFE_ARGS + 4] = { NULL };
	size_t n = 0;

	for (size_t i = 0; (first || l->wrap_always) && l->wrap[i] != NULL; i++) {
		argv[n++] = l->wrap[i];
	}
	argv[n++] = BUILD_DIR "/bin/assayd";
	argv[n++] = "-c";
	argv[n] = l->settings;
	proc_start(&l->daemon, argv, NULL);
}

/* A socket of the daemon that died may hold a request for ever: a new life, new sockets. */
static void reconnect(struct life *l)
{
	struct as_err e = { 0 };

	bus_socket_close(l->front);
	bus_socket_close(l->feed);
	l->front = connect_to(l, BUS_DEALER, "front", l->front_at);
	l->feed = connect_to(l, BUS_SUB, "feed", l->feed_at);
	ok(bus_subscribe(l->feed, "s/", &e));
}

void life_start(struct life *l)
{
	start(l, true);
	reconnect(l);
}

static bool is_up(struct life *l)
{
	siginfo_t s = { 0 };

	(void)proc_says(&l->daemon, "\x01", 0); /* takes in what it has said */
	return l->daemon.pid > 0 &&
	       waitid(P_PID, (id_t)l->daemon.pid, &s, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	       s.si_pid == 0;
}

bool life_tend(struct life *l)
{
	if (is_up(l)) {
		return false;
	}
	(void)proc_wait(&l->daemon, LIFE_MS);
	if (l->ended++ == 0) {
		l->code = l->daemon.code;
	}
	cr_assert(le(int, l->ended, 50), "it does not stay up:\n%s",
		  l->daemon.err.data ? l->daemon.err.data : "");
	proc_free(&l->daemon);
	start(l, false);
	reconnect(l);
	return true;
}

/* Behind strace it is the child of what was started, and strace keeps SIGTERM from itself while it
 * writes to a file. */
pid_t life_pid(const struct life *l)
{
	char path[64];
	pid_t pid = l->daemon.pid;
	FILE *f;

	if (l->wrap[0] != NULL && strstr(l->wrap[0], "strace") != NULL &&
	    (l->ended == 0 || l->wrap_always)) {
		(void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
		f = fopen(path, "r");
		cr_assert(f != NULL && fscanf(f, "%d", &pid) == 1, "%s", path);
		(void)fclose(f);
	}
	return pid;
}

int life_descriptors(const struct life *l)
{
	char path[64];
	int n = -2; /* . and .. */
	DIR *dir;

	(void)snprintf(path, sizeof path, "/proc/%d/fd", life_pid(l));
	dir = opendir(path);
	cr_assert(ne(ptr, dir, NULL));
	while (readdir(dir) != NULL) {
		n++;
	}
	(void)closedir(dir);
	return n;
}

static void signal_daemon(const struct life *l, int sig)
{
	const pid_t pid = life_pid(l);

	cr_assert(pid > 0 && kill(pid, sig) == 0);
}

int life_stop(struct life *l, int sig)
{
	signal_daemon(l, sig);
	return proc_wait(&l->daemon, LIFE_MS);
}

void life_kill(struct life *l, int sig)
{
	(void)life_stop(l, sig);
	(void)life_tend(l);
}

void life_signal_workers(const struct life *l, int sig)
{
	char path[64];
	pid_t pid;
	FILE *f;

	(void)snprintf(path, sizeof path, "/proc/%d/task/%d/children", l->daemon.pid,
		       l->daemon.pid);
	f = fopen(path, "r");
	cr_assert(ne(ptr, f, NULL));
	while (fscanf(f, "%d", &pid) == 1) {
		cr_assert(zero(int, kill(pid, sig)));
	}
	(void)fclose(f);
}

/* The next message on front within ms, as a call; false where none came. */
static bool hear(struct life *l, struct bus_call *c, int ms)
{
	struct as_err e = { 0 };

	*c = (struct bus_call){ 0 };
	if (bus_recv_wait(l->front, &l->msg, ms, &e) != AS_OK) {
		return false;
	}
	ok(bus_call_read(c, &l->msg, 0, &e));
	return true;
}

static void say(struct life *l, const char *verb, const char *json, const struct bus_frame *f,
		size_t n)
{
	struct as_buf b = { 0 };
	const struct bus_say s = { verb, &b, f, n };
	struct as_err e = { 0 };

	as_buf_puts(&b, json);
	if (bus_call_send(l->front, &s, &e) != AS_OK) {
		cr_log_info("%s is not sent, and asked again: %s", verb, e.msg);
	}
	as_buf_free(&b);
}

/* Whether the answer is about the case: others may be late answers to what was sent before. */
static bool is_about(const struct bus_call *c, const char *id)
{
	return strcmp(io_json_find_str(c->doc, "case", io_json_find_str(c->doc, "subject", "")),
		      id) == 0;
}

/* The verb of the answer to a submission; "" where none came in time, or the daemon is another now.
 */
static const char *answer_to(struct life *l, const char *id)
{
	static char verb[BUS_VERB_SIZE];
	const int64_t patience = as_mono_ns() + INT64_C(1000000) * ANSWER_MS;
	struct bus_call c;

	verb[0] = '\0';
	while (verb[0] == '\0' && as_mono_ns() < patience && !life_tend(l)) {
		if (hear(l, &c, 20)) {
			(void)snprintf(verb, sizeof verb, "%s", is_about(&c, id) ? c.verb : "");
			l->duplicates += io_json_find_bool(c.doc, "duplicate", false);
			bus_call_free(&c);
		}
	}
	cr_assert(strcmp(verb, "CONFLICT") != 0 && strcmp(verb, "REFUSED") != 0, "%s: %s", id,
		  verb);
	return verb;
}

void life_submit_part(struct life *l, const char *id, const char *part)
{
	const struct bus_frame f = { id, strlen(id), NULL };
	const int64_t late = as_mono_ns() + INT64_C(1000000) * LIFE_MS;
	char digest[IO_DIGEST_SIZE];
	char json[512];

	io_digest(id, strlen(id), digest);
	(void)snprintf(json, sizeof json,
		       "{\"stream\":\"s\",\"case\":\"%s\",\"parts\":[{\"name\":\"%s\",\"page\":0,"
		       "\"type\":\"t\",\"size\":%zu,\"sha256\":\"%s\"}]}",
		       id, part, strlen(id), digest);
	ledger_submitted(&l->ledger, id, false);
	do {
		cr_assert(lt(i64, as_mono_ns(), late), "%s is not accepted", id);
		say(l, "SUBMIT", json, &f, 1);
	} while (strcmp(answer_to(l, id), "ACCEPTED") != 0);
	ledger_accepted(&l->ledger, id);
	life_watch(l);
}

const char *life_try(struct life *l, const char *id, size_t size)
{
	char *big = as_malloc(size + 1);
	const struct bus_frame f[] = { { big, size, NULL }, { id, strlen(id), NULL } };
	char digest[2][IO_DIGEST_SIZE];
	char json[1024];

	for (size_t i = 0; i < size; i++) {
		big[i] = (char)(i * 31 + (size_t)id[strlen(id) - 1] * 7);
	}
	io_digest(big, size, digest[0]);
	io_digest(id, strlen(id), digest[1]);
	(void)snprintf(
	    json, sizeof json,
	    "{\"stream\":\"s\",\"case\":\"%s\",\"parts\":["
	    "{\"name\":\"a\",\"page\":0,\"type\":\"t\",\"size\":%zu,\"sha256\":\"%s\"},"
	    "{\"name\":\"b\",\"page\":0,\"type\":\"t\",\"size\":%zu,\"sha256\":\"%s\"}]}",
	    id, size, digest[0], strlen(id), digest[1]);
	ledger_submitted(&l->ledger, id, false);
	say(l, "SUBMIT", json, f, 2);
	free(big);
	return answer_to(l, id);
}

void life_submit(struct life *l, const char *id, size_t size)
{
	const int64_t late = as_mono_ns() + INT64_C(1000000) * LIFE_MS;

	/* Again where there is no answer, or the daemon says so (BUSY, UNAVAILABLE). */
	while (strcmp(life_try(l, id, size), "ACCEPTED") != 0) {
		cr_assert(lt(i64, as_mono_ns(), late), "%s is not accepted; the daemon said:\n%s",
			  id, l->daemon.err.data ? l->daemon.err.data : "");
	}
	ledger_accepted(&l->ledger, id);
	life_watch(l);
}

bool life_is(struct life *l, const char *member)
{
	const int64_t late = as_mono_ns() + INT64_C(1000000) * LIFE_MS;
	bool is = false;
	bool heard = false;
	struct bus_call c;

	while (!heard) {
		cr_assert(lt(i64, as_mono_ns(), late), "no STATUS; the daemon said:\n%s",
			  l->daemon.err.data ? l->daemon.err.data : "");
		say(l, "STATUS", "{}", NULL, 0);
		while (!heard && hear(l, &c, ANSWER_MS)) {
			heard = strcmp(c.verb, "STATUS") == 0;
			is = heard && io_json_find_bool(c.doc, member, false);
			bus_call_free(&c);
		}
		(void)life_tend(l);
	}
	return is;
}

/* A judgment the subscriber received, by whichever way. */
static void take(struct life *l, const void *body, size_t n)
{
	struct json_t *doc = NULL;
	struct as_err e = { 0 };
	uint64_t seq;

	ok(io_json_parse(body, n, "a judgment", &doc, &e));
	seq = io_json_find_u64(io_json_find(doc, "data"), "seq", 0);
	io_json_free(doc);
	if (seq == l->last + 1) {
		ledger_saw(&l->ledger, "subscriber", body, n);
		l->last = seq;
	}
}

/* Asks for what comes after `after`; to: ledger_saw or ledger_journal. Returns the stream's last
 * number, or UINT64_MAX where no answer came. */
static uint64_t replay(struct life *l, uint64_t after, bool journal)
{
	char json[128];
	struct bus_call c;
	uint64_t last = UINT64_MAX;

	(void)snprintf(json, sizeof json, "{\"stream\":\"s\",\"after\":%llu,\"credit\":%d}",
		       (unsigned long long)after, CREDIT);
	say(l, "REPLAY", json, NULL, 0);
	while (last == UINT64_MAX && hear(l, &c, ANSWER_MS)) {
		const char *body = (const char *)bus_data(&l->msg, 2);

		if (strcmp(c.verb, "END") == 0) {
			last = io_json_find_u64(c.doc, "last", 0);
		} else if (strcmp(c.verb, "JUDGMENT") == 0 && journal) {
			ledger_journal(&l->ledger, body, bus_size(&l->msg, 2));
		} else if (strcmp(c.verb, "JUDGMENT") == 0) {
			take(l, body, bus_size(&l->msg, 2));
		} else if (strcmp(c.verb, "ERROR") == 0) {
			bus_call_free(&c);
			break; /* the stream is being opened */
		}
		bus_call_free(&c);
	}
	return last;
}

void life_watch(struct life *l)
{
	struct as_err e = { 0 };

	while (bus_recv(l->feed, &l->msg, &e) == AS_OK) {
		if (l->msg.n == 2 && memmem(bus_data(&l->msg, 1), bus_size(&l->msg, 1),
					    "io.assay.judgment", 17) != NULL) {
			take(l, bus_data(&l->msg, 1), bus_size(&l->msg, 1));
		}
	}
}

void life_wait(struct life *l, uint64_t n)
{
	const int64_t late = as_mono_ns() + INT64_C(1000000) * LIFE_MS;

	while (l->last < n) {
		struct bus_poll item = { .socket = l->feed };
		struct as_err e = { 0 };

		cr_assert(lt(i64, as_mono_ns(), late),
			  "%llu of %llu judgments came; the daemon said:\n%s",
			  (unsigned long long)l->last, (unsigned long long)n,
			  l->daemon.err.data ? l->daemon.err.data : "");
		ok(bus_poll(&item, 1, 200, &e));
		(void)life_tend(l);
		life_watch(l);
		if (l->last < n && !item.in) {
			(void)replay(l, l->last, false);
		}
	}
}

void life_get(struct life *l, const char *id)
{
	char json[256];
	struct bus_call c;

	(void)snprintf(json, sizeof json, "{\"stream\":\"s\",\"case\":\"%s\"}", id);
	for (int heard = 0; heard < 2;) {
		say(l, "GET", json, NULL, 0);
		if (!hear(l, &c, ANSWER_MS)) {
			(void)life_tend(l);
			continue;
		}
		if (strcmp(c.verb, "JUDGMENT") == 0 && is_about(&c, id)) {
			ledger_answered(&l->ledger, id, bus_data(&l->msg, 2), bus_size(&l->msg, 2));
			heard++;
		}
		bus_call_free(&c);
	}
}

void life_read_journal(struct life *l)
{
	const int64_t late = as_mono_ns() + INT64_C(1000000) * LIFE_MS;
	uint64_t last = UINT64_MAX;

	ledger_journal_start(&l->ledger);
	while (last == UINT64_MAX || l->ledger.journal.n < last) {
		cr_assert(lt(i64, as_mono_ns(), late), "the journal cannot be read:\n%s",
			  l->daemon.err.data ? l->daemon.err.data : "");
		last = replay(l, l->ledger.journal.n, true);
	}
}

void life_audit(struct life *l)
{
	const bool injected = l->wrap[0] != NULL && l->ended == 0;
	struct as_buf why = { 0 };
	int code;

	code = life_stop(l, SIGTERM);
	cr_assert(code == 0 || (injected && code == 128 + SIGKILL), "%d: %s", code,
		  l->daemon.err.data ? l->daemon.err.data : "");
	if (code != 0) {
		l->ended++; /* what was injected came when it stopped */
		l->code = code;
	}
	proc_free(&l->daemon);
	start(l, false);
	reconnect(l);
	life_read_journal(l);
	cr_assert(ledger_check(&l->ledger, &why), "%s", why.data);
	as_buf_free(&why);
}
