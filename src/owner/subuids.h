/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The uids that users were given for their containers (subuid(5)): what they do as any of 65,536 of
 * them is theirs, and charged to them.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* So many ranges are taken; further ones are left out, and their uids pay for themselves. */
#define SUBUID_RANGES_MAX 4096

typedef struct SubuidRange {
    uint32_t first, last;
    uid_t owner;
} SubuidRange;

/* Sorted, and none overlaps another. All zero: there are none. */
typedef struct Subuids {
    SubuidRange *ranges;
    size_t n, allocated;
} Subuids;

/*
 * Reads the text of /etc/subuid, `NAME:FIRST:COUNT` a line, where NAME may be a number.
 * `find_user` gives a name's uid: 0 or a negative errno. What is no such line, and ranges with
 * root or with more than there are uids, are passed over; of two that overlap, the one that begins
 * first has the part. Returns 0 or -ENOMEM.
 */
int subuids_parse(const char *text, size_t length,
                  int (*find_user)(void *userdata, const char *name, uid_t *ret), void *userdata,
                  Subuids *ret);
void subuids_done(Subuids *subuids);

/* Who was given that uid, or the uid itself. */
uid_t subuids_owner(const Subuids *subuids, uid_t uid);
