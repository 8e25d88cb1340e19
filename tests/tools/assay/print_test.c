/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/assay/print.h"

#include "tests/support/check.h"

#include <stdlib.h>

/* What is printed of a body; free it. */
static char *printed(const char *body, bool colour)
{
	struct json_t *doc = NULL;
	struct as_err e = { 0 };
	char *text = NULL;
	size_t n = 0;
	FILE *f = open_memstream(&text, &n);

	ok(io_json_parse(body, strlen(body), "body", &doc, &e));
	cmd_print_judgment(f, doc, colour);
	(void)fclose(f);
	io_json_free(doc);
	return text;
}

Test(assay_print, a_result_says_label_weights_conflict_and_places)
{
	char *text = printed(
	    "{\"subject\":\"c1\",\"data\":{\"kind\":\"result\",\"stream\":\"s\",\"seq\":7,"
	    "\"label\":\"bad\",\"probability\":0.9,\"threshold\":0.4,"
	    "\"labels\":{\"good\":0.1,\"bad\":0.9},"
	    "\"parts\":{\"scan\":{\"present\":true,\"weight\":0.25,\"labels\":{\"good\":0.6,"
	    "\"bad\":0.4},\"conflict\":0.42},\"note\":{\"present\":false,\"weight\":0}},"
	    "\"conflict\":0.31,"
	    "\"alignments\":[{\"strength\":3.14,\"from\":{\"part\":\"note\",\"page\":0,"
	    "\"bytes\":[0,9],\"label\":\"irregular\"},\"to\":{\"part\":\"scan\",\"page\":1,"
	    "\"box\":[8,9,32,33]}}]}}",
	    false);

	same(text, "c1  s 7\n"
		   "  bad  90.0 %   (good 0.100, bad 0.900; threshold 0.400)\n"
		   "  scan        ███·······  25 %  alone: good 60.0 %\n"
		   "  note        missing\n"
		   "  ! the parts disagree (conflict 0.31): look at this case\n"
		   "  together    note \"irregular\" ~ scan page 2 at x 8, y 9, 32 x 33 pixels "
		   "(x 3.1)\n");
	free(text);
}

/* A part of two is as far from the other as that from it. */
Test(assay_print, the_odd_one_out_is_one_of_three)
{
	static const char two[] = "\"scan\":{\"present\":true,\"weight\":0.5,\"conflict\":0.5},"
				  "\"note\":{\"present\":true,\"weight\":0.5,\"conflict\":0.6}";
	static const char third[] = ",\"age\":{\"present\":true,\"weight\":0,\"conflict\":0.1}";

	for (int parts = 2; parts <= 3; parts++) {
		char body[600];
		char *text;

		(void)snprintf(body, sizeof body,
			       "{\"subject\":\"c\",\"data\":{\"kind\":\"result\",\"label\":\"bad\","
			       "\"probability\":0.9,\"conflict\":0.4,\"parts\":{%s%s}}}",
			       two, parts == 3 ? third : "");
		text = printed(body, false);
		cr_assert(ne(ptr, strstr(text, "disagree (conflict 0.40)"), NULL), "%s", text);
		cr_assert(eq(int, strstr(text, "most of all note (0.60)") != NULL, parts == 3),
			  "%s", text);
		free(text);
	}
}

Test(assay_print, a_rejection_says_why)
{
	char *text = printed("{\"subject\":\"c\",\"data\":{\"kind\":\"rejected\",\"part\":\"scan\","
			     "\"message\":\"no pixels\"}}",
			     false);

	same(text, "c  rejected: no pixels\n");
	free(text);
}

Test(assay_print, names_cannot_drive_the_terminal)
{
	char *text = printed("{\"subject\":\"a\\u001b[2J\\nb\",\"data\":{\"kind\":\"rejected\","
			     "\"message\":\"m\\u007f\"}}",
			     false);

	same(text, "a?[2J?b  rejected: m?\n");
	free(text);
}

Test(assay_print, several_labels_and_values)
{
	char *text = printed("{\"subject\":\"c\",\"data\":{\"kind\":\"result\",\"label\":[\"a\","
			     "\"b\"],\"labels\":{\"a\":0.7,\"b\":0.6,\"d\":0.1}}}",
			     false);

	same(text, "c\n  a, b   (a 0.700, b 0.600, d 0.100)\n");
	free(text);
	text = printed("{\"subject\":\"c\",\"data\":{\"kind\":\"result\",\"value\":12.5,"
		       "\"parts\":{\"scan\":{\"present\":true,\"weight\":1,\"value\":12}}}}",
		       true);
	same(text, "\033[1mc\033[0m\n  \033[1m12.5\033[0m\n"
		   "  scan        ██████████ 100 %  alone: 12\n");
	free(text);
}

Test(assay_print, what_is_not_known_is_said)
{
	char *text = printed("{\"subject\":\"c\",\"data\":{\"kind\":\"other\"}}", false);

	same(text, "c  a judgment of a kind that is not known here\n");
	free(text);
}

Test(assay_print, sets_contributions_and_abstention_are_shown)
{
	char *text =
	    printed("{\"subject\":\"c\",\"data\":{\"kind\":\"result\",\"label\":\"a\","
		    "\"probability\":0.6,\"labels\":{\"a\":0.6,\"b\":0.4},\"set\":[\"a\",\"b\"],"
		    "\"coverage\":0.9,\"parts\":{\"scan\":{\"present\":true,\"weight\":0.5},"
		    "\"note\":{\"present\":true,\"weight\":0.5}},"
		    "\"contributions\":{\"scan\":2,\"note\":-0.8},\"base\":0.1,"
		    "\"abstain\":{\"reason\":\"set\",\"is\":2,\"limit\":1}}}",
		    false);

	same(text, "c\n"
		   "  a  60.0 %   (a 0.600, b 0.400)\n"
		   "  90 %        a or b\n"
		   "  scan        █████·····  50 %  ·····│█████  +2.00\n"
		   "  note        █████·····  50 %  ···██│·····  -0.80\n"
		   "  ? abstains: 2 labels in the set, limit 1\n");
	free(text);
}

Test(assay_print, an_interval_and_an_empty_set_are_said)
{
	char *text = printed("{\"subject\":\"c\",\"data\":{\"kind\":\"result\",\"value\":12.5,"
			     "\"interval\":[10,15],\"coverage\":0.95,\"abstain\":{\"reason\":"
			     "\"interval\",\"is\":5,\"limit\":4}}}",
			     false);

	same(text, "c\n  12.5\n  95 %        10 to 15\n  ? abstains: interval 5, limit 4\n");
	free(text);
	text = printed("{\"subject\":\"c\",\"data\":{\"kind\":\"result\",\"value\":12.5,"
		       "\"interval\":[null,null],\"coverage\":0.9}}",
		       false);
	same(text, "c\n  12.5\n  90 %        any value: too few cases to tell\n");
	free(text);
	text = printed("{\"subject\":\"c\",\"data\":{\"kind\":\"result\",\"label\":\"a\","
		       "\"probability\":0.6,\"set\":[],\"coverage\":0.9,\"abstain\":"
		       "{\"reason\":\"set\",\"is\":0,\"limit\":1}}}",
		       false);
	same(text, "c\n  a  60.0 %\n  90 %        no label fits\n"
		   "  ? abstains: the set does not hold the label\n");
	free(text);
}
