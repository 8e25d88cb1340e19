/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bus/clients.h"

#include "core/base/buf.h"
#include "core/io/ini.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct bus_clients {
	atomic_uint users;
	struct bus_client *client;
	size_t n;
};

static const char *const rights[BUS_RIGHTS] = { "submit", "subscribe", "admin" };

void bus_clients_free(struct bus_clients *l)
{
	if (l == NULL || atomic_fetch_sub(&l->users, 1) > 1) {
		return;
	}
	for (size_t i = 0; i < l->n; i++) {
		for (size_t r = 0; r < BUS_RIGHTS; r++) {
			free(l->client[i].may[r].stream);
		}
	}
	free(l->client);
	free(l);
}

struct bus_clients *bus_clients_share(struct bus_clients *l)
{
	(void)atomic_fetch_add(&l->users, 1);
	return l;
}

/* The client whose section ends here must have a key, and no other the same. */
static int end_client(const struct bus_clients *l, struct as_err *e)
{
	const struct bus_client *c = l->n > 0 ? &l->client[l->n - 1] : NULL;

	if (c == NULL) {
		return AS_OK;
	}
	if (c->key[0] == '\0') {
		return as_fail(e, AS_ECONFIG, "[client.%s] has no key", c->name);
	}
	for (size_t i = 0; i + 1 < l->n; i++) {
		if (strcmp(l->client[i].key, c->key) == 0) {
			return as_fail(e, AS_ECONFIG, "[client.%s] has the key of [client.%s]",
				       c->name, l->client[i].name);
		}
	}
	return AS_OK;
}

static int start_client(struct bus_clients *l, const char *section, struct as_err *e)
{
	const char *name = section + strlen("client.");

	if (strncmp(section, "client.", strlen("client.")) != 0 || !io_name_ok(name)) {
		return as_fail(e, AS_ECONFIG,
			       "[%s]: want [client.NAME], a name of 1 to 40 of [a-z0-9._-]",
			       section);
	}
	if (l->n == BUS_CLIENTS_MAX) {
		return as_fail(e, AS_ECONFIG, "more than %d clients", (int)BUS_CLIENTS_MAX);
	}
	l->client = as_realloc(l->client, l->n + 1, sizeof *l->client);
	l->client[l->n] = (struct bus_client){ .at = l->n, .share = BUS_SHARE };
	(void)snprintf(l->client[l->n++].name, IO_NAME_SIZE, "%s", name);
	return AS_OK;
}

/* Streams by comma, or *. */
static int take_streams(struct bus_client *c, enum bus_right r, const char *value, struct as_err *e)
{
	while (*value != '\0') {
		const size_t n = strcspn(value, ", \t");
		char name[IO_NAME_SIZE];

		(void)snprintf(name, sizeof name, "%.*s", (int)n, value);
		if (n == 1 && *value == '*') {
			c->may[r].all = true;
		} else if (n >= sizeof name || !io_name_ok(name)) {
			return as_fail(e, AS_ECONFIG, "%s: want names of streams, or *", rights[r]);
		} else {
			c->may[r].stream =
			    as_realloc(c->may[r].stream, c->may[r].streams + 1, sizeof name);
			memcpy(c->may[r].stream[c->may[r].streams++], name, sizeof name);
		}
		value += n;
		value += strspn(value, ", \t");
	}
	return AS_OK;
}

static int take_share(struct bus_client *c, const char *value, struct as_err *e)
{
	char *end;
	const unsigned long n = strtoul(value, &end, 10);

	if (value[0] < '0' || value[0] > '9' || *end != '\0' || n < 1 || n > 100) {
		return as_fail(e, AS_ECONFIG, "share: want 1 to 100 percent");
	}
	c->share = (unsigned)n;
	return AS_OK;
}

