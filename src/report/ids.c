/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "report/ids.h"

static const struct {
    const char *name;
    const char *id;
} events[REPORT_EVENT_COUNT] = {
    [REPORT_FLAGGED] = {"flagged", "b8e7fafcc8834602b68855046356d8a4"},
    [REPORT_STILL_FLAGGED] = {"still-flagged", "5f6424de08e44c2cb8c4d4944b68afd1"},
    [REPORT_RESOLVED] = {"resolved", "342e38af38aa44a0ad6487ca11f7a7ea"},
    [REPORT_TRANSIENT] = {"transient", "6d0e1a7c2f5b4d3aa0c9d5a86be1f374"},
    [REPORT_POLICY_LOADED] = {"policy-loaded", "174b6732081c420ba4e14b20a37a1089"},
    [REPORT_POLICY_REJECTED] = {"policy-rejected", "a080b95756564958aa9c66717f4332b8"},
    [REPORT_SOURCE_DEGRADED] = {"source-degraded", "9064b73fc73d49c99b410527b9c9e55f"},
    [REPORT_SOURCE_RESTORED] = {"source-restored", "b02f566d03f940208f0e77c2eccc7efe"},
    [REPORT_SUPPRESSED] = {"suppressed", "3f0a558948014573b479d71ee500b23c"},
    [REPORT_SNOOZED] = {"snoozed", "93f1c0b2d7a64e5c8e0b6f4a1d7c52e9"},
};

const char *report_event_name(ReportEvent event) {
    return events[event].name;
}

const char *report_event_id(ReportEvent event) {
    return events[event].id;
}
