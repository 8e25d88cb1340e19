/* SPDX-License-Identifier: Apache-2.0 */
#include "fusion/calibration.h"

#include "tests/fusion/fixture.h"

#include <math.h>

static int parse(struct fu_calibration *c, const struct io_task *task, const char *json,
		 struct as_err *e)
{
	struct json_t *doc = NULL;
	int rc;

	TRY(io_json_parse(json, strlen(json), "test", &doc, e));
	rc = fu_calibration_parse(c, task, doc, e);
out:
	io_json_free(doc);
	return rc;
}

static void round_trip(const struct io_task *task, const struct fu_calibration *c,
		       struct fu_calibration *back)
{
	struct as_err e = { 0 };
	struct as_buf b = { 0 };
	struct io_jw w = { .b = &b };

	fu_calibration_write(c, task, &w);
	ok(parse(back, task, b.data, &e));
	as_buf_free(&b);
}

Test(fusion_calibration, what_is_written_is_read_back_bit_for_bit)
{
	static const enum io_kind kinds[] = { IO_CLASS, IO_MULTI, IO_VALUE };

	for (size_t i = 0; i < 3; i++) {
		struct io_task task;
		struct fu_calibration c;
		struct fu_calibration back;

		fix_task(&task, kinds[i], kinds[i] == IO_VALUE ? 0 : 2);
		fu_calibration_defaults(&c);
		for (size_t k = 0; k < 8; k++) {
			c.temperature[k] = 0.1F + (float)k / 3.0F;
		}
		c.coverage = 0.9;
		for (size_t k = 1; k < 8; k++) { /* 0 stays infinite */
			c.quantile[k] = (float)k / 9.0F;
			c.cases[k] = 10 + (uint32_t)k;
		}
		c.part_temperature[1] = 1.7F;
		c.threshold[1] = 0.44F;
		if (kinds[i] == IO_MULTI) {
			c.threshold[0] = 1.0F / 3.0F;
		}
		if (kinds[i] == IO_VALUE) {
			c.threshold[1] = 0.5F;
			c.mean = -1.0 / 3.0;
			c.sd = 0.1;
		}
		round_trip(&task, &c, &back);
		cr_assert(zero(int, memcmp(&c, &back, sizeof c)));
	}
}

Test(fusion_calibration, patterns_are_named_by_their_parts)
{
	struct as_err e = { 0 };
	struct io_task task;
	struct fu_calibration c;

	fix_task(&task, IO_CLASS, 2);
	ok(parse(&c, &task,
		 "{\"temperature\":{\"(none)\":2,\"report\":3,\"series+scan\":4},"
		 "\"threshold\":{\"malignant\":0.25}}",
		 &e));
	cr_assert(eq(flt, c.temperature[0], 2.0F));
	cr_assert(eq(flt, c.temperature[2], 3.0F));
	cr_assert(eq(flt, c.temperature[5], 4.0F));
	cr_assert(eq(flt, c.temperature[7], 1.0F));
	cr_assert(eq(flt, c.threshold[1], 0.25F));
}

Test(fusion_calibration, what_does_not_belong_to_the_task_is_refused_by_name)
{
	static const struct {
		const char *json, *text;
	} bad[] = {
		{ "{\"temperature\":{\"scan+biopsy\":1}}", "\"scan+biopsy\": no part \"biopsy\"" },
		{ "{\"temperature\":{\"scan+scan\":1}}", "\"scan\" twice" },
		{ "{\"temperature\":{\"\":1}}", "no part \"\"" },
		{ "{\"temperature\":{\"scan\":0}}", "temperature \"scan\": want a number" },
		{ "{\"temperature\":{\"scan\":-1}}", "want a number" },
		{ "{\"temperature\":{\"scan\":\"1\"}}", "want a number" },
		{ "{\"temperature\":{\"scan\":1e99}}", "want a number" },
		{ "{\"temperature\":[1]}", "\"temperature\" is not an object" },
		{ "{\"part_temperature\":{\"biopsy\":1}}", "no part \"biopsy\"" },
		{ "{\"part_temperature\":{\"scan\":null}}", "want a number" },
		{ "{\"threshold\":{\"benign\":0.5}}", "no label \"benign\"" },
		{ "{\"threshold\":{\"malign\":0.5}}", "no label \"malign\"" },
		{ "{\"threshold\":{\"malignant\":1.5}}", "from 0 to 1" },
		{ "{\"target\":{\"mean\":1,\"sd\":2}}", "not a value" },
		{ "{\"set\":{}}", "coverage" },
		{ "{\"set\":{\"coverage\":1}}", "coverage 1: want between 0 and 1" },
		{ "{\"set\":{\"coverage\":0.9,\"quantile\":{\"biopsy\":0.5}}}",
		  "quantile \"biopsy\": no part" },
		{ "{\"set\":{\"coverage\":0.9,\"quantile\":{\"scan\":1.5}}}", "from 0 to 1" },
		{ "{\"set\":{\"coverage\":0.9,\"cases\":{\"scan\":-1}}}",
		  "cases \"scan\": want a number of cases" },
		{ "{\"temperatures\":{}}", "unknown member \"temperatures\"" },
	};
	struct io_task task;
	struct fu_calibration c;

	fix_task(&task, IO_CLASS, 2);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct as_err e = { 0 };

		fails(parse(&c, &task, bad[i].json, &e), AS_EFORMAT, bad[i].text);
	}
}

Test(fusion_calibration, a_target_without_spread_is_refused)
{
	struct as_err e = { 0 };
	struct io_task task;
	struct fu_calibration c;

	fix_task(&task, IO_VALUE, 0);
	fails(parse(&c, &task, "{\"target\":{\"mean\":1,\"sd\":0}}", &e), AS_EFORMAT, "sd 0");
	fails(parse(&c, &task, "{\"target\":{\"mean\":1}}", &e), AS_EFORMAT, "sd");
}

Test(fusion_calibration, temperature_flattens_but_keeps_the_order)
{
	static const float logits[] = { 0.0F, 2.0F };
	struct io_task task;
	float p[2];

	fix_task(&task, IO_CLASS, 2);
	fu_calibrate(&task, logits, 2.0F, p);
	cr_assert(epsilon_eq(dbl, (double)p[1], 1.0 / (1.0 + exp(-1.0)), 1e-6));
	cr_assert(epsilon_eq(flt, p[0] + p[1], 1.0F, 1e-6F));
	task.kind = IO_MULTI;
	fu_calibrate(&task, logits, 2.0F, p);
	cr_assert(epsilon_eq(dbl, (double)p[1], 1.0 / (1.0 + exp(-1.0)), 1e-6));
	cr_assert(epsilon_eq(flt, p[0], 0.5F, 1e-6F));
}

Test(fusion_calibration, of_two_labels_the_threshold_decides_of_more_the_likeliest)
{
	static const float two[] = { 0.6F, 0.4F };
	static const float three[] = { 0.2F, 0.45F, 0.35F };
	struct io_task task;
	struct fu_calibration c;

	fu_calibration_defaults(&c);
	fix_task(&task, IO_CLASS, 2);
	cr_assert(eq(u32, fu_choose(&task, &c, two), 0));
	c.threshold[1] = 0.4F;
	cr_assert(eq(u32, fu_choose(&task, &c, two), 1));
	fix_task(&task, IO_CLASS, 3);
	cr_assert(eq(u32, fu_choose(&task, &c, three), 1));
}
