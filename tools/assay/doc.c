/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/assay/doc.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char STYLE[] =
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em;"
    "color:#222}table{border-collapse:collapse;margin:1em 0}td,th{border:1px solid #ccc;"
    "padding:.2em .6em;text-align:right}td:first-child,th:first-child{text-align:left}"
    "figure{display:inline-block;margin:0 1em 1em 0}svg text{font:12px system-ui,sans-serif}";

void cmd_doc_escape(struct as_buf *out, const char *text)
{
	for (; *text != '\0'; text++) {
		switch (*text) {
		case '&':
			as_buf_puts(out, "&amp;");
			break;
		case '<':
			as_buf_puts(out, "&lt;");
			break;
		case '>':
			as_buf_puts(out, "&gt;");
			break;
		case '"':
			as_buf_puts(out, "&quot;");
			break;
		default:
			as_buf_put(out, text, 1);
			break;
		}
	}
}

void cmd_doc_begin(struct cmd_doc *d, const char *title)
{
	*d = (struct cmd_doc){ 0 };
	as_buf_printf(&d->md, "# %s\n", title);
	as_buf_puts(&d->html,
		    "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
		    "<title>");
	cmd_doc_escape(&d->html, title);
	as_buf_printf(&d->html, "</title>\n<style>%s</style>\n</head>\n<body>\n<h1>", STYLE);
	cmd_doc_escape(&d->html, title);
	as_buf_puts(&d->html, "</h1>\n");
}

void cmd_doc_end(struct cmd_doc *d)
{
	as_buf_puts(&d->html, "</body>\n</html>\n");
}

void cmd_doc_free(struct cmd_doc *d)
{
	as_buf_free(&d->md);
	as_buf_free(&d->html);
}

void cmd_doc_heading(struct cmd_doc *d, const char *text)
{
	as_buf_printf(&d->md, "\n## %s\n", text);
	as_buf_puts(&d->html, "<h2>");
	cmd_doc_escape(&d->html, text);
	as_buf_puts(&d->html, "</h2>\n");
}

static __attribute__((format(printf, 1, 0))) char *format(const char *fmt, va_list ap)
{
	char *text;

	if (vasprintf(&text, fmt, ap) < 0) {
		abort();
	}
	return text;
}

void cmd_doc_text(struct cmd_doc *d, const char *fmt, ...)
{
	va_list ap;
	char *text;

	va_start(ap, fmt);
	text = format(fmt, ap);
	va_end(ap);
	as_buf_printf(&d->md, "\n%s\n", text);
	as_buf_puts(&d->html, "<p>");
	cmd_doc_escape(&d->html, text);
	as_buf_puts(&d->html, "</p>\n");
	free(text);
}

const char *cmd_doc_cell(const char *text, char *out, size_t size)
{
	(void)snprintf(out, size, "%s", text);
	for (char *c = out; *c != '\0'; c++) {
		if (*c == '|' || *c == '\n' || *c == '\r') {
			*c = ' ';
		}
	}
	return out;
}

void cmd_doc_row(struct cmd_doc *d, bool first, const char *fmt, ...)
{
	const char *tag = first ? "th" : "td";
	va_list ap;
	char *text;
	char *rest;
	char *cell;
	size_t n = 0;

	va_start(ap, fmt);
	text = rest = format(fmt, ap);
	va_end(ap);
	as_buf_puts(&d->md, first ? "\n|" : "|");
	as_buf_puts(&d->html, first ? "<table>\n<tr>" : "<tr>");
	while ((cell = strsep(&rest, "|")) != NULL) {
		as_buf_printf(&d->md, " %s |", cell);
		as_buf_printf(&d->html, "<%s>", tag);
		cmd_doc_escape(&d->html, cell);
		as_buf_printf(&d->html, "</%s>", tag);
		n++;
	}
	as_buf_puts(&d->md, "\n");
	as_buf_puts(&d->html, "</tr>\n");
	for (size_t i = 0; first && i < n; i++) {
		as_buf_puts(&d->md, i == 0 ? "| --- |" : " ---: |");
	}
	as_buf_puts(&d->md, first ? "\n" : "");
	free(text);
}

void cmd_doc_table_end(struct cmd_doc *d)
{
	as_buf_puts(&d->html, "</table>\n");
}

void cmd_doc_figure(struct cmd_doc *d, const struct as_buf *svg)
{
	as_buf_puts(&d->html, "<figure>");
	as_buf_put(&d->html, svg->data, svg->len);
	as_buf_puts(&d->html, "</figure>\n");
}
