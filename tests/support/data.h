/* SPDX-License-Identifier: Apache-2.0
 * data.h - the folder of real data that some tests read, which is not part of the tree. */
#ifndef TESTS_DATA_H
#define TESTS_DATA_H

/* FOLDER/name, in memory that lives as long as the process; FOLDER is $ASSAY_DATA or
 * ../shared/data beside the tree. Prints "skipped: no data at ..." and returns NULL where there is
 * no such file. */
const char *data_path(const char *name);

#endif
