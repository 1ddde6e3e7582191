/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/print/json.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "model/reach.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/memory.h"
#include "util/serialize.h"
#include "util/text_stream.h"

/*
 * Values are added through this: jansson's *_new functions take over the value even when they fail,
 * and refuse a NULL one, so a single check at the end would miss nothing.
 */
static bool put(json_t *object, const char *key, json_t *value) {
    return json_object_set_new(object, key, value) == 0;
}

static bool append(json_t *array, json_t *value) {
    return json_array_append_new(array, value) == 0;
}

/* `value` when all went well; else drops it. */
static json_t *whole(json_t *value, bool good) {
    if (good)
        return value;
    json_decref(value);
    return NULL;
}

json_t *json_merged(json_t *object, json_t *more) {
    return whole(object, json_object_update_new(object, more) == 0);
}

json_t *json_text(const char *raw) {
    if (!raw)
        return json_null();
    _cleanup_free_ char *escaped = text_escape_string(raw);
    return escaped ? json_string(escaped) : NULL;
}

json_t *json_lines(const char *raw) {
    json_t *array = json_array();
    for (const char *line = raw; array && line && *line;) {
        size_t length = strcspn(line, "\n");
        _cleanup_free_ char *escaped = text_escape(line, length);
        if (!escaped || json_array_append_new(array, json_string(escaped)) < 0) {
            json_decref(array);
            return NULL;
        }
        line += length + (line[length] == '\n');
    }
    return array;
}

json_t *json_rule(const RuleInfo *rule) {
    if (!rule)
        return json_null();
    return json_pack("{so,so,so,so}", "file", json_text(rule->file), "line",
                     rule->file ? json_integer(rule->line) : json_null(), "text",
                     json_text(rule->text), "id", json_text(rule->id));
}

json_t *json_severity(Action action, Severity severity) {
    return action == ACTION_FLAG ? json_string(severity_name(severity)) : json_null();
}

static json_t *json_address(const Address *address) {
    char text[ADDRESS_SIZE];
    address_format(address, text);
    return json_string(text);
}

static json_t *json_device(const Endpoint *endpoint, const LinkTable *links) {
    char number[16];
    if (!endpoint->ifindex)
        return json_null();
    const Link *link = link_table_find(links, endpoint->ifindex);
    if (link)
        return json_text(link->name);
    snprintf(number, sizeof(number), "%u", endpoint->ifindex);
    return json_string(number);
}

static json_t *json_reach(const Listener *listener, const LinkTable *links) {
    json_t *array = json_array();
    bool good = array;
    Way way;

    for (ReachIterator i = {}; good && reach_next(&i, &listener->endpoint, links, &way);)
        good = append(array, json_pack("{so,so,ss}", "interface",
                                       json_text(way.link ? way.link->name : NULL), "address",
                                       json_address(&way.address), "scope", scope_name(way.scope)));
    return whole(array, good);
}

static json_t *json_netns(const Netns *netns) {
    return json_pack("{sI,sb}", "inode", (json_int_t)netns->inode, "host", netns->host);
}

static json_t *json_container(const Owner *owner) {
    if (!owner || owner->runtime == RUNTIME_NONE)
        return json_null();
    return json_pack("{ss,so,so}", "runtime", container_runtime_name(owner->runtime), "id",
                     json_text(owner->container_id), "name", json_text(owner->container_name));
}

static json_t *json_cmdline(char *const *words) {
    if (!words)
        return json_null();
    json_t *array = json_array();
    bool good = array;
    for (; good && *words; words++)
        good = append(array, json_text(*words));
    return whole(array, good);
}

static json_t *json_verified(ExeState state) {
    switch (state) {
    case EXE_VERIFIED:
        return json_true();
    case EXE_UNVERIFIED:
        return json_false();
    default:
        return json_null();
    }
}

static json_t *json_ancestors(const Ancestors *ancestors) {
    if (!ancestors)
        return json_null();
    json_t *array = json_array();
    bool good = array;
    for (size_t i = 0; good && i < ancestors->n; i++)
        good = append(array, json_pack("{sI,so}", "pid", (json_int_t)ancestors->items[i].pid,
                                       "name", json_text(ancestors->items[i].name)));
    return whole(array, good);
}

