/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sinks that receive listeners and rules from handlers. */
#include <errno.h>
#include <string.h>

#include "bus/marshal.h"
#include "bus/server_internal.h"
#include "util/memory.h"

bool bus_sink_listener(BusSink *sink, const BusListener *listener) {
    if (!sink->writer.message) {
        if (sink->n == KEYS_MAX) {
            sink->full = true;
            return false;
        }
        bool forward = listener->listener->origin == ORIGIN_FORWARD;
        sink->keys[sink->n] = listener->key;
        sink->owners[sink->n++] = forward ? (uid_t)-1 : listener->listener->uid;
        return true;
    }
    if (sink->n > 0 && sink->writer.size >= BUS_PAGE_MAX) {
        sink->full = true;
        return false;
    }
    marshal_listener(&sink->writer, listener, sink->viewer);
    sink->n++;
    return true;
}

bool bus_sink_rule(BusSink *sink, const RuleInfo *rule, uint64_t hits) {
    if (sink->n > 0 && sink->writer.size >= BUS_PAGE_MAX)
        return false;
    marshal_rule(&sink->writer, rule, hits);
    sink->n++;
    return true;
}

static const char *const selections[] = {
    [BUS_SELECT_ALL] = "all",
    [BUS_SELECT_FLAGGED] = "flagged",
    [BUS_SELECT_ALLOWED] = "allowed",
    [BUS_SELECT_LISTED] = "listed",
};

int bus_selection_parse(const char *name, BusSelection *ret) {
    int index = string_find(name, selections, ELEMENTS(selections));
    if (index < 0)
        return index;
    *ret = (BusSelection)index;
    return 0;
}

bool bus_selection_holds(BusSelection selection, Action action) {
    switch (selection) {
    case BUS_SELECT_FLAGGED:
        return action == ACTION_FLAG;
    case BUS_SELECT_ALLOWED:
        return action == ACTION_ALLOW;
    case BUS_SELECT_LISTED:
        return action != ACTION_IGNORE;
    default:
        return true;
    }
}
