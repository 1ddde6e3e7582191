/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The journal's fields are a contract: INTERFACE, "Journal". */
#include "report/alert.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <syslog.h>

#include "report/lines.h"
#include "util/cleanup.h"

static char *cmdline[] = {(char *)"node", (char *)"server.js\n\033[31m", NULL};
static Holder holder = {
    .pid = 4242,
    .fd = 3,
    .uid = 1000,
    .comm = (char *)"node",
    .exe = (char *)"/usr/bin/node",
    .exe_state = EXE_VERIFIED,
    .cmdline = cmdline,
    .cwd = (char *)"/home/alice",
};
static Owner owner = {
    .n_references = 1,
    .attribution = ATTRIBUTION_FULL,
    .complete = true,
    .user_unit = (char *)"app-code.scope",
    .holders = &holder,
    .n_holders = 1,
    .n_holders_seen = 1,
};
static const RuleInfo rule = {
    .file = "/etc/sockaudit/sockaudit.rules",
    .line = 12,
    .text = "flag critical tcp port 3000",
    .action = ACTION_FLAG,
    .severity = SEVERITY_CRITICAL,
};
static Listener listener = {
    .endpoint = {.proto = PROTO_TCP, .port = 3000, .address = {.family = AF_INET}},
    .scope = SCOPE_WILDCARD,
    .uid = 1000,
    .cookie = 0x1f,
    .inode = 7,
    .n_sockets = 1,
    .owner = &owner,
    .verdict = {.action = ACTION_FLAG, .severity = SEVERITY_CRITICAL, .rule = &rule},
    .tool = (char *)"Node",
    .advice = (char *)"node server.js --host 127.0.0.1",
};
static Link wlan0 = {.index = 2, .name = "wlan0", .kind = LINK_WIRELESS, .up = true};
static LinkAddress address = {.index = 2, .address = {AF_INET, {192, 168, 1, 20}}};
static const LinkTable links = {&wlan0, 1, &address, 1};

static ListenerAlert alert(ReportEvent event) {
    return (ListenerAlert){
        .event = event,
        .listener = &listener,
        .links = &links,
        .netns = {.inode = 1, .host = true},
        .user = "alice",
        .realtime = 1795224660123456,
        .duration = event == REPORT_FLAGGED ? 0 : 90 * USEC_PER_SEC,
        .reason = event == REPORT_RESOLVED        ? ALERT_GONE
                  : event == REPORT_STILL_FLAGGED ? ALERT_REMINDER
                                                  : ALERT_NEW,
    };
}

static void expect(const Record *record, const char *name, const char *value) {
    size_t length = 0;
    const char *found = record_find(record, name, &length);
    cr_assert_not_null(found, "%s is missing", name);
    cr_assert_str_eq(found, value, "%s is '%s'", name, found);
    cr_assert_eq(length, strlen(value));
}

Test(alert, a_flag_has_every_field_of_the_contract) {
    _cleanup_(record_done) Record record = {};
    ListenerAlert flagged = alert(REPORT_FLAGGED);

    cr_assert_eq(alert_of_listener(&flagged, &record), 0);
    expect(&record, "MESSAGE_ID", report_event_id(REPORT_FLAGGED));
    expect(&record, "PRIORITY", "2");
    expect(&record, "SYSLOG_IDENTIFIER", "sockauditd");
    expect(&record, "SOCKAUDIT_EVENT", "flagged");
    expect(&record, "MESSAGE",
           "node server.js\\n\\x1b[31m (pid 4242, user alice, ~) listens on 0.0.0.0:3000, "
           "reachable at wlan0 "
           "192.168.1.20");
    expect(&record, "SOCKAUDIT_ID", "s1f");
    expect(&record, "SOCKAUDIT_PROTO", "tcp");
    expect(&record, "SOCKAUDIT_ADDRESS", "0.0.0.0");
    expect(&record, "SOCKAUDIT_PORT", "3000");
    expect(&record, "SOCKAUDIT_SCOPE", "wildcard");
    expect(&record, "SOCKAUDIT_INTERFACE", "wlan0");
    expect(&record, "SOCKAUDIT_UID", "1000");
    expect(&record, "SOCKAUDIT_USER", "alice");
    expect(&record, "SOCKAUDIT_USER_UNIT", "app-code.scope");
    expect(&record, "SOCKAUDIT_EXE", "/usr/bin/node");
    expect(&record, "SOCKAUDIT_CMDLINE", "node server.js\\n\\x1b[31m");
    expect(&record, "SOCKAUDIT_CWD", "/home/alice");
    expect(&record, "SOCKAUDIT_PID", "4242");
    expect(&record, "OBJECT_PID", "4242");
    expect(&record, "SOCKAUDIT_RULE", "flag critical tcp port 3000");
    expect(&record, "SOCKAUDIT_RULE_FILE", "/etc/sockaudit/sockaudit.rules");
    expect(&record, "SOCKAUDIT_RULE_LINE", "12");
    expect(&record, "SOCKAUDIT_ADVICE", "node server.js --host 127.0.0.1");
    expect(&record, "SOCKAUDIT_TOOL", "Node");
    size_t length;
    cr_assert_null(record_find(&record, "SOCKAUDIT_DEVICE", &length));
    cr_assert_null(record_find(&record, "SOCKAUDIT_UNIT", &length));
}

