/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/verbs.h"

#include "ctl/help.h"
#include "ctl/print/listing.h"

#define SCAN_OPTIONS                                                                               \
    (OPTION_ALL | OPTION_FLAGGED | OPTION_ALLOWED | OPTION_STRICT | OPTIONS_TABLE | OPTIONS_POLICY)

const Verb verbs[] = {
    {"status", "", "show daemon status and current alerts", verb_status,
     OPTIONS_DAEMON | OPTION_NO_PAGER, NULL, NULL},
    {"list", "[FILTER…]", "show listeners known to the daemon", verb_list,
     OPTION_ALL | OPTION_FLAGGED | OPTION_ALLOWED | OPTIONS_TABLE | OPTIONS_DAEMON, listing_columns,
     list_details},
    {"show", "PORT|ID", "show details about a listener", verb_show,
     OPTIONS_DAEMON | OPTION_NO_PAGER, NULL, show_details},
    {"scan", "[FILTER…]", "check listening sockets once, without the daemon", verb_scan,
     SCAN_OPTIONS, listing_columns, scan_details},
    {"explain", "ENDPOINT [KEY VALUE…] | PORT | ID", "explain which rule matches, and why",
     verb_explain, OPTIONS_POLICY | OPTION_NO_PAGER, NULL, explain_details},
    {"check", "[FILE…]", "check the rules for errors", verb_check, OPTIONS_POLICY, NULL,
     check_details},
    {"rules", "", "list the active rules in evaluation order", verb_rules,
     OPTIONS_TABLE | OPTIONS_POLICY | OPTIONS_DAEMON, rules_columns, NULL},
    {"watch", "[FILTER…]", "follow listeners as they appear, change and close", verb_watch,
     OPTIONS_DAEMON, NULL, watch_details},
    {"history", "[FILTER…]", "show past alerts, read from the journal", verb_history,
     OPTION_SINCE | OPTION_UNTIL | OPTION_ROOT | OPTION_NO_PAGER, NULL, history_details},
    {"reload", "", "reload the rules", verb_reload, OPTIONS_DAEMON, NULL, reload_details},
    {"allow", "PORT|ID [until TIME] [note TEXT]", "write a rule that allows a listener", verb_allow,
     OPTIONS_DAEMON, NULL, allow_details},
    {"snooze", "PORT|ID DURATION", "mute alerts for a listener for a while", verb_snooze,
     OPTIONS_DAEMON, NULL, snooze_details},
    {"suggest", "", "print rules that would allow the flagged listeners", verb_suggest,
     OPTIONS_DAEMON | OPTION_NO_PAGER, NULL, suggest_details},
    {},
};
