/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/unmarshal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bus/wire.h"
#include "util/memory.h"

#define HIDDEN_NOTE "what the processes of others run is shown to root and the group adm alone"

static int checked(int r) {
    return r >= 0 || r == -ENOMEM ? r : -EBADMSG;
}

int bus_view_init(BusView *view) {
    *view = (BusView){.snapshot = snapshot_new()};
    return view->snapshot ? 0 : -ENOMEM;
}

static void rule_texts_free(RuleInfo *info) {
    free((char *)info->file);
    free((char *)info->text);
    free((char *)info->id);
    free((char *)info->note);
    free((char *)info->advice);
}

static RuleInfo *rule_info_free(RuleInfo *info) {
    if (info) {
        rule_texts_free(info);
        free(info);
    }
    return NULL;
}

void bus_rule_done(BusRule *rule) {
    rule_texts_free(&rule->info);
    *rule = (BusRule){};
}

/* Coverage goes with snapshot_clear(), and is to stay. */
void bus_view_clear(BusView *view) {
    Snapshot *snapshot = view->snapshot;
    Coverage coverage[PROTO_COUNT], forwards = snapshot->forwards_coverage;

    memcpy(coverage, snapshot->coverage, sizeof(coverage));
    snapshot_clear(snapshot);
    memcpy(snapshot->coverage, coverage, sizeof(coverage));
    snapshot->forwards_coverage = forwards;
    for (size_t i = 0; i < view->n_rules; i++)
        rule_info_free(view->rules[i]);
    view->n_rules = 0;
}

void bus_view_done(BusView *view) {
    if (view->snapshot)
        bus_view_clear(view);
    snapshot_free(view->snapshot);
    free(view->standings);
    free(view->rules);
    *view = (BusView){};
}

/* --- arrays of dictionaries ------------------------------------------------------------------ */

/* Calls `one` for each element of an `aa{sv}`. */
static int read_each(sd_bus_message *message, size_t max,
                     int (*one)(sd_bus_message *message, void *userdata), void *userdata) {
    int r = checked(sd_bus_message_enter_container(message, 'a', "a{sv}"));
    if (r < 0)
        return r;
    for (size_t n = 0;; n++) {
        r = checked(sd_bus_message_at_end(message, false));
        if (r != 0)
            break;
        r = n < max ? one(message, userdata) : -EBADMSG;
        if (r < 0)
            break;
    }
    if (r >= 0)
        r = checked(sd_bus_message_exit_container(message));
    return r < 0 ? r : 0;
}

/* --- a listener ------------------------------------------------------------------------------- */

static int read_holder(sd_bus_message *message, void *userdata) {
    Owner *owner = userdata;
    bool hidden = false;

    owner->holders[owner->n_holders] = (Holder){.fd = -1, .uid = (uid_t)-1};
    Holder *holder = &owner->holders[owner->n_holders++];
    int r =
        dict_read(message, (const DictPart[]){{wire_holder, holder}, {wire_hidden, &hidden}, {}});
    if (r < 0 || !hidden)
        return r;
    if (owner->attribution == ATTRIBUTION_FULL)
        owner->attribution = ATTRIBUTION_PARTIAL;
    if (!owner->note)
        owner->note = strdup(HIDDEN_NOTE);
    return owner->note ? 0 : -ENOMEM;
}

static int read_holders(sd_bus_message *message, void *member) {
    Owner *owner = *(Owner **)member;
    if (owner->holders) /* told twice */
        return -EBADMSG;
    owner->holders = calloc(HOLDERS_MAX, sizeof(*owner->holders));
    if (!owner->holders)
        return -ENOMEM;
    int r = read_each(message, HOLDERS_MAX, read_holder, owner);
    if (r < 0)
        return r;
    Holder *fitting = realloc(owner->holders, (owner->n_holders ?: 1) * sizeof(*owner->holders));
    owner->holders = fitting ?: owner->holders;
    return 0;
}

static const Field listener_extra[] = {
    {"advice", FIELD_TEXT, offsetof(Listener, advice)},
    {"tool", FIELD_TEXT, offsetof(Listener, tool)},
    {"holders", FIELD_OTHER, offsetof(Listener, owner), 0, NULL, "aa{sv}", NULL, read_holders},
    {},
};

