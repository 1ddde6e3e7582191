/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/verbs/hypothesis.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "ctl/print/tell.h"
#include "model/reach.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/memory.h"
#include "util/name_service.h"

/* Splits `HOST:PORT` at the last colon, brackets taken off; host is at most ENDPOINT_SIZE bytes. */
static int split_endpoint(const char *text, char host[static ENDPOINT_SIZE], bool *ret_bracketed,
                          const char **ret_port) {
    const char *colon = strrchr(text, ':');
    if (!colon || colon == text || (size_t)(colon - text) >= ENDPOINT_SIZE)
        return -EINVAL;
    size_t length = (size_t)(colon - text);
    bool bracketed = text[0] == '[';
    if (bracketed && (length < 3 || text[length - 1] != ']'))
        return -EINVAL;
    memcpy(host, text + bracketed, length - 2 * (size_t)bracketed);
    host[length - 2 * (size_t)bracketed] = '\0';
    *ret_bracketed = bracketed;
    *ret_port = colon + 1;
    return 0;
}

static int parse_device(const char *name, const LinkTable *links, uint32_t *ret) {
    const Link *link = link_table_find_name(links, name);
    if (!link)
        return -ENODEV;
    *ret = link->index;
    return 0;
}

int endpoint_parse(const char *text, const LinkTable *links, Endpoint *endpoint) {
    char host[ENDPOINT_SIZE];
    const char *port_text;
    bool bracketed;
    uint64_t port;
    Endpoint parsed = {.proto = endpoint->proto};

    int r = split_endpoint(text, host, &bracketed, &port_text);
    if (r < 0)
        return r;
    r = parse_unsigned(port_text, strlen(port_text), UINT16_MAX, &port);
    if (r < 0)
        return r;
    parsed.port = (uint16_t)port;

    char *device = strchr(host, '%');
    if (device) {
        *device++ = '\0';
        r = parse_device(device, links, &parsed.ifindex);
        if (r < 0)
            return r;
    }
    r = address_parse(strcmp(host, "*") == 0 ? "::" : host, &parsed.address);
    if (r < 0)
        return r;
    if (bracketed != (parsed.address.family == AF_INET6) && strcmp(host, "*") != 0)
        return -EINVAL;
    *endpoint = parsed;
    return 0;
}

static ExitStatus bad_value(const char *key, const char *value, const char *why) {
    _cleanup_free_ char *escaped = text_escape_string(value);
    tell_error("%s: '%s' %s", key, escaped ?: "", why);
    return STATUS_USAGE;
}

static ExitStatus bad_word(const char *key, const char *value, const char *const *words,
                           unsigned count) {
    char what[40];
    snprintf(what, sizeof(what), "value of %s", key);
    return tell_unknown(what, value, words, count);
}

static ExitStatus out_of_memory(void) {
    return tell_errno(-ENOMEM, "Failed to explain");
}

static ExitStatus set_text(char **place, const char *value) {
    free(*place);
    *place = strdup(value);
    return *place ? STATUS_DONE : out_of_memory();
}

/* What useradd(8) takes, and names of a directory service such as `alice@example.com`. */
static bool is_account_name(const char *text) {
    size_t length = strlen(text);
    return length > 0 && length <= LOGIN_NAME_MAX && text[0] != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.@$-") ==
               length;
}

static ExitStatus set_user(Hypothesis *hypothesis, const char *value) {
    uint64_t number;
    if (parse_unsigned(value, strlen(value), UINT32_MAX - 1, &number) == 0) {
        hypothesis->listener.uid = (uint32_t)number;
        return STATUS_DONE;
    }
    if (name_user_id(value, &hypothesis->listener.uid) == 0)
        return STATUS_DONE;
    if (!is_account_name(value))
        return bad_value("user", value, "is not a user of this machine, and not a valid name");
    hypothesis->assumed_user = value;
    hypothesis->listener.uid = (uid_t)-1;
    tell_warning("No user is named %s; the rules are applied as if it existed", value);
    return STATUS_DONE;
}

static ExitStatus set_group(Hypothesis *hypothesis, const char *value) {
    uint64_t number;
    hypothesis->group_given = true;
    if (parse_unsigned(value, strlen(value), UINT32_MAX - 1, &number) == 0) {
        hypothesis->group = (gid_t)number;
        return STATUS_DONE;
    }
    if (name_group_id(value, &hypothesis->group) < 0)
        return bad_value("group", value, "is not a group of this machine (numbers are accepted)");
    return STATUS_DONE;
}

