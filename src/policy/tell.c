/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Describes for `explain` the value of a listener that a rule does not match. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/reach.h"
#include "policy/match/match.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/memory.h"
#include "util/text_stream.h"

char *match_tell_proto(const Case *judged, const Match *match) {
    (void)match;
    return string_format("it is %s", proto_name(judged->listener->endpoint.proto));
}

char *match_tell_port(const Case *judged, const Match *match) {
    (void)match;
    return string_format("its port is %u", judged->listener->endpoint.port);
}

char *match_tell_bind(const Case *judged, const Match *match) {
    char address[ADDRESS_SIZE];
    (void)match;
    address_format(&judged->listener->endpoint.address, address);
    return string_format("it is bound to %s", address);
}

char *match_tell_scope(const Case *judged, const Match *match) {
    (void)match;
    return string_format("its scope is %s", scope_name(judged->listener->scope));
}

/* The names of the interfaces that lead to it, each once. */
static void list_interfaces(const Case *judged, FILE *out) {
    const Link *last = NULL;
    size_t count = 0;
    Way way;

    for (ReachIterator i = {};
         reach_next(&i, &judged->listener->endpoint, judged->context->links, &way);) {
        if (!way.link || way.link == last)
            continue;
        last = way.link;
        _cleanup_free_ char *name = text_escape_string(way.link->name);
        if (count++ < 16)
            fprintf(out, "%s%s", count > 1 ? ", " : "", name ?: "?");
    }
    if (count > 16)
        fprintf(out, " and more");
}

char *match_tell_interface(const Case *judged, const Match *match) {
    (void)match;
    if (!judged->context->links)
        return string_format("the interfaces are not known");
    char *names = NULL;
    size_t size;
    FILE *out = text_stream_open(&names, &size);
    if (!out)
        return NULL;
    list_interfaces(judged, out);
    fclose(out);
    if (!names)
        return NULL;
    char *told = *names ? string_format("it can be reached through %s", names)
                        : string_format("no interface reaches it");
    free(names);
    return told;
}

/* The user's name with its number, escaped. */
static char *user_text(const Case *judged) {
    const char *assumed = judged->context->assumed_user;
    uint32_t uid = judged->listener->uid;
    _cleanup_free_ char *name = assumed ? strdup(assumed) : names_of_user(uid);
    _cleanup_free_ char *escaped = text_escape_string(name);
    if (!escaped)
        return NULL;
    if (assumed)
        return string_format("%s (no such user)", escaped);
    if (uid == (uint32_t)-1)
        return strdup("an unknown user");
    return strspn(name, "0123456789") == strlen(name) ? string_format("uid %u", uid)
                                                      : string_format("%s (uid %u)", escaped, uid);
}

char *match_tell_user(const Case *judged, const Match *match) {
    (void)match;
    if (!judged->context->assumed_user && judged->listener->uid == (uint32_t)-1)
        return string_format(judged->listener->origin == ORIGIN_FORWARD ? "it belongs to no user"
                                                                        : "its user is not known");
    _cleanup_free_ char *user = user_text(judged);
    return user ? string_format("it belongs to %s", user) : NULL;
}

static bool groups_are_known(const Case *judged) {
    const JudgeContext *context = judged->context;
    return context->user_in_group && !context->assumed_user &&
           context->user_in_group(context->userdata, judged->listener->uid, (gid_t)-1) >= 0;
}

char *match_tell_group(const Case *judged, const Match *match) {
    _cleanup_free_ char *user = user_text(judged);
    if (!user)
        return NULL;
    if (!groups_are_known(judged))
        return string_format("the groups of %s are not known", user);
    return string_format("%s is %s", user, match->negated ? "in it" : "not in it");
}

static char *tell_unit(const Owner *owner, const char *unit, const char *kind) {
    _cleanup_free_ char *escaped = text_escape_string(unit);
    if (escaped)
        return string_format("it belongs to %s", escaped);
    return owner && owner->cgroup ? string_format("it belongs to no %s unit", kind)
                                  : string_format("its %s unit is not known", kind);
}

char *match_tell_unit(const Case *judged, const Match *match) {
    const Owner *owner = judged->listener->owner;
    (void)match;
    return tell_unit(owner, owner ? owner->unit : NULL, "system");
}

char *match_tell_user_unit(const Case *judged, const Match *match) {
    const Owner *owner = judged->listener->owner;
    (void)match;
    return tell_unit(owner, owner ? owner->user_unit : NULL, "user");
}

char *match_tell_container(const Case *judged, const Match *match) {
    const Owner *owner = judged->listener->owner;
    if (!owner || (owner->runtime == RUNTIME_NONE && !owner->cgroup))
        return string_format("its container is not known");
    if (owner->runtime == RUNTIME_NONE)
        return string_format("it belongs to no container");
    _cleanup_free_ char *id = text_escape_string(owner->container_id ?: "");
    _cleanup_free_ char *name = text_escape_string(owner->container_name ?: "");
    if (!id || !name)
        return NULL;
    bool unnamed = match_judge_container(judged, match) == ANSWER_UNKNOWN;
    return string_format("it belongs to %s container %s%s%.12s%s",
                         container_runtime_name(owner->runtime), name, *name && *id ? " " : "", id,
                         unnamed ? ", whose name is not known" : "");
}

