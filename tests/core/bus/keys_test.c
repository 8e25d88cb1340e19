/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/buf.h"
#include "core/bus/clients.h"
#include "core/bus/keys.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

TestSuite(bus_keys, .timeout = 60);
TestSuite(bus_clients, .timeout = 60);

Test(bus_keys, are_read_back_as_written)
{
	const char *file = tmpdir_path("key");
	struct as_err e = { 0 };
	struct bus_keys k;
	struct bus_keys got;
	struct stat st;

	ok(bus_keys_make(&k, &e));
	ok(bus_keys_save(&k, file, &e));
	ok(bus_keys_load(&got, file, true, &e));
	same(got.public, k.public);
	same(got.secret, k.secret);
	ok(bus_keys_load(&got, tmpdir_path("key.pub"), false, &e));
	same(got.public, k.public);
	same(got.secret, "");
	cr_assert(zero(int, stat(file, &st)));
	cr_assert(eq(int, (int)(st.st_mode & 0777), 0600));
	fails(bus_keys_save(&k, file, &e), AS_ECREATE, "key.pub");
	bus_keys_wipe(&k);
	same(k.secret, "");
}

Test(bus_keys, attack_38_file_that_others_read_is_refused)
{
	const char *file = tmpdir_path("key");
	struct as_err e = { 0 };
	struct bus_keys k;

	ok(bus_keys_make(&k, &e));
	ok(bus_keys_save(&k, file, &e));
	for (int i = 0; i < 2; i++) {
		cr_assert(zero(int, chmod(file, i == 0 ? 0640 : 0604)));
		fails(bus_keys_load(&k, file, true, &e), AS_EPERM, "want 600");
		same(k.secret, "");
	}
	cr_assert(zero(int, chmod(file, 0600)));
	ok(bus_keys_load(&k, file, true, &e));
}

Test(bus_keys, first_sign_of_a_key_may_be_any)
{
	const char *file = tmpdir_file(
	    "key", "curve\n  public-key = \"=q:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"\n");
	struct as_err e = { 0 };
	struct bus_keys k;

	ok(bus_keys_load(&k, file, false, &e));
	same(k.public, "=q:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
}

Test(bus_keys, file_that_has_none_is_refused)
{
	static const char *const wrong[] = {
		"",
		"public-key = \"short\"\n",
		"public-key = rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\n",
		"public-key = \"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"\n",
		"public-key = \"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"\nsecret-key = \"x\"\n",
		"public-key = \"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"\n"
		"secret-key = \"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7\"\n",
	};
	struct as_err e = { 0 };
	struct bus_keys k;

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		const char *file = tmpdir_file("key", wrong[i]);

		cr_assert(zero(int, chmod(file, 0600)));
		cr_assert(eq(int, bus_keys_load(&k, file, true, &e), AS_EFORMAT), "%zu", i);
	}
	fails(bus_keys_load(&k, tmpdir_path("none"), true, &e), AS_ENOINPUT, "none");
	fails(bus_keys_load(&k, tmpdir(), false, &e), AS_EFORMAT, "not a regular file");
}

/* RFC 32's own example, and what breaks it. */
Test(bus_keys, key_is_forty_characters_of_z85)
{
	cr_assert(bus_key_ok("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"));
	cr_assert(not(bus_key_ok("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf")));
	cr_assert(not(bus_key_ok("rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf;")));
	cr_assert(not(bus_key_ok("")));
}

#define KEY_A "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7"
#define KEY_B "Yne@$w-vo<fVvi]a<NY6T1ed:M$fCG*[IaLV{hID"

static int load(const char *text, mode_t mode, struct bus_clients **l, struct as_err *e)
{
	const char *path = tmpdir_file("clients.ini", text);

	cr_assert(zero(int, chmod(path, mode)));
	return bus_clients_load(l, path, e);
}

Test(bus_clients, rights_are_those_of_the_list)
{
	struct bus_clients *l = NULL;
	const struct bus_client *c;
	struct as_err e = { 0 };

	ok(load("[client.lab]\nkey = " KEY_A "\nsubmit = a, b\nsubmit = c\nsubscribe = *\n"
		"work = false\n[client.machine]\nkey = " KEY_B "\nwork = true\n",
		0644, &l, &e));
	c = bus_clients_find(l, KEY_A);
	same(c->name, "lab");
	cr_assert(bus_client_may(c, BUS_SUBMIT, "a"));
	cr_assert(bus_client_may(c, BUS_SUBMIT, "b"));
	cr_assert(bus_client_may(c, BUS_SUBMIT, "c"));
	cr_assert(not(bus_client_may(c, BUS_SUBMIT, "d")));
	cr_assert(not(bus_client_may(c, BUS_SUBMIT, NULL)));
	cr_assert(bus_client_may(c, BUS_SUBSCRIBE, "any"));
	cr_assert(bus_client_may(c, BUS_SUBSCRIBE, NULL));
	cr_assert(not(bus_client_may_some(c, BUS_ADMIN)));
	cr_assert(bus_client_may_connect(c, "front"));
	cr_assert(bus_client_may_connect(c, "feed"));
	cr_assert(not(bus_client_may_connect(c, "control")));
	cr_assert(not(bus_client_may_connect(c, "work")));
	c = bus_clients_find(l, KEY_B);
	cr_assert(bus_client_may_connect(c, "work"));
	cr_assert(bus_client_may_connect(c, "features"));
	cr_assert(not(bus_client_may_connect(c, "front")));
	cr_assert(not(bus_client_may_connect(c, "anything")));
	cr_assert(eq(ptr, (void *)(uintptr_t)bus_clients_find(l, ""), NULL));
	cr_assert(eq(uint, c->share, BUS_SHARE));
	bus_clients_free(bus_clients_share(l));
	same(bus_clients_at(l, 1)->name, "machine");
	bus_clients_free(l);
}

Test(bus_clients, one_loses_a_right_and_nobody_else_does)
{
	struct bus_clients *l = NULL;
	struct bus_clients *less;
	struct as_err e = { 0 };

	ok(load("[client.a]\nkey = " KEY_A "\nsubmit = s\nsubscribe = *\nsubscribe = s, t\n"
		"share = 7\n[client.b]\nkey = " KEY_B "\nsubscribe = s\n",
		0644, &l, &e));
	less = bus_clients_less(l, bus_clients_find(l, KEY_A), BUS_SUBSCRIBE);
	bus_clients_free(l);
	cr_assert(not(bus_client_may_some(bus_clients_find(less, KEY_A), BUS_SUBSCRIBE)));
	cr_assert(bus_client_may(bus_clients_find(less, KEY_A), BUS_SUBMIT, "s"));
	cr_assert(eq(uint, bus_clients_find(less, KEY_A)->share, 7));
	cr_assert(bus_client_may(bus_clients_find(less, KEY_B), BUS_SUBSCRIBE, "s"));
	bus_clients_free(less);
}

Test(bus_clients, list_that_is_wrong_is_refused_by_line)
{
	static const struct {
		const char *text, *why;
	} wrong[] = {
		{ "[client.lab]\nsubmit = *\n", "has no key" },
		{ "[client.lab]\nkey = short\n", ":2: key" },
		{ "[client.lab]\nkey = " KEY_A "\n[client.b]\nkey = " KEY_A "\n",
		  "has the key of [client.lab]" },
		{ "[client.lab]\nkey = " KEY_A "\nsubmit = a/b\n", ":3: submit" },
		{ "[client.lab]\nkey = " KEY_A "\nwork = yes\n", ":3: work" },
		{ "[client.lab]\nkey = " KEY_A "\nread = *\n", "no read" },
		{ "[client.lab]\nkey = " KEY_A "\nshare = 0\n", ":3: share" },
		{ "[client.lab]\nkey = " KEY_A "\nshare = 101\n", ":3: share" },
		{ "[client.lab]\nkey = " KEY_A "\nshare = -1\n", ":3: share" },
		{ "[client.lab]\nkey = " KEY_A "\nshare = a\n", ":3: share" },
		{ "[client.lab]\nkey = " KEY_A "\nshare = 5x\n", ":3: share" },
		{ "[client.lab]\nkey = " KEY_A
		  "\nsubmit = a23456789012345678901234567890123456789012\n",
		  ":3: submit" },
		{ "[client.lab]\nwork = true\n[client.b]\nkey = " KEY_A "\n",
		  "[client.lab] has no key" },
		{ "[client.LAB]\n", "[client.NAME]" },
		{ "[lab]\n", "[client.NAME]" },
		{ "key = " KEY_A "\n", "before the first" },
	};
	struct bus_clients *l = NULL;
	struct as_err e = { 0 };

	for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		fails(load(wrong[i].text, 0600, &l, &e), AS_ECONFIG, wrong[i].why);
		cr_assert(eq(ptr, l, NULL));
	}
	fails(bus_clients_load(&l, tmpdir_path("none"), &e), AS_ENOINPUT, "none");
}

