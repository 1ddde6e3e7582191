/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state file read: strictly, since what is not as it was written was not written by us. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "audit/state_text.h"
#include "audit/table.h"
#include "util/fnv.h"
#include "util/memory.h"

#define WORDS_MAX      20
#define IDENTITY_WORDS 8

typedef struct Words {
    char text[STATE_LINE_SIZE];
    const char *word[WORDS_MAX];
    size_t n;
} Words;

/* One blank between words, none at the ends, no NUL. */
static int words_split(const char *line, size_t length, Words *ret) {
    if (length >= sizeof(ret->text) || length == 0 || memchr(line, '\0', length))
        return -EINVAL;
    memcpy(ret->text, line, length);
    ret->text[length] = '\0';
    ret->n = 0;
    for (char *at = ret->text, *next; at; at = next) {
        next = strchr(at, ' ');
        if (next)
            *next++ = '\0';
        if (!*at || ret->n == WORDS_MAX)
            return -EINVAL;
        ret->word[ret->n++] = at;
    }
    return 0;
}

static int read_number(const char *word, uint64_t max, uint64_t *ret) {
    return parse_unsigned(word, strlen(word), max, ret);
}

static int read_time(const char *word, BootTime *ret) {
    uint64_t value;
    bool negative = *word == '-';
    if (read_number(word + negative, INT64_MAX / 4, &value) < 0)
        return -EINVAL;
    *ret = negative ? -(BootTime)value : (BootTime)value;
    return 0;
}

static int read_hex(const char *word, uint64_t *ret) {
    size_t length = strlen(word);
    char *end;
    if (length == 0 || length > 16 || strspn(word, "0123456789abcdef") != length)
        return -EINVAL;
    *ret = strtoull(word, &end, 16);
    return 0;
}

static int read_identity(const char *const *word, Identity *ret) {
    static const char *const origins[] = {"socket", "forward"};
    Identity identity = {0};
    uint64_t port, device, v6only, uid;
    int origin = string_find(word[5], origins, ELEMENTS(origins));
    if (proto_parse(word[0], &identity.endpoint.proto) < 0 ||
        address_parse(word[1], &identity.endpoint.address) < 0 ||
        read_number(word[2], UINT16_MAX, &port) < 0 ||
        read_number(word[3], UINT32_MAX, &device) < 0 || read_number(word[4], 1, &v6only) < 0 ||
        origin < 0 || read_number(word[6], UINT32_MAX, &uid) < 0 ||
        read_hex(word[7], &identity.who) < 0)
        return -EINVAL;
    identity.endpoint.port = (uint16_t)port;
    identity.endpoint.ifindex = (uint32_t)device;
    identity.endpoint.v6only = v6only;
    identity.origin = (Origin)origin;
    identity.uid = (uint32_t)uid;
    *ret = identity;
    return 0;
}

/* --- records: `word` stands behind the one that names the record --- */

static int read_listener(State *state, const char *const *word, size_t n) {
    StateListener listener;
    if (n != IDENTITY_WORDS + 3 || read_identity(word, &listener.identity) < 0 ||
        read_hex(word[8], &listener.cookie) < 0 ||
        read_number(word[9], INT64_MAX, &listener.first_seen) < 0 ||
        read_time(word[10], &listener.born) < 0)
        return -EBADMSG;
    return ARRAY_APPEND(state->listeners, state->listeners_allocated, state->n_listeners, listener);
}

static int parse_flag(const char *const *word, size_t n, StateFlag *ret) {
    static const char *const statuses[] = {"told", "summed", "silent", "telling"};
    int status;
    uint64_t returned, ever;
    if (n != IDENTITY_WORDS + 7 || read_identity(word, &ret->identity) < 0 ||
        read_hex(word[8], &ret->cookie) < 0 ||
        (status = string_find(word[9], statuses, ELEMENTS(statuses))) < 0 ||
        severity_parse(word[10], &ret->severity) < 0 || read_time(word[11], &ret->since) < 0 ||
        read_time(word[12], &ret->told) < 0 || read_number(word[13], UINT32_MAX, &returned) < 0 ||
        read_number(word[14], UINT32_MAX, &ever) < 0)
        return -EBADMSG;
    ret->status = (StateStatus)status;
    ret->n_returned = (uint32_t)returned;
    ret->n_returned_ever = (uint32_t)ever;
    return 0;
}