char *match_tell_netns(const Case *judged, const Match *match) {
    const Netns *netns = &judged->context->netns;
    (void)match;
    if (netns->inode == 0 && !netns->host)
        return string_format("its network namespace is not known");
    return string_format(netns->host ? "it is in the host's network namespace"
                                     : "it is in another network namespace than the host's");
}

char *match_tell_origin(const Case *judged, const Match *match) {
    (void)match;
    return string_format(judged->listener->origin == ORIGIN_FORWARD
                             ? "it is a forward without a socket"
                             : "it is a socket");
}

char *match_tell_target(const Case *judged, const Match *match) {
    const Listener *listener = judged->listener;
    const Endpoint to = {.address = listener->forward_to, .port = listener->forward_port};
    char target[ENDPOINT_SIZE];
    (void)match;
    if (listener->origin != ORIGIN_FORWARD)
        return string_format("it is a socket, and the key matches only forwards");
    if (to.port == 0)
        return string_format("it has several targets, or its target is unknown");
    if (to.address.family == 0)
        return string_format("its target is port %u of this host", to.port);
    endpoint_format(&to, NULL, target);
    return string_format("its target is %s", target);
}

char *match_tell_age(const Case *judged, const Match *match) {
    const Owner *owner = judged->listener->owner;
    char span[DURATION_SIZE];
    (void)match;
    if (!owner || owner->created == 0)
        return string_format("its age is not known");
    usec_t now = judged->context->now;
    format_duration(now > owner->created ? now - owner->created : 0, span);
    return string_format("it is %s old", span);
}

char *match_tell_ephemeral(const Case *judged, const Match *match) {
    const JudgeContext *context = judged->context;
    const Endpoint *endpoint = &judged->listener->endpoint;
    (void)match;
    if (endpoint->proto != PROTO_UDP && endpoint->proto != PROTO_UDPLITE)
        return string_format("it is %s, and the key matches only UDP", proto_name(endpoint->proto));
    if (context->ephemeral_last == 0)
        return string_format("the range of ephemeral ports is not known");
    bool inside =
        context->ephemeral_first <= endpoint->port && endpoint->port <= context->ephemeral_last;
    return string_format("its port %u is %s %u-%u", endpoint->port, inside ? "in" : "outside",
                         context->ephemeral_first, context->ephemeral_last);
}

char *match_tell_tool(const Case *judged, const Match *match) {
    const char *tool = case_tool(judged);

    if (!tool)
        return match_judge_tool(judged, match) == ANSWER_UNKNOWN
                   ? string_format("its process is unknown")
                   : string_format("it is not recognised as a tool");
    _cleanup_free_ char *escaped = text_escape_string(tool);
    return escaped ? string_format("it is recognised as %s", escaped) : NULL;
}

/* Describes the program of one process that does not match. */
static char *tell_holder(const Holder *holder) {
    _cleanup_free_ char *exe = text_escape_string(holder->exe ?: "");
    if (!exe)
        return NULL;
    switch (holder->exe_state) {
    case EXE_UNKNOWN:
        return string_format("the program of pid %d is unknown", holder->pid);
    case EXE_UNVERIFIED:
        /* A memfd has no name. */
        if (holder->exe_deleted && *exe && strncmp(exe, "/memfd:", 7) != 0)
            return string_format(
                "pid %d runs a version of %s that was replaced or removed since; restart it",
                holder->pid, exe);
        return *exe ? string_format(
                          "pid %d runs a file that is not %s here (deleted, replaced or in a "
                          "mount namespace)",
                          holder->pid, exe)
                    : string_format("pid %d runs a file that has no path here", holder->pid);
    default:
        return holder->pid > 0 ? string_format("pid %d runs %s", holder->pid, exe)
                               : string_format("it runs %s", exe);
    }
}

char *match_tell_exe(const Case *judged, const Match *match) {
    const Owner *owner = judged->listener->owner;

    if (!owner || owner->n_holders == 0) {
        _cleanup_free_ char *note = text_escape_string(owner ? owner->note : NULL);
        return note ? string_format("its process is unknown: %s", note)
                    : string_format("its process is unknown");
    }
    /* Describe the first process that prevents a match; for `not`, one that runs or may run it. */
    for (size_t i = 0; i < owner->n_holders; i++) {
        Answer answer = holder_runs(judged, match, &owner->holders[i]);
        if (match->negated ? answer != ANSWER_NO : answer != ANSWER_YES)
            return tell_holder(&owner->holders[i]);
    }
    return string_format("%zu processes have the socket, too many to check each",
                         owner->n_holders_seen);
}
