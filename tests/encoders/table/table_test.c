/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/table/cells.h"
#include "encoders/table/table.h"
#include "tests/encoders/kit.h"

#define TASK                                  \
	"[task]\n"                            \
	"name = t\n"                          \
	"target = label\n"                    \
	"kind = class\n"                      \
	"labels = no, yes\n"                  \
	"missing = not available, 999\n"      \
	"[part.findings]\n"                   \
	"modality = table\n"                  \
	"columns = age:number, shape, halo\n" \
	"[part.sheet]\n"                      \
	"modality = table\n"                  \
	"column = path\n"                     \
	"[part.report]\n"                     \
	"modality = text\n"                   \
	"column = words\n"                    \
	"[model]\n"                           \
	"width = 16\n"                        \
	"text_buckets = 256\n"                \
	"text_embed = 8\n"                    \
	"text_words = 16\n"                   \
	"table_bins = 4\n"                    \
	"table_cells = 200\n"                 \
	"gate_threshold = 0\n"                \
	"[train]\n"                           \
	"dropout = 0\n"

static const char ini[] = TASK;
static const char ini_without_dropout[] = TASK "cell_dropout = 0\n";

static const char statistics[] =
    "{\"table\":{\"findings\":["
    "{\"name\":\"age\",\"type\":\"number\",\"present\":4,\"absent\":1,\"edges\":[20,40,60,80]},"
    "{\"name\":\"shape\",\"type\":\"words\",\"present\":5,\"absent\":0},"
    "{\"name\":\"halo\",\"type\":\"words\",\"present\":5,\"absent\":0}],"
    "\"sheet\":[{\"name\":\"2023\",\"type\":\"number\",\"edges\":[0,1,2,3,4]}]}}";

static struct assay_item record(const char *text)
{
	struct assay_item item = kit_item("findings", text, strlen(text));

	item.type = "text/csv";
	return item;
}

static struct assay_item sheet(const char *text)
{
	struct assay_item item = kit_item("sheet", text, strlen(text));

	item.type = "text/csv";
	return item;
}

static void open_kit(struct kit *k)
{
	kit_open(k, &enc_table_kind, ini, statistics);
}

/* Whether two items give the same bits. */
static bool same_rows(struct kit *k, struct assay_item a, struct assay_item b)
{
	struct enc_input in[2];
	float *x = kit_encode(k, &a, &in[0]);
	float *y = kit_encode(k, &b, &in[1]);
	const bool is = in[0].rows == in[1].rows &&
			memcmp(x, y, in[0].rows * k->task.hyper.width * sizeof *x) == 0;

	k->kind->input_free(&in[0]);
	k->kind->input_free(&in[1]);
	free(x);
	free(y);
	return is;
}

Test(table_kind, gradients_of_a_record_are_those_of_the_whole_encoder)
{
	const struct assay_item item =
	    record("age,shape,halo,other,size\n47,irregular mass,not available,round,-3.5\n");
	struct kit k;

	kit_open(&k, &enc_table_kind, ini_without_dropout, statistics);
	cr_assert(kit_gradients(&k, &item, 5, NULL) < 1e-2);
	kit_close(&k);
}

Test(table_kind, hidden_cells_are_guessed_and_the_gradient_is_the_guess_s)
{
	struct as_buf text = { 0 };
	struct assay_item item =
	    record("age,shape,halo,other,size\n47,irregular mass,yes,round,-3.5\n");
	struct kit k;
	double fresh;

	kit_open_to_guess(&k, &enc_table_kind, ini, statistics);
	cr_assert(kit_guess_gradients(&k, &item, 23, &fresh) < 1e-2);
	cr_assert(epsilon_eq(dbl, fresh, 1.0, 1e-6));
	kit_close(&k);
	as_buf_puts(&text, "row,2023,2024\n");
	for (int i = 0; i < 40; i++) { /* rows of one and of two cells */
		as_buf_printf(&text, "r%d,%d.5,%s\n", i, i % 5, i % 3 == 0 ? "high" : "low");
	}
	item = sheet(text.data);
	kit_open_to_guess(&k, &enc_table_kind, ini, statistics);
	cr_assert(kit_guess_gradients(&k, &item, 61, &fresh) < 1e-2);
	kit_close(&k);
	as_buf_free(&text);
}

Test(table_kind, gradients_of_a_sheet_hold_with_hidden_cells_and_pooled_rows)
{
	struct as_buf text = { 0 };
	struct assay_item item;
	struct kit k;

	as_buf_puts(&text, "line,2023,2022,note\n");
	for (int i = 0; i < 25; i++) {
		as_buf_printf(&text, "line %d,%d.5,%d,word%d\n", i, i % 5, 100 * i, i);
	}
	item = sheet(text.data);
	open_kit(&k);
	cr_assert(kit_gradients(&k, &item, 41, NULL) < 1e-2);
	kit_close(&k);
	as_buf_free(&text);
}

