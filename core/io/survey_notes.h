/* SPDX-License-Identifier: Apache-2.0
 * survey_notes.h - the warnings of a survey whose counts are done. */
#ifndef IO_SURVEY_NOTES_H
#define IO_SURVEY_NOTES_H

#include "core/io/case.h"
#include "core/io/survey.h"

void io_survey_notes(struct io_survey *s, const struct io_task *t, const struct io_binding *b);

#endif
