/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The columns of `scan` and `list`: each a function from a listener to text. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "ctl/print/listing.h"
#include "model/reach.h"
#include "model/sentence.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/memory.h"
#include "util/text_stream.h"

#define NOTHING "-"

/* Escaped, or NOTHING. */
static char *or_nothing(const char *raw) {
    return raw ? text_escape_string(raw) : strdup(NOTHING);
}

/* Defines a cell that depends only on the listener. `text` is a new string, computed from
 * `listener`, `holder` (or NULL), `owner` (or NULL) and `rule` (or NULL). */
#define CELL(name, text)                                                                           \
    static char *cell_##name(__attribute__((unused)) const void *context, const void *row) {       \
        const Listener *listener = row;                                                            \
        __attribute__((unused)) const Holder *holder = listener_holder(listener);                  \
        __attribute__((unused)) const Owner *owner = listener->owner;                              \
        __attribute__((unused)) const RuleInfo *rule = listener->verdict.rule;                     \
        return text;                                                                               \
    }
CELL(state, strdup(verdict_word(&listener->verdict)))
CELL(proto, strdup(proto_name(listener->endpoint.proto)))
CELL(port, string_format("%u", listener->endpoint.port))
CELL(scope, strdup(scope_name(listener->scope)))
CELL(pid, holder ? string_format("%d", (int)holder->pid) : strdup(NOTHING))
CELL(exe, or_nothing(holder ? holder->exe : NULL))
CELL(cwd, or_nothing(holder ? holder->cwd : NULL))
CELL(cgroup, or_nothing(owner ? owner->cgroup : NULL))
CELL(note, or_nothing(owner ? owner->note : NULL))
CELL(sockets, string_format("%u", listener->n_sockets))
CELL(inode, string_format("%u", listener->inode))
CELL(rule_text, or_nothing(rule ? rule->text : NULL))
CELL(advice, or_nothing(listener->advice))
CELL(tool, or_nothing(listener->tool))

static const char *colour_state(const void *context, const void *row) {
    (void)context;
    return verdict_colour(&((const Listener *)row)->verdict);
}

static char *cell_endpoint(const void *context, const void *row) {
    const ListingView *view = context;
    return listener_endpoint(row, view->snapshot->links);
}

static char *cell_address(const void *context, const void *row) {
    char text[ADDRESS_SIZE];
    (void)context;
    address_format(&((const Listener *)row)->endpoint.address, text);
    return strdup(text);
}

static char *cell_device(const void *context, const void *row) {
    const ListingView *view = context;
    const Listener *listener = row;
    if (!listener->endpoint.ifindex)
        return strdup(NOTHING);
    const Link *link = link_table_find(view->snapshot->links, listener->endpoint.ifindex);
    return link ? text_escape_string(link->name) : string_format("%u", listener->endpoint.ifindex);
}

/* Whether that way is the first through its interface. */
static bool is_first_of_link(const Listener *listener, const LinkTable *links, const Way *way) {
    Way other;
    for (ReachIterator i = {}; reach_next(&i, &listener->endpoint, links, &other);)
        if (other.link == way->link)
            return address_equal(&other.address, &way->address);
    return true;
}

/* `wildcard: wlan0, docker0`: the scope, and by which interfaces but lo. */
static char *cell_reach(const void *context, const void *row) {
    const ListingView *view = context;
    const Listener *listener = row;
    const LinkTable *links = view->snapshot->links;
    char *text = NULL;
    size_t size, n_told = 0;
    FILE *out = text_stream_open(&text, &size);
    Way way;

    if (!out)
        return NULL;
    fputs(scope_name(listener->scope), out);
    for (ReachIterator i = {}; reach_next(&i, &listener->endpoint, links, &way);) {
        if (!way.link || way.link->kind == LINK_LOOPBACK ||
            !is_first_of_link(listener, links, &way))
            continue;
        _cleanup_free_ char *name = text_escape_string(way.link->name);
        fprintf(out, "%s%s", n_told++ ? ", " : ": ", name ?: "?");
    }
    fclose(out);
    return text;
}

static char *cell_process(const void *context, const void *row) {
    const Listener *listener = row;
    const Holder *holder = listener_holder(listener);
    (void)context;
    if (!holder) /* that there is none is another thing than that none is known */
        return strdup(listener->owner && listener->owner->unheld ? "none" : NOTHING);
    _cleanup_free_ char *comm = text_escape_string(holder->comm);
    size_t n_more = listener->owner->n_holders_seen - 1;
    if (n_more > 0)
        return string_format("%s[%d] +%zu", comm ?: "?", (int)holder->pid, n_more);
    return string_format("%s[%d]", comm ?: "?", (int)holder->pid);
}

static char *cell_cmdline(const void *context, const void *row) {
    const Holder *holder = listener_holder(row);
    char *text = NULL;
    size_t size;

    (void)context;
    if (!holder || !holder->cmdline || !holder->cmdline[0])
        return strdup(NOTHING);
    FILE *out = text_stream_open(&text, &size);
    if (!out)
        return NULL;
    for (char **word = holder->cmdline; *word; word++) {
        _cleanup_free_ char *escaped = text_escape_string(*word);
        fprintf(out, "%s%s", word == holder->cmdline ? "" : " ", escaped ?: "");
    }
    fclose(out);
    return text;
}