static ExitStatus set_exe(Hypothesis *hypothesis, const char *value) {
    Owner *owner = hypothesis->listener.owner;
    const char *slash = strrchr(value, '/');

    if (value[0] != '/')
        return bad_value("exe", value, "is not an absolute path");
    owner->holders = calloc(1, sizeof(Holder));
    if (!owner->holders)
        return out_of_memory();
    owner->n_holders = owner->n_holders_seen = 1;
    owner->holders[0] = (Holder){
        .fd = -1,
        .uid = hypothesis->listener.uid,
        .comm = strdup(slash + 1),
        .exe = strdup(value),
        .exe_state = EXE_ASSUMED,
    };
    return owner->holders[0].comm && owner->holders[0].exe ? STATUS_DONE : out_of_memory();
}

/* `none`, a runtime, `RUNTIME:NAME` or a name. */
static ExitStatus set_container(Hypothesis *hypothesis, const char *value) {
    Owner *owner = hypothesis->listener.owner;
    const char *colon = strchr(value, ':');
    size_t length = colon ? (size_t)(colon - value) : strlen(value);

    for (ContainerRuntime runtime = RUNTIME_NONE; runtime < RUNTIME_COUNT; runtime++) {
        const char *name = container_runtime_name(runtime);
        if (strlen(name) != length || memcmp(name, value, length) != 0)
            continue;
        owner->runtime = runtime;
        if (colon)
            return set_text(&owner->container_name, colon + 1);
        free(owner->container_name);
        owner->container_name = NULL;
        return STATUS_DONE;
    }
    owner->runtime = RUNTIME_DOCKER;
    return set_text(&owner->container_name, value);
}

static ExitStatus set_netns(Hypothesis *hypothesis, const char *value) {
    static const char *const words[] = {"other", "host"};
    int index = string_find(value, words, ELEMENTS(words));
    hypothesis->netns.host = index > 0;
    return index < 0 ? bad_word("netns", value, words, ELEMENTS(words)) : STATUS_DONE;
}

static ExitStatus set_origin(Hypothesis *hypothesis, const char *value, const LinkTable *links) {
    static const char *const words[] = {"socket", "forward"};
    int index = string_find(value, words, ELEMENTS(words));
    if (index < 0)
        return bad_word("origin", value, words, ELEMENTS(words));
    hypothesis->listener.origin = index ? ORIGIN_FORWARD : ORIGIN_SOCKET;
    hypothesis->listener.scope = listener_scope(&hypothesis->listener, links);
    return STATUS_DONE;
}

/* Only forwards have a target. */
static ExitStatus set_target(Hypothesis *hypothesis, const char *value, const LinkTable *links) {
    Listener *listener = &hypothesis->listener;
    Endpoint target = {};
    if (endpoint_parse(value, NULL, &target) < 0 || address_is_wildcard(&target.address))
        return bad_value("target", value, "is not of the form 10.0.0.5:80 or [fd00::5]:80");
    listener->origin = ORIGIN_FORWARD;
    listener->forward_to = target.address;
    listener->forward_port = target.port;
    listener->scope = listener_scope(listener, links);
    return STATUS_DONE;
}

static ExitStatus set_scope(Hypothesis *hypothesis, const char *value) {
    const char *words[SCOPE_COUNT];
    for (Scope scope = 0; scope < SCOPE_COUNT; scope++)
        words[scope] = scope_name(scope);
    if (scope_parse(value, &hypothesis->listener.scope) < 0)
        return bad_word("scope", value, words, SCOPE_COUNT);
    return STATUS_DONE;
}

static ExitStatus set_age(Hypothesis *hypothesis, const char *value, usec_t now) {
    usec_t age;
    if (parse_duration(value, strlen(value), &age) < 0 || age >= now)
        return bad_value("age", value, "is not a duration such as 30s, 5m or 2h");
    hypothesis->listener.owner->created = now - age;
    return STATUS_DONE;
}

static ExitStatus unknown_device(const char *name, const LinkTable *links) {
    const char *names[64];
    unsigned count = 0;
    for (size_t i = 0; links && i < links->n_links && count < ELEMENTS(names); i++)
        names[count++] = links->links[i].name;
    return tell_unknown("interface", name, names, count);
}

