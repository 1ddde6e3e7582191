/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Every MESSAGE_ID is explained, and every @FIELD@ of the catalog is one that is sent. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report/ids.h"
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

/* journalctl prints the name of one that is missing: an unknown process has no EXE, PID or USER,
 * the built-in policy no RULE_FILE. That ADVICE may be missing the text says. */
Test(catalog, names_only_fields_that_are_always_sent) {
    static const char *const fields[] = {"ID", "PROTO", "ADDRESS", "PORT", "RULE", "ADVICE"};
    const char *at = read_catalog();

    while ((at = strstr(at, "@SOCKAUDIT_"))) {
        bool known = false;
        at += strlen("@SOCKAUDIT_");
        for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++)
            known |= strncmp(at, fields[i], strlen(fields[i])) == 0 && at[strlen(fields[i])] == '@';
        cr_assert(known, "unknown field: %.20s", at);
    }
}