static int add_flag(State *state, const StateFlag *flag) {
    return ARRAY_APPEND(state->flags, state->flags_allocated, state->n_flags, *flag);
}

static int read_flag(State *state, const char *const *word, size_t n) {
    StateFlag flag;
    int r = parse_flag(word, n, &flag);
    return r < 0 ? r : add_flag(state, &flag);
}

static int read_snooze(State *state, const char *const *word, size_t n) {
    StateSnooze snooze;
    if (n != IDENTITY_WORDS + 1 || read_identity(word, &snooze.identity) < 0 ||
        read_time(word[8], &snooze.until) < 0)
        return -EBADMSG;
    return ARRAY_APPEND(state->snoozes, state->snoozes_allocated, state->n_snoozes, snooze);
}

static int read_hits(State *state, const char *const *word, size_t n) {
    StateHits hits;
    if (n != 2 || read_hex(word[0], &hits.rule) < 0 ||
        read_number(word[1], UINT64_MAX, &hits.count) < 0)
        return -EBADMSG;
    return ARRAY_APPEND(state->hits, state->hits_allocated, state->n_hits, hits);
}

static int read_counters(State *state, const char *const *word, size_t n) {
    StateHeader *header = &state->header;
    if (n != 4 || read_number(word[0], UINT64_MAX, &header->n_told) < 0 ||
        read_number(word[1], UINT64_MAX, &header->n_summed) < 0 ||
        read_number(word[2], UINT64_MAX, &header->n_evicted) < 0 ||
        read_number(word[3], UINT64_MAX, &header->n_returned) < 0)
        return -EBADMSG;
    return 0;
}

static int read_head(State *state, const Words *words) {
    StateHeader *header = &state->header;
    if (words->n != 6 || strcmp(words->word[0], "sockaudit-state") != 0 ||
        strcmp(words->word[1], "1") != 0 || strlen(words->word[2]) >= BOOT_ID_SIZE ||
        read_number(words->word[3], UINT64_MAX, &header->generation) < 0 ||
        read_number(words->word[4], INT64_MAX / 4, &header->saved.boottime) < 0 ||
        read_number(words->word[5], INT64_MAX / 4, &header->saved.realtime) < 0)
        return -EBADMSG;
    memcpy(header->boot, words->word[2], strlen(words->word[2]) + 1);
    return 0;
}

static int read_record(State *state, const Words *words) {
    static const struct {
        const char *name;
        int (*read)(State *state, const char *const *word, size_t n);
    } records[] = {
        {"listener", read_listener}, {"flag", read_flag},         {"snooze", read_snooze},
        {"hits", read_hits},         {"counters", read_counters},
    };
    for (size_t i = 0; i < ELEMENTS(records); i++)
        if (strcmp(records[i].name, words->word[0]) == 0)
            return records[i].read(state, words->word + 1, words->n - 1);
    return -EBADMSG;
}

/* --- the whole --- */

void state_done(State *state) {
    free(state->listeners);
    free(state->flags);
    free(state->snoozes);
    free(state->hits);
    *state = (State){0};
}

/* The last line has the count of lines before it and the checksum of their bytes. */
static int check_end(const char *text, size_t length, size_t *ret_body, uint64_t *ret_lines) {
    uint64_t checksum;
    Words words;
    size_t body = length - (length > 0);
    while (body > 0 && text[body - 1] != '\n')
        body--;
    if (length == 0 || text[length - 1] != '\n' ||
        words_split(text + body, length - body - 1, &words) < 0 || words.n != 3 ||
        strcmp(words.word[0], "end") != 0 ||
        read_number(words.word[1], UINT64_MAX, ret_lines) < 0 ||
        read_hex(words.word[2], &checksum) < 0 || checksum != fnv_add(FNV_BEGIN, text, body))
        return -EBADMSG;
    *ret_body = body;
    return 0;
}

