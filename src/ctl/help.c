/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/help.h"

#include <stdlib.h>
#include <string.h>

#include "ctl/print/tell.h"
#include "util/cleanup.h"
#include "util/memory.h"
#include "util/text_stream.h"

const char scan_details[] =
    "FILTER is one or more matches of the rule language:\n"
    "  scan tcp port 3000-3999 user alice      scan not scope loopback\n"
    "\n"
    "Exit status: 0 nothing is flagged; 1 something is, or the rules have errors;\n"
    "6 (--strict) nothing is flagged, but not everything could be seen.\n";

const char list_details[] = "FILTER is one or more matches of the rule language:\n"
                            "  list tcp port 3000-3999 user alice      list not scope loopback\n";

const char show_details[] =
    "For a PORT, all its listeners are shown, most severe first. Use 'list -o id,endpoint' to find "
    "IDs.\n";

const char watch_details[] =
    "FILTER is one or more matches of the rule language:\n"
    "  watch tcp port 3000-3999 user alice     watch not scope loopback\n"
    "Runs until interrupted with Ctrl+C. For past alerts, see 'history'.\n";

const char reload_details[] =
    "If the new rules contain errors, the active rules are kept and the errors are listed. Run\n"
    "'check' first to see them. Requires root, or authorization through polkit.\n";

const char snooze_details[] =
    "DURATION is 30m, 2h, 1d, 1w or 1h30m. Use 'off' to cancel. Survives restarts. You can snooze\n"
    "your own listeners; others require root or polkit authorization.\n";

const char suggest_details[] =
    "Only prints the rules. Review them, save the ones you want in a file in\n" SYSCONFDIR
    "/sockaudit/rules.d, and run 'reload'. For one listener, use 'allow'.\n"
    "Rules for listeners of other users are shown to root and group adm.\n";

const char check_details[] =
    "Without FILE the machine's whole policy is checked; with it, each file alone.\n"
    "\n"
    "Exit status: 0 no errors (there may be warnings); 1 errors.\n";

const char history_details[] =
    "TIME is now, today, yesterday, 18:00, 2026-11-20, '2026-11-20 18:00:00', -1h (an hour\n"
    "ago), +5m, or @ and seconds since 1970. FILTER can use these fields: protocol, port, bind,\n"
    "scope, user, group, exe, unit, user-unit, tool.\n"
    "\n"
    "Exit status: 5 if the caller cannot read the system journal.\n";

const char allow_details[] =
    "Appends a rule that allows the listener to\n" SYSCONFDIR
    "/sockaudit/rules.d/50-local.rules and reloads the rules. The rule names the service,\n"
    "the container, the target of a forward, or the user and the program's file, so that it\n"
    "still applies after a new login. To undo, delete the line and run 'reload'.\n"
    "TIME is 2026-12-31 or 2026-12-31T18:00. Requires root, or authorization through polkit.\n";

bool is_linux_audit_option(const char *word) {
    static const char *const long_ones[] = {
        "--signal",
        "--loginuid-immutable",
        "--backlog_wait_time",
        "--reset-lost",
        "--reset_backlog_wait_time_actual",
    };
    if (string_find(word, long_ones, ELEMENTS(long_ones)) >= 0)
        return true;
    /* One letter, without or with a value behind it. */
    return word[0] == '-' && word[1] && strchr("aAbCcdDefFiklmpqrRsStvwW", word[1]) != NULL;
}

static void print_program(FILE *out) {
    fprintf(
        out,
        "%s VERB [OPTION…] [ARGUMENT…]\n"
        "Show which programs accept network connections, who can reach them, and whether that is\n"
        "allowed.\n"
        "If no VERB is given, 'status' is implied.\n"
        "\n",
        tell_name());
    for (const Verb *verb = verbs; verb->name; verb++)
        fprintf(out, "  %-8s %s\n", verb->name, verb->help);
    fprintf(out, "  %-8s %s\n\nCommon options (see '%s VERB --help'):\n", "help",
            "show this help, or help for a VERB", tell_name());
    options_help(OPTIONS_ALWAYS | OPTIONS_TABLE | OPTIONS_POLICY | OPTIONS_DAEMON, out);
    fprintf(out, "\nMore: man sockauditctl; man sockaudit.rules\n");
}

static void print_verb(const Verb *verb, FILE *out) {
    fprintf(out, "%s %s [OPTION…]%s%s\n%c%s.\n\n", tell_name(), verb->name,
            *verb->arguments ? " " : "", verb->arguments, verb->help[0] - 'a' + 'A',
            verb->help + 1);
    if (verb->details)
        fprintf(out, "%s\n", verb->details);
    fputs("Options:\n", out);
    options_help(verb->options | OPTIONS_ALWAYS, out);
    if (!verb->columns)
        return;
    fputs("\nColumns (* shown by default):\n", out);
    columns_help(verb->columns, out);
}

ExitStatus help_print(const Options *options, const Verb *verb) {
    _cleanup_free_ char *text = NULL;
    size_t size;
    FILE *out = text_stream_open(&text, &size);

    if (out) {
        if (verb)
            print_verb(verb, out);
        else
            print_program(out);
        fclose(out);
    }
    return verb_print(options, text);
}
