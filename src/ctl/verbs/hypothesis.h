/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A listener that is not there, as `explain` is told of it: `tcp 0.0.0.0:3000 user alice`. */
#pragma once

#include "ctl/status.h"
#include "policy/policy.h"

typedef struct Hypothesis {
    Listener listener;        /* its owner is owned */
    const char *assumed_user; /* one that this machine has not, by the word given; or NULL: then
                               * listener.uid is set */
    Netns netns;
    bool group_given;
    gid_t group; /* the user is in this one alone */
} Hypothesis;

/*
 * Reads `ENDPOINT [KEY VALUE…]`. A user that is not told is the caller. Says on stderr what is
 * wrong. Returns STATUS_DONE or STATUS_USAGE; *ret is to be released in either case.
 */
ExitStatus hypothesis_parse(char *const *words, size_t n_words, const LinkTable *links, usec_t now,
                            Hypothesis *ret);
void hypothesis_done(Hypothesis *hypothesis);

/*
 * `ADDRESS[%DEVICE]:PORT`, an IPv6 address in brackets, `*` for every address of both families.
 * Returns 0, -EINVAL for the form, -ENODEV for an interface that is not in the table, -ERANGE for
 * the port.
 */
int endpoint_parse(const char *text, const LinkTable *links, Endpoint *endpoint);
