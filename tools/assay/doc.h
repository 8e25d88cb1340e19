/* SPDX-License-Identifier: Apache-2.0
 * doc.h - one text written twice: as Markdown and as an HTML page, which has the plots, too. */
#ifndef CMD_DOC_H
#define CMD_DOC_H

#include "core/base/buf.h"

#include <stdbool.h>

struct cmd_doc {
	struct as_buf md, html;
};

/* title: of the page. */
void cmd_doc_begin(struct cmd_doc *d, const char *title);
void cmd_doc_end(struct cmd_doc *d);
void cmd_doc_free(struct cmd_doc *d);

void cmd_doc_heading(struct cmd_doc *d, const char *text);
void cmd_doc_text(struct cmd_doc *d, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* One row of a table, its cells separated by '|'; first: the row above is no row of it. A cell's
 * own text has no '|' (cmd_doc_cell). */
void cmd_doc_row(struct cmd_doc *d, bool first, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* What a name from outside may stand as in a cell: '|' and line ends become blanks. out holds
 * `size` bytes. */
const char *cmd_doc_cell(const char *text, char *out, size_t size);
/* After the last row of a table. */
void cmd_doc_table_end(struct cmd_doc *d);
/* A plot, in the page alone. */
void cmd_doc_figure(struct cmd_doc *d, const struct as_buf *svg);
/* Text as HTML or SVG shows it. */
void cmd_doc_escape(struct as_buf *out, const char *text);

#endif
