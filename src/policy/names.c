/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/names.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <netdb.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/arena.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/nearest.h"

#define BUCKETS 1024
/* What one entry of a name service may need; more is an answer that we don't want. */
#define ENTRY_MAX ((size_t)1024 * 1024)

/* getpwnam_r(3): "not found" has several faces. */
static int lookup_error(int r) {
    return r == 0 || r == ESRCH || r == EBADF || r == EPERM ? -ENOENT : -r;
}

typedef int (*Lookup)(const char *name, char *buffer, size_t size, uint32_t *ret);

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

static int lookup_user(const char *name, char *buffer, size_t size, uint32_t *ret) {
    struct passwd entry, *found = NULL;
    int r = getpwnam_r(name, &entry, buffer, size, &found);
    if (found)
        *ret = found->pw_uid;
    return found ? 0 : lookup_error(r);
}

static int lookup_group(const char *name, char *buffer, size_t size, uint32_t *ret) {
    struct group entry, *found = NULL;
    int r = getgrnam_r(name, &entry, buffer, size, &found);
    if (found)
        *ret = found->gr_gid;
    return found ? 0 : lookup_error(r);
}

static int lookup_service(const char *name, char *buffer, size_t size, uint32_t *ret) {
    struct servent entry, *found = NULL;
    int r = getservbyname_r(name, NULL, &entry, buffer, size, &found);
    if (found)
        *ret = ntohs((uint16_t)found->s_port);
    return found ? 0 : lookup_error(r);
}

/* Asks with a buffer that grows as long as it is told to be too small. */
static int lookup_growing(Lookup lookup, const char *name, uint32_t *ret) {
    for (size_t size = 4096; size <= ENTRY_MAX; size *= 4) {
        _cleanup_free_ char *buffer = malloc(size);
        if (!buffer)
            return -ENOMEM;
        int r = lookup(name, buffer, size, ret);
        if (r != -ERANGE)
            return r;
    }
    return -ERANGE;
}

static uint32_t text_hash(const char *text) {
    uint32_t hash = 2166136261u; /* FNV-1a: the names are an administrator's */
    for (; *text; text++)
        hash = (hash ^ (unsigned char)*text) * 16777619u;
    return hash;
}

static int names_find(Names *names, Lookup lookup, const char *text, uint32_t *ret) {
    Name **bucket = &names->buckets[text_hash(text) % BUCKETS];
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
        name->result = lookup_growing(lookup, text, &name->value);
        name->next = *bucket;
        *bucket = name;
    }
    if (name->result == 0)
        *ret = name->value;
    return name->result;
}

int names_user(Names *names, const char *name, uint32_t *ret) {
    return names_find(names, lookup_user, name, ret);
}

int names_group(Names *names, const char *name, uint32_t *ret) {
    return names_find(names, lookup_group, name, ret);
}

int names_service(Names *names, const char *name, uint32_t *ret) {
    return names_find(names, lookup_service, name, ret);
}

char *names_nearest_service(const char *word) {
    char *nearest = NULL;
    struct servent *entry;

    setservent(1);
    while ((entry = getservent())) {
        const char *pair[] = {nearest, entry->s_name};
        const char *nearer = nearest_word(word, pair, ELEMENTS(pair));
        if (nearer != entry->s_name)
            continue;
        char *copy = strdup(nearer);
        if (!copy)
            break;
        free(nearest);
        nearest = copy;
    }
    endservent();
    return nearest;
}

bool names_of_services_exist(void) {
    setservent(1);
    bool exist = getservent() != NULL;
    endservent();
    return exist;
}

char *names_of_user(uint32_t uid) {
    char buffer[4096], *text = NULL;
    struct passwd entry, *found = NULL;

    if (getpwuid_r(uid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
        return strdup(found->pw_name);
    return asprintf(&text, "%u", uid) < 0 ? NULL : text;
}

char *names_of_group(uint32_t gid) {
    char buffer[4096], *text = NULL;
    struct group entry, *found = NULL;

    if (getgrgid_r(gid, &entry, buffer, sizeof(buffer), &found) == 0 && found)
        return strdup(found->gr_name);
    return asprintf(&text, "%u", gid) < 0 ? NULL : text;
}

bool names_group_is_private(uint32_t gid, uint32_t uid) {
    char user_buffer[4096], group_buffer[4096];
    struct passwd user, *found_user = NULL;
    struct group group, *found_group = NULL;

    if (getpwuid_r(uid, &user, user_buffer, sizeof(user_buffer), &found_user) != 0 || !found_user ||
        getgrgid_r(gid, &group, group_buffer, sizeof(group_buffer), &found_group) != 0 ||
        !found_group)
        return false;
    if (strcmp(user.pw_name, group.gr_name) != 0 || user.pw_gid != gid)
        return false;
    for (char **member = group.gr_mem; *member; member++)
        if (strcmp(*member, user.pw_name) != 0)
            return false;
    return true;
}
