/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every MESSAGE_ID is explained, and every @FIELD@ of the catalog is one that is sent. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/alert.h"
#include "util/cleanup.h"

static char *read_catalog(void) {
    static char text[65536];
    FILE *file = fopen(SRCDIR "/catalog/sockaudit.catalog", "re");
    cr_assert_not_null(file);
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

Test(catalog, explains_every_event_once) {
    const char *text = read_catalog();

    for (ReportEvent event = 0; event < REPORT_EVENT_COUNT; event++) {
        char head[64];
        snprintf(head, sizeof(head), "-- %s\nSubject: ", report_event_id(event));
        const char *entry = strstr(text, head);
        cr_assert_not_null(entry, "%s is not explained", report_event_name(event));
        cr_assert_null(strstr(entry + 1, head));
        cr_assert_eq(strspn(report_event_id(event), "0123456789abcdef"), 32);
    }
}

/* An entry of which as little is known as can be: a socket without a process, nobody's, and no
 * advice for it. A verdict always has a rule, the policy's default if no other. */
static void make_poorest(ReportEvent event, Record *ret) {
    const RuleInfo rule = {.text = "set default flag warning", .action = ACTION_FLAG};
    const Listener listener = {.endpoint.address.family = AF_INET,
                               .uid = (uint32_t)-1,
                               .verdict = {.action = ACTION_FLAG, .rule = &rule}};
    const ListenerAlert alert = {
        .event = event, .listener = &listener, .links = &(LinkTable){}, .reason = ALERT_GONE};
    const SnoozeNote snooze = {.listener = &listener, .links = &(LinkTable){}};

    if (event == REPORT_SNOOZED) {
        cr_assert_eq(alert_of_snooze(&snooze, ret), 0);
        return;
    }
    cr_assert_eq(event == REPORT_FLAGGED || event == REPORT_STILL_FLAGGED ||
                         event == REPORT_RESOLVED || event == REPORT_TRANSIENT
                     ? alert_of_listener(&alert, ret)
                     : alert_of_daemon(event, 6, 0, "text", ret),
                 0);
}

static size_t check_entry(ReportEvent event, const char *entry, const char *end) {
    _cleanup_(record_done) Record record = {};
    size_t n_fields = 0, length;

    make_poorest(event, &record);
    for (const char *at = entry; (at = memchr(at, '@', (size_t)(end - at))); at++, n_fields++) {
        char name[64] = "";
        const char *closing = strchr(++at, '@');
        cr_assert(closing && closing < end && closing - at < (int)sizeof(name), "%.20s", at);
        memcpy(name, at, (size_t)(closing - at));
        cr_assert_not_null(record_find(&record, name, &length), "%s: an entry may lack %s",
                           report_event_name(event), name);
        at = closing;
    }
    return n_fields;
}

/* journalctl prints the name of one that is missing. */
Test(catalog, names_only_fields_that_are_always_sent) {
    const char *text = read_catalog();
    size_t n_fields = 0;

    for (ReportEvent event = 0; event < REPORT_EVENT_COUNT; event++) {
        const char *entry = strstr(text, report_event_id(event));
        const char *end = strstr(entry, "\n-- ");
        n_fields += check_entry(event, entry, end ?: entry + strlen(entry));
    }
    cr_assert_gt(n_fields, 0);
}

/* An id is gone with its socket, and auditctl may be Linux Audit's. */
Test(catalog, commands_last) {
    const char *text = read_catalog();

    cr_assert_null(strstr(text, "@SOCKAUDIT_ID@"));
    for (const char *at = text; (at = strstr(at, "auditctl")); at++)
        cr_assert(at - text > 4 && memcmp(at - 4, "sock", 4) == 0, "%.40s", at);
}