Test(table_kind, a_record_is_a_row_a_cell)
{
	const struct assay_item item = record("age,shape,halo\n47,\"oval\nand flat\",\n");
	struct enc_input in;
	struct kit k;
	float *rows;

	open_kit(&k);
	rows = kit_encode(&k, &item, &in);
	cr_assert(eq(sz, in.rows, 3));
	same(in.place[0].label, "age = 47");
	same(in.place[1].label, "shape = oval and flat");
	same(in.place[2].label, "halo = ");
	cr_assert(eq(u32, in.place[2].a, 0));
	cr_assert(eq(u32, in.place[2].b, 2));
	k.kind->input_free(&in);
	free(rows);
	kit_close(&k);
}

Test(table_kind, the_first_column_of_a_sheet_names_its_rows)
{
	const struct assay_item item = sheet("line,2023,2022\nsales,1,2\ncosts,3,4\n");
	struct enc_input in;
	struct kit k;
	struct as_err e = { 0 };

	open_kit(&k);
	ok(k.kind->prepare(k.enc, &item, &in, &e));
	cr_assert(eq(sz, in.rows, 4));
	same(in.place[3].label, "costs / 2022 = 4");
	cr_assert(eq(u32, in.place[3].a, 1));
	cr_assert(eq(u32, in.place[3].b, 2));
	k.kind->input_free(&in);
	kit_close(&k);
}

Test(table_kind, a_first_column_with_a_number_or_a_gap_is_of_cells)
{
	const struct assay_item number = sheet("line,2023\n7,1\ncosts,3\n");
	const struct assay_item gap = sheet("line,2023\n,1\ncosts,3\n");
	const struct assay_item alone = sheet("line\nsales\ncosts\n");
	struct kit k;

	open_kit(&k);
	cr_assert(eq(sz, kit_takes(&k, &number), 4));
	cr_assert(eq(sz, kit_takes(&k, &gap), 4));
	cr_assert(eq(sz, kit_takes(&k, &alone), 2));
	kit_close(&k);
}

Test(table_kind, more_cells_are_64_runs)
{
	struct as_buf text = { 0 };
	struct enc_input in;
	struct assay_item item;
	struct kit k;
	struct as_err e = { 0 };

	as_buf_puts(&text, "a,b\n");
	for (int i = 0; i < 50; i++) {
		as_buf_printf(&text, "%d,%d\n", i, -i);
	}
	item = sheet(text.data);
	open_kit(&k);
	ok(k.kind->prepare(k.enc, &item, &in, &e));
	cr_assert(eq(sz, in.rows, 64));
	same(in.place[1].label, "0 / b = 0; 1 / a = 1");
	cr_assert(eq(u32, in.place[63].a, 49));
	k.kind->input_free(&in);
	kit_close(&k);
	as_buf_free(&text);
}

Test(table_kind, what_is_no_number_in_a_column_of_numbers_is_absent)
{
	const struct assay_item absent = record("age,shape,halo\n,oval,no\n");
	static const char *const odd[] = {
		"age,shape,halo\nold,oval,no\n", "age,shape,halo\nnan,oval,no\n",
		"age,shape,halo\ninf,oval,no\n", "age,shape,halo\nNot Available,oval,no\n",
		"age,shape,halo\n999,oval,no\n", "age,shape,halo\n1e999,oval,no\n"
	};
	struct kit k;

	open_kit(&k);
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		cr_assert(same_rows(&k, absent, record(odd[i])), "%s", odd[i]);
	}
	cr_assert(not(same_rows(&k, absent, record("age,shape,halo\n0,oval,no\n"))));
	kit_close(&k);
}

Test(table_kind, a_column_left_out_of_a_record_is_absent)
{
	struct kit k;

	open_kit(&k);
	cr_assert(
	    same_rows(&k, record("age,shape,halo\n47,oval,\n"), record("age,shape\n47,oval\n")));
	kit_close(&k);
}

Test(table_kind, values_matter_and_case_does_not)
{
	struct kit k;

	open_kit(&k);
	cr_assert(same_rows(&k, record("age,shape,halo\n47,Oval,no\n"),
			    record("age,shape,halo\n47.0, oval ,NO\n")));
	cr_assert(not(same_rows(&k, record("age,shape,halo\n47,oval,no\n"),
				record("age,shape,halo\n48,oval,no\n"))));
	cr_assert(not(same_rows(&k, record("age,shape,halo\n47,oval,+\n"),
				record("age,shape,halo\n47,oval,-\n"))));
	kit_close(&k);
}

