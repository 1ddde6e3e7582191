/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/options.h"

#include <getopt.h>
#include <string.h>

#include "ctl/print/tell.h"
#include "util/memory.h"

typedef struct OptionName {
    OptionId id;
    char letter; /* 0: none */
    const char *name;
    const char *argument; /* NULL: takes none */
    size_t value;         /* offset of the argument in Options */
    const char *help;
} OptionName;

#define VALUE(field) offsetof(Options, field)

static const OptionName option_names[] = {
    {OPTION_ALL, 'a', "all", NULL, 0, "include ignored listeners"},
    {OPTION_FLAGGED, 0, "flagged", NULL, 0, "show only flagged listeners"},
    {OPTION_ALLOWED, 0, "allowed", NULL, 0, "show only allowed listeners"},
    {OPTION_STRICT, 0, "strict", NULL, 0, "exit with status 6 if the scan is incomplete"},
    {OPTION_JSON, 0, "json", NULL, 0, "print JSON"},
    {OPTION_COLUMNS, 'o', "output", "COLUMN,…", VALUE(columns),
     "select the columns and their order"},
    {OPTION_NO_LEGEND, 0, "no-legend", NULL, 0, "do not print the header and footer"},
    {OPTION_NO_PAGER, 0, "no-pager", NULL, 0, "do not pipe output into a pager"},
    {OPTION_RULES, 0, "rules", "FILE", VALUE(rules), "use only the rules in FILE"},
    {OPTION_ROOT, 0, "root", "DIR", VALUE(root), "read configuration from below DIR"},
    {OPTION_RUNTIME_DIR, 0, "runtime-dir", "DIR", VALUE(runtime_dir),
     "directory of the daemon's socket"},
    {OPTION_SINCE, 'S', "since", "TIME", VALUE(since),
     "show alerts since TIME: yesterday, -1h, 18:00, 2026-11-20 18:00"},
    {OPTION_UNTIL, 'U', "until", "TIME", VALUE(until), "show alerts until TIME"},
    {OPTION_HELP, 'h', "help", NULL, 0, "show this help"},
    {OPTION_VERSION, 0, "version", NULL, 0, "show the version"},
};

/* The value that getopt_long() returns for an option. */
static int option_value(size_t i) {
    return option_names[i].letter ?: 256 + (int)i;
}

static const OptionName *find_option(int value) {
    for (size_t i = 0; i < ELEMENTS(option_names); i++)
        if (option_value(i) == value)
            return &option_names[i];
    return NULL;
}

static ExitStatus unknown_option(const char *word) {
    const char *names[ELEMENTS(option_names)];
    char dashed[ELEMENTS(option_names)][24];
    char typed[64];

    for (size_t i = 0; i < ELEMENTS(option_names); i++) {
        snprintf(dashed[i], sizeof(dashed[i]), "--%s", option_names[i].name);
        names[i] = dashed[i];
    }
    snprintf(typed, sizeof(typed), "%.*s", (int)strcspn(word, "="), word);
    return tell_unknown("option", typed, names, ELEMENTS(option_names));
}

/* Stores an option. `result` is the result of getopt_long(), which also set its variables. */
static ExitStatus store(Options *options, int result, const char *word) {
    bool failed = result == '?' || result == ':';
    const OptionName *option = find_option(failed ? optopt : result);

    if (!option)
        return unknown_option(optopt ? (char[]){'-', (char)optopt, '\0'} : word);
    if (result == '?') {
        tell_error("--%s takes no value", option->name);
        return STATUS_USAGE;
    }
    if (result == ':' || (option->argument && !*optarg)) {
        tell_error("--%s requires %s", option->name, option->argument);
        return STATUS_USAGE;
    }
    options->given |= option->id;
    if (option->argument)
        *(const char **)((char *)options + option->value) = optarg;
    return STATUS_DONE;
}

ExitStatus options_parse(int argc, char **argv, Options *ret) {
    struct option names[ELEMENTS(option_names) + 1] = {};
    char letters[2 * ELEMENTS(option_names) + 2] = ":", *end = letters + 1;
    Options options = {};

    for (size_t i = 0; i < ELEMENTS(option_names); i++) {
        const OptionName *option = &option_names[i];
        names[i] = (struct option){option->name, option->argument != NULL, NULL, option_value(i)};
        if (option->letter) {
            *end++ = option->letter;
            if (option->argument)
                *end++ = ':';
        }
    }
    optind = 0; /* resets getopt_long(): tests parse several command lines */
    for (int result; (result = getopt_long(argc, argv, letters, names, NULL)) >= 0;) {
        ExitStatus status = store(&options, result, argv[optind - 1]);
        if (status != STATUS_DONE)
            return status;
    }
    if (optind < argc) {
        options.verb = argv[optind];
        options.words = argv + optind + 1;
        options.n_words = (size_t)(argc - optind - 1);
    }
    *ret = options;
    return STATUS_DONE;
}

ExitStatus options_check(const Options *options, unsigned taken) {
    for (size_t i = 0; i < ELEMENTS(option_names); i++) {
        if (!options_have(options, option_names[i].id) || (taken & option_names[i].id))
            continue;
        tell_error("%s takes no --%s", options->verb ?: "status", option_names[i].name);
        return STATUS_USAGE;
    }
    return STATUS_DONE;
}

void options_help(unsigned taken, FILE *out) {
    for (size_t i = 0; i < ELEMENTS(option_names); i++) {
        const OptionName *option = &option_names[i];
        char form[48];
        if (!(taken & option->id))
            continue;
        snprintf(form, sizeof(form), "--%s%s%s", option->name, option->argument ? " " : "",
                 option->argument ?: "");
        /* The ellipsis is three bytes in one cell. */
        int width = strstr(form, "…") ? 22 : 20;
        fprintf(out, "  %c%c%c %-*s %s\n", option->letter ? '-' : ' ', option->letter ?: ' ',
                option->letter ? ',' : ' ', width, form, option->help);
    }
}