static int take_item(void *ctx, const struct io_ini_item *item, struct as_err *e)
{
	struct bus_clients *l = ctx;
	struct bus_client *c;

	if (item->key == NULL) {
		const int rc = end_client(l, e);

		return rc == AS_OK ? start_client(l, item->section, e) : rc;
	}
	if (l->n == 0) {
		return as_fail(e, AS_ECONFIG, "%s stands before the first [client.NAME]",
			       item->key);
	}
	c = &l->client[l->n - 1];
	if (strcmp(item->key, "key") == 0) {
		if (!bus_key_ok(item->value)) {
			return as_fail(e, AS_ECONFIG, "key: want a public key, 40 characters");
		}
		(void)snprintf(c->key, sizeof c->key, "%s", item->value);
		return AS_OK;
	}
	if (strcmp(item->key, "work") == 0) {
		c->work = strcmp(item->value, "true") == 0;
		return c->work || strcmp(item->value, "false") == 0
			   ? AS_OK
			   : as_fail(e, AS_ECONFIG, "work: want true or false");
	}
	if (strcmp(item->key, "share") == 0) {
		return take_share(c, item->value, e);
	}
	for (size_t r = 0; r < BUS_RIGHTS; r++) {
		if (strcmp(item->key, rights[r]) == 0) {
			return take_streams(c, (enum bus_right)r, item->value, e);
		}
	}
	return as_fail(e, AS_ECONFIG,
		       "[client.NAME] has key, submit, subscribe, admin, work and share, "
		       "no %s",
		       item->key);
}

int bus_clients_load(struct bus_clients **out, const char *path, struct as_err *e)
{
	static const char *const repeats[] = { "submit", "subscribe", "admin", NULL };
	struct bus_clients *l = as_calloc(1, sizeof *l);
	struct stat st;
	int rc;

	*out = NULL;
	atomic_init(&l->users, 1);
	if (stat(path, &st) != 0) {
		rc = as_fail(e, AS_ENOINPUT, "%s: %s", path, strerror(errno));
	} else if ((st.st_mode & 0022) != 0) {
		rc = as_fail(e, AS_EPERM, "%s has mode %03o, others may let themselves in", path,
			     st.st_mode & 0777);
	} else {
		rc = io_ini_read(path, repeats, take_item, l, e);
	}
	if (rc == AS_OK && (rc = end_client(l, e)) != AS_OK) {
		rc = as_wrap(e, "%s", path);
	}
	if (rc != AS_OK) {
		bus_clients_free(l);
		return rc;
	}
	*out = l;
	return AS_OK;
}

struct bus_clients *bus_clients_less(const struct bus_clients *l, const struct bus_client *c,
				     enum bus_right r)
{
	struct bus_clients *n = as_calloc(1, sizeof *n);

	atomic_init(&n->users, 1);
	n->n = l->n;
	n->client = as_calloc(l->n, sizeof *n->client);
	for (size_t i = 0; i < l->n; i++) {
		n->client[i] = l->client[i];
		for (size_t k = 0; k < BUS_RIGHTS; k++) {
			const size_t streams = l->client[i].may[k].streams;
			const size_t size = sizeof *l->client[i].may[k].stream;

			n->client[i].may[k].stream = NULL;
			if (i == c->at && k == (size_t)r) {
				n->client[i].may[k].all = false;
				n->client[i].may[k].streams = 0;
			} else if (streams > 0) {
				n->client[i].may[k].stream = as_malloc(streams * size);
				memcpy(n->client[i].may[k].stream, l->client[i].may[k].stream,
				       streams * size);
			}
		}
	}
	return n;
}

const struct bus_client *bus_clients_find(const struct bus_clients *l, const char *key)
{
	for (size_t i = 0; i < l->n; i++) {
		if (strcmp(l->client[i].key, key) == 0) {
			return &l->client[i];
		}
	}
	return NULL;
}

const struct bus_client *bus_clients_at(const struct bus_clients *l, size_t i)
{
	return i < l->n ? &l->client[i] : NULL;
}

bool bus_client_may(const struct bus_client *c, enum bus_right r, const char *stream)
{
	for (size_t i = 0; stream != NULL && i < c->may[r].streams; i++) {
		if (strcmp(c->may[r].stream[i], stream) == 0) {
			return true;
		}
	}
	return c->may[r].all;
}

bool bus_client_may_some(const struct bus_client *c, enum bus_right r)
{
	return c->may[r].all || c->may[r].streams > 0;
}

bool bus_client_may_connect(const struct bus_client *c, const char *socket)
{
	if (strcmp(socket, "front") == 0) {
		return bus_client_may_some(c, BUS_SUBMIT) || bus_client_may_some(c, BUS_SUBSCRIBE);
	}
	if (strcmp(socket, "feed") == 0) {
		return bus_client_may_some(c, BUS_SUBSCRIBE);
	}
	if (strcmp(socket, "control") == 0) {
		return bus_client_may_some(c, BUS_ADMIN);
	}
	return (strcmp(socket, "work") == 0 || strcmp(socket, "features") == 0) && c->work;
}
