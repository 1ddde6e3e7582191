/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"
#include "util/name_service.h"
#include "util/words.h"

enum { OF_USERS, OF_GROUPS, OF_SERVICES, OF_COUNT };

typedef struct Name {
    int result;
    uint32_t value;
} Name;

struct Names {
    Words words[OF_COUNT]; /* each with the index of its Name */
    Name *names;
    size_t n_names, allocated;
    bool missed;
};

Names *names_new(void) {
    return calloc(1, sizeof(Names));
}

Names *names_free(Names *names) {
    if (!names)
        return NULL;
    for (size_t i = 0; i < OF_COUNT; i++)
        words_done(&names->words[i]);
    free(names->names);
    free(names);
    return NULL;
}

static int names_find(Names *names, unsigned of, int (*lookup)(const char *name, uint32_t *ret),
                      const char *text, uint32_t *ret) {
    uint32_t index = (uint32_t)names->n_names;

    if (ARRAY_RESERVE(names->names, names->allocated, names->n_names + 1) < 0)
        return -ENOMEM;
    int r = words_add(&names->words[of], text, index, &index);
    if (r < 0)
        return r;
    Name *name = &names->names[index];
    if (r > 0) {
        name->result = lookup(text, &name->value);
        names->missed |= name->result < 0 && name->result != -ENOENT;
        names->n_names++;
    }
    if (name->result == 0)
        *ret = name->value;
    return name->result;
}

bool names_missed(const Names *names) {
    return names->missed;
}

int names_user(Names *names, const char *name, uint32_t *ret) {
    return names_find(names, OF_USERS, name_user_id, name, ret);
}

int names_group(Names *names, const char *name, uint32_t *ret) {
    return names_find(names, OF_GROUPS, name_group_id, name, ret);
}

int names_service(Names *names, const char *name, uint32_t *ret) {
    return names_find(names, OF_SERVICES, name_service_port, name, ret);
}

static char *name_or_number(int r, const char *name, uint32_t id) {
    return r >= 0 ? strdup(name) : string_format("%u", id);
}

char *names_of_user(uint32_t uid) {
    char name[NAME_TEXT_SIZE];
    return name_or_number(name_of_user(uid, name), name, uid);
}

char *names_of_group(uint32_t gid) {
    char name[NAME_TEXT_SIZE];
    return name_or_number(name_of_group(gid, name), name, gid);
}

bool names_group_is_private(uint32_t gid, uint32_t uid) {
    return name_group_is_own(gid, uid) > 0;
}