static char *cell_user(const void *context, const void *row) {
    const ListingView *view = context;
    const Listener *listener = row;
    if (listener->origin == ORIGIN_FORWARD)
        return strdup(NOTHING);
    if (listener->uid == (uint32_t)-1)
        return strdup("unknown");
    const char *name = view->user_name ? view->user_name(listener->uid) : NULL;
    return name ? text_escape_string(name) : string_format("%u", listener->uid);
}

static char *container_text(const Owner *owner) {
    _cleanup_free_ char *name = text_escape_string(owner->container_name ?: owner->container_id);
    return string_format("%s:%.*s", container_runtime_name(owner->runtime),
                         owner->container_name ? 256 : 12, name ?: "?");
}

CELL(container, owner && owner->runtime != RUNTIME_NONE ? container_text(owner) : strdup(NOTHING))

/* What it belongs to: a container, else a unit, else a user's unit. */
static char *cell_unit(const void *context, const void *row) {
    const Owner *owner = ((const Listener *)row)->owner;
    (void)context;
    if (!owner)
        return strdup(NOTHING);
    if (owner->runtime != RUNTIME_NONE)
        return container_text(owner);
    return or_nothing(owner->user_unit ?: owner->unit);
}

static char *cell_age(const void *context, const void *row) {
    const ListingView *view = context;
    const Owner *owner = ((const Listener *)row)->owner;
    const Standing *standing = listing_standing(view, row);
    char text[DURATION_SIZE];
    if (standing && standing->age > 0) {
        format_duration(standing->age, text);
        return strdup(text);
    }
    if (!owner || owner->created == 0 || owner->created > view->now)
        return strdup(NOTHING);
    format_duration(view->now - owner->created, text);
    return strdup(text);
}

static char *cell_seen(const void *context, const void *row) {
    const Standing *standing = listing_standing(context, row);
    char text[RFC3339_SIZE];
    if (!standing || standing->first_seen == 0)
        return strdup(NOTHING);
    format_rfc3339(standing->first_seen, text);
    return strdup(text);
}

static char *cell_snoozed(const void *context, const void *row) {
    const Standing *standing = listing_standing(context, row);
    char text[DURATION_SIZE];
    if (!standing || !standing->snoozed)
        return strdup(NOTHING);
    format_duration(standing->snoozed_for, text);
    return strdup(text);
}

static char *cell_id(const void *context, const void *row) {
    const ListingView *view = context;
    char id[LISTENER_ID_SIZE];
    listener_id(row, &view->snapshot->netns, id);
    return strdup(id);
}

/* `sockaudit.rules:42`: the file's name without its folder. */
static char *cell_rule(const void *context, const void *row) {
    const RuleInfo *rule = ((const Listener *)row)->verdict.rule;
    (void)context;
    if (!rule || !rule->file)
        return strdup("default");
    const char *slash = strrchr(rule->file, '/');
    _cleanup_free_ char *name = text_escape_string(slash ? slash + 1 : rule->file);
    return string_format("%s:%u", name ?: "?", rule->line);
}

const Column listing_columns[] = {
    {"state", "STATE", "critical … notice: flagged; allowed; ignored", cell_state, colour_state,
     .shown = true},
    {"proto", "PROTO", "tcp, udp, mptcp, sctp, udplite", cell_proto, .shown = true},
    {"endpoint", "LISTENS ON", "address, device and port as bound", cell_endpoint, .shown = true},
    {"reach", "REACHABLE", "scope, and through which interfaces", cell_reach, .shown = true,
     .shrinks = true},
    {"process", "PROCESS", "name and PID of the process; number of others", cell_process,
     .shown = true, .shrinks = true},
    {"user", "USER", "owner of the socket", cell_user, .shown = true},
    {"unit", "UNIT", "container, user unit or system unit", cell_unit, .shown = true,
     .shrinks = true},
    {"rule", "RULE", "file and line of the matching rule", cell_rule, .shown = true,
     .shrinks = true},
    {"id", "ID", "stable while the socket is open; accepted by explain", cell_id},
    {"address", "ADDRESS", "as bound", cell_address},
    {"port", "PORT", "local port", cell_port, .right = true},
    {"device", "DEVICE", "device that it is bound to (SO_BINDTODEVICE)", cell_device},
    {"scope", "SCOPE", "the widest way in: loopback … wildcard", cell_scope},
    {"pid", "PID", "process id", cell_pid, .right = true},
    {"exe", "EXE", "executable", cell_exe, .shrinks = true},
    {"cmdline", "COMMAND", "command line", cell_cmdline, .shrinks = true},
    {"cwd", "CWD", "working directory", cell_cwd, .shrinks = true},
    {"container", "CONTAINER", "runtime and name or id", cell_container, .shrinks = true},
    {"cgroup", "CGROUP", "cgroup in which the socket was created", cell_cgroup, .shrinks = true},
    {"age", "AGE", "time since the socket was created", cell_age, .right = true},
    {"seen", "FIRST SEEN", "first detection by the daemon (not in scan)", cell_seen},
    {"snoozed", "SNOOZED", "remaining snooze time (not in scan)", cell_snoozed, .right = true},
    {"sockets", "SOCKETS", "number of sockets at the endpoint", cell_sockets, .right = true},
    {"inode", "INODE", "of the first socket", cell_inode, .right = true},
    {"note", "NOTE", "why process information is incomplete", cell_note, .shrinks = true},
    {"text", "RULE TEXT", "text of the matching rule", cell_rule_text, .shrinks = true},
    {"tool", "TOOL", "the recognised tool (flagged listeners only)", cell_tool, .shrinks = true},
    {"advice", "ADVICE", "what to type to make it local", cell_advice, .shrinks = true},
    {},
};
