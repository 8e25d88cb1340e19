/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CMD_TASK_H
#define CMD_TASK_H

/* assay task: argv[0] is "task"; returns the exit code. */
int cmd_task(int argc, char **argv);

#endif