static ExitStatus set_interface(Hypothesis *hypothesis, const char *value, const LinkTable *links) {
    Endpoint *endpoint = &hypothesis->listener.endpoint;
    if (parse_device(value, links, &endpoint->ifindex) < 0)
        return unknown_device(value, links);
    hypothesis->listener.scope = listener_scope(&hypothesis->listener, links);
    return STATUS_DONE;
}

static ExitStatus set_key(Hypothesis *hypothesis, const char *key, const char *value,
                          const LinkTable *links, usec_t now) {
    static const char *const keys[] = {
        "user",   "group",  "exe", "unit",  "user-unit", "container", "netns",
        "origin", "target", "age", "scope", "interface", "tool",
    };
    Owner *owner = hypothesis->listener.owner;

    if (strcmp(key, "user") == 0)
        return set_user(hypothesis, value);
    if (strcmp(key, "group") == 0)
        return set_group(hypothesis, value);
    if (strcmp(key, "exe") == 0)
        return set_exe(hypothesis, value);
    if (strcmp(key, "unit") == 0)
        return set_text(&owner->unit, value);
    if (strcmp(key, "user-unit") == 0)
        return set_text(&owner->user_unit, value);
    if (strcmp(key, "container") == 0)
        return set_container(hypothesis, value);
    if (strcmp(key, "netns") == 0)
        return set_netns(hypothesis, value);
    if (strcmp(key, "origin") == 0)
        return set_origin(hypothesis, value, links);
    if (strcmp(key, "target") == 0)
        return set_target(hypothesis, value, links);
    if (strcmp(key, "tool") == 0)
        return set_text(&hypothesis->listener.tool, value);
    if (strcmp(key, "age") == 0)
        return set_age(hypothesis, value, now);
    if (strcmp(key, "scope") == 0)
        return set_scope(hypothesis, value);
    if (strcmp(key, "interface") == 0)
        return set_interface(hypothesis, value, links);
    return tell_unknown("key", key, keys, ELEMENTS(keys));
}

/* PROTO ADDRESS:PORT. */
static ExitStatus parse_place(char *const *words, size_t n_words, const LinkTable *links,
                              Endpoint *endpoint) {
    const char *protos[PROTO_COUNT];
    for (Proto proto = 0; proto < PROTO_COUNT; proto++)
        protos[proto] = proto_name(proto);
    if (proto_parse(words[0], &endpoint->proto) < 0)
        return tell_unknown("protocol", words[0], protos, PROTO_COUNT);
    if (n_words < 2) {
        tell_error("explain %s requires an endpoint, such as 0.0.0.0:3000", words[0]);
        return STATUS_USAGE;
    }
    int r = endpoint_parse(words[1], links, endpoint);
    if (r == -ENODEV)
        return bad_value("endpoint", words[1], "names an interface that does not exist");
    if (r == -ERANGE)
        return bad_value("endpoint", words[1], "has a port that is not in 0-65535");
    if (r < 0)
        return bad_value("endpoint", words[1],
                         "is not of the form 0.0.0.0:3000, [::]:3000, 127.0.0.1%lo:53 or *:3000");
    return STATUS_DONE;
}

ExitStatus hypothesis_parse(char *const *words, size_t n_words, const LinkTable *links, usec_t now,
                            Hypothesis *ret) {
    *ret = (Hypothesis){
        .listener = {.uid = getuid(), .n_sockets = 1, .owner = owner_new()},
        .netns = {.host = true},
    };
    Listener *listener = &ret->listener;
    if (!listener->owner)
        return out_of_memory();
    listener->owner->attribution = ATTRIBUTION_FULL;
    listener->owner->complete = true;

    ExitStatus status = parse_place(words, n_words, links, &listener->endpoint);
    if (status != STATUS_DONE)
        return status;
    listener->scope = endpoint_scope(&listener->endpoint, links);
    for (size_t i = 2; i < n_words; i += 2) {
        for (size_t j = 2; j < i; j += 2)
            if (strcmp(words[j], words[i]) == 0)
                return bad_value("explain", words[i], "is repeated");
        if (i + 1 == n_words)
            return bad_value("explain", words[i], "requires a value");
        status = set_key(ret, words[i], words[i + 1], links, now);
        if (status != STATUS_DONE)
            return status;
    }
    return STATUS_DONE;
}

void hypothesis_done(Hypothesis *hypothesis) {
    owner_unref(hypothesis->listener.owner);
    free(hypothesis->listener.tool);
    free(hypothesis->listener.advice);
    *hypothesis = (Hypothesis){};
}