Test(alert, resolved_is_information_with_its_reason) {
    _cleanup_(record_done) Record record = {};
    ListenerAlert resolved = alert(REPORT_RESOLVED);

    cr_assert_eq(alert_of_listener(&resolved, &record), 0);
    expect(&record, "PRIORITY", "6");
    expect(&record, "SOCKAUDIT_DURATION_USEC", "90000000");
    size_t length;
    expect(&record, "SOCKAUDIT_REASON", "gone");
    /* That pid may be another program's by now. */
    cr_assert_null(record_find(&record, "OBJECT_PID", &length));
    expect(&record, "OBJECT_SYSTEMD_USER_UNIT", "app-code.scope");
    expect(&record, "SOCKAUDIT_PID", "4242");
}

Test(alert, how_often_it_came_back_is_a_field) {
    for (unsigned n = 0; n <= 2; n++) {
        _cleanup_(record_done) Record record = {};
        ListenerAlert returned = alert(REPORT_STILL_FLAGGED);
        size_t length;
        returned.reason = ALERT_RETURNED;
        returned.n_returned = n;
        cr_assert_eq(alert_of_listener(&returned, &record), 0);
        expect(&record, "SOCKAUDIT_REASON", "returned");
        if (n > 0)
            expect(&record, "SOCKAUDIT_RETURNED", n == 1 ? "1" : "2");
        else
            cr_assert_null(record_find(&record, "SOCKAUDIT_RETURNED", &length));
    }
}

Test(alert, the_other_endpoints_of_a_service_are_named) {
    const Endpoint also[] = {
        {.proto = PROTO_TCP, .port = 3000, .address.family = AF_INET6},
        {.proto = PROTO_TCP, .port = 3000, .address = {AF_INET, {10, 0, 0, 1}}}};
    _cleanup_(record_done) Record record = {};
    ListenerAlert flagged = alert(REPORT_FLAGGED);
    flagged.also = also;
    flagged.n_also = 2;
    cr_assert_eq(alert_of_listener(&flagged, &record), 0);
    expect(&record, "SOCKAUDIT_ALSO", "[::]:3000, 10.0.0.1:3000");
}

Test(alert, a_transient_listener_is_information) {
    _cleanup_(record_done) Record record = {};
    ListenerAlert transient = alert(REPORT_TRANSIENT);
    size_t length;
    cr_assert_eq(alert_of_listener(&transient, &record), 0);
    expect(&record, "PRIORITY", "6");
    expect(&record, "SOCKAUDIT_EVENT", "transient");
    cr_assert_null(record_find(&record, "OBJECT_PID", &length));
}

Test(alert, a_long_value_is_cut_at_a_character) {
    _cleanup_(record_done) Record record = {};
    char text[RECORD_VALUE_MAX * 2 + 1];
    for (size_t i = 0; i + 1 < sizeof(text); i += 2)
        memcpy(text + i, "é", 2);
    text[sizeof(text) - 1] = '\0';
    record_add(&record, "X", text + 1);
    size_t length;
    const char *value = record_find(&record, "X", &length);
    cr_assert_leq(length, RECORD_VALUE_MAX);
    cr_assert_str_eq(value + length - strlen("…"), "…");
    cr_assert_eq((unsigned char)value[length - 4], 0xa9);
}

Test(alert, severities_are_the_journals_priorities) {
    cr_assert_eq(severity_priority(SEVERITY_NOTICE), LOG_NOTICE);
    cr_assert_eq(severity_priority(SEVERITY_WARNING), LOG_WARNING);
    cr_assert_eq(severity_priority(SEVERITY_ERROR), LOG_ERR);
    cr_assert_eq(severity_priority(SEVERITY_CRITICAL), LOG_CRIT);
}

static char *written(int (*write_record)(const Record *, FILE *), const Record *record) {
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    cr_assert_eq(write_record(record, stream), 0);
    fclose(stream);
    return text;
}

Test(alert, the_json_line_has_the_fields_in_lower_case) {
    _cleanup_(record_done) Record record = {};
    ListenerAlert flagged = alert(REPORT_FLAGGED);
    cr_assert_eq(alert_of_listener(&flagged, &record), 0);
    _cleanup_free_ char *text = written(record_write_json, &record);
    json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, NULL);

    cr_assert_not_null(object);
    cr_assert_str_eq(json_string_value(json_object_get(object, "event")), "flagged");
    cr_assert_str_eq(json_string_value(json_object_get(object, "exe")), "/usr/bin/node");
    cr_assert_eq(json_integer_value(json_object_get(object, "port")), 3000);
    cr_assert_eq(json_integer_value(json_object_get(object, "priority")), 2);
    cr_assert_str_eq(json_string_value(json_object_get(object, "time")),
                     "2026-11-21T01:31:00.123456Z");
    cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1);
    json_decref(object);
}

static int write_plain_line(const Record *record, FILE *out) {
    return record_write_line(record, &(LineLook){}, out);
}

