/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/table/stats.h"
#include "tests/encoders/kit.h"

#include <stdio.h>

static const char ini[] = "[task]\n"
			  "name = t\n"
			  "target = label\n"
			  "kind = class\n"
			  "labels = no, yes\n"
			  "[part.findings]\n"
			  "modality = table\n"
			  "columns = age:number, code:words, size, shape\n"
			  "[part.sheet]\n"
			  "modality = table\n"
			  "column = path\n"
			  "[model]\n"
			  "table_bins = 4\n";

static void add(struct enc_table_stats *s, const char *part, const char *text)
{
	const struct assay_item item = kit_item(part, text, strlen(text));
	struct as_err e = { 0 };

	ok(enc_table_stats_add(s, &item, &e));
}

static void load(struct io_task *task)
{
	struct as_err e = { 0 };

	ok(io_task_load(task, tmpdir_file("task.ini", ini), &e));
}

Test(table_stats, types_are_those_declared_or_what_the_cells_are)
{
	struct enc_table_stats s;
	struct io_task task;

	load(&task);
	enc_table_stats_init(&s, &task);
	add(&s, "findings", "age,code,size,shape\n40,1,2.5,oval\n");
	add(&s, "findings", "age,code,size,shape\nold,2,3.5,round\n");
	add(&s, "findings", "age,code,size,shape\n60,3,,12\n");
	enc_table_stats_finish(&s);
	cr_assert(eq(int, (int)enc_table_stats_find(&s, 0, "age")->cell, IO_NUMBER));
	cr_assert(eq(int, (int)enc_table_stats_find(&s, 0, "code")->cell, IO_WORDS));
	cr_assert(eq(int, (int)enc_table_stats_find(&s, 0, "size")->cell, IO_NUMBER));
	cr_assert(eq(int, (int)enc_table_stats_find(&s, 0, "shape")->cell, IO_WORDS));
	cr_assert(eq(sz, enc_table_stats_find(&s, 0, "age")->odd, 1));
	cr_assert(eq(sz, enc_table_stats_find(&s, 0, "size")->absent, 1));
	cr_assert(epsilon_eq(dbl, enc_table_stats_find(&s, 0, "age")->mean, 50.0, 1e-12));
	cr_assert(epsilon_eq(dbl, enc_table_stats_find(&s, 0, "age")->sd, 10.0, 1e-12));
	enc_table_stats_free(&s);
	io_task_free(&task);
}

Test(table_stats, bins_hold_equally_many_values)
{
	struct enc_table_stats s;
	struct io_task task;
	const struct enc_column *c;

	load(&task);
	enc_table_stats_init(&s, &task);
	for (int i = 0; i <= 100; i++) {
		char text[64];

		(void)snprintf(text, sizeof text, "age\n%d\n", (i * 37 % 101) * (i * 37 % 101));
		add(&s, "findings", text);
	}
	enc_table_stats_finish(&s);
	c = enc_table_stats_find(&s, 0, "age");
	cr_assert(eq(sz, c->edges, 5));
	for (size_t t = 0; t < 5; t++) {
		const float x = 25.0F * (float)t;

		cr_assert(eq(flt, c->edge[t], x * x));
	}
	enc_table_stats_free(&s);
	io_task_free(&task);
}

Test(table_stats, few_values_are_a_border_each)
{
	struct enc_table_stats s;
	struct io_task task;
	const struct enc_column *c;

	load(&task);
	enc_table_stats_init(&s, &task);
	add(&s, "sheet", "grade,alone\n3,5\n1,5\n3,5\n1,5\n2,5\n1,5\n1,5\n1,5\n");
	enc_table_stats_finish(&s);
	c = enc_table_stats_find(&s, 1, "grade");
	cr_assert(eq(sz, c->edges, 3));
	cr_assert(eq(flt, c->edge[1], 2.0F));
	cr_assert(eq(sz, enc_table_stats_find(&s, 1, "alone")->edges, 1));
	enc_table_stats_free(&s);
	io_task_free(&task);
}

Test(table_stats, columns_of_sheets_are_bounded)
{
	struct as_buf text = { 0 };
	struct enc_table_stats s;
	struct io_task task;

	load(&task);
	for (int i = 0; i < 300; i++) {
		as_buf_printf(&text, "%sc%d", i > 0 ? "," : "", i);
	}
	as_buf_puts(&text, "\n1");
	for (int i = 1; i < 300; i++) {
		as_buf_puts(&text, ",1");
	}
	enc_table_stats_init(&s, &task);
	add(&s, "sheet", text.data);
	enc_table_stats_finish(&s);
	cr_assert(eq(sz, s.part[1].n, ENC_SHEET_COLUMNS_MAX));
	cr_assert(ne(ptr, (void *)(uintptr_t)enc_table_stats_find(&s, 1, "c255"), NULL));
	cr_assert(eq(ptr, (void *)(uintptr_t)enc_table_stats_find(&s, 1, "c256"), NULL));
	cr_assert(eq(sz, enc_table_stats_columns(&s), 4 + ENC_SHEET_COLUMNS_MAX));
	enc_table_stats_free(&s);
	io_task_free(&task);
	as_buf_free(&text);
}

Test(table_stats, what_is_written_is_read_again)
{
	struct enc_table_stats s;
	struct enc_table_stats back;
	struct as_buf text = { 0 };
	struct as_buf again = { 0 };
	struct io_jw w = { .b = &text };
	struct io_jw w2 = { .b = &again };
	struct json_t *doc;
	struct io_task task;
	struct as_err e = { 0 };

	load(&task);
	enc_table_stats_init(&s, &task);
	add(&s, "findings", "age,code,size,shape\n40.1,1,2.5,oval\n");
	add(&s, "findings", "age,code,size,shape\n50.7,2,3e-7,\"a \"\"b\"\"\"\n");
	add(&s, "sheet", "line,2023\nsales,1\n");
	enc_table_stats_finish(&s);
	io_jw_obj(&w, NULL);
	enc_table_stats_write(&s, &w, "table");
	io_jw_end_obj(&w);
	ok(io_json_parse(text.data, text.len, "statistics", &doc, &e));
	ok(enc_table_stats_parse(&back, &task, doc, &e));
	io_jw_obj(&w2, NULL);
	enc_table_stats_write(&back, &w2, "table");
	io_jw_end_obj(&w2);
	same(again.data, text.data);
	cr_assert(
	    eq(sz, enc_table_stats_number(&back, 1, enc_table_stats_find(&back, 1, "2023")), 4));
	enc_table_stats_free(&s);
	enc_table_stats_free(&back);
	io_json_free(doc);
	io_task_free(&task);
	as_buf_free(&text);
	as_buf_free(&again);
}

Test(table_stats, a_bad_part_counts_nothing)
{
	const struct assay_item item = kit_item("findings", "age\n1\n2\n", 8);
	struct enc_table_stats s;
	struct io_task task;
	struct as_err e = { 0 };

	load(&task);
	enc_table_stats_init(&s, &task);
	fails(enc_table_stats_add(&s, &item, &e), AS_EFORMAT, "2 rows");
	enc_table_stats_finish(&s);
	cr_assert(eq(sz, enc_table_stats_find(&s, 0, "age")->present, 0));
	enc_table_stats_free(&s);
	io_task_free(&task);
}
