/* SPDX-License-Identifier: Apache-2.0
 * tmpdir.h - a folder of its own for each test, removed at the end of the test process. */
#ifndef TESTS_TMPDIR_H
#define TESTS_TMPDIR_H

/* Makes a new folder under $TMPDIR (or /tmp), removed with all in it when the process exits. */
const char *tmpdir(void);
/* FOLDER/name, in memory that lives as long as the process. */
const char *tmpdir_path(const char *name);
/* Writes text to FOLDER/name and returns the path. */
const char *tmpdir_file(const char *name, const char *text);

#endif
