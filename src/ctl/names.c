/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/names.h"

#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "util/escape.h"
#include "util/memory.h"

/* Users beyond these share the last place: slower, and no less right. */
#define NAMES_MAX 64
#define NAME_SIZE 256

static struct {
    uid_t uid;
    bool known;
    char name[NAME_SIZE];
} names[NAMES_MAX];
static size_t n_names;

void user_names_forget(void) {
    n_names = 0;
}

const char *user_name(uid_t uid) {
    for (size_t i = 0; i < n_names; i++)
        if (names[i].uid == uid)
            return names[i].known ? names[i].name : NULL;

    size_t place = n_names < NAMES_MAX ? n_names++ : NAMES_MAX - 1;
    const struct passwd *user = getpwuid(uid);
    names[place].uid = uid;
    names[place].known = user && !string_is_empty(user->pw_name);
    if (names[place].known)
        snprintf(names[place].name, NAME_SIZE, "%s", user->pw_name);
    return names[place].known ? names[place].name : NULL;
}