Test(bus_clients, who_only_listens_comes_to_the_front_too)
{
	struct bus_clients *l = NULL;
	struct as_err e = { 0 };

	ok(load("[client.a]\nkey = " KEY_A "\nsubscribe = s\n", 0644, &l, &e));
	cr_assert(bus_client_may_connect(bus_clients_find(l, KEY_A), "front"));
	cr_assert(not(bus_client_may_connect(bus_clients_find(l, KEY_A), "work")));
	cr_assert(eq(ptr, (void *)(uintptr_t)bus_clients_at(l, 1), NULL));
	bus_clients_free(l);
	bus_clients_free(NULL);
}

Test(bus_clients, more_than_the_limit_are_refused)
{
	struct bus_clients *l = NULL;
	struct as_buf b = { 0 };
	struct as_err e = { 0 };

	for (unsigned i = 0; i <= BUS_CLIENTS_MAX; i++) {
		char key[BUS_KEY_SIZE];

		(void)snprintf(key, sizeof key, "%04x%036d", i, 0);
		as_buf_printf(&b, "[client.c%u]\nkey = %s\n", i, key);
		if (i + 1 == BUS_CLIENTS_MAX) {
			ok(load(b.data, 0600, &l, &e));
			bus_clients_free(l);
		}
	}
	fails(load(b.data, 0600, &l, &e), AS_ECONFIG, "more than 1024 clients");
	as_buf_free(&b);
}

Test(bus_clients, list_that_others_write_is_refused)
{
	struct bus_clients *l = NULL;
	struct as_err e = { 0 };

	fails(load("[client.lab]\nkey = " KEY_A "\n", 0664, &l, &e), AS_EPERM,
	      "others may let themselves in");
	fails(load("[client.lab]\nkey = " KEY_A "\n", 0646, &l, &e), AS_EPERM,
	      "others may let themselves in");
}
