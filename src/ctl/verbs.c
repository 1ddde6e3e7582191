/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/verbs.h"

#include <stdint.h>

#include "ctl/help.h"
#include "ctl/print/listing.h"

#define SCAN_OPTIONS                                                                               \
    (OPTION_ALL | OPTION_FLAGGED | OPTION_ALLOWED | OPTION_STRICT | OPTIONS_TABLE | OPTIONS_POLICY)

#define WORDS_ANY SIZE_MAX

const Verb verbs[] = {
    {"status", "", 0, 0, "show daemon status and current alerts", verb_status,
     OPTIONS_DAEMON | OPTION_NO_PAGER, NULL, NULL},
    {"list", "[FILTER…]", 0, WORDS_ANY, "show listeners known to the daemon", verb_list,
     OPTION_ALL | OPTION_FLAGGED | OPTION_ALLOWED | OPTIONS_TABLE | OPTIONS_DAEMON, listing_columns,
     list_details},
    {"show", "PORT|ID", 1, 1, "show details about a listener", verb_show,
     OPTIONS_DAEMON | OPTION_NO_PAGER, NULL, show_details},
    {"scan", "[FILTER…]", 0, WORDS_ANY, "check listening sockets once, without the daemon",
     verb_scan, SCAN_OPTIONS, listing_columns, scan_details},
    {"explain", "ENDPOINT [KEY VALUE…] | PORT | ID", 1, WORDS_ANY,
     "explain which rule matches, and why", verb_explain, OPTIONS_POLICY | OPTION_NO_PAGER, NULL,
     explain_details},
    {"check", "[FILE…]", 0, WORDS_ANY, "check the rules for errors", verb_check, OPTIONS_POLICY,
     NULL, check_details},
    {"rules", "", 0, 0, "list the active rules in evaluation order", verb_rules,
     OPTIONS_TABLE | OPTIONS_POLICY | OPTIONS_DAEMON, rules_columns, NULL},
    {"watch", "[FILTER…]", 0, WORDS_ANY, "follow listeners as they appear, change and close",
     verb_watch, OPTIONS_DAEMON, NULL, watch_details},
    {"history", "[FILTER…]", 0, WORDS_ANY, "show past alerts, read from the journal", verb_history,
     OPTION_SINCE | OPTION_UNTIL | OPTION_ROOT | OPTION_NO_PAGER, NULL, history_details},
    {"reload", "", 0, 0, "reload the rules", verb_reload, OPTIONS_DAEMON, NULL, reload_details},
    {"allow", "PORT|ID [until TIME] [note TEXT]", 1, WORDS_ANY,
     "write a rule that allows a listener", verb_allow, OPTIONS_DAEMON, NULL, allow_details},
    {"snooze", "PORT|ID DURATION", 2, 2, "mute alerts for a listener for a while", verb_snooze,
     OPTIONS_DAEMON, NULL, snooze_details},
    {"suggest", "", 0, 0, "print rules that would allow the flagged listeners", verb_suggest,
     OPTIONS_DAEMON | OPTION_NO_PAGER, NULL, suggest_details},
    {},
};
