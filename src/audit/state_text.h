/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lines of the state file, both ways: pure. */
#pragma once

#include "audit/state.h"

/* Long enough for any line with its newline. */
#define STATE_LINE_SIZE 320

/* Each returns the length of the line that it wrote, with its newline. */
size_t state_format_head(const StateHeader *header, char line[static STATE_LINE_SIZE]);
size_t state_format_counters(const StateHeader *header, char line[static STATE_LINE_SIZE]);
size_t state_format_listener(const StateListener *listener, char line[static STATE_LINE_SIZE]);
size_t state_format_flag(const StateFlag *flag, const char *word,
                         char line[static STATE_LINE_SIZE]);
size_t state_format_snooze(const StateSnooze *snooze, char line[static STATE_LINE_SIZE]);
size_t state_format_hits(const StateHits *hits, char line[static STATE_LINE_SIZE]);
size_t state_format_end(uint64_t n_lines, uint64_t checksum, char line[static STATE_LINE_SIZE]);

/* A line of state.log: generation, record, checksum. `word` is `flag` or `gone`. */
size_t state_format_log(uint64_t generation, const StateFlag *flag, const char *word,
                        char line[static STATE_LINE_SIZE]);
