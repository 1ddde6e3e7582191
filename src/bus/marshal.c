/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "bus/marshal.h"

#include "bus/wire.h"

static void part(DictWriter *writer, const Field *fields, const void *base) {
    dict_append(writer, (const DictPart[]){{fields, (void *)base}, {}});
}

static void entry_open(DictWriter *writer, const char *name, const char *signature) {
    dict_container_open(writer, 'e', "sv");
    if (writer->error == 0)
        writer->error = sd_bus_message_append_basic(writer->message, 's', name);
    writer->error = writer->error > 0 ? 0 : writer->error;
    dict_container_open(writer, 'v', signature);
}

static void entry_close(DictWriter *writer) {
    dict_container_close(writer);
    dict_container_close(writer);
}

/* What anybody may see of a process: as in /proc. */
static Holder without_details(const Holder *holder) {
    return (Holder){
        .pid = holder->pid,
        .fd = holder->fd,
        .uid = holder->uid,
        .start = holder->start,
        .comm = holder->comm,
    };
}

static void marshal_holder(DictWriter *writer, const Holder *holder, bool hidden) {
    Holder shown = hidden ? without_details(holder) : *holder;

    dict_open(writer);
    part(writer, wire_holder, &shown);
    part(writer, wire_hidden, &hidden);
    dict_close(writer);
}

/* The entry `holders`, an array. */
static void append_holders(DictWriter *writer, const Owner *owner, const Viewer *viewer) {
    size_t before = writer->size;

    entry_open(writer, "holders", "aa{sv}");
    dict_container_open(writer, 'a', "a{sv}");
    for (size_t i = 0; i < owner->n_holders; i++) {
        const Holder *holder = &owner->holders[i];
        if (writer->size - before > MARSHAL_HOLDERS_MAX)
            break;
        marshal_holder(writer, holder, !viewer_sees_process(viewer, holder));
    }
    dict_container_close(writer);
    entry_close(writer);
}

void marshal_listener(DictWriter *writer, const BusListener *listener, const Viewer *viewer) {
    const Listener *seen = listener->listener;
    char id[LISTENER_ID_SIZE];

    listener_id(seen, &listener->netns, id);
    dict_open(writer);
    dict_append_text(writer, "id", id);
    part(writer, wire_listener, seen);
    if (seen->verdict.rule)
        part(writer, wire_rule, seen->verdict.rule);
    if (viewer_sees_tool(viewer, seen))
        dict_append_text(writer, "tool", seen->tool);
    if (viewer_sees_advice(viewer, seen))
        dict_append_text(writer, "advice", seen->advice);
    part(writer, wire_standing, &listener->standing);
    if (seen->owner) {
        part(writer, wire_owner, seen->owner);
        append_holders(writer, seen->owner, viewer);
    }
    dict_close(writer);
}

void marshal_rule(DictWriter *writer, const RuleInfo *rule, uint64_t hits) {
    dict_open(writer);
    part(writer, wire_rule, rule);
    part(writer, wire_hits, &hits);
    dict_close(writer);
}

/* An array of dictionaries as an entry. */
static void append_structures(DictWriter *writer, const char *name, const Field *fields,
                              const void *first, size_t count, size_t size) {
    entry_open(writer, name, "aa{sv}");
    dict_container_open(writer, 'a', "a{sv}");
    for (size_t i = 0; i < count; i++) {
        dict_open(writer);
        part(writer, fields, (const char *)first + i * size);
        dict_close(writer);
    }
    dict_container_close(writer);
    entry_close(writer);
}

static void append_coverages(DictWriter *writer, BusMachine *machine) {
    entry_open(writer, "coverage", "a{sv}");
    dict_open(writer);
    for (size_t i = 0; i < WIRE_COVERAGES; i++) {
        entry_open(writer, wire_coverage_name(i), "a{sv}");
        dict_open(writer);
        part(writer, wire_coverage, wire_coverage_of(machine, i));
        dict_close(writer);
        entry_close(writer);
    }
    dict_close(writer);
    entry_close(writer);
}

static size_t at_most(size_t count, size_t max) {
    return count < max ? count : max;
}

void marshal_machine(DictWriter *writer, const BusMachine *machine) {
    const LinkTable *links = machine->links;
    BusMachine shown = *machine;

    if (links && (links->n_links > MARSHAL_LINKS_MAX || links->n_addresses > MARSHAL_ADDRESSES_MAX))
        coverage_set(&shown.links_coverage, COVERAGE_INCOMPLETE,
                     "of %zu interfaces and %zu addresses the bus carries the first %d and %d",
                     links->n_links, links->n_addresses, MARSHAL_LINKS_MAX, MARSHAL_ADDRESSES_MAX);
    dict_open(writer);
    part(writer, wire_machine, machine);
    if (links) {
        append_structures(writer, "links", wire_link, links->links,
                          at_most(links->n_links, MARSHAL_LINKS_MAX), sizeof(Link));
        append_structures(writer, "addresses", wire_address, links->addresses,
                          at_most(links->n_addresses, MARSHAL_ADDRESSES_MAX), sizeof(LinkAddress));
    }
    append_coverages(writer, &shown);
    dict_close(writer);
}

void marshal_status(DictWriter *writer, const BusStatus *status) {
    dict_open(writer);
    dict_append_text(writer, "version", PACKAGE_VERSION);
    part(writer, wire_status, status);
    append_structures(writer, "sources", wire_source, status->sources,
                      at_most(status->n_sources, BUS_SOURCES_MAX), sizeof(BusSource));
    dict_close(writer);
}