static json_t *json_holder(const Holder *holder) {
    json_t *object = json_object();
    bool good = put(object, "pid", json_integer(holder->pid));
    good &= put(object, "fd", holder->fd < 0 ? json_null() : json_integer(holder->fd));
    good &= put(object, "comm", json_text(holder->comm));
    good &= put(object, "exe", json_text(holder->exe));
    good &= put(object, "exe_verified", json_verified(holder->exe_state));
    good &= put(object, "cmdline", json_cmdline(holder->cmdline));
    good &= put(object, "cwd", json_text(holder->cwd));
    good &= put(object, "ancestors", json_ancestors(holder_ancestors(holder)));
    good &= put(object, "uid",
                holder->uid == (uid_t)-1 ? json_null() : json_integer((json_int_t)holder->uid));
    return whole(object, good);
}

static json_t *json_holders(const Owner *owner) {
    json_t *array = json_array();
    bool good = array;
    for (size_t i = 0; good && owner && i < owner->n_holders; i++)
        good = append(array, json_holder(&owner->holders[i]));
    return whole(array, good);
}

static json_t *json_cookie(uint64_t cookie) {
    char text[24];
    snprintf(text, sizeof(text), "%" PRIu64, cookie);
    return json_string(text);
}

static json_t *json_forward(const Listener *listener) {
    if (listener->origin != ORIGIN_FORWARD || listener->forward_to.family == 0)
        return json_null();
    return json_pack("{so,sI}", "address", json_address(&listener->forward_to), "port",
                     (json_int_t)listener->forward_port);
}

/* Where it listens, and from where it can be reached. */
static bool put_endpoint(json_t *object, const ListingView *view, const Listener *listener) {
    const Endpoint *endpoint = &listener->endpoint;
    const LinkTable *links = view->snapshot->links;
    bool inet6 = endpoint->address.family == AF_INET6;
    char id[LISTENER_ID_SIZE];

    listener_id(listener, &view->snapshot->netns, id);
    bool good = put(object, "id", json_string(id));
    good &= put(object, "proto", json_string(proto_name(endpoint->proto)));
    good &= put(object, "family", json_string(inet6 ? "inet6" : "inet"));
    good &= put(object, "address", json_address(&endpoint->address));
    good &= put(object, "port", json_integer(endpoint->port));
    good &= put(object, "device", json_device(endpoint, links));
    good &= put(object, "v6only", inet6 ? json_boolean(endpoint->v6only) : json_null());
    good &= put(object, "scope", json_string(scope_name(listener->scope)));
    good &= put(object, "reach", json_reach(listener, links));
    good &= put(object, "netns", json_netns(&view->snapshot->netns));
    good &= put(object, "origin", json_string(origin_name(listener->origin)));
    good &= put(object, "forward_to", json_forward(listener));
    return good;
}

static bool put_owner(json_t *object, const ListingView *view, const Listener *listener) {
    const Owner *owner = listener->owner;
    Attribution attribution = owner ? owner->attribution : ATTRIBUTION_NONE;
    const char *note = owner ? owner->note : "processes were not searched for";
    const char *user = listing_user(view, listener);

    bool no_uid = view->assumed_user || listener->uid == (uint32_t)-1;
    bool good = put(object, "uid", no_uid ? json_null() : json_integer(listener->uid));
    good &= put(object, "user", json_text(user));
    good &= put(object, "unit", json_text(owner ? owner->unit : NULL));
    good &= put(object, "user_unit", json_text(owner ? owner->user_unit : NULL));
    good &= put(object, "cgroup", json_text(owner ? owner->cgroup : NULL));
    good &= put(object, "container", json_container(owner));
    good &= put(object, "owners", json_holders(owner));
    good &= put(object, "attribution", json_string(attribution_name(attribution)));
    good &= put(object, "attribution_note", json_text(note));
    good &= put(object, "sockets", json_integer(listener->n_sockets));
    good &= put(object, "inode", json_integer(listener->inode));
    good &= put(object, "cookie", json_cookie(listener->cookie));
    return good;
}

static json_t *json_time(usec_t time) {
    char text[RFC3339_SIZE];
    if (time == 0)
        return json_null();
    format_rfc3339(time, text);
    return json_string(text);
}

