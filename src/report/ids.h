/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What may be told, and the MESSAGE_ID by which the journal knows it. An id, once shipped, stays:
 * catalog/sockaudit.catalog explains each, and `history` finds alerts by them.
 */
#pragma once

typedef enum ReportEvent {
    REPORT_FLAGGED,
    REPORT_STILL_FLAGGED,
    REPORT_RESOLVED,
    REPORT_TRANSIENT, /* a flagged listener that closed before an alert was due */
    REPORT_POLICY_LOADED,
    REPORT_POLICY_REJECTED,
    REPORT_SOURCE_DEGRADED,
    REPORT_SOURCE_RESTORED,
    REPORT_SUPPRESSED,
    REPORT_SNOOZED,
    REPORT_EVENT_COUNT,
} ReportEvent;

/* `flagged`, `still-flagged`, …: SOCKAUDIT_EVENT. */
const char *report_event_name(ReportEvent event);

/* 32 hexadecimal digits: MESSAGE_ID. */
const char *report_event_id(ReportEvent event);