static int write_rich_line(const Record *record, FILE *out) {
    return record_write_line(record, &(LineLook){.colour = true, .utf8 = true}, out);
}

Test(alert, the_line_has_the_sentence_the_rule_and_what_to_type) {
    _cleanup_(record_done) Record record = {};
    ListenerAlert flagged = alert(REPORT_FLAGGED);
    cr_assert_eq(alert_of_listener(&flagged, &record), 0);
    _cleanup_free_ char *text = written(write_plain_line, &record);
    cr_assert(
        strstr(text,
               ".123  critical  node server.js\\n\\x1b[31m (pid 4242, user alice, ~) listens on"),
        "%s", text);
    cr_assert(strstr(text, "\n                        /etc/sockaudit/sockaudit.rules:12: "), "%s",
              text);
    cr_assert(strstr(text, ": node server.js --host 127.0.0.1\n"), "%s", text);
}

/* The journal's entry has the field for journalctl -x; a line on a terminal needs none. */
Test(alert, that_there_is_no_advice_is_in_the_record_and_not_on_the_line) {
    for (int is_builtin = 0; is_builtin < 2; is_builtin++) {
        _cleanup_(record_done) Record record = {};
        Listener unknown = listener;
        ListenerAlert flagged = alert(REPORT_FLAGGED);
        unknown.advice = NULL;
        flagged.listener = &unknown;
        flagged.is_builtin = is_builtin;
        cr_assert_eq(alert_of_listener(&flagged, &record), 0);
        expect(&record, "SOCKAUDIT_ADVICE", is_builtin ? ALERT_NO_ADVICE_BUILTIN : ALERT_NO_ADVICE);
        _cleanup_free_ char *text = written(write_plain_line, &record);
        cr_assert_not(strstr(text, "No advice"), "%s", text);
    }
}

Test(alert, on_a_terminal_the_line_has_colours) {
    _cleanup_(record_done) Record record = {};
    ListenerAlert flagged = alert(REPORT_FLAGGED);
    cr_assert_eq(alert_of_listener(&flagged, &record), 0);
    _cleanup_free_ char *text = written(write_rich_line, &record);
    cr_assert(strstr(text, "  \033[1;31mcritical\033[0m  node "), "%s", text);
    cr_assert(strstr(text, "→ to make it local: "), "%s", text);
}

Test(alert, what_is_over_needs_no_rule) {
    _cleanup_(record_done) Record record = {};
    ListenerAlert resolved = alert(REPORT_RESOLVED);
    cr_assert_eq(alert_of_listener(&resolved, &record), 0);
    _cleanup_free_ char *text = written(write_plain_line, &record);
    cr_assert_eq(strchr(text, '\n'), text + strlen(text) - 1, "%s", text);
}

Test(alert, a_sum_names_whose_alerts_they_are) {
    static const struct {
        uid_t uid;
        const char *user;
        uint64_t n_alerts, n_unkept;
        const char *field;
        bool forwards;
    } sums[] = {
        {1000, "alice", 3, 0, "1000"}, {1001, NULL, 3, 0, "1001"},
        {(uid_t)-1, NULL, 3, 0, NULL}, {1000, "alice", 3, 4, "1000"},
        {1000, "alice", 0, 4, "1000"}, {(uid_t)-1, NULL, 3, 0, NULL, true},
    };
    const Endpoint endpoint = {.proto = PROTO_TCP, .port = 6379, .address.family = AF_INET};
    for (size_t i = 0; i < sizeof(sums) / sizeof(sums[0]); i++) {
        _cleanup_(record_done) Record record = {};
        size_t length;
        const SuppressedAlert suppressed = {.uid = sums[i].uid,
                                            .user = sums[i].user,
                                            .is_forwards = sums[i].forwards,
                                            .worst = SEVERITY_CRITICAL,
                                            .endpoint = &endpoint,
                                            .links = &(LinkTable){},
                                            .n_alerts = sums[i].n_alerts,
                                            .n_unkept = sums[i].n_unkept,
                                            .span = USEC_PER_MINUTE,
                                            .realtime = 1};
        cr_assert_eq(alert_of_suppressed(&suppressed, &record), 0);
        const char *user = record_find(&record, "SOCKAUDIT_USER", &length);
        cr_assert(sums[i].user ? user && strcmp(user, sums[i].user) == 0 : !user);
        cr_assert_not_null(record_find(&record, "MESSAGE", &length));
        const char *worst = record_find(&record, "SOCKAUDIT_WORST", &length);
        cr_assert(sums[i].n_alerts > 0 ? worst && strcmp(worst, "0.0.0.0:6379") == 0 : !worst);
        cr_assert_eq(record.priority, sums[i].n_alerts > 0 ? LOG_CRIT : LOG_WARNING);
        cr_assert_eq(record_find(&record, "SOCKAUDIT_ORIGIN", &length) != NULL, sums[i].forwards);
        const char *uid = record_find(&record, "SOCKAUDIT_UID", &length);
        cr_assert(sums[i].field ? uid && strcmp(uid, sums[i].field) == 0 : !uid);
    }
}
