/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/digest.h"

#include "core/base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 1 << 16 };

/* OpenSSL's SHA-256 fails only where memory is exhausted. */
static void need(int done)
{
	if (done != 1) {
		(void)fprintf(stderr, "out of memory: SHA-256\n");
		abort();
	}
}

static void to_hex(const unsigned char *d, size_t n, char out[IO_DIGEST_SIZE])
{
	static const char digit[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		out[2 * i] = digit[d[i] >> 4];
		out[2 * i + 1] = digit[d[i] & 15U];
	}
	out[2 * n] = '\0';
}

void io_digest(const void *data, size_t n, char out[IO_DIGEST_SIZE])
{
	unsigned char d[EVP_MAX_MD_SIZE];
	unsigned size = 0;

	need(EVP_Digest(n > 0 ? data : "", n, d, &size, EVP_sha256(), NULL));
	to_hex(d, size, out);
}

int io_digest_file(const char *path, char out[IO_DIGEST_SIZE], struct as_err *e)
{
	unsigned char d[EVP_MAX_MD_SIZE];
	unsigned size = 0;
	EVP_MD_CTX *ctx = NULL;
	char *chunk = NULL;
	ssize_t n;
	int rc = AS_OK;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0) {
		return as_fail(e, AS_ENOINPUT, "%s: %s", path, strerror(errno));
	}
	ctx = EVP_MD_CTX_new();
	need(ctx != NULL && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1);
	chunk = as_malloc(CHUNK);
	while ((n = read(fd, chunk, CHUNK)) != 0) {
		if (n > 0) {
			need(EVP_DigestUpdate(ctx, chunk, (size_t)n));
		} else if (errno != EINTR) {
			rc = as_fail(e, AS_ENOINPUT, "%s: %s", path, strerror(errno));
			goto out;
		}
	}
	need(EVP_DigestFinal_ex(ctx, d, &size));
	to_hex(d, size, out);
out:
	free(chunk);
	EVP_MD_CTX_free(ctx);
	(void)close(fd);
	return rc;
}
