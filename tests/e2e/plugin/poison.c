/* SPDX-License-Identifier: Apache-2.0
 * poison.c - a plugin that ends its process on parts that begin with "poison", and tries to break
 * out on "try NAME". Of others it makes one row of one feature, the number of bytes. */
#include <assay_plugin.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <unistd.h>

static int create(const struct assay_host *host, struct assay_encoder **out, char *why, size_t n)
{
	(void)host;
	(void)why;
	(void)n;
	*out = malloc(1);
	return ASSAY_DONE;
}

static void destroy(struct assay_encoder *enc)
{
	free(enc);
}

static void shape(const struct assay_encoder *enc, uint32_t *dim, uint32_t *rows_max)
{
	(void)enc;
	*dim = 1;
	*rows_max = 1;
}

static int open_passwd(void)
{
	return open("/etc/passwd", O_RDONLY);
}

static int open_memory_of_parent(void)
{
	char path[64];

	(void)snprintf(path, sizeof path, "/proc/%d/environ", (int)getppid());
	return open(path, O_RDONLY);
}

static int write_file(void)
{
	return open("/tmp/assay-broke-out", O_WRONLY | O_CREAT, 0600);
}

static int run_memory(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		    0) == MAP_FAILED
		   ? -1
		   : 0;
}

static int run_memory_later(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

/* More than worker_memory of the settings. */
static int take_memory(void)
{
	void *p = mmap(NULL, (size_t)1 << 30, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	return p == MAP_FAILED ? -1 : munmap(p, (size_t)1 << 30);
}

static void *wait_for_ever(void *arg)
{
	for (;;) {
		(void)poll(NULL, 0, 1000);
	}
	return arg;
}

static int make_threads(void)
{
	for (int i = 0; i < 10000; i++) {
		pthread_t t;
		const int bad = pthread_create(&t, NULL, wait_for_ever, NULL);

		if (bad != 0) {
			errno = bad;
			return -1;
		}
	}
	return 0;
}

static int make_socket(void)
{
	return socket(AF_INET, SOCK_STREAM, 0);
}

static int make_process(void)
{
	return fork();
}

static int run_program(void)
{
	return execl("/bin/true", "true", (char *)NULL);
}

static int trace_parent(void)
{
	return (int)ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
}

static int kill_all(void)
{
	return kill(-1, SIGKILL);
}

static int burn(void)
{
	for (volatile unsigned long i = 0;; i++) {
	}
	return 0;
}

static int hang(void)
{
	return wait_for_ever(NULL) == NULL;
}

/* Takes memory until there is none, and ends as a program does that cannot go on. */
static int bomb(void)
{
	for (;;) {
		if (malloc((size_t)16 << 20) == NULL) {
			abort();
		}
	}
	return 0;
}

static const struct {
	const char *name;
	int (*fn)(void); /* -1 and errno: refused */
} attacks[] = {
	{ "passwd", open_passwd },
	{ "environ", open_memory_of_parent },
	{ "write", write_file },
	{ "wx", run_memory },
	{ "wx-later", run_memory_later },
	{ "memory", take_memory },
	{ "threads", make_threads },
	{ "socket", make_socket },
	{ "fork", make_process },
	{ "exec", run_program },
	{ "ptrace", trace_parent },
	{ "kill", kill_all },
	{ "burn", burn },
	{ "hang", hang },
	{ "bomb", bomb },
};

/* What came of the attack that the item names: it is refused, and `why` tells. */
static void attack(const struct assay_item *item, struct assay_features *out)
{
	static char why[128];

	out->rows = 0;
	out->why = why;
	for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++) {
		const size_t n = strlen(attacks[i].name);

		if (item->size != n + 4 ||
		    memcmp((const char *)item->data + 4, attacks[i].name, n) != 0) {
			continue;
		}
		out->limit = attacks[i].fn() == -1 ? "refused" : "broke-out";
		(void)snprintf(why, sizeof why, "%s: %s", attacks[i].name, strerror(errno));
		return;
	}
	(void)snprintf(why, sizeof why, "no such attack");
}

static int encode(struct assay_encoder *enc, const struct assay_item *items,
		  struct assay_features *out, uint32_t n)
{
	(void)enc;
	for (uint32_t i = 0; i < n; i++) {
		if (items[i].size >= 6 && memcmp(items[i].data, "poison", 6) == 0) {
			_exit(3);
		}
		if (items[i].size >= 4 && memcmp(items[i].data, "try ", 4) == 0) {
			attack(&items[i], &out[i]);
			continue;
		}
		out[i].v[0] = (float)items[i].size;
		memset(out[i].place, 0, sizeof *out[i].place);
		out[i].rows = 1;
	}
	return ASSAY_DONE;
}

const struct assay_plugin assay_plugin_entry = {
	.abi_major = ASSAY_ABI_MAJOR,
	.abi_minor = ASSAY_ABI_MINOR,
	.size = sizeof(struct assay_plugin),
	.modality = "poisoned",
	.name = "poison",
	.version = "1",
	.create = create,
	.destroy = destroy,
	.shape = shape,
	.encode = encode,
};
