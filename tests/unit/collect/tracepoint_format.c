/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/events/tracepoint_format.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "ring_bytes.h"

Test(tracepoint_format, today_s_kernels_agree) {
    static const char *const names[] = {"5.15", "6.1", "6.18"};
    for (size_t i = 0; i < 3; i++) {
        TracepointFormat format = fixture_parsed(names[i]);
        cr_assert_neq(format.id, 0);
        cr_assert_eq(format.skaddr.offset, 8);
        cr_assert_eq(format.skaddr.size, 8);
        cr_assert_eq(format.oldstate.offset, 16);
        cr_assert_eq(format.newstate.offset, 20);
        cr_assert_eq(format.sport.offset, 24);
        cr_assert_eq(format.family.offset, 28);
        cr_assert_eq(format.protocol.offset, 30);
        cr_assert_eq(format.protocol.size, 2);
        cr_assert_eq(format.saddr.offset, 32);
        cr_assert_eq(format.saddr_v6.offset, 40);
        cr_assert_eq(format.least, 56);
    }
    cr_assert_eq(fixture_parsed("6.18").id, 2287);
}

Test(tracepoint_format, fact_18_offsets_are_read_and_not_known) {
    TracepointFormat format = fixture_parsed("5.4");
    cr_assert_eq(format.protocol.size, 1);
    cr_assert_eq(format.saddr.offset, 31);
    cr_assert_eq(format.saddr_v6.offset, 39);
    format = fixture_parsed("5.15-rt");
    cr_assert_eq(format.skaddr.offset, 16);
    cr_assert_eq(format.newstate.offset, 28);
    format = fixture_parsed("6.1-32bit");
    cr_assert_eq(format.skaddr.size, 4);
    cr_assert_eq(format.oldstate.offset, 12);
}

/* The format with the first `from` replaced by `to`; or the last line that has `from` dropped. */
static int parse_changed(const char *from, const char *to) {
    TracepointFormat format = {.id = 99};
    size_t length;
    char *text = fixture_format("6.18", &length), changed[8000];
    char *place = strstr(text, from);
    cr_assert(place, "%s", from);
    int n = snprintf(changed, sizeof(changed), "%.*s%s%s", (int)(place - text), text, to,
                     place + strlen(from));
    int r = tracepoint_format_parse(changed, (size_t)n, &format);
    cr_assert(r == 0 || format.id == 99, "written on failure");
    free(text);
    return r;
}

Test(tracepoint_format, what_cannot_be_used_is_refused) {
    static const struct {
        const char *from, *to;
        int expected;
    } cases[] = {
        {"ID: 2287", "ID: 0", -EBADMSG},
        {"ID: 2287", "ID: 99999999999", -EBADMSG},
        {"ID: 2287", "ID: x", -EBADMSG},
        {"ID: 2287", "Id: 2287", -EBADMSG},
        {"ID: 2287", "ID: 2287\nID: 2288", -EBADMSG},
        {"skaddr;", "skaddress;", -EBADMSG},
        {"offset:8;\tsize:8;", "offset:8;\tsize:16;", -EBADMSG},
        {"offset:16;\tsize:4;", "offset:16;\tsize:2;", -EBADMSG},
        {"offset:16;\tsize:4;", "offset:1021;\tsize:4;", -EBADMSG},
        {"offset:16;\tsize:4;", "offset:-16;\tsize:4;", -EBADMSG},
        {"offset:16;\tsize:4;", "offset:70000;\tsize:4;", -EBADMSG},
        {"offset:16;\tsize:4;", "offset:16;\tsize:0;", -EBADMSG},
        {"offset:16;\tsize:4;", "offset:16;\tsize:68;", -EBADMSG},
        {"int newstate;", "int oldstate;", -EBADMSG},
        {"\tfield:__u16 sport;", "\t__u16 sport;", -EBADMSG},
        {"offset:16;\tsize:4;", "offset:1020;\tsize:4;", 0},
        {"field:__u16 dport;", "field:__u64 more[100];", 0},
        {"format:", "\xff\xfe;;;field:;offset:;", 0},
        {"format:", "field:a;offset:1;size:999;", 0},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        cr_assert_eq(parse_changed(cases[i].from, cases[i].to), cases[i].expected, "case %zu: %s",
                     i, cases[i].to);
}

Test(tracepoint_format, no_prefix_of_it_is_enough) {
    TracepointFormat format;
    size_t length;
    char *text = fixture_format("6.18", &length);
    size_t needed = (size_t)(strstr(text, "saddr_v6[16];\toffset:40;\tsize:16;") - text) +
                    strlen("saddr_v6[16];\toffset:40;\tsize:16");
    for (size_t i = 0; i < needed; i++)
        cr_assert_eq(tracepoint_format_parse(text, i, &format), -EBADMSG, "%zu bytes", i);
    cr_assert_eq(tracepoint_format_parse(text, needed + 1, &format), 0);
    free(text);
}
