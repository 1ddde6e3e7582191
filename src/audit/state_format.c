/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "audit/state_text.h"
#include "util/fnv.h"

static const char *const status_names[STATE_STATUS_COUNT] = {"told", "summed", "silent", "telling"};

/* The words of an identity: PROTO ADDRESS PORT DEVICE V6ONLY ORIGIN UID WHO. */
static void format_identity(const Identity *identity, char *buffer, size_t size) {
    char address[ADDRESS_SIZE];
    const Endpoint *endpoint = &identity->endpoint;
    address_format(&endpoint->address, address);
    snprintf(buffer, size, "%s %s %u %" PRIu32 " %d %s %" PRIu32 " %016" PRIx64,
             proto_name(endpoint->proto), address, endpoint->port, endpoint->ifindex,
             endpoint->v6only, origin_name(identity->origin), identity->uid, identity->who);
}

#define IDENTITY_SIZE 160

size_t state_format_head(const StateHeader *header, char line[static STATE_LINE_SIZE]) {
    return (size_t)snprintf(
        line, STATE_LINE_SIZE, "sockaudit-state 1 %s %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
        header->boot, header->generation, header->saved.boottime, header->saved.realtime);
}

size_t state_format_counters(const StateHeader *header, char line[static STATE_LINE_SIZE]) {
    return (size_t)snprintf(
        line, STATE_LINE_SIZE, "counters %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
        header->n_told, header->n_summed, header->n_evicted, header->n_returned);
}

size_t state_format_listener(const StateListener *listener, char line[static STATE_LINE_SIZE]) {
    char identity[IDENTITY_SIZE];
    format_identity(&listener->identity, identity, sizeof(identity));
    return (size_t)snprintf(line, STATE_LINE_SIZE,
                            "listener %s %" PRIx64 " %" PRIu64 " %" PRId64 "\n", identity,
                            listener->cookie, listener->first_seen, listener->born);
}

static size_t format_flag(const StateFlag *flag, const char *word, char *buffer, size_t size) {
    char identity[IDENTITY_SIZE];
    format_identity(&flag->identity, identity, sizeof(identity));
    return (size_t)snprintf(
        buffer, size, "%s %s %" PRIx64 " %s %s %" PRId64 " %" PRId64 " %" PRIu32 " %" PRIu32, word,
        identity, flag->cookie, status_names[flag->status], severity_name(flag->severity),
        flag->since, flag->told, flag->n_returned, flag->n_returned_ever);
}

size_t state_format_flag(const StateFlag *flag, const char *word,
                         char line[static STATE_LINE_SIZE]) {
    size_t length = format_flag(flag, word, line, STATE_LINE_SIZE);
    return length + (size_t)snprintf(line + length, STATE_LINE_SIZE - length, "\n");
}

size_t state_format_snooze(const StateSnooze *snooze, char line[static STATE_LINE_SIZE]) {
    char identity[IDENTITY_SIZE];
    format_identity(&snooze->identity, identity, sizeof(identity));
    return (size_t)snprintf(line, STATE_LINE_SIZE, "snooze %s %" PRId64 "\n", identity,
                            snooze->until);
}

size_t state_format_hits(const StateHits *hits, char line[static STATE_LINE_SIZE]) {
    return (size_t)snprintf(line, STATE_LINE_SIZE, "hits %016" PRIx64 " %" PRIu64 "\n", hits->rule,
                            hits->count);
}

size_t state_format_end(uint64_t n_lines, uint64_t checksum, char line[static STATE_LINE_SIZE]) {
    return (size_t)snprintf(line, STATE_LINE_SIZE, "end %" PRIu64 " %016" PRIx64 "\n", n_lines,
                            checksum);
}

size_t state_format_log(uint64_t generation, const StateFlag *flag, const char *word,
                        char line[static STATE_LINE_SIZE]) {
    size_t head = (size_t)snprintf(line, STATE_LINE_SIZE, "%" PRIu64 " ", generation);
    size_t length = head + format_flag(flag, word, line + head, STATE_LINE_SIZE - head);
    uint64_t checksum = fnv_add(FNV_BEGIN, line, length);
    return length +
           (size_t)snprintf(line + length, STATE_LINE_SIZE - length, " %016" PRIx64 "\n", checksum);
}
