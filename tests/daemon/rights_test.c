/* SPDX-License-Identifier: Apache-2.0
 * What operators may ask through control, with keys: of one stream, or of the daemon. */
#include "tests/daemon/door.h"

TestSuite(daemon_rights, .timeout = 120);

/* nosy becomes an operator of stream s, lab one of another stream. */
static void make_operators(struct door *d)
{
	struct as_buf b = { 0 };

	as_buf_printf(&b,
		      "[client.lab]\nkey = %s\nsubmit = s\nadmin = t\n"
		      "[client.nosy]\nkey = %s\nadmin = s\n"
		      "[client.boss]\nkey = %s\nadmin = *\nsubscribe = s\n",
		      d->k.lab.public, d->k.nosy.public, d->k.boss.public);
	cr_assert(zero(int, chmod(tmpdir_file("clients.ini", b.data), 0644)));
	as_buf_free(&b);
}

Test(daemon_rights, a_purge_wants_the_right_on_its_stream)
{
	static const char PURGE[] = "{\"stream\":\"s\",\"case\":\"c\"}";
	struct bus_socket *front;
	struct bus_socket *other;
	struct bus_socket *own;
	struct bus_socket *boss;
	struct door d;

	door_open(&d);
	make_operators(&d);
	boss = door_knock(&d, d.control, BUS_DEALER, &d.k.boss);
	same(door_ask(&d, boss, "RELOAD", "{}"), "OK");
	front = door_knock(&d, d.front, BUS_DEALER, &d.k.lab);
	door_submit(&d, front, DOOR_SUBMISSION);
	same(hall_hear(&d.h, front), "JUDGMENT");
	other = door_knock(&d, d.control, BUS_DEALER, &d.k.lab);
	same(door_ask(&d, other, "PURGE", PURGE), "FORBIDDEN");
	same(hall_str(&d.h, "stream"), "s");
	same(door_ask(&d, other, "PURGE", "{\"case\":\"c\"}"), "FORBIDDEN");
	same(door_ask(&d, other, "PURGE", "{\"stream\":7,\"case\":\"c\"}"), "FORBIDDEN");
	same(door_ask(&d, front, "PURGE", PURGE), "ERROR"); /* no verb of front */
	own = door_knock(&d, d.control, BUS_DEALER, &d.k.nosy);
	same(door_ask(&d, own, "PURGE", "{\"stream\":\"t\",\"case\":\"c\"}"), "FORBIDDEN");
	same(door_ask(&d, own, "PURGE", PURGE), "PURGED");
	same(door_ask(&d, boss, "PURGE", PURGE), "PURGED"); /* again: nothing is left of it */
	bus_socket_close(front);
	bus_socket_close(other);
	bus_socket_close(own);
	bus_socket_close(boss);
	door_close(&d);
}

Test(daemon_rights, what_concerns_the_whole_daemon_wants_the_right_on_all_streams)
{
	static const struct {
		const char *verb, *json;
	} asks[] = {
		{ "VERIFY", "{}" },
		{ "VERIFY", "{\"stream\":\"s\"}" },
		{ "BACKUP", "{\"file\":\"/nonexistent/b\",\"stream\":\"s\"}" },
		{ "DLQ", "{\"do\":\"list\",\"stream\":\"s\"}" },
		{ "RELOAD", "{\"stream\":\"s\"}" },
		{ "DRAIN", "{\"stream\":\"s\"}" },
	};
	struct bus_socket *own;
	struct bus_socket *boss;
	struct as_buf b = { 0 };
	struct door d;

	door_open(&d);
	make_operators(&d);
	boss = door_knock(&d, d.control, BUS_DEALER, &d.k.boss);
	same(door_ask(&d, boss, "RELOAD", "{}"), "OK");
	own = door_knock(&d, d.control, BUS_DEALER, &d.k.nosy);
	same(door_ask(&d, own, "STATUS", "{}"), "STATUS");
	for (size_t i = 0; i < sizeof asks / sizeof *asks; i++) {
		same(door_ask(&d, own, asks[i].verb, asks[i].json), "FORBIDDEN");
	}
	same(door_ask(&d, boss, "VERIFY", "{}"), "VERIFY");
	cr_assert(io_json_find_bool(d.h.c.doc, "done", false));
	as_buf_printf(&b, "{\"file\":\"%s\"}", tmpdir_path("backup.db"));
	same(door_ask(&d, boss, "BACKUP", b.data), "BACKUP");
	same(door_ask(&d, boss, "DLQ", "{\"do\":\"list\",\"after\":0}"), "DLQ");
	as_buf_free(&b);
	bus_socket_close(own);
	bus_socket_close(boss);
	door_close(&d);
}
