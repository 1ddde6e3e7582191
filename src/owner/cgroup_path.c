/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/cgroup_path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "owner/container_path.h"
#include "util/cleanup.h"
#include "util/parse.h"

void cgroup_identity_done(CgroupIdentity *identity) {
    free(identity->unit);
    free(identity->user_unit);
    free(identity->session);
    free(identity->container_id);
    free(identity->container_name);
    *identity = (CgroupIdentity){};
}

static bool ends_with(const char *text, size_t length, const char *suffix) {
    size_t suffix_length = strlen(suffix);
    return length > suffix_length &&
           memcmp(text + length - suffix_length, suffix, suffix_length) == 0;
}

static bool begins_with(const char *text, size_t length, const char *prefix) {
    size_t prefix_length = strlen(prefix);
    return length >= prefix_length && memcmp(text, prefix, prefix_length) == 0;
}

bool unit_name_is_valid(const char *name, size_t length) {
    static const char *const types[] = {".service", ".scope", ".slice",
                                        ".socket",  ".mount", ".swap"};
    static const char allowed[] = "0123456789abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ:-_.\\@";
    if (length == 0 || length > 255 || name[0] == '@')
        return false;
    for (size_t i = 0; i < length; i++)
        if (!name[i] || !strchr(allowed, name[i]))
            return false;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (ends_with(name, length, types[i]))
            return true;
    return false;
}

/*
 * The next component of a path, its cgroup escaping undone: systemd puts a `_` before names that
 * the kernel would take for its own files (`cgroup.service`) or that begin with `_` or `.`.
 * *at moves behind it.
 */
static bool next_component(const char **at, CgroupComponent *ret) {
    while (**at == '/')
        (*at)++;
    if (!**at)
        return false;
    const char *begin = *at;
    size_t length = strcspn(begin, "/");
    *at += length;
    if (*begin == '_') {
        begin++;
        length--;
    }
    *ret = (CgroupComponent){.name = begin, .length = length};
    return true;
}

/* Sets *ret to the first component that is no slice, and moves *at behind it. */
static bool skip_slices(const char **at, CgroupComponent *ret) {
    while (next_component(at, ret)) {
        if (!unit_name_is_valid(ret->name, ret->length) ||
            !ends_with(ret->name, ret->length, ".slice"))
            return true;
    }
    return false;
}

static int copy(const char *name, size_t length, char **ret) {
    char *text = strndup(name, length);
    if (!text)
        return -ENOMEM;
    *ret = text;
    return 0;
}

/* user@UID.service: the manager of a user, who names what stands below it. */
static bool is_user_manager(const CgroupComponent *component) {
    uint64_t uid;
    return begins_with(component->name, component->length, "user@") &&
           ends_with(component->name, component->length, ".service") &&
           parse_unsigned(component->name + 5, component->length - 5 - 8, UINT32_MAX, &uid) == 0;
}

static int interpret_session(const CgroupComponent *component, CgroupIdentity *identity) {
    static const char prefix[] = "session-", suffix[] = ".scope";
    const size_t around = sizeof(prefix) - 1 + sizeof(suffix) - 1;
    if (!begins_with(component->name, component->length, prefix) ||
        !ends_with(component->name, component->length, suffix) || component->length <= around)
        return 0;
    return copy(component->name + sizeof(prefix) - 1, component->length - around,
                &identity->session);
}

/* The system unit, and how far the path is root's: a user manager's own subtree is not. */
static int interpret_units(const char *path, size_t *owned_from, CgroupIdentity *identity) {
    CgroupComponent component;
    const char *at = path;

    if (!skip_slices(&at, &component) || !unit_name_is_valid(component.name, component.length) ||
        (size_t)(at - path) > *owned_from)
        return 0;
    int r = copy(component.name, component.length, &identity->unit);
    if (r < 0)
        return r;
    if (begins_with(path, strlen(path), "/user.slice/")) {
        r = interpret_session(&component, identity);
        if (r < 0)
            return r;
    }
    if (!is_user_manager(&component))
        return 0;

    if (*owned_from > (size_t)(at - path))
        *owned_from = (size_t)(at - path);
    if (!skip_slices(&at, &component) || !unit_name_is_valid(component.name, component.length))
        return 0;
    return copy(component.name, component.length, &identity->user_unit);
}

static int interpret_container(const char *path, size_t owned_from, CgroupIdentity *identity) {
    CgroupComponent component, before = {.name = "", .length = 0};

    for (const char *at = path; next_component(&at, &component); before = component) {
        ContainerClaim claim;
        if (!container_component_parse(&before, &component, &claim))
            continue;
        identity->runtime = claim.runtime;
        if ((size_t)(at - path) > owned_from) {
            if (claim.runtime != RUNTIME_PODMAN)
                identity->runtime = RUNTIME_NONE;
            return 0;
        }
        if (claim.id_length > 0) {
            int r = copy(claim.id, claim.id_length, &identity->container_id);
            if (r < 0)
                return r;
        }
        if (claim.name_length > 0)
            return container_name_unescape(claim.name, claim.name_length,
                                           &identity->container_name);
        return 0;
    }
    return 0;
}

int cgroup_path_interpret(const char *path, size_t owned_from, CgroupIdentity *ret) {
    _cleanup_cgroup_identity_ CgroupIdentity identity = {};

    int r = interpret_units(path, &owned_from, &identity);
    if (r >= 0)
        r = interpret_container(path, owned_from, &identity);
    if (r < 0)
        return r;
    *ret = identity;
    identity = (CgroupIdentity){};
    return 0;
}
