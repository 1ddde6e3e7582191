/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The state file: its bytes as they are, then with the count and checksum that they should have,
 * so that the lines are reached; what is read is given to a ledger, saved, and must be read back
 * the same. The bytes as a log too.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "audit/ledger_state.h"
#include "audit/state_text.h"
#include "util/cleanup.h"
#include "util/fnv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds) {
    if (!holds)
        abort();
}

static void judge(void *userdata, const Listener *listener, usec_t age, usec_t realtime,
                  Verdict *ret) {
    (void)userdata, (void)age, (void)realtime;
    *ret = (Verdict){.action = listener->endpoint.port % 2 ? ACTION_FLAG : ACTION_ALLOW};
}

static usec_t never(void *userdata, usec_t now) {
    (void)userdata, (void)now;
    return USEC_INFINITY;
}

static void sink(void *userdata, const LedgerChange *change) {
    (void)userdata, (void)change;
}

static void fuzz_ledger(const State *state, const char *boot) {
    static const Judge judges = {
        .judge = judge,
        .next_age = never,
        .next_until = never,
        .settings = {.udp_grace = USEC_PER_SEC, .remind = USEC_PER_HOUR, .burst = 20},
    };
    LedgerConfig config = {.judge = &judges, .sink = sink, .netns = {.inode = 1, .host = true}};
    AuditTime now = {.boottime = USEC_PER_DAY, .realtime = 20000 * USEC_PER_DAY};
    _cleanup_snapshot_ Snapshot *snapshot = snapshot_new();
    Ledger *ledger = NULL;

    require(snapshot && ledger_new(&config, &now, &ledger) == 0);
    snapshot->netns = config.netns;
    require(ledger_load(ledger, state, boot, NULL, NULL, &now) == 0);
    for (size_t i = 0; i < state->n_listeners && i < 64; i++) {
        const StateListener *from = &state->listeners[i];
        Listener found = {.endpoint = from->identity.endpoint,
                          .uid = from->identity.uid,
                          .origin = from->identity.origin,
                          .cookie = from->cookie & 0xffffff};
        require(snapshot_add(snapshot, &found) >= 0);
    }
    require(ledger_update(ledger, snapshot, LEDGER_ALL, &now) == 0);
    for (unsigned i = 0; i < 50; i++) {
        usec_t next = ledger_next_deadline(ledger, &now);
        if (next == USEC_INFINITY)
            break;
        now.realtime += next > now.boottime ? next - now.boottime : 0;
        now.boottime = next > now.boottime ? next : now.boottime;
        ledger_tick(ledger, &now);
    }
    ledger_free(ledger);
}

static void fuzz_lines(const char *data, size_t size) {
    _cleanup_free_ char *text = malloc(size + STATE_LINE_SIZE);
    char why[STATE_WHY_SIZE], line[STATE_LINE_SIZE];
    uint64_t n_lines = 0;
    State state;

    require(text != NULL);
    memcpy(text, data, size);
    for (size_t i = 0; i < size; i++)
        n_lines += text[i] == '\n';
    size_t length = state_format_end(n_lines, fnv_add(FNV_BEGIN, text, size), line);
    memcpy(text + size, line, length);
    if (state_parse(text, size + length, &state, why) < 0)
        return;
    /* What was read is what would be written. */
    for (size_t i = 0; i < state.n_flags; i++) {
        require(state_format_flag(&state.flags[i], "flag", line) < STATE_LINE_SIZE);
        require(state_format_log(UINT64_MAX, &state.flags[i], "flag", line) < STATE_LINE_SIZE);
    }
    for (size_t i = 0; i < state.n_listeners; i++)
        require(state_format_listener(&state.listeners[i], line) < STATE_LINE_SIZE);
    require(state_parse_log(data, size, &state) >= 0);
    fuzz_ledger(&state, state.header.boot);
    fuzz_ledger(&state, "another");
    state_done(&state);
}

/* A log of which every line gets the generation and checksum that make it count. */
static void fuzz_log(const char *data, size_t size) {
    _cleanup_state_ State state = {.header.generation = 1};
    char line[STATE_LINE_SIZE], signed_line[STATE_LINE_SIZE + 24];
    for (size_t at = 0, end; at < size; at = end + 1) {
        for (end = at; end < size && data[end] != '\n'; end++)
            ;
        int length = snprintf(line, sizeof(line), "1 %.*s", (int)(end - at), data + at);
        if (length < 0 || (size_t)length >= sizeof(line))
            continue;
        length = snprintf(signed_line, sizeof(signed_line), "%s %016llx\n", line,
                          (unsigned long long)fnv_add(FNV_BEGIN, line, strlen(line)));
        require(state_parse_log(signed_line, (size_t)length, &state) >= 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    char why[STATE_WHY_SIZE];
    State state;
    if (state_parse(text, size, &state, why) == 0)
        state_done(&state);
    fuzz_lines(text, size);
    fuzz_log(text, size);
    return 0;
}