Test(table_kind, huge_numbers_stay_finite)
{
	const struct assay_item item = record("age,shape,halo,new\n1e300,oval,no,-1e308\n");
	struct enc_input in;
	struct kit k;
	float *rows;

	open_kit(&k);
	rows = kit_encode(&k, &item, &in);
	for (size_t i = 0; i < in.rows * 16; i++) {
		cr_assert(isfinite(rows[i]));
	}
	k.kind->input_free(&in);
	free(rows);
	kit_close(&k);
}

Test(table_kind, tabs_separate_where_the_type_says_so)
{
	struct assay_item item = record("age\tshape\thalo\n47\toval\tno\n");
	struct kit k;

	open_kit(&k);
	item.type = "text/tab-separated-values";
	cr_assert(same_rows(&k, item, record("age,shape,halo\n47,oval,no\n")));
	kit_close(&k);
}

Test(table_kind, encoding_twice_gives_the_same_bits)
{
	struct kit k;

	open_kit(&k);
	cr_assert(same_rows(&k, sheet("line,2023\nsales,1\n"), sheet("line,2023\nsales,1\n")));
	kit_close(&k);
}

Test(table_kind, without_statistics_every_column_is_unknown)
{
	const struct assay_item item = record("age,shape,halo\n47,oval,\n");
	struct kit k;

	kit_open(&k, &enc_table_kind, ini, NULL);
	cr_assert(eq(sz, kit_takes(&k, &item), 3));
	kit_close(&k);
}

Test(table_kind, bad_tables_are_refused_by_name)
{
	const struct assay_item none = kit_item("findings", NULL, 0);
	const struct assay_item header = record("age,shape,halo\n");
	const struct assay_item two = record("age,shape,halo\n47,oval,no\n48,oval,no\n");
	const struct assay_item ragged = record("age,shape,halo\n47,oval\n");
	const struct assay_item open = record("age,shape,halo\n47,\"oval,no\n");
	const struct assay_item wrong = kit_item("report", "a\n1\n", 4);
	struct kit k;

	open_kit(&k);
	kit_refuses(&k, &none, "table_empty", "0 bytes");
	kit_refuses(&k, &header, "table_empty", "no rows");
	kit_refuses(&k, &two, NULL, "the record has 2 rows");
	kit_refuses(&k, &ragged, NULL, "findings");
	kit_refuses(&k, &open, NULL, "quote");
	kit_refuses(&k, &wrong, NULL, "no table part \"report\"");
	kit_close(&k);
}

Test(table_kind, the_limit_of_cells_holds_exactly)
{
	struct as_buf text = { 0 };
	struct assay_item item;
	struct kit k;

	as_buf_puts(&text, "a,b\n");
	for (int i = 0; i < 100; i++) {
		as_buf_puts(&text, "1,2\n");
	}
	open_kit(&k);
	item = sheet(text.data);
	cr_assert(eq(sz, kit_takes(&k, &item), 64));
	as_buf_puts(&text, "1,2\n");
	item = sheet(text.data);
	kit_refuses(&k, &item, "table_cells", "more than 200 cells");
	kit_close(&k);
	as_buf_free(&text);
}

/* rows lines of columns ones below a header. */
static void fill_table(struct as_buf *text, int rows, int columns)
{
	as_buf_clear(text);
	for (int r = -1; r < rows; r++) {
		for (int c = 0; c < columns; c++) {
			as_buf_printf(text, r < 0 ? "%sc%d" : "%s%d", c ? "," : "", r < 0 ? c : 1);
		}
		as_buf_puts(text, "\n");
	}
}

Test(table_kind, limits_that_are_set_hold_at_one_less_and_one_more)
{
	static const struct {
		int rows, columns;
		const char *limit, *text;
	} tables[] = {
		{ 4, 2, NULL, NULL },
		{ 5, 2, NULL, NULL },
		{ 6, 2, "table_rows", "more than 5 rows" },
		{ 2, 6, NULL, NULL },
		{ 2, 7, NULL, NULL },
		{ 2, 8, "table_columns", "8 columns, 7 at most" },
	};
	struct as_buf text = { 0 };
	struct assay_item item;
	struct kit k;

	open_kit(&k);
	kit_limit(&k, "rows", 5);
	kit_limit(&k, "columns", 7);
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++) {
		fill_table(&text, tables[i].rows, tables[i].columns);
		item = sheet(text.data);
		if (tables[i].limit == NULL) {
			(void)kit_takes(&k, &item);
		} else {
			kit_refuses(&k, &item, tables[i].limit, tables[i].text);
		}
	}
	/* What the reader of CSV takes at most has the same name. */
	kit_limit(&k, "columns", 4096);
	for (int more = -1; more <= 1; more++) {
		fill_table(&text, 1, 4096 + more);
		item = sheet(text.data);
		if (more <= 0) {
			kit_refuses(&k, &item, "table_cells", "more than");
		} else {
			kit_refuses(&k, &item, "table_columns", "columns: 4097, the limit is 4096");
		}
	}
	kit_limit(&k, "columns", 7);
	kit_limit(&k, "rows", 100);
	fill_table(&text, 2, 7);
	item = sheet(text.data);
	kit_limit(&k, "bytes", item.size + 1);
	(void)kit_takes(&k, &item);
	kit_limit(&k, "bytes", item.size);
	(void)kit_takes(&k, &item);
	kit_limit(&k, "bytes", item.size - 1);
	kit_refuses(&k, &item, "table_bytes", "at most");
	as_buf_free(&text);
	kit_close(&k);
}

