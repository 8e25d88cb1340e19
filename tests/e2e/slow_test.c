/* SPDX-License-Identifier: Apache-2.0
 * A picture that is made to be decoded for long: small, within every limit of size, and read over
 * and over. It ends by CPU time, and whoever comes after it is served. */
#include "core/base/clock.h"
#include "core/io/file.h"
#include "tests/e2e/world.h"
#include "tests/support/check.h"
#include "tests/support/tmpdir.h"

#include <stdio.h>

TestSuite(e2e_slow, .timeout = 300);

#ifdef AS_INSTRUMENTED
enum { LIMITED = 0 };
#else
enum { LIMITED = 1 };
#endif

enum {
	SIDE = 8192,
	BLOCKS = (SIDE / 8) * (SIDE / 8),
	RUN = 1 << 14, /* blocks that one symbol of a scan ends */
	LAST_BIT = 13,
};

static void put(struct as_buf *b, const void *data, size_t n)
{
	as_buf_put(b, data, n);
}

static void put_zeros(struct as_buf *b, size_t n)
{
	memset(as_buf_reserve(b, n), 0, n);
	b->len += n;
}

/* One more reading of all blocks: coefficients first to last, of which this bit is told. */
static void put_scan(struct as_buf *b, int first, int last, int bits, size_t bytes)
{
	const unsigned char sos[] = { 0xff,
				      0xda,
				      0,
				      8,
				      1,
				      1,
				      0,
				      (unsigned char)first,
				      (unsigned char)last,
				      (unsigned char)bits };

	put(b, sos, sizeof sos);
	put_zeros(b, bytes);
}

/* A grey progressive JPEG (ITU-T T.81, annex G) of which every coefficient of every block is zero,
 * told a bit at a time: 63 coefficients of 14 bits are 882 scans. Its Huffman tables have one code,
 * the bit 0: "no difference", and "the next 16,384 blocks have nothing more", whose 14 further bits
 * are zeros as well. */
static void make_jpeg(struct as_buf *b)
{
	static const unsigned char start[] = { 0xff, 0xd8, 0xff, 0xdb, 0, 67, 0 };
	static const unsigned char frame[] = { 0xff,      0xc2,        0,         11,          8,
					       SIDE >> 8, SIDE & 0xff, SIDE >> 8, SIDE & 0xff, 1,
					       1,         0x11,        0 };
	static const unsigned char dc[] = { 0xff, 0xc4, 0, 20, 0x00, 1 };
	static const unsigned char ac[] = { 0xff, 0xc4, 0, 20, 0x10, 1 };
	static const unsigned char many[] = { 0xe0 };
	static const unsigned char end[] = { 0xff, 0xd9 };
	const size_t bytes = BLOCKS / RUN * 15 / 8 + 1;

	put(b, start, sizeof start);
	for (int i = 0; i < 64; i++) {
		put(b, "\x01", 1);
	}
	put(b, frame, sizeof frame);
	put(b, dc, sizeof dc);
	put_zeros(b, 16);
	put(b, ac, sizeof ac);
	put_zeros(b, 15);
	put(b, many, sizeof many);
	put_scan(b, 0, 0, 0, BLOCKS / 8);
	for (int k = 1; k < 64; k++) {
		put_scan(b, k, k, LAST_BIT, bytes);
		for (int bit = LAST_BIT - 1; bit >= 0; bit--) {
			put_scan(b, k, k, (bit + 1) << 4 | bit, bytes);
		}
	}
	put(b, end, sizeof end);
}

static const char *settings(void)
{
	return tmpdir_file(
	    "assayd.ini",
	    world_format("[daemon]\nstate = %s/state\nruntime = %s/run\njob_cpu_s = 1\n"
			 "[encoder.image]\nplugin = " BUILD_DIR "/plugins/image.so\n"
			 "[encoder.text]\nplugin = " BUILD_DIR "/plugins/text.so\n"
			 "[encoder.table]\nplugin = " BUILD_DIR "/plugins/table.so\n"
			 "[stream.breast]\nmodel = %s\n",
			 tmpdir(), tmpdir(), world_model()));
}

static void submit(struct proc *p, const char *id, const char *file)
{
	proc_start(p,
		   (const char *const[]){ "assay", "submit", "--stream", "breast", "--case", id,
					  "--part", world_format("scan=%s", file), "--wait",
					  "--json", NULL },
		   NULL);
}

Test(e2e_slow, attack_23_picture_of_many_scans_ends_by_its_time)
{
	enum { BOUND_S = 120 };
	const char *file = tmpdir_path("slow.jpg");
	struct as_buf jpeg = { 0 };
	struct as_err e = { 0 };
	const struct json_t *doc;
	struct proc slow;
	struct proc other;
	struct world w;
	int64_t began;

	if (!LIMITED) {
		cr_skip_test("an instrumented build has no limit of CPU time");
	}
	make_jpeg(&jpeg);
	ok(io_write_file(file, jpeg.data, jpeg.len, 0600, &e));
	world_start(&w, settings());
	began = as_mono_ns();
	submit(&slow, "slow", file);
	cr_assert(proc_says(&w.daemon, "WORKER-LOST", PROC_MS)); /* it is in the only worker */
	submit(&other, "other", world_part("scan", 1));
	cr_assert(zero(int, proc_wait(&other, PROC_MS)), "%s", other.err.data);
	doc = world_json(proc_line(&other, PROC_MS));
	same(world_text(doc, "data.kind"), "result");
	cr_assert(eq(int, proc_wait(&slow, PROC_MS), 65));
	doc = world_json(proc_line(&slow, PROC_MS));
	same(world_text(doc, "data.kind"), "rejected");
	same(world_text(doc, "data.limit"), "cpu");
	(void)fprintf(stderr, "%zu bytes of JPEG: three times a second of CPU, %lld ms in all\n",
		      jpeg.len, (long long)(as_mono_ns() - began) / 1000000);
	cr_assert(lt(i64, as_mono_ns() - began, BOUND_S * INT64_C(1000000000)));
	proc_free(&slow);
	proc_free(&other);
	as_buf_free(&jpeg);
	world_stop(&w);
}
