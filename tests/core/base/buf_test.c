/* SPDX-License-Identifier: Apache-2.0 */
#include "core/base/buf.h"
#include "tests/support/check.h"

Test(base_buf, grows_and_stays_a_c_string)
{
	struct as_buf b = { 0 };

	for (int i = 0; i < 1000; i++) {
		as_buf_printf(&b, "%d,", i);
	}
	as_buf_puts(&b, "end");
	cr_assert(eq(sz, b.len, strlen(b.data)));
	cr_assert(eq(int, memcmp(b.data, "0,1,2,", 6), 0));
	same(b.data + b.len - 7, "999,end");
	as_buf_free(&b);
}

Test(base_buf, keeps_zero_bytes)
{
	struct as_buf b = { 0 };

	as_buf_put(&b, "a\0b", 3);
	as_buf_put(&b, NULL, 0);
	cr_assert(eq(sz, b.len, 3));
	cr_assert(eq(chr, b.data[2], 'b'));
	cr_assert(eq(chr, b.data[3], '\0'));
	as_buf_free(&b);
}

Test(base_buf, clear_keeps_the_memory)
{
	struct as_buf b = { 0 };
	const char *at;

	as_buf_puts(&b, "something");
	at = b.data;
	as_buf_clear(&b);
	cr_assert(eq(sz, b.len, 0));
	same(b.data, "");
	as_buf_puts(&b, "else");
	cr_assert(b.data == at);
	as_buf_free(&b);
}

Test(base_buf, reserve_moves_nothing_and_counts_nothing)
{
	struct as_buf b = { 0 };

	as_buf_puts(&b, "abc");
	memset(as_buf_reserve(&b, 10000), 'x', 10000);
	cr_assert(eq(sz, b.len, 3));
	cr_assert(eq(int, memcmp(b.data, "abcxx", 5), 0));
	as_buf_free(&b);
}