Test(table_kind, the_limit_of_bytes_holds_exactly)
{
	const size_t max = 4 << 20;
	char *text = as_malloc(max + 1);
	struct assay_item item = kit_item("sheet", text, max);
	struct kit k;

	memset(text, '.', max + 1);
	memcpy(text, "a\n", 2);
	open_kit(&k);
	cr_assert(eq(sz, kit_takes(&k, &item), 1));
	item.size = max + 1;
	kit_refuses(&k, &item, "table_bytes", "4194305 bytes");
	kit_close(&k);
	free(text);
}

Test(table_kind, a_cell_of_too_many_words_is_refused)
{
	const struct assay_item most =
	    record("age,shape,halo\n1,1 2 3 4 5 6 7 8 9 a b c d e f g,no\n");
	const struct assay_item more =
	    record("age,shape,halo\n1,1 2 3 4 5 6 7 8 9 a b c d e f g h,no\n");
	struct kit k;

	open_kit(&k);
	cr_assert(eq(sz, kit_takes(&k, &most), 3));
	kit_refuses(&k, &more, "text_words", "\"shape\"");
	kit_close(&k);
}

Test(table_kind, statistics_that_do_not_fit_the_task_are_refused)
{
	static const char *const bad[][2] = {
		{ "{\"table\":{\"report\":[]}}", "report" },
		{ "{\"table\":{\"findings\":7}}", "array" },
		{ "{\"table\":{\"findings\":[{\"type\":\"words\"}]}}", "name" },
		{ "{\"table\":{\"findings\":[{\"name\":\"a\",\"type\":\"x\"}]}}", "\"x\"" },
		{ "{\"table\":{\"findings\":[{\"name\":\"a\",\"type\":\"number\"}]}}", "edges" },
		{ "{\"table\":{\"findings\":[{\"name\":\"a\",\"type\":\"number\",\"edges\":[1,1]}]}"
		  "}",
		  "edges" },
		{ "{\"table\":{\"findings\":[{\"name\":\"a\",\"type\":\"number\",\"edges\":"
		  "[1,2,3,4,5,6]}]}}",
		  "at most 5" },
		{ "{\"table\":{\"findings\":[{\"name\":\"a\",\"type\":\"words\"},"
		  "{\"name\":\"a\",\"type\":\"words\"}]}}",
		  "twice" },
	};
	struct kit k;

	open_kit(&k);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct enc_table_stats s;
		struct json_t *doc;
		struct as_err e = { 0 };

		ok(io_json_parse(bad[i][0], strlen(bad[i][0]), "statistics", &doc, &e));
		fails(enc_table_stats_parse(&s, &k.task, doc, &e), AS_EFORMAT, bad[i][1]);
		cr_assert(ne(ptr, strstr(e.msg, "statistics: table"), NULL));
		enc_table_stats_free(&s);
		io_json_free(doc);
	}
	kit_close(&k);
}

Test(table_cells, numbers_are_encoded_piecewise_linearly)
{
	const float edge[] = { 0.0F, 1.0F, 3.0F };
	static const struct {
		double x;
		float v[3];
	} want[] = {
		{ 0.0, { 0.0F, 0.0F, 0.0F } },   { 0.5, { 0.5F, 0.0F, 0.0F } },
		{ 1.0, { 1.0F, 0.0F, 0.0F } },   { 2.0, { 1.0F, 0.5F, 0.0F } },
		{ 4.0, { 1.0F, 1.5F, 0.0F } },   { 1e9, { 1.0F, 2.0F, 0.0F } },
		{ -0.5, { -0.5F, 0.0F, 0.0F } }, { -1e9, { -1.0F, 0.0F, 0.0F } },
	};

	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		float v[3];

		enc_encode_number(edge, 3, want[i].x, v, 3);
		cr_assert(zero(int, memcmp(v, want[i].v, sizeof v)), "x = %g", want[i].x);
	}
}

Test(table_plugin, gives_the_bits_of_the_kind_and_refuses_by_item)
{
	const struct assay_item good = record("age,shape,halo\n47,oval,no\n");
	const struct assay_item bad = record("age,shape,halo\n");
	struct kit k;

	open_kit(&k);
	kit_plugin_agrees(&k, statistics, &good, &bad, "table_empty");
	kit_close(&k);
}
