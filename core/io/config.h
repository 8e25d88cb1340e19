/* SPDX-License-Identifier: Apache-2.0
 * config.h - assayd.ini: [daemon], [encoder.NAME]..., [stream.NAME]..., keys of config.def.
 *
 * In [encoder.NAME] a key with a dot in it is the plugin's own ("null.scale") and handed to it.
 * Paths of state, runtime, key, clients and model are made relative to the file's folder; "none" is
 * no path. */
#ifndef IO_CONFIG_H
#define IO_CONFIG_H

#include "core/base/err.h"
#include "core/io/task.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IO_ENCODERS_MAX = 16, IO_STREAMS_MAX = 64, IO_SETTINGS_MAX = 32, IO_THREADS_MAX = 64 };

typedef char *io_cfg_str;
typedef uint32_t io_cfg_u32;
typedef uint64_t io_cfg_u64;
typedef bool io_cfg_flag;

#define CFG(section, key, type, def, min, max, meaning) CFG_##section(type, key)

struct io_config_daemon {
#define CFG_daemon(type, key) io_cfg_##type key;
#define CFG_encoder(type, key)
#define CFG_stream(type, key)
#include "core/io/config.def"
#undef CFG_daemon
#undef CFG_encoder
#undef CFG_stream
};

struct io_setting {
	char *key, *value;
};

struct io_config_encoder {
	char name[IO_NAME_SIZE];
	struct io_setting setting[IO_SETTINGS_MAX]; /* the plugin's own */
	size_t settings;
#define CFG_daemon(type, key)
#define CFG_encoder(type, key) io_cfg_##type key;
#define CFG_stream(type, key)
#include "core/io/config.def"
#undef CFG_daemon
#undef CFG_encoder
#undef CFG_stream
};

struct io_config_stream {
	char name[IO_NAME_SIZE];
#define CFG_daemon(type, key)
#define CFG_encoder(type, key)
#define CFG_stream(type, key) io_cfg_##type key;
#include "core/io/config.def"
#undef CFG_daemon
#undef CFG_encoder
#undef CFG_stream
};

#undef CFG

struct io_config {
	char *path;
	struct io_config_daemon daemon;
	struct io_config_encoder encoder[IO_ENCODERS_MAX];
	size_t encoders;
	struct io_config_stream stream[IO_STREAMS_MAX];
	size_t streams;
};

/* AS_ENOINPUT: cannot be read. AS_ECONFIG names file, line and key, and the nearest known one.
 * Free with io_config_free whatever the result. */
int io_config_load(struct io_config *c, const char *path, struct as_err *e) AS_CHECKED;
void io_config_free(struct io_config *c);
/* Whether a socket's setting is an address that other machines reach. */
bool io_config_is_tcp(const char *setting);
/* Whether key or clients names a file. */
bool io_config_is_given(const char *setting);

/* The lines of config.def, for those who list them. */
struct io_config_key {
	const char *section, *key, *type;
	const char *def; /* NULL: must be given */
	size_t at;       /* offset in the section's struct */
	uint64_t min, max;
	const char *meaning;
};
const struct io_config_key *io_config_keys(size_t *n);

#endif
