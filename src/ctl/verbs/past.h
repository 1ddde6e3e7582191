/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An alert as it stands in the journal. */
#pragma once

#include <systemd/sd-journal.h>

#include "model/snapshot.h"
#include "report/record.h"

typedef struct Past {
    Record record;     /* all that the daemon said */
    Listener listener; /* as far as the fields tell, for a filter; its owner is owned */
    /* Who wrote the entry, by journald's word; a field that it begins with `_` nobody can forge. */
    uint32_t writer_uid;
    bool writer_is_service;
    int priority;
} Past;

/* The journal's current entry. Done with either way. Returns 0 or a negative errno. */
int past_read(sd_journal *journal, Past *ret);
void past_done(Past *past);

/* One `NAME=value` of an entry: what past_read() is made of. Returns 0 or -ENOMEM; values that make
 * no sense are left out. */
int past_take(Past *past, const char *data, size_t length);

/* Whether the daemon wrote it: anybody may send the journal what looks like an alert. */
bool past_is_ours(const Past *past);

/* `warning`, `still`, `resolved`, … */
const char *past_word(const Past *past);
