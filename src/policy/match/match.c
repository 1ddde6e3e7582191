/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "policy/match/match.h"

#include "model/reach.h"

#include <string.h>

bool pattern_matches(const Pattern *pattern, const char *text, GlobFlags flags) {
    return pattern->is_glob ? glob_matches(pattern->text, text, flags)
                            : strcmp(pattern->text, text) == 0;
}

/* Any item will do; one that can't be told leaves the answer open. */
#define ANY_ITEM(match, item, answer_of_item)                                                      \
    ({                                                                                             \
        Answer _answer = ANSWER_NO;                                                                \
        for (uint32_t _i = 0; _i < (match)->n_items && _answer != ANSWER_YES; _i++) {              \
            const Item *item = &(match)->items[_i];                                                \
            Answer _one = (answer_of_item);                                                        \
            if (_one != ANSWER_NO)                                                                 \
                _answer = _one;                                                                    \
        }                                                                                          \
        _answer;                                                                                   \
    })

static Answer answer_of(bool yes) {
    return yes ? ANSWER_YES : ANSWER_NO;
}

Answer match_judge_proto(const Case *judged, const Match *match) {
    return answer_of(match->items[0].proto == judged->listener->endpoint.proto);
}

Answer match_judge_port(const Case *judged, const Match *match) {
    uint16_t port = judged->listener->endpoint.port;
    return ANY_ITEM(match, item,
                    item->untold ? ANSWER_UNKNOWN
                                 : answer_of(item->port.first <= port && port <= item->port.last));
}

/* A v4-mapped address is in the prefixes of both forms. */
static Answer bind_holds(const Item *item, const Address *address) {
    Address unmapped = address_unmapped(address);
    if (item->bind.wildcard)
        return answer_of(address_equal(&item->bind.prefix.address, &unmapped));
    return answer_of(prefix_holds(&item->bind.prefix, address) ||
                     prefix_holds(&item->bind.prefix, &unmapped));
}

Answer match_judge_bind(const Case *judged, const Match *match) {
    const Address *address = &judged->listener->endpoint.address;
    return ANY_ITEM(match, item, bind_holds(item, address));
}

Answer match_judge_scope(const Case *judged, const Match *match) {
    Scope scope = judged->listener->scope;
    return ANY_ITEM(match, item, answer_of(item->scope == scope));
}

Answer match_judge_interface(const Case *judged, const Match *match) {
    const LinkTable *links = judged->context->links;
    Way way;

    if (!links)
        return ANSWER_UNKNOWN;
    for (ReachIterator i = {}; reach_next(&i, &judged->listener->endpoint, links, &way);) {
        if (!way.link)
            continue;
        Answer answer = ANY_ITEM(
            match, item, answer_of(pattern_matches(&item->pattern, way.link->name, GLOB_NAME)));
        if (answer == ANSWER_YES)
            return answer;
    }
    return ANSWER_NO;
}

/* `explain` may speak of a user that does not exist: then the names are compared. */
static Answer user_holds(const Case *judged, const Item *item) {
    const char *assumed = judged->context->assumed_user;
    if (assumed)
        return answer_of(item->account.name && strcmp(item->account.name, assumed) == 0);
    if (item->untold)
        return ANSWER_UNKNOWN;
    return answer_of(item->account.known && item->account.id == judged->listener->uid);
}

Answer match_judge_user(const Case *judged, const Match *match) {
    return ANY_ITEM(match, item, user_holds(judged, item));
}

static Answer group_holds(const Case *judged, const Item *item) {
    const JudgeContext *context = judged->context;
    if (!item->account.known)
        return item->untold ? ANSWER_UNKNOWN : ANSWER_NO;
    if (!context->user_in_group || context->assumed_user)
        return ANSWER_UNKNOWN;
    int r = context->user_in_group(context->userdata, judged->listener->uid, item->account.id);
    return r < 0 ? ANSWER_UNKNOWN : answer_of(r);
}

Answer match_judge_group(const Case *judged, const Match *match) {
    return ANY_ITEM(match, item, group_holds(judged, item));
}

/* Without a cgroup it is not known which unit it is of; with one, having none is known. */
static Answer unit_holds(const Owner *owner, const char *unit, const Match *match) {
    if (!unit)
        return owner && owner->cgroup ? ANSWER_NO : ANSWER_UNKNOWN;
    return ANY_ITEM(match, item, answer_of(pattern_matches(&item->pattern, unit, GLOB_NAME)));
}

Answer match_judge_unit(const Case *judged, const Match *match) {
    const Owner *owner = judged->listener->owner;
    return unit_holds(owner, owner ? owner->unit : NULL, match);
}

Answer match_judge_user_unit(const Case *judged, const Match *match) {
    const Owner *owner = judged->listener->owner;
    return unit_holds(owner, owner ? owner->user_unit : NULL, match);
}

static Answer container_holds(const Owner *owner, const Item *item) {
    bool inside = owner->runtime != RUNTIME_NONE;
    const char *id = owner->container_id, *name = owner->container_name;
    const Pattern *pattern = &item->container.pattern;

    if (!inside && !owner->cgroup)
        return ANSWER_UNKNOWN;
    switch (item->container.word) {
    case CONTAINER_NONE:
        return answer_of(!inside);
    case CONTAINER_ANY:
        return answer_of(inside);
    case CONTAINER_RUNTIME:
        return answer_of(owner->runtime == item->container.runtime);
    default:
        break;
    }
    if (!inside)
        return ANSWER_NO;
    if (item->container.word == CONTAINER_ID && id &&
        strncmp(id, pattern->text, strlen(pattern->text)) == 0)
        return ANSWER_YES;
    if ((id && pattern_matches(pattern, id, GLOB_NAME)) ||
        (name && pattern_matches(pattern, name, GLOB_NAME)))
        return ANSWER_YES;
    return name ? ANSWER_NO : ANSWER_UNKNOWN;
}