/* What only a daemon knows. */
static bool put_standing(json_t *object, const Standing *standing) {
    if (!standing)
        return put(object, "first_seen", json_null());
    bool good = put(object, "first_seen", json_time(standing->first_seen));
    good &= put(object, "alerted", json_boolean(standing->flagged));
    good &= put(object, "snoozed_usec",
                standing->snoozed ? json_integer((json_int_t)standing->snoozed_for) : json_null());
    good &= put(object, "pending", json_boolean(standing->pending));
    good &= put(object, "returned", json_integer(standing->n_returned));
    return good;
}

static bool put_verdict(json_t *object, const Listener *listener) {
    const Verdict *verdict = &listener->verdict;

    bool good = put(object, "verdict", json_string(action_name(verdict->action)));
    good &= put(object, "severity", json_severity(verdict->action, verdict->severity));
    good &= put(object, "rule", json_rule(verdict->rule));
    good &= put(object, "tool", json_text(listener->tool));
    good &= put(object, "advice", json_text(listener->advice));
    return good;
}

json_t *json_listener(const ListingView *view, const Listener *listener) {
    json_t *object = json_object();
    bool good = object && put_endpoint(object, view, listener) &&
                put_owner(object, view, listener) && put_verdict(object, listener) &&
                put_standing(object, listing_standing(view, listener));
    return whole(object, good);
}

static json_t *json_coverage_entry(const Coverage *coverage) {
    char text[COVERAGE_SIZE];
    coverage_format(coverage, text);
    return json_text(text);
}

static json_t *json_coverage(const Snapshot *snapshot, const Coverage *owners) {
    json_t *object = json_object();
    bool good = object;
    for (Proto proto = 0; good && proto < PROTO_COUNT; proto++)
        good = put(object, proto_name(proto), json_coverage_entry(&snapshot->coverage[proto]));
    good &= put(object, "interfaces", json_coverage_entry(&snapshot->links_coverage));
    good &= put(object, "forwards", json_coverage_entry(&snapshot->forwards_coverage));
    good &= put(object, "owners", json_coverage_entry(owners));
    return whole(object, good);
}

json_t *json_head(const ListingView *view, const char *host, const Coverage *owners) {
    bool complete = snapshot_is_complete(view->snapshot) && owners->state == COVERAGE_FULL;
    char time[RFC3339_SIZE];

    format_rfc3339(view->now, time);
    return json_pack("{si,so,ss,sb,so}", "schema", 1, "host", json_text(host), "time", time,
                     "complete", complete, "coverage", json_coverage(view->snapshot, owners));
}

char *json_document(json_t *document) {
    if (!document)
        return NULL;
    _cleanup_free_ char *text = json_serialize(document, JSON_INDENT(2));
    json_decref(document);
    return text ? string_format("%s\n", text) : NULL;
}

/* Writes the value with each line but the first indented as a member of `listeners`. */
static bool print_listener(json_t *value, FILE *out) {
    _cleanup_free_ char *text = value ? json_serialize(value, JSON_INDENT(2)) : NULL;
    const char *line = text, *end;
    if (!text)
        return false;
    for (; (end = strchr(line, '\n')); line = end + 1) {
        fwrite(line, 1, (size_t)(end - line), out);
        fputs("\n    ", out);
    }
    fputs(line, out);
    return true;
}

static bool print_listeners(const ListingView *view, const Listing *listing, FILE *out) {
    fputs(",\n  \"listeners\": [", out);
    for (size_t i = 0; i < listing->n_rows; i++) {
        _cleanup_json_ json_t *listener = json_listener(view, listing->rows[i]);
        fputs(i > 0 ? ",\n    " : "\n    ", out);
        if (!print_listener(listener, out))
            return false;
    }
    fputs(listing->n_rows > 0 ? "\n  ]\n}\n" : "]\n}\n", out);
    return true;
}

char *json_listing(json_t *head, const ListingView *view, const Listing *listing) {
    _cleanup_free_ char *before = head ? json_serialize(head, JSON_INDENT(2)) : NULL;
    char *text = NULL;
    size_t size;

    json_decref(head);
    FILE *out = before ? text_stream_open(&text, &size) : NULL;
    if (!out)
        return NULL;
    fwrite(before, 1, strlen(before) - strlen("\n}"), out);
    bool good = print_listeners(view, listing, out) && !ferror(out);
    if (fclose(out) == 0 && good)
        return text;
    free(text);
    return NULL;
}
