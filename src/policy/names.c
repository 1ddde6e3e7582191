/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/names.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/arena.h"
#include "util/fnv.h"
#include "util/name_service.h"

#define BUCKETS 1024

typedef int (*Lookup)(const char *name, uint32_t *ret);

typedef struct Name {
    struct Name *next;
    Lookup lookup;
    const char *text;
    int result;
    uint32_t value;
} Name;

struct Names {
    Arena arena;
    Name *buckets[BUCKETS];
    bool missed;
};

Names *names_new(void) {
    return calloc(1, sizeof(Names));
}

Names *names_free(Names *names) {
    if (!names)
        return NULL;
    arena_done(&names->arena);
    free(names);
    return NULL;
}

static int names_find(Names *names, Lookup lookup, const char *text, uint32_t *ret) {
    Name **bucket = &names->buckets[fnv_add(FNV_BEGIN, text, strlen(text)) % BUCKETS];
    Name *name = *bucket;

    while (name && (name->lookup != lookup || strcmp(name->text, text) != 0))
        name = name->next;
    if (!name) {
        name = arena_alloc(&names->arena, sizeof(*name));
        if (!name)
            return -ENOMEM;
        name->text = arena_text(&names->arena, text, strlen(text));
        if (!name->text)
            return -ENOMEM;
        name->lookup = lookup;
        name->result = lookup(text, &name->value);
        names->missed |= name->result < 0 && name->result != -ENOENT;
        name->next = *bucket;
        *bucket = name;
    }
    if (name->result == 0)
        *ret = name->value;
    return name->result;
}

bool names_missed(const Names *names) {
    return names->missed;
}

int names_user(Names *names, const char *name, uint32_t *ret) {
    return names_find(names, name_user_id, name, ret);
}

int names_group(Names *names, const char *name, uint32_t *ret) {
    return names_find(names, name_group_id, name, ret);
}

int names_service(Names *names, const char *name, uint32_t *ret) {
    return names_find(names, name_service_port, name, ret);
}

char *names_nearest_service(const char *word) {
    char nearest[NAME_TEXT_SIZE];
    return name_near_service(word, nearest) < 0 ? NULL : strdup(nearest);
}

bool names_of_services_exist(void) {
    return name_any_service() != 0; /* what can't be told is no reason to blame the machine */
}

static char *name_or_number(int r, const char *name, uint32_t id) {
    char *text = NULL;

    if (r >= 0)
        return strdup(name);
    return asprintf(&text, "%u", id) < 0 ? NULL : text;
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
