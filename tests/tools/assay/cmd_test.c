/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/assay/cmd.h"

#include "core/base/buf.h"
#include "tests/support/check.h"

struct options {
	bool json;
	const char *data;
	uint64_t folds;
	struct cmd_list without;
	const char *word[2];
	size_t words;
	bool done;
};

/* Parses args (ended by NULL, without the command's name) as a small command would. */
static int parse(struct options *o, const char *const *args, struct as_err *e)
{
	const struct cmd_option option[] = {
		{ "data", "FILE", "the table", CMD_TEXT, &o->data, 0, 0 },
		{ "folds", "K", "how many", CMD_WHOLE, &o->folds, 2, 100 },
		{ "without", "PART", "leave out", CMD_LIST, &o->without, 0, 0 },
		{ "json", NULL, "as JSON", CMD_FLAG, &o->json, 0, 0 },
	};
	const struct cmd_spec spec = { .name = "small",
				       .usage = "FILE [MORE]",
				       .about = "",
				       .option = option,
				       .options = 4,
				       .words_min = 1,
				       .words_max = 2 };
	char name[] = "small";
	char *argv[16] = { name };
	int argc = 1;

	*o = (struct options){ 0 };
	for (; args[argc - 1] != NULL; argc++) {
		argv[argc] = (char *)args[argc - 1]; /* getopt moves them, and writes to none */
	}
	return cmd_parse(&spec, argc, argv, o->word, &o->words, &o->done, e);
}

#define with(...) ((const char *const[]){ __VA_ARGS__, NULL })

Test(assay_cmd, options_and_words_come_in_any_order)
{
	struct options o;
	struct as_err e = { 0 };

	ok(parse(&o, with("--json", "a", "--folds=5", "--without", "x", "b", "--without", "y"),
		 &e));
	cr_assert(o.json);
	cr_assert(eq(u64, o.folds, 5));
	cr_assert(eq(sz, o.without.n, 2));
	same(o.without.v[1], "y");
	cr_assert(eq(sz, o.words, 2));
	same(o.word[0], "a");
	same(o.word[1], "b");
	cr_assert(eq(ptr, (void *)o.data, NULL));
}

Test(assay_cmd, after_two_dashes_all_are_words)
{
	struct options o;
	struct as_err e = { 0 };

	ok(parse(&o, with("a", "--", "--json"), &e));
	cr_assert(not(o.json));
	same(o.word[1], "--json");
	fails(parse(&o, with("a", "--", "b", "c"), &e), AS_EUSAGE, "c: one argument too many");
}

Test(assay_cmd, a_mistyped_option_gets_the_nearest)
{
	struct options o;
	struct as_err e = { 0 };

	fails(parse(&o, with("a", "--jsno"), &e), AS_EUSAGE, "--jsno (did you mean --json?)");
	fails(parse(&o, with("a", "--flods=3"), &e), AS_EUSAGE, "did you mean --folds?");
	fails(parse(&o, with("a", "-q"), &e), AS_EUSAGE, "no option -q");
}

Test(assay_cmd, values_are_checked)
{
	struct options o;
	struct as_err e = { 0 };

	fails(parse(&o, with("a", "--folds", "1"), &e), AS_EUSAGE,
	      "--folds 1: want a whole number from 2 to 100");
	fails(parse(&o, with("a", "--folds", "5x"), &e), AS_EUSAGE, "--folds 5x");
	fails(parse(&o, with("a", "--folds", "-5"), &e), AS_EUSAGE, "--folds -5");
	fails(parse(&o, with("a", "--folds", "99999999999999999999"), &e), AS_EUSAGE, "want a");
	fails(parse(&o, with("a", "--data"), &e), AS_EUSAGE, "--data: needs a value");
	fails(parse(&o, with("a", "--json=1"), &e), AS_EUSAGE, "--json: takes no value");
}

Test(assay_cmd, words_are_counted)
{
	struct options o;
	struct as_err e = { 0 };

	fails(parse(&o, with("--json"), &e), AS_EUSAGE, "want: assay small FILE [MORE]");
	fails(parse(&o, with("a", "b", "c"), &e), AS_EUSAGE, "c: one argument too many");
}
