/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "owner/container_path.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "util/memory.h"

/* Docker, podman, containerd and CRI-O give 256-bit ids in hexadecimal. */
#define CONTAINER_ID_LENGTH 64

static int hex_digit(char c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

static bool is_container_id(const char *text, size_t length) {
    if (length != CONTAINER_ID_LENGTH)
        return false;
    for (size_t i = 0; i < length; i++)
        if (hex_digit(text[i]) < 0)
            return false;
    return true;
}

/* What stands between prefix and suffix, when both are there and something is between. */
static bool between(const CgroupComponent *component, const char *prefix, const char *suffix,
                    const char **ret, size_t *ret_length) {
    size_t before = strlen(prefix), after = strlen(suffix);
    if (component->length <= before + after || memcmp(component->name, prefix, before) != 0 ||
        memcmp(component->name + component->length - after, suffix, after) != 0)
        return false;
    *ret = component->name + before;
    *ret_length = component->length - before - after;
    return true;
}

static bool component_is(const CgroupComponent *component, const char *name) {
    return component->length == strlen(name) &&
           memcmp(component->name, name, component->length) == 0;
}

static bool begins_with(const CgroupComponent *component, const char *prefix) {
    size_t length = strlen(prefix);
    return component->length >= length && memcmp(component->name, prefix, length) == 0;
}

/* Forms with an id: scopes of the systemd driver, directories of the cgroupfs driver. */
static bool parse_with_id(const CgroupComponent *component, ContainerClaim *claim) {
    static const struct {
        const char *prefix, *suffix;
        ContainerRuntime runtime;
    } forms[] = {
        {"docker-", ".scope", RUNTIME_DOCKER},
        {"libpod-conmon-", ".scope", RUNTIME_PODMAN}, /* its monitor, which holds its ports */
        {"libpod-", ".scope", RUNTIME_PODMAN},
        {"libpod-conmon-", "", RUNTIME_PODMAN},
        {"libpod-", "", RUNTIME_PODMAN},
        {"cri-containerd-", ".scope", RUNTIME_CONTAINERD},
        {"nerdctl-", ".scope", RUNTIME_CONTAINERD},
        {"crio-conmon-", ".scope", RUNTIME_CRIO},
        {"crio-", ".scope", RUNTIME_CRIO},
        {"crio-conmon-", "", RUNTIME_CRIO},
        {"crio-", "", RUNTIME_CRIO},
    };
    for (size_t i = 0; i < ELEMENTS(forms); i++)
        if (between(component, forms[i].prefix, forms[i].suffix, &claim->id, &claim->id_length) &&
            is_container_id(claim->id, claim->id_length)) {
            claim->runtime = forms[i].runtime;
            return true;
        }

    /* containerd with a systemd path on the cgroupfs driver: `….slice:cri-containerd:ID`. */
    const char *colon = memrchr(component->name, ':', component->length);
    static const char cri[] = ":cri-containerd";
    if (colon && (size_t)(colon - component->name) >= sizeof(cri) - 1 &&
        memcmp(colon - (sizeof(cri) - 1), cri, sizeof(cri) - 1) == 0) {
        claim->id = colon + 1;
        claim->id_length = component->length - (size_t)(colon + 1 - component->name);
        claim->runtime = RUNTIME_CONTAINERD;
        return is_container_id(claim->id, claim->id_length);
    }
    return false;
}

/* A bare id, which says what it is by the directory above it. */
static bool parse_below(const CgroupComponent *parent, const CgroupComponent *component,
                        ContainerClaim *claim) {
    if (is_container_id(component->name, component->length)) {
        if (component_is(parent, "docker"))
            claim->runtime = RUNTIME_DOCKER;
        else if (component_is(parent, "libpod_parent"))
            claim->runtime = RUNTIME_PODMAN;
        else if (begins_with(parent, "pod") || begins_with(parent, "kubepods"))
            claim->runtime = RUNTIME_CONTAINERD;
        else
            return false;
        claim->id = component->name;
        claim->id_length = component->length;
        return true;
    }
    if (component_is(parent, "lxc") || component_is(parent, "lxc.payload")) {
        claim->runtime = RUNTIME_LXC;
        claim->name = component->name;
        claim->name_length = component->length;
        return true;
    }
    return false;
}

static bool parse_with_name(const CgroupComponent *component, ContainerClaim *claim) {
    if (between(component, "lxc.payload.", "", &claim->name, &claim->name_length)) {
        claim->runtime = RUNTIME_LXC;
        return true;
    }
    if (between(component, "systemd-nspawn@", ".service", &claim->name, &claim->name_length)) {
        claim->runtime = RUNTIME_NSPAWN;
        return true;
    }
    if (!between(component, "machine-", ".scope", &claim->name, &claim->name_length))
        return false;
    /* systemd-machined has scopes for libvirt's guests as well: `machine-qemu\x2d1\x2dNAME`. */
    CgroupComponent name = {.name = claim->name, .length = claim->name_length};
    if (begins_with(&name, "qemu\\x2d"))
        return false;
    claim->runtime = begins_with(&name, "lxc\\x2d") ? RUNTIME_LXC : RUNTIME_NSPAWN;
    return true;
}

bool container_component_parse(const CgroupComponent *parent, const CgroupComponent *component,
                               ContainerClaim *ret) {
    ContainerClaim claim = {};
    if (parse_with_id(component, &claim)) {
        *ret = claim;
        return true;
    }
    claim = (ContainerClaim){};
    if (parse_below(parent, component, &claim)) {
        *ret = claim;
        return true;
    }
    claim = (ContainerClaim){};
    if (!parse_with_name(component, &claim))
        return false;
    *ret = claim;
    return true;
}

int container_name_unescape(const char *text, size_t length, char **ret) {
    char *name = malloc(length + 1), *to = name;
    if (!name)
        return -ENOMEM;
    for (size_t i = 0; i < length;) {
        int high, low;
        if (length - i >= 4 && text[i] == '\\' && text[i + 1] == 'x' &&
            (high = hex_digit(text[i + 2])) >= 0 && (low = hex_digit(text[i + 3])) >= 0 &&
            high + low > 0) {
            *to++ = (char)(high * 16 + low);
            i += 4;
        } else {
            *to++ = text[i++];
        }
    }
    *to = '\0';
    *ret = name;
    return 0;
}
