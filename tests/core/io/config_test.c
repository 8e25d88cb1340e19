/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/config.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#define DAEMON "[daemon]\nstate = st\nruntime = /run/x\n"
#define STREAM "[stream.s]\nmodel = m.safetensors\n"

static void refused(const char *text, const char *why)
{
	const char *path = tmpdir_file("assayd.ini", text);
	struct io_config c;
	struct as_err e = { 0 };

	fails(io_config_load(&c, path, &e), AS_ECONFIG, why);
	cr_assert(zero(int, strncmp(e.msg, path, strlen(path))), "%s", e.msg);
	io_config_free(&c);
}

Test(io_config, keys_are_read_and_the_rest_has_defaults)
{
	const char *path =
	    tmpdir_file("assayd.ini", DAEMON "front = tcp://127.0.0.1:*\ninsecure = true\n"
					     "threads = 3\n"
					     "[encoder.null]\nplugin = null.so\n"
					     "null.scale = 2\n" STREAM "deadline_ms = 86400000\n"
					     "[stream.t-2]\nmodel = /m\n");
	struct io_config c;
	struct as_err e = { 0 };

	ok(io_config_load(&c, path, &e));
	same(c.daemon.state, tmpdir_path("st")); /* beside the file */
	same(c.daemon.runtime, "/run/x");
	same(c.daemon.front, "tcp://127.0.0.1:*");
	same(c.daemon.feed, "ipc");
	cr_assert(eq(u32, c.daemon.threads, 3));
	cr_assert(eq(u32, c.daemon.job_max_s, 60));
	cr_assert(eq(u64, c.daemon.part_bytes, 64 << 20));
	cr_assert(eq(sz, c.encoders, (size_t)1));
	same(c.encoder[0].name, "null");
	same(c.encoder[0].plugin, "null.so");
	cr_assert(eq(u32, c.encoder[0].workers, 1));
	cr_assert(eq(sz, c.encoder[0].settings, (size_t)1));
	same(c.encoder[0].setting[0].key, "null.scale");
	same(c.encoder[0].setting[0].value, "2");
	cr_assert(eq(sz, c.streams, (size_t)2));
	same(c.stream[0].model, tmpdir_path("m.safetensors"));
	cr_assert(eq(u64, c.stream[0].deadline_ms, 86400000));
	same(c.stream[1].name, "t-2");
	cr_assert(eq(u64, c.stream[1].deadline_ms, 5000));
	io_config_free(&c);
}

Test(io_config, unknown_keys_name_line_and_nearest)
{
	refused(DAEMON STREAM "modle = x\n", ":6: [stream] has no key modle; did you mean model?");
	refused(DAEMON "thread = 1\n", ":4: [daemon] has no key thread; did you mean threads?");
	refused("[encoder.x]\nworker = 1\n", "did you mean workers?");
	refused(DAEMON "deadline_ms = 5\n", ":4: [daemon] has no key deadline_ms");
}

Test(io_config, values_out_of_range_name_key_and_range)
{
	refused(DAEMON "threads = 0\n", ":4: threads: want 1 to 64, got \"0\"");
	refused(DAEMON "threads = 65\n", "want 1 to 64");
	refused(DAEMON "threads = -1\n", "want 1 to 64");
	refused(DAEMON "threads = 2x\n", "got \"2x\"");
	refused(DAEMON STREAM "deadline_ms = 99999999999999999999\n", "deadline_ms: want 1 to");
	refused("[daemon]\nstate =\n", ":2: state: a value is missing");
	refused(DAEMON "part_bytes = 10\ncase_bytes = 9\n" STREAM,
		"part_bytes <= case_bytes <= queue_bytes, got 10, 9");
}

Test(io_config, what_must_be_given_is_named)
{
	refused("[daemon]\nstate = st\n" STREAM, "[daemon] has no runtime");
	refused(STREAM, "no [daemon]");
	refused(DAEMON "[stream.s]\ndeadline_ms = 5\n", "[stream] has no model: model file");
	refused(DAEMON "[encoder.x]\n" STREAM, "[encoder] has no plugin");
	refused(DAEMON, "no [stream.NAME]");
	refused("", "no [daemon]");
}

Test(io_config, sections_are_checked)
{
	refused(DAEMON "[streams.s]\n", ":4: [streams.s]: want [daemon], [encoder.NAME] or");
	refused(DAEMON "[stream.Big]\n", "[stream.Big]: a name is 1 to 40 of [a-z0-9._-]");
	refused(DAEMON "[stream.]\n", "a name is");
	refused("state = st\n", ":1: state stands before the first [section]");
	refused(DAEMON DAEMON, "daemon");
}

Test(io_config, counts_are_bounded)
{
	struct as_buf b = { 0 };

	as_buf_puts(&b, DAEMON);
	for (int i = 0; i <= IO_STREAMS_MAX; i++) {
		as_buf_printf(&b, "[stream.s%d]\nmodel = m\n", i);
	}
	refused(b.data, "more than 64 streams");
	as_buf_clear(&b);
	as_buf_puts(&b, DAEMON "[encoder.x]\nplugin = x.so\n");
	for (int i = 0; i <= IO_SETTINGS_MAX; i++) {
		as_buf_printf(&b, "x.k%d = 1\n", i);
	}
	refused(b.data, "more than 32 settings");
	as_buf_free(&b);
}

Test(io_config, every_key_is_listed_with_its_meaning)
{
	size_t n;
	const struct io_config_key *k = io_config_keys(&n);

	cr_assert(lt(sz, (size_t)15, n));
	for (size_t i = 0; i < n; i++) {
		cr_assert(lt(sz, (size_t)10, strlen(k[i].meaning)), "%s", k[i].key);
	}
}