/* An owner of which nothing was told was not looked for. */
static void drop_empty_owner(Listener *listener) {
    const Owner *owner = listener->owner;
    if (owner->attribution == ATTRIBUTION_NONE && !owner->note && !owner->holders &&
        !owner->cgroup && !owner->complete)
        listener->owner = owner_unref(listener->owner);
}

static void finish_listener(Listener *listener, const RuleInfo *rule) {
    if (listener->owner->n_holders_seen < listener->owner->n_holders)
        listener->owner->n_holders_seen = listener->owner->n_holders;
    if (listener->endpoint.address.family != AF_INET6)
        listener->endpoint.v6only = false;
    listener->verdict.rule = rule;
    drop_empty_owner(listener);
}

/* With room for one more of each. */
static int reserve(BusView *view, size_t n) {
    Snapshot *snapshot = view->snapshot;
    int r = ARRAY_RESERVE(snapshot->listeners, snapshot->listeners_allocated, n + 1);
    if (r == 0)
        r = ARRAY_RESERVE(view->standings, view->standings_allocated, n + 1);
    if (r == 0)
        r = ARRAY_RESERVE(view->rules, view->rules_allocated, n + 1);
    return r;
}

int unmarshal_listener(sd_bus_message *message, BusView *view) {
    Snapshot *snapshot = view->snapshot;
    size_t index = snapshot->n_listeners;

    if (index == UNMARSHAL_LISTENERS_MAX)
        return -EBADMSG;
    int r = reserve(view, index);
    if (r < 0)
        return r;
    RuleInfo *rule = calloc(1, sizeof(*rule));
    Listener *listener = &snapshot->listeners[index];
    *listener = (Listener){.uid = (uint32_t)-1, .owner = owner_new()};
    view->standings[index] = (Standing){};
    if (!rule || !listener->owner) {
        free(rule);
        owner_unref(listener->owner);
        return -ENOMEM;
    }
    r = dict_read(message, (const DictPart[]){{wire_listener, listener},
                                              {wire_owner, listener->owner},
                                              {wire_rule, rule},
                                              {wire_standing, &view->standings[index]},
                                              {listener_extra, listener},
                                              {}});
    if (r == 0 && listener->endpoint.address.family == 0)
        r = -EBADMSG;
    if (r < 0) {
        owner_unref(listener->owner);
        free(listener->tool);
        free(listener->advice);
        rule_info_free(rule);
        return r;
    }
    if (!rule->text && !rule->file)
        rule = rule_info_free(rule);
    view->rules[view->n_rules++] = rule;
    finish_listener(listener, rule);
    snapshot->n_listeners++;
    return 0;
}

/* --- the machine -------------------------------------------------------------------------------
 */

typedef struct MachineRead {
    BusMachine machine;
    LinkTable *links;
    size_t links_allocated, addresses_allocated;
} MachineRead;

static int read_link(sd_bus_message *message, void *userdata) {
    MachineRead *read = userdata;
    LinkTable *table = read->links;
    int r = ARRAY_RESERVE(table->links, read->links_allocated, table->n_links + 1);
    if (r < 0)
        return r;
    Link *link = &table->links[table->n_links];
    *link = (Link){};
    r = dict_read(message, (const DictPart[]){{wire_link, link}, {}});
    if (r < 0)
        return r;
    /* It is searched by index. */
    if (link->index == 0 || (table->n_links > 0 && link[-1].index >= link->index))
        return -EBADMSG;
    table->n_links++;
    return 0;
}

static int read_link_address(sd_bus_message *message, void *userdata) {
    MachineRead *read = userdata;
    LinkTable *table = read->links;
    int r = ARRAY_RESERVE(table->addresses, read->addresses_allocated, table->n_addresses + 1);
    if (r < 0)
        return r;
    LinkAddress *address = &table->addresses[table->n_addresses];
    *address = (LinkAddress){};
    r = dict_read(message, (const DictPart[]){{wire_address, address}, {}});
    if (r < 0)
        return r;
    if (address->address.family == 0 ||
        address->prefix_length > (address->address.family == AF_INET ? 32 : 128))
        return -EBADMSG;
    table->n_addresses++;
    return 0;
}

static int make_table(MachineRead *read) {
    if (!read->links)
        read->links = calloc(1, sizeof(*read->links));
    return read->links ? 0 : -ENOMEM;
}

