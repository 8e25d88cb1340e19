/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_INSPECT_H
#define CMD_INSPECT_H

/* assay inspect: argv[0] is "inspect"; returns the exit code. */
int cmd_inspect(int argc, char **argv);

#endif