static int parse_lines(const char *text, size_t length, State *state, uint64_t *ret_line) {
    uint64_t line = 0;
    for (size_t at = 0, end; at < length; at = end + 1) {
        Words words;
        end = at + (size_t)((const char *)memchr(text + at, '\n', length - at) - (text + at));
        *ret_line = ++line;
        int r = words_split(text + at, end - at, &words);
        if (r >= 0)
            r = line == 1 ? read_head(state, &words) : read_record(state, &words);
        if (r < 0)
            return r == -ENOMEM ? r : -EBADMSG;
    }
    return line > 0 ? 0 : -EBADMSG;
}

int state_parse(const char *text, size_t length, State *ret, char why[static STATE_WHY_SIZE]) {
    _cleanup_state_ State state = {0};
    size_t body;
    uint64_t n_lines, line = 0;

    if (check_end(text, length, &body, &n_lines) < 0) {
        snprintf(why, STATE_WHY_SIZE, "it was cut short, or its checksum is wrong");
        return -EBADMSG;
    }
    int r = parse_lines(text, body, &state, &line);
    if (r >= 0 && line != n_lines)
        r = -EBADMSG;
    if (r == -EBADMSG)
        snprintf(why, STATE_WHY_SIZE, "line %" PRIu64 " is not one that sockauditd writes", line);
    if (r < 0)
        return r;
    *ret = state;
    state = (State){0};
    return 0;
}

/* --- the log --- */

/* Flags by identity: a log of thousands of lines beside 50,000 flags is read in milliseconds. */
static uint32_t flag_hash(const StateFlag *flag) {
    Identity key = identity_of_service(flag->identity);
    return identity_hash(&key, 0);
}

static bool is_same_service(const StateFlag *a, const StateFlag *b) {
    Identity x = identity_of_service(a->identity), y = identity_of_service(b->identity);
    return identity_equal(&x, &y);
}

static uint32_t find_flag(const State *state, const Table *table, const StateFlag *flag) {
    uint32_t index;
    for (size_t at = TABLE_BEGIN; (index = table_next(table, flag_hash(flag), &at));)
        if (is_same_service(&state->flags[index - 1], flag))
            break;
    return index;
}

/* The last flag takes the place of the one that goes. */
static void drop_flag(State *state, Table *table, uint32_t index) {
    StateFlag *last = &state->flags[state->n_flags - 1];
    table_remove(table, flag_hash(&state->flags[index - 1]), index);
    if (index < state->n_flags) {
        table_replace(table, flag_hash(last), (uint32_t)state->n_flags, index);
        state->flags[index - 1] = *last;
    }
    state->n_flags--;
}

static int apply(State *state, Table *table, const StateFlag *flag, bool gone) {
    uint32_t index = find_flag(state, table, flag);
    if (index && gone)
        drop_flag(state, table, index);
    else if (index)
        state->flags[index - 1] = *flag;
    if (index || gone)
        return 0;
    int r = add_flag(state, flag);
    return r < 0 ? r : table_add(table, flag_hash(flag), (uint32_t)state->n_flags);
}

static int read_log_line(State *state, Table *table, const char *line, size_t length) {
    uint64_t checksum, generation;
    StateFlag flag;
    Words words;
    if (words_split(line, length, &words) < 0 || words.n < 4 ||
        read_hex(words.word[words.n - 1], &checksum) < 0 ||
        checksum != fnv_add(FNV_BEGIN, line, length - strlen(words.word[words.n - 1]) - 1) ||
        read_number(words.word[0], UINT64_MAX, &generation) < 0 ||
        generation != state->header.generation)
        return -EBADMSG;
    bool gone = strcmp(words.word[1], "gone") == 0;
    if ((!gone && strcmp(words.word[1], "flag") != 0) ||
        parse_flag(words.word + 2, words.n - 3, &flag) < 0)
        return -EBADMSG;
    return apply(state, table, &flag, gone);
}

int state_parse_log(const char *text, size_t length, State *state) {
    Table table = {0};
    const char *end;
    int n = 0, r = 0;
    for (size_t i = 0; i < state->n_flags && r >= 0; i++)
        r = table_add(&table, flag_hash(&state->flags[i]), (uint32_t)i + 1);
    while (r != -ENOMEM && (end = memchr(text, '\n', length))) {
        r = read_log_line(state, &table, text, (size_t)(end - text));
        n += r >= 0;
        length -= (size_t)(end + 1 - text);
        text = end + 1;
    }
    table_done(&table);
    return r == -ENOMEM ? r : n;
}