static int read_links(sd_bus_message *message, void *member) {
    MachineRead *read = member;
    int r = make_table(read);
    return r < 0 ? r : read_each(message, UNMARSHAL_LINKS_MAX, read_link, read);
}

static int read_addresses(sd_bus_message *message, void *member) {
    MachineRead *read = member;
    int r = make_table(read);
    return r < 0 ? r : read_each(message, UNMARSHAL_LINKS_MAX, read_link_address, read);
}

static int read_one_coverage(sd_bus_message *message, void *member) {
    return dict_read(message, (const DictPart[]){{wire_coverage, member}, {}});
}

static int read_coverages(sd_bus_message *message, void *member) {
    MachineRead *read = member;
    Field fields[WIRE_COVERAGES + 1] = {};

    for (size_t i = 0; i < WIRE_COVERAGES; i++)
        fields[i] = (Field){
            .name = wire_coverage_name(i),
            .type = FIELD_OTHER,
            .offset = (size_t)((char *)wire_coverage_of(&read->machine, i) - (char *)read),
            .signature = "a{sv}",
            .read = read_one_coverage,
        };
    return dict_read(message, (const DictPart[]){{fields, read}, {}});
}

static const Field machine_extra[] = {
    {"links", FIELD_OTHER, 0, 0, NULL, "aa{sv}", NULL, read_links},
    {"addresses", FIELD_OTHER, 0, 0, NULL, "aa{sv}", NULL, read_addresses},
    {"coverage", FIELD_OTHER, 0, 0, NULL, "a{sv}", NULL, read_coverages},
    {},
};

int unmarshal_machine(sd_bus_message *message, BusView *view) {
    Snapshot *snapshot = view->snapshot;
    MachineRead read = {};

    int r = dict_read(
        message, (const DictPart[]){{wire_machine, &read.machine}, {machine_extra, &read}, {}});
    if (r < 0) {
        link_table_free(read.links);
        return r;
    }
    link_table_free(snapshot->links);
    snapshot->links = read.links;
    if (read.links)
        read.links->complete = read.machine.links_coverage.state == COVERAGE_FULL;
    snapshot->netns = read.machine.netns;
    memcpy(snapshot->coverage, read.machine.coverage, sizeof(snapshot->coverage));
    snapshot->links_coverage = read.machine.links_coverage;
    snapshot->forwards_coverage = read.machine.forwards_coverage;
    view->owners = read.machine.owners_coverage;
    view->links_generation = read.machine.links_generation;
    return 0;
}

/* --- a rule, the status ------------------------------------------------------------------------
 */

int unmarshal_rule(sd_bus_message *message, BusRule *ret) {
    *ret = (BusRule){};
    return dict_read(message,
                     (const DictPart[]){{wire_rule, &ret->info}, {wire_hits, &ret->hits}, {}});
}

static int read_source(sd_bus_message *message, void *userdata) {
    BusStatus *status = userdata;
    BusSource *source = &status->sources[status->n_sources++];
    return dict_read(message, (const DictPart[]){{wire_source, source}, {}});
}

static int read_sources(sd_bus_message *message, void *member) {
    BusStatus *status = member;
    return status->n_sources > 0 ? -EBADMSG
                                 : read_each(message, BUS_SOURCES_MAX, read_source, status);
}

static const Field status_extra[] = {
    {"sources", FIELD_OTHER, 0, 0, NULL, "aa{sv}", NULL, read_sources},
    {},
};

static const Field status_version[] = {
    {"version", FIELD_TEXT},
    {},
};

int unmarshal_status(sd_bus_message *message, BusStatusRead *ret) {
    *ret = (BusStatusRead){};
    return dict_read(message, (const DictPart[]){{wire_status, &ret->status},
                                                 {status_extra, &ret->status},
                                                 {status_version, &ret->version},
                                                 {}});
}

void bus_status_done(BusStatusRead *read) {
    for (size_t i = 0; i < read->status.n_sources; i++) {
        free((char *)read->status.sources[i].name);
        free((char *)read->status.sources[i].words);
        free((char *)read->status.sources[i].why);
    }
    free((char *)read->status.policy_differs);
    strv_free((char **)read->status.policy_files);
    free(read->version);
    *read = (BusStatusRead){};
}
