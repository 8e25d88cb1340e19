/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/support/check.h"

Test(base_err, fail_keeps_code_place_and_values)
{
	struct as_err e = { 0 };

	fails(as_fail(&e, AS_EFORMAT, "line %d: %s", 7, "bad"), AS_EFORMAT, "line 7: bad");
	cr_assert(ne(ptr, strstr(e.file, "err_test.c"), NULL));
	cr_assert(lt(int, 0, e.line));
}

Test(base_err, wrap_puts_the_object_in_front_and_keeps_the_code)
{
	struct as_err e = { 0 };

	(void)as_fail(&e, AS_EIO, "no such tensor");
	fails(as_wrap(&e, "model %s", "m.safetensors"), AS_EIO,
	      "model m.safetensors: no such tensor");
}

Test(base_err, a_message_too_long_is_cut_not_overrun)
{
	struct as_err e = { 0 };
	char longer[2 * sizeof e.msg];

	memset(longer, 'x', sizeof longer - 1);
	longer[sizeof longer - 1] = '\0';
	(void)as_fail(&e, AS_EIO, "%s", longer);
	cr_assert(eq(sz, strlen(e.msg), sizeof e.msg - 1));
	(void)as_wrap(&e, "%s", longer);
	cr_assert(eq(sz, strlen(e.msg), sizeof e.msg - 1));
}

Test(base_err, every_code_has_its_exit_code_of_sysexits)
{
	static const int pairs[][2] = {
		{ AS_OK, 0 },        { AS_ENOMEM, 70 },   { AS_EIO, 74 },      { AS_EFORMAT, 65 },
		{ AS_ESHAPE, 65 },   { AS_ECONFIG, 78 },  { AS_ENOINPUT, 66 }, { AS_EUSAGE, 64 },
		{ AS_EUNAVAIL, 69 }, { AS_ECREATE, 73 },  { AS_EPROTO, 76 },   { AS_EPERM, 77 },
		{ AS_EAGAIN, 75 },   { AS_ECLOSED, 130 },
	};

	for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
		cr_assert(eq(int, as_exit_code(pairs[i][0]), pairs[i][1]));
	}
}
