/* SPDX-License-Identifier: Apache-2.0 */
#include "core/bus/keys.h"

#include "core/base/buf.h"
#include "core/bus/inside.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 4096, PATH_SIZE = 4096, RAW = 32 };

int bus_keys_make(struct bus_keys *k, struct as_err *e)
{
	return zmq_curve_keypair(k->public, k->secret) == 0
		   ? AS_OK
		   : as_fail(e, AS_EIO, "no keys can be made: %s", zmq_strerror(errno));
}

void bus_keys_wipe(struct bus_keys *k)
{
	explicit_bzero(k, sizeof *k);
}

bool bus_key_ok(const char *text)
{
	uint8_t raw[RAW];

	return strlen(text) == BUS_KEY_SIZE - 1 && zmq_z85_decode(raw, text) != NULL;
}

static int write_new(const char *path, mode_t mode, const char *text, struct as_err *e)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
	const size_t n = strlen(text);
	int rc = AS_OK;

	if (fd < 0) {
		return as_fail(e, AS_ECREATE, "%s: %s", path, strerror(errno));
	}
	if (write(fd, text, n) != (ssize_t)n || fsync(fd) != 0) {
		rc = as_fail(e, AS_EIO, "%s: %s", path, strerror(errno));
		(void)unlink(path);
	}
	(void)close(fd);
	return rc;
}

int bus_keys_save(const struct bus_keys *k, const char *file, struct as_err *e)
{
	char text[FILE_MAX];
	char pub[PATH_SIZE];
	int rc;

	(void)snprintf(pub, sizeof pub, "%s.pub", file);
	(void)snprintf(text, sizeof text,
		       "# A key of Assay, to be given to the other side.\n"
		       "metadata\ncurve\n    public-key = \"%s\"\n",
		       k->public);
	TRY(write_new(pub, 0644, text, e));
	(void)snprintf(text, sizeof text,
		       "# A key of Assay: whoever reads this file can act as its owner.\n"
		       "metadata\ncurve\n    public-key = \"%s\"\n    secret-key = \"%s\"\n",
		       k->public, k->secret);
	rc = write_new(file, 0600, text, e);
	explicit_bzero(text, sizeof text);
	if (rc != AS_OK) {
		(void)unlink(pub);
	}
out:
	return rc;
}

/* The value of name = "..." in the text, or "". A key may begin with any of the signs. */
static void take(const char *text, const char *name, char key[BUS_KEY_SIZE])
{
	const char *at = strstr(text, name);

	key[0] = '\0';
	if (at == NULL) {
		return;
	}
	at += strlen(name);
	at += strspn(at, " \t");
	at += *at == '=';
	at += strspn(at, " \t");
	if (*at == '"' && strcspn(at + 1, "\"\r\n") == BUS_KEY_SIZE - 1) {
		(void)snprintf(key, BUS_KEY_SIZE, "%s", at + 1);
	}
}

static int read_private(const char *file, bool secret, char text[FILE_MAX], struct as_err *e)
{
	const int fd = open(file, O_RDONLY | O_CLOEXEC);
	struct stat st;
	ssize_t n = -1;
	int rc = AS_OK;

	if (fd < 0) {
		return as_fail(e, AS_ENOINPUT, "%s: %s", file, strerror(errno));
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
		rc = as_fail(e, AS_EFORMAT, "%s: not a regular file", file);
	} else if (secret && (st.st_mode & 0077) != 0) {
		rc =
		    as_fail(e, AS_EPERM, "%s has mode %03o, others may read a secret key: want 600",
			    file, st.st_mode & 0777);
	} else if ((n = read(fd, text, FILE_MAX - 1)) < 0) {
		rc = as_fail(e, AS_EIO, "%s: %s", file, strerror(errno));
	}
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	return rc;
}

int bus_keys_load(struct bus_keys *k, const char *file, bool secret, struct as_err *e)
{
	char text[FILE_MAX];
	char derived[BUS_KEY_SIZE] = "";
	int rc;

	*k = (struct bus_keys){ 0 };
	TRY(read_private(file, secret, text, e));
	take(text, "public-key", k->public);
	if (!bus_key_ok(k->public)) {
		rc = as_fail(e, AS_EFORMAT, "%s: no public-key = \"40 characters of Z85\"", file);
		goto out;
	}
	if (!secret) {
		goto out;
	}
	take(text, "secret-key", k->secret);
	if (!bus_key_ok(k->secret) || zmq_curve_public(derived, k->secret) != 0) {
		rc = as_fail(e, AS_EFORMAT, "%s: no secret-key = \"40 characters of Z85\"", file);
	} else if (strcmp(derived, k->public) != 0) {
		rc = as_fail(e, AS_EFORMAT, "%s: its keys do not belong together", file);
	}
out:
	explicit_bzero(text, sizeof text);
	if (rc != AS_OK) {
		bus_keys_wipe(k);
	}
	return rc;
}

static int put_key(struct bus_socket *s, int option, const char *key, struct as_err *e)
{
	return zmq_setsockopt(s->zmq, option, key, BUS_KEY_SIZE) == 0
		   ? AS_OK
		   : bus_fail(e, "a key of", s->endpoint);
}

/* Without a running handler a CURVE server lets every key in, also where a domain is set; with
 * ZMQ_ZAP_ENFORCE_DOMAIN it lets none in (libzmq 4.3.4 has the option, its header hides it). */
int bus_lock(struct bus_socket *s, const struct bus_curve *c, bool bind, struct as_err *e)
{
	enum { ENFORCE_DOMAIN = 93 };
	const int on = 1;
	int rc;

	TRY(put_key(s, ZMQ_CURVE_SECRETKEY, c->own->secret, e));
	if (!bind) {
		TRY(put_key(s, ZMQ_CURVE_PUBLICKEY, c->own->public, e));
		TRY(put_key(s, ZMQ_CURVE_SERVERKEY, c->server, e));
		goto out;
	}
	if (zmq_setsockopt(s->zmq, ZMQ_CURVE_SERVER, &on, sizeof on) != 0 ||
	    zmq_setsockopt(s->zmq, ZMQ_ZAP_DOMAIN, c->domain, strlen(c->domain)) != 0 ||
	    zmq_setsockopt(s->zmq, ENFORCE_DOMAIN, &on, sizeof on) != 0) {
		rc = bus_fail(e, "keys of", s->endpoint);
	}
out:
	return rc;
}
