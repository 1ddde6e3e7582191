/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Entries of the journal: who wrote them, and what a filter gets to see. */
#include "ctl/verbs/past.h"

#include <criterion/criterion.h>
#include <string.h>

static Past past;

static void begin(void) {
    past = (Past){.writer_uid = (uint32_t)-1, .listener = {.owner = owner_new()}};
}

static void end(void) {
    past_done(&past);
}

static void take(const char *field) {
    cr_assert_eq(past_take(&past, field, strlen(field)), 0);
}

Test(past, only_what_the_daemon_wrote_counts, .init = begin, .fini = end) {
    cr_assert_not(past_is_ours(&past));
    take("SOCKAUDIT_UID=0");
    take("UID=0");
    take("SYSTEMD_UNIT=sockaudit.service");
    take("_UID=1000");
    take("_SYSTEMD_UNIT=user@1000.service");
    cr_assert_not(past_is_ours(&past));
    take("_SYSTEMD_UNIT=sockaudit.service");
    cr_assert(past_is_ours(&past));
    take("_SYSTEMD_UNIT=x.service");
    take("_UID=0");
    cr_assert(past_is_ours(&past));
}

Test(past, what_a_filter_sees, .init = begin, .fini = end) {
    take("SOCKAUDIT_PROTO=udp");
    take("SOCKAUDIT_ADDRESS=::1");
    take("SOCKAUDIT_PORT=53");
    take("SOCKAUDIT_SCOPE=loopback");
    take("SOCKAUDIT_UID=1000");
    take("SOCKAUDIT_UNIT=a.service");
    take("SOCKAUDIT_EXE=/usr/bin/node");
    take("SOCKAUDIT_PORT=70000"); /* no sense: left out */
    take("SOCKAUDIT_PROTO=icmp");
    take("SOCKAUDIT_ADDRESS=x");
    take("no equals sign");
    cr_assert_eq(past.listener.endpoint.proto, PROTO_UDP);
    cr_assert_eq(past.listener.endpoint.port, 53);
    cr_assert_eq(past.listener.endpoint.address.family, AF_INET6);
    cr_assert_eq(past.listener.scope, SCOPE_LOOPBACK);
    cr_assert_eq(past.listener.uid, 1000);
    cr_assert_str_eq(past.listener.owner->unit, "a.service");
    cr_assert_str_eq(past.listener.owner->holders[0].exe, "/usr/bin/node");
    cr_assert_eq(past.listener.owner->holders[0].exe_state, EXE_ASSUMED);
}

Test(past, words, .init = begin, .fini = end) {
    cr_assert_str_eq(past_word(&past), "?");
    take("SOCKAUDIT_EVENT=flagged");
    take("PRIORITY=3");
    cr_assert_str_eq(past_word(&past), "error");
    take("PRIORITY=4");
    cr_assert_str_eq(past_word(&past), "warning");
    end();
    begin();
    take("SOCKAUDIT_EVENT=still-flagged");
    cr_assert_str_eq(past_word(&past), "still");
    end();
    begin();
    take("SOCKAUDIT_EVENT=resolved");
    cr_assert_str_eq(past_word(&past), "resolved");
}
