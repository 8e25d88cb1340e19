/* SPDX-License-Identifier: Apache-2.0 */
#include "core/io/task_build.h"

#include <string.h>

static const char *const kinds[] = { "class", "multi", "value" };
static const char *const hows[] = { "youden", "sensitivity", "specificity" };
static const char *const whys[] = { "set", "conflict", "margin", "interval" };
static const char *const cells[] = { "auto", "number", "words" };

const char *io_kind_name(enum io_kind kind)
{
	return kinds[kind];
}

const char *io_operate_name(enum io_operate how)
{
	return hows[how];
}

const char *io_abstain_name(enum io_abstain why)
{
	return whys[why];
}

const char *io_cell_name(enum io_cell cell)
{
	return cells[cell];
}

int io_kind_parse(const char *s, enum io_kind *kind, struct as_err *e)
{
	for (size_t i = 0; i < 3; i++) {
		if (strcmp(s, kinds[i]) == 0) {
			*kind = (enum io_kind)i;
			return AS_OK;
		}
	}
	return as_fail(e, AS_ECONFIG, "kind = %s: want class, multi or value", s);
}

int io_operate_parse(const char *s, enum io_operate *how, struct as_err *e)
{
	for (size_t i = 0; i < 3; i++) {
		if (strcmp(s, hows[i]) == 0) {
			*how = (enum io_operate)i;
			return AS_OK;
		}
	}
	return as_fail(e, AS_ECONFIG, "operate = %s: want sensitivity or specificity and a number",
		       s);
}

int io_abstain_parse(const char *s, enum io_abstain *why, struct as_err *e)
{
	for (size_t i = 0; i < IO_ABSTAINS; i++) {
		if (strcmp(s, whys[i]) == 0) {
			*why = (enum io_abstain)i;
			return AS_OK;
		}
	}
	return as_fail(e, AS_ECONFIG,
		       "abstain = %s: want set, conflict, margin or interval, and a number", s);
}

bool io_cell_parse(const char *s, size_t n, enum io_cell *cell)
{
	for (size_t i = 0; i < 3; i++) {
		if (strlen(cells[i]) == n && memcmp(s, cells[i], n) == 0) {
			*cell = (enum io_cell)i;
			return true;
		}
	}
	return false;
}
