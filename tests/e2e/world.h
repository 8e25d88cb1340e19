/* SPDX-License-Identifier: Apache-2.0
 * world.h - what the end-to-end tests stand on: phantom cases, a model trained on them once a
 * build, and a daemon of their own each. */
#ifndef TESTS_WORLD_H
#define TESTS_WORLD_H

#include "core/bus/call.h"
#include "core/io/json.h"
#include "tests/support/proc.h"

enum { WORLD_CASES = 10 };

/* A model of examples/breast/phantom.ini, trained for two epochs; made by the first test that
 * asks, kept under BUILD_DIR/e2e until `assay` is built anew. */
const char *world_model(void);
/* A table of WORLD_CASES phantom cases that the model has not seen: P2-0001 and on. */
const char *world_cases(void);
/* Formatted text that lives as long as the process. */
const char *world_format(const char *fmt, ...) AS_PRINTF(1, 2);
/* The image, report or findings of a case as a file; n from 1. */
const char *world_part(const char *part, int n);

struct world {
	struct proc daemon;
	struct bus *bus;
	struct bus_socket *front; /* connected */
	struct bus_msg msg;
	struct bus_call answer;
};

/* Settings of a daemon in this test's own folder with all three encoders; text goes below. */
const char *world_settings(const char *name, const char *text);
/* Starts assayd with the settings, sets ASSAY_RUNTIME and waits until it is ready. */
void world_start(struct world *w, const char *settings);
/* One stream, "breast", of world_model() with a deadline of ten minutes. */
void world_start_plain(struct world *w);
/* SIGTERM; the daemon must drain and exit 0. */
void world_stop(struct world *w);

/* Sends a request on front and reads its answer into w->answer; json may be NULL. */
const char *world_ask(struct world *w, const char *verb, const char *json);
/* One more message. */
const char *world_next(struct world *w);
/* A string member of the answer. */
const char *world_str(const struct world *w, const char *key);

/* The document of a line of JSON; freed at the end of the process. */
const struct json_t *world_json(const char *line);
/* Member by path, "data.model.name". */
const struct json_t *world_at(const struct json_t *doc, const char *path);
double world_num(const struct json_t *doc, const char *path);
const char *world_text(const struct json_t *doc, const char *path);

#endif