Answer match_judge_container(const Case *judged, const Match *match) {
    const Owner *owner = judged->listener->owner;
    if (!owner)
        return ANSWER_UNKNOWN;
    return ANY_ITEM(match, item, container_holds(owner, item));
}

Answer match_judge_netns(const Case *judged, const Match *match) {
    const Netns *netns = &judged->context->netns;
    if (netns->inode == 0 && !netns->host)
        return ANSWER_UNKNOWN;
    return ANY_ITEM(match, item, answer_of(item->yes == netns->host));
}

Answer match_judge_origin(const Case *judged, const Match *match) {
    bool forward = judged->listener->origin == ORIGIN_FORWARD;
    return ANY_ITEM(match, item, answer_of(item->yes == forward));
}

static Answer target_holds(const Listener *listener, const Item *item) {
    Address to = address_unmapped(&listener->forward_to);
    return answer_of(address_equal(&to, &item->target.address) &&
                     (item->target.port == 0 || item->target.port == listener->forward_port));
}

/* A forward with several targets has no port. The target of a redirection to this host has no
 * address, as `self`. */
Answer match_judge_target(const Case *judged, const Match *match) {
    const Listener *listener = judged->listener;
    if (listener->origin != ORIGIN_FORWARD)
        return ANSWER_NEVER;
    if (listener->forward_port == 0)
        return ANSWER_UNKNOWN;
    return ANY_ITEM(match, item, target_holds(listener, item));
}

Answer match_judge_age(const Case *judged, const Match *match) {
    const Owner *owner = judged->listener->owner;
    usec_t now = judged->context->now;
    if (!owner || owner->created == 0)
        return ANSWER_UNKNOWN;
    usec_t age = now > owner->created ? now - owner->created : 0;
    return ANY_ITEM(match, item, answer_of(age >= item->age));
}

Answer match_judge_ephemeral(const Case *judged, const Match *match) {
    const JudgeContext *context = judged->context;
    const Endpoint *endpoint = &judged->listener->endpoint;
    if (endpoint->proto != PROTO_UDP && endpoint->proto != PROTO_UDPLITE)
        return ANSWER_NEVER;
    if (context->ephemeral_last == 0)
        return ANSWER_UNKNOWN;
    bool inside =
        context->ephemeral_first <= endpoint->port && endpoint->port <= context->ephemeral_last;
    return ANY_ITEM(match, item, answer_of(item->yes == inside));
}

const char *case_tool(const Case *judged) {
    Recognition *recognition = judged->recognition;

    if (!recognition->done) {
        recognition->done = true;
        recognition->tool =
            judged->listener->tool ?: advice_recognise(judged->context->advice, judged->listener);
    }
    return recognition->tool;
}

/* Returns whether a process that is still unknown could be recognised. */
static bool tool_may_change(const Listener *listener) {
    return listener->origin == ORIGIN_SOCKET && holders_may_lack(listener) &&
           holders_count(listener) == 0;
}

Answer match_judge_tool(const Case *judged, const Match *match) {
    const char *tool = case_tool(judged);
    if (!tool)
        return tool_may_change(judged->listener) ? ANSWER_UNKNOWN : ANSWER_NO;
    return ANY_ITEM(match, item, answer_of(pattern_matches(&item->pattern, tool, GLOB_NAME)));
}

bool match_holds(const Match *match, Action action, Answer answer) {
    if (!match->negated)
        return answer == ANSWER_YES;
    /* ANSWER_NEVER is neither. */
    return answer == ANSWER_NO || (answer == ANSWER_UNKNOWN && action == ACTION_FLAG);
}

/*
 * What `exe` says when every holder so far says YES or NO, or there is none, can change with one
 * more: to what the union of both would be.
 */
static bool exe_may_change(const Rule *rule, const Match *match, const Case *judged,
                           Answer answer) {
    if (!holders_may_lack(judged->listener))
        return false;
    if (holders_count(judged->listener) == 0)
        return true;
    if (answer == ANSWER_UNKNOWN)
        return false; /* one that can't be told, or two that differ: more of them change nothing */
    return match_holds(match, rule->info.action, answer) !=
           match_holds(match, rule->info.action, ANSWER_UNKNOWN);
}

/* The most expensive keys are last: `exe` may make system calls, `tool` reads command lines. */
static bool costly_match_holds(const Rule *rule, const Case *judged, const Match *exe,
                               const Match *tool, bool *needs_holders) {
    if (exe) {
        Answer answer = match_judge_exe(judged, exe);
        *needs_holders |= exe_may_change(rule, exe, judged, answer);
        if (!match_holds(exe, rule->info.action, answer))
            return false;
    }
    if (!tool)
        return true;
    Answer answer = match_judge_tool(judged, tool);
    *needs_holders |= answer == ANSWER_UNKNOWN;
    return match_holds(tool, rule->info.action, answer);
}

bool rule_matches(const Rule *rule, const Case *judged, bool *needs_holders) {
    const Match *exe = NULL, *tool = NULL;

    if (rule_is_expired(rule, judged->context->now))
        return false;
    for (uint32_t i = 0; i < rule->n_matches; i++) {
        const Match *match = &rule->matches[i];
        if (match->key == KEY_EXE)
            exe = match;
        else if (match->key == KEY_TOOL)
            tool = match;
        else if (!match_holds(match, rule->info.action, key_table[match->key].judge(judged, match)))
            return false;
    }
    return costly_match_holds(rule, judged, exe, tool, needs_holders);
}
