/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/wire.h"

#include <errno.h>
#include <stdlib.h>

#define BASIC(type, key, structure, member)                                                        \
    { key, FIELD_##type, offsetof(structure, member) }
#define WORD(key, structure, member, names, count)                                                 \
    { key, FIELD_WORD, offsetof(structure, member), count, names }
#define ADDRESS(key, structure, member)                                                            \
    { key, FIELD_OTHER, offsetof(structure, member), 0, NULL, "s", write_address, read_address }

/* Defines a function for Field.word. */
#define WORD_FUNCTION(name, function, type)                                                        \
    static const char *name(unsigned value) {                                                      \
        return function((type)value);                                                              \
    }
WORD_FUNCTION(proto_word, proto_name, Proto)
WORD_FUNCTION(scope_word, scope_name, Scope)
WORD_FUNCTION(origin_word, origin_name, Origin)
WORD_FUNCTION(action_word, action_name, Action)
WORD_FUNCTION(severity_word, severity_name, Severity)
WORD_FUNCTION(runtime_word, container_runtime_name, ContainerRuntime)
WORD_FUNCTION(attribution_word, attribution_name, Attribution)
WORD_FUNCTION(link_word, link_kind_name, LinkKind)

static const char *exe_word(unsigned value) {
    static const char *const words[] = {
        [EXE_UNKNOWN] = "unknown",
        [EXE_UNVERIFIED] = "unverified",
        [EXE_VERIFIED] = "verified",
        [EXE_ASSUMED] = "assumed",
    };
    return words[value];
}

static const char *coverage_word(unsigned value) {
    static const char *const words[] = {
        [COVERAGE_FULL] = "full",
        [COVERAGE_INCOMPLETE] = "incomplete",
        [COVERAGE_UNAVAILABLE] = "unavailable",
    };
    return words[value];
}

/* Empty text: there is none. */
static void write_address(DictWriter *writer, const void *member) {
    const Address *address = member;
    char text[ADDRESS_SIZE] = "";

    if (address->family != 0)
        address_format(address, text);
    if (writer->error == 0)
        writer->error = sd_bus_message_append_basic(writer->message, 's', text);
    writer->error = writer->error > 0 ? 0 : writer->error;
    writer->size += sizeof(text);
}

static int read_address(sd_bus_message *message, void *member) {
    const char *text;
    int r = sd_bus_message_read_basic(message, 's', &text);
    if (r <= 0)
        return -EBADMSG;
    if (*text)
        return address_parse(text, member);
    *(Address *)member = (Address){};
    return 0;
}

/* The ancestors of a process, the parent first: pid, start, name. */
static void write_ancestors(DictWriter *writer, const void *member) {
    const Holder holder = {.shared = *(HolderTexts *const *)member};
    const Ancestors *ancestors = holder_ancestors(&holder);

    dict_container_open(writer, 'a', "(utay)");
    for (size_t i = 0; ancestors && i < ancestors->n && writer->error == 0; i++) {
        const Ancestor *item = &ancestors->items[i];
        dict_container_open(writer, 'r', "utay");
        int r = sd_bus_message_append(writer->message, "ut", (uint32_t)item->pid, item->start);
        if (r >= 0)
            r = sd_bus_message_append_array(writer->message, 'y', item->name, strlen(item->name));
        writer->error = r < 0 ? r : writer->error;
        writer->size += sizeof(*item);
        dict_container_close(writer);
    }
    dict_container_close(writer);
}

static int read_ancestor(sd_bus_message *message, Ancestor *ret) {
    const void *name = NULL;
    uint32_t pid = 0;
    size_t length = 0;

    int r = sd_bus_message_enter_container(message, 'r', "utay");
    if (r > 0)
        r = sd_bus_message_read(message, "ut", &pid, &ret->start);
    if (r > 0)
        r = sd_bus_message_read_array(message, 'y', &name, &length);
    if (r <= 0 || length >= sizeof(ret->name) || pid > INT32_MAX)
        return -EBADMSG;
    ret->pid = (pid_t)pid;
    memcpy(ret->name, name, length);
    return sd_bus_message_exit_container(message);
}

static int read_ancestors(sd_bus_message *message, void *member) {
    Holder holder = {.shared = *(HolderTexts **)member};
    Ancestors ancestors = {};

    int r = sd_bus_message_enter_container(message, 'a', "(utay)");
    while (r >= 0 && (r = sd_bus_message_at_end(message, false)) == 0)
        r = ancestors.n == ANCESTORS_MAX ? -EBADMSG
                                         : read_ancestor(message, &ancestors.items[ancestors.n++]);
    if (r >= 0)
        r = sd_bus_message_exit_container(message);
    if (r < 0 || ancestors.n == 0)
        return r < 0 ? -EBADMSG : 0;
    Ancestors *copy = malloc(sizeof(*copy));
    if (!copy)
        return -ENOMEM;
    *copy = ancestors;
    r = holder_set_ancestors(&holder, copy);
    *(HolderTexts **)member = holder.shared;
    return r;
}

const Field wire_listener[] = {
    WORD("proto", Listener, endpoint.proto, proto_word, PROTO_COUNT),
    ADDRESS("address", Listener, endpoint.address),
    BASIC(U16, "port", Listener, endpoint.port),
    BASIC(BOOL, "v6only", Listener, endpoint.v6only),
    BASIC(U32, "ifindex", Listener, endpoint.ifindex),
    WORD("scope", Listener, scope, scope_word, SCOPE_COUNT),
    WORD("origin", Listener, origin, origin_word, ORIGIN_FORWARD + 1),
    BASIC(UID, "uid", Listener, uid),
    BASIC(U32, "inode", Listener, inode),
    BASIC(U32, "sockets", Listener, n_sockets),
    BASIC(U64, "cookie", Listener, cookie),
    BASIC(U64, "cgroup_id", Listener, cgroup_id),
    ADDRESS("forward_address", Listener, forward_to),
    BASIC(U16, "forward_port", Listener, forward_port),
    WORD("verdict", Listener, verdict.action, action_word, ACTION_FLAG + 1),
    WORD("severity", Listener, verdict.severity, severity_word, SEVERITY_COUNT),
    {},
};

const Field wire_owner[] = {
    WORD("attribution", Owner, attribution, attribution_word, ATTRIBUTION_FULL + 1),
    BASIC(TEXT, "attribution_note", Owner, note),
    BASIC(BOOL, "complete", Owner, complete),
    BASIC(BOOL, "unheld", Owner, unheld),
    BASIC(TEXT, "cgroup", Owner, cgroup),
    BASIC(TEXT, "unit", Owner, unit),
    BASIC(TEXT, "user_unit", Owner, user_unit),
    BASIC(TEXT, "session", Owner, session),
    WORD("container_runtime", Owner, runtime, runtime_word, RUNTIME_COUNT),
    BASIC(TEXT, "container_id", Owner, container_id),
    BASIC(TEXT, "container_name", Owner, container_name),
    BASIC(SIZE, "holders_seen", Owner, n_holders_seen),
    BASIC(U64, "created", Owner, created),
    {},
};

const Field wire_holder[] = {
    BASIC(I32, "pid", Holder, pid),
    BASIC(I32, "fd", Holder, fd),
    BASIC(UID, "uid", Holder, uid),
    BASIC(U64, "start", Holder, start),
    BASIC(TEXT, "comm", Holder, comm),
    BASIC(TEXT, "exe", Holder, exe),
    WORD("exe_state", Holder, exe_state, exe_word, EXE_ASSUMED + 1),
    BASIC(BOOL, "exe_deleted", Holder, exe_deleted),
    BASIC(U64, "exe_device", Holder, exe_id.device),
    BASIC(U64, "exe_inode", Holder, exe_id.inode),
    BASIC(VECTOR, "cmdline", Holder, cmdline),
    BASIC(TEXT, "cwd", Holder, cwd),
    {"ancestors", FIELD_OTHER, offsetof(Holder, shared), 0, NULL, "a(utay)", write_ancestors,
     read_ancestors},
    {},
};
_Static_assert(sizeof(dev_t) == 8 && sizeof(ino_t) == 8, "as AC_SYS_LARGEFILE has them");
_Static_assert(sizeof(Proto) == sizeof(unsigned), "FIELD_WORD takes enums as unsigned");

const Field wire_hidden[] = {
    {"hidden", FIELD_BOOL},
    {},
};

const Field wire_rule[] = {
    BASIC(TEXT, "rule_file", RuleInfo, file),
    BASIC(U32, "rule_line", RuleInfo, line),
    BASIC(TEXT, "rule", RuleInfo, text),
    BASIC(TEXT, "rule_id", RuleInfo, id),
    BASIC(TEXT, "rule_note", RuleInfo, note),
    BASIC(TEXT, "rule_advice", RuleInfo, advice),
    WORD("rule_action", RuleInfo, action, action_word, ACTION_FLAG + 1),
    WORD("rule_severity", RuleInfo, severity, severity_word, SEVERITY_COUNT),
    {},
};

const Field wire_hits[] = {
    {"hits", FIELD_U64},
    {},
};

const Field wire_standing[] = {
    BASIC(U64, "first_seen", Standing, first_seen),   BASIC(U64, "age", Standing, age),
    BASIC(BOOL, "flagged", Standing, flagged),        BASIC(BOOL, "snoozed", Standing, snoozed),
    BASIC(U64, "snoozed_for", Standing, snoozed_for), BASIC(U32, "returned", Standing, n_returned),
    BASIC(BOOL, "pending", Standing, pending),        {},
};

const Field wire_machine[] = {
    BASIC(U64, "netns", BusMachine, netns.inode),
    BASIC(BOOL, "netns_host", BusMachine, netns.host),
    BASIC(U64, "links_generation", BusMachine, links_generation),
    {},
};

const Field wire_link[] = {
    BASIC(U32, "index", Link, index),
    BASIC(U32, "master", Link, master),
    BASIC(U32, "lower", Link, lower),
    {"name", FIELD_BYTES, offsetof(Link, name), IFNAMSIZ},
    WORD("kind", Link, kind, link_word, LINK_KIND_COUNT),
    BASIC(BOOL, "up", Link, up),
    BASIC(BOOL, "default_route", Link, default_route),
    {},
};

const Field wire_address[] = {
    BASIC(U32, "index", LinkAddress, index),
    ADDRESS("address", LinkAddress, address),
    BASIC(U8, "prefix", LinkAddress, prefix_length),
    BASIC(BOOL, "whole", LinkAddress, whole),
    {},
};

const Field wire_coverage[] = {
    WORD("state", Coverage, state, coverage_word, COVERAGE_UNAVAILABLE + 1),
    BASIC(BOOL, "absent", Coverage, absent),
    {"why", FIELD_BYTES, offsetof(Coverage, why), sizeof(((Coverage *)NULL)->why)},
    {},
};

const Field wire_status[] = {
    BASIC(U64, "since", BusStatus, since),
    BASIC(U64, "policy_generation", BusStatus, policy_generation),
    BASIC(U64, "policy_loaded", BusStatus, policy_loaded),
    BASIC(SIZE, "rules", BusStatus, n_rules),
    BASIC(BOOL, "policy_builtin", BusStatus, policy_builtin),
    BASIC(BOOL, "policy_last_valid", BusStatus, policy_last_valid),
    BASIC(TEXT, "policy_differs", BusStatus, policy_differs),
    BASIC(VECTOR, "policy_files", BusStatus, policy_files),
    BASIC(U64, "listeners", BusStatus, n_listeners),
    BASIC(U64, "flagged", BusStatus, n_flagged),
    BASIC(U64, "allowed", BusStatus, n_allowed),
    BASIC(U64, "ignored", BusStatus, n_ignored),
    BASIC(U64, "pending", BusStatus, n_pending),
    BASIC(U64, "snoozed", BusStatus, n_snoozed),
    BASIC(U64, "told", BusStatus, n_told),
    BASIC(U64, "summed", BusStatus, n_summed),
    BASIC(U64, "evicted", BusStatus, n_evicted),
    BASIC(U64, "returned", BusStatus, n_returned),
    BASIC(U64, "events_lost", BusStatus, n_events_lost),
    BASIC(SIZE, "alerts_kept", BusStatus, n_alerts_kept),
    {},
};

const Field wire_source[] = {
    BASIC(TEXT, "name", BusSource, name),
    BASIC(BOOL, "works", BusSource, works),
    BASIC(TEXT, "words", BusSource, words),
    BASIC(TEXT, "why", BusSource, why),
    {},
};

const char *wire_coverage_name(size_t index) {
    static const char *const others[] = {"interfaces", "forwards", "owners"};
    return index < PROTO_COUNT ? proto_name((Proto)index) : others[index - PROTO_COUNT];
}

Coverage *wire_coverage_of(BusMachine *machine, size_t index) {
    Coverage *const others[] = {
        &machine->links_coverage,
        &machine->forwards_coverage,
        &machine->owners_coverage,
    };
    return index < PROTO_COUNT ? &machine->coverage[index] : others[index - PROTO_COUNT];
}
