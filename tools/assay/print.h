/* SPDX-License-Identifier: Apache-2.0
 * print.h - a judgment as a person reads it; judge, watch and get print with it. */
#ifndef CMD_PRINT_H
#define CMD_PRINT_H

#include "core/io/json.h"

#include <stdbool.h>
#include <stdio.h>

/* body is a parsed io.assay.judgment.v1: {"subject", "data": {"kind", ...}}; members that are not
 * there (stream, seq, times) are left out. What cannot be read is said in one line. Control
 * bytes in names are shown as '?'. colour: with ANSI sequences. */
void cmd_print_judgment(FILE *f, const struct json_t *body, bool colour);

#endif
