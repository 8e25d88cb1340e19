/* SPDX-License-Identifier: Apache-2.0
 * corpora_test.c - published sets of awkward files through the readers. */
#include "core/io/csv.h"
#include "core/io/file.h"
#include "core/io/json.h"
#include "core/io/model.h"
#include "tests/support/check.h"
#include "tests/support/data.h"
#include "tests/support/tmpdir.h"

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* The rows of a JSON array of objects, as csv-spectrum gives them. */
static struct json_t *expected(const char *path)
{
	struct as_buf b = { 0 };
	struct json_t *doc;
	struct as_err e;

	as_buf_puts(&b, "{\"rows\":");
	ok(io_read_file(path, 1 << 20, &b, &e));
	as_buf_puts(&b, "}");
	ok(io_json_parse(b.data, b.len, path, &doc, &e));
	as_buf_free(&b);
	return doc;
}

static void compare(const char *name)
{
	char path[128];
	const char *csv;
	const struct json_t *rows;
	struct json_t *doc;
	struct io_table t;
	struct as_err e;

	(void)snprintf(path, sizeof path, "robustness/csv_spectrum/csvs/%s.csv", name);
	csv = data_path(path);
	if (csv == NULL) {
		cr_skip("no data");
	}
	(void)snprintf(path, sizeof path, "robustness/csv_spectrum/json/%s.json", name);
	doc = expected(data_path(path));
	rows = io_json_find(doc, "rows");
	ok(io_table_load(&t, csv, 0, &e));
	cr_assert(eq(sz, t.rows, io_json_len(rows)), "%s", name);
	for (size_t i = 0; i < t.rows; i++) {
		cr_assert(eq(sz, t.cols, io_json_len(io_json_at(rows, i))), "%s", name);
		for (size_t k = 0; k < t.cols; k++) {
			same(t.cell[i * t.cols + k],
			     io_json_find_str(io_json_at(rows, i), t.name[k], "(none)"));
		}
	}
	io_table_free(&t);
	io_json_free(doc);
}

Test(io_corpora, csv_spectrum_reads_as_its_json_says)
{
	static const char *const names[] = { "comma_in_quotes",
					     "empty",
					     "empty_crlf",
					     "escaped_quotes",
					     "json",
					     "newlines",
					     "newlines_crlf",
					     "quotes_and_newlines",
					     "simple",
					     "simple_crlf",
					     "utf8" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		compare(names[i]);
	}
}

Test(io_corpora, csv_spectrum_coordinates_keep_their_quotes)
{
	const char *csv = data_path("robustness/csv_spectrum/csvs/location_coordinates.csv");
	struct json_t *doc;
	struct io_table t;
	struct as_err e;

	if (csv == NULL) {
		cr_skip("no data");
	}
	/* its JSON is the row itself, and has another telephone number than the table */
	doc = expected(data_path("robustness/csv_spectrum/json/location_coordinates.json"));
	ok(io_table_load(&t, csv, 0, &e));
	for (size_t k = 1; k < t.cols; k++) {
		same(t.cell[k], io_json_find_str(io_json_find(doc, "rows"), t.name[k], "(none)"));
	}
	io_table_free(&t);
	io_json_free(doc);
}

