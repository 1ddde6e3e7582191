/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/print/names.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "util/name_service.h"

/* Users beyond these share the last place: slower, and no less right. */
#define NAMES_MAX 64

static struct {
    uid_t uid;
    bool known;
    char name[NAME_TEXT_SIZE];
} names[NAMES_MAX];
static size_t n_names;

void user_names_forget(void) {
    n_names = 0;
}

const char *user_name(uid_t uid) {
    if (uid == (uid_t)-1)
        return NULL;
    for (size_t i = 0; i < n_names; i++)
        if (names[i].uid == uid)
            return names[i].known ? names[i].name : NULL;

    size_t place = n_names < NAMES_MAX ? n_names : NAMES_MAX - 1;
    int r = name_of_user(uid, names[place].name);
    /* What can't be told now may be the next time. */
    names[place].uid = r == 0 || r == -ENOENT ? uid : (uid_t)-1;
    names[place].known = r == 0;
    if (place == n_names && names[place].uid == uid)
        n_names++;
    return r == 0 ? names[place].name : NULL;
}