Test(io_corpora, naughty_strings_pass_through_csv_and_json_unharmed)
{
	const char *path = data_path("robustness/naughty_strings/blns.json");
	struct as_buf csv = { 0 };
	struct as_buf json = { 0 };
	struct io_jw w = { .b = &json };
	const struct json_t *rows;
	struct json_t *doc;
	struct json_t *back;
	struct io_table t;
	struct as_err e;

	if (path == NULL) {
		cr_skip("no data");
	}
	doc = expected(path);
	rows = io_json_find(doc, "rows");
	as_buf_puts(&csv, "n,x\n");
	io_jw_obj(&w, NULL);
	io_jw_arr(&w, "rows");
	for (size_t i = 0; i < io_json_len(rows); i++) {
		const char *s = io_json_str(io_json_at(rows, i));

		as_buf_puts(&csv, "1,");
		io_csv_put(&csv, s, strlen(s), ',');
		as_buf_puts(&csv, "\n");
		io_jw_str(&w, NULL, s);
	}
	io_jw_end_arr(&w);
	io_jw_end_obj(&w);
	ok(io_json_parse(json.data, json.len, "back", &back, &e));
	ok(io_write_file(tmpdir_path("blns.csv"), csv.data, csv.len, 0600, &e));
	ok(io_table_load(&t, tmpdir_path("blns.csv"), 0, &e));
	cr_assert(eq(sz, t.rows, io_json_len(rows)));
	for (size_t i = 0; i < t.rows; i++) {
		const char *s = io_json_str(io_json_at(rows, i));

		same(t.cell[2 * i + 1], s);
		same(io_json_str(io_json_at(io_json_find(back, "rows"), i)), s);
	}
	io_table_free(&t);
	io_json_free(doc);
	io_json_free(back);
	as_buf_free(&csv);
	as_buf_free(&json);
}

/* Unpacks an archive with tar into FOLDER; false where tar cannot. */
static bool unpack(const char *archive, const char *folder)
{
	char *const args[] = { (char *)"tar", (char *)"xf",   (char *)archive,
			       (char *)"-C",  (char *)folder, NULL };
	int status = -1;
	pid_t pid;

	if (mkdir(folder, 0700) != 0 || posix_spawnp(&pid, "tar", NULL, NULL, args, environ) != 0) {
		return false;
	}
	return waitpid(pid, &status, 0) == pid && status == 0;
}

/* Reads a table; it may be refused, but only as what it is. */
static void read_any(const char *path, size_t *read, size_t *refused)
{
	struct io_table t;
	struct as_err e = { 0 };
	const int rc = io_table_load(&t, path, 0, &e);

	if (rc == AS_OK) {
		(*read)++;
		io_table_free(&t);
	} else {
		cr_assert(eq(int, rc, AS_EFORMAT), "%s: %s", path, e.msg);
		cr_assert(lt(sz, strlen(path) + 3, strlen(e.msg)), "%s: %s", path, e.msg);
		(*refused)++;
	}
}

/* Every step-th file of a folder. */
static void read_folder(const char *folder, size_t step, size_t *read, size_t *refused)
{
	DIR *d = opendir(folder);
	const struct dirent *f;
	size_t i = 0;

	cr_assert(ne(ptr, d, NULL), "%s", folder);
	while ((f = readdir(d)) != NULL) {
		if (f->d_name[0] != '.' && i++ % step == 0) {
			struct as_buf path = { 0 };

			as_buf_printf(&path, "%s/%s", folder, f->d_name);
			read_any(path.data, read, refused);
			as_buf_free(&path);
		}
	}
	(void)closedir(d);
}

Test(io_corpora, polluted_tables_are_read_or_refused_with_a_reason)
{
	const char *archive = data_path("robustness/pollock/polluted_files.tar.xz");
	const char *folder = tmpdir_path("pollock");
	struct as_buf path = { 0 };
	size_t read = 0;
	size_t refused = 0;

	if (archive == NULL) {
		cr_skip("no data");
	}
	if (!unpack(archive, folder)) {
		cr_skip("no tar, or no xz");
	}
	as_buf_printf(&path, "%s/polluted_files/csv", folder);
	read_folder(path.data, 7, &read, &refused);
	as_buf_clear(&path);
	as_buf_printf(&path, "%s/polluted_files/clean", folder);
	read_folder(path.data, 7, &read, &refused);
	cr_assert(lt(sz, 100, read), "%zu read, %zu refused", read, refused);
	cr_assert(lt(sz, 100, refused), "%zu read, %zu refused", read, refused);
	as_buf_free(&path);
}

Test(io_corpora, models_of_others_are_read)
{
	const char *path = data_path("weights/format-tests/voices.safetensors");
	struct io_model m;
	struct as_err e;

	if (path == NULL) {
		cr_skip("no data");
	}
	ok(io_model_open(&m, path, &e));
	cr_assert(eq(sz, m.tensors, 2));
	same(io_model_find(&m, "tokens")->dtype, "I64");
	io_model_close(&m);
}
