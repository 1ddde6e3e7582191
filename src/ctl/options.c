/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/options.h"

#include <stdint.h>
#include <string.h>

#include "ctl/print/tell.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/memory.h"

typedef struct OptionName {
    OptionId id;
    char letter; /* 0: none */
    const char *name;
    const char *argument; /* NULL: takes none */
    const char *help;
} OptionName;

static const OptionName option_names[] = {
    {OPTION_ALL, 'a', "all", NULL, "include ignored listeners"},
    {OPTION_FLAGGED, 0, "flagged", NULL, "show only flagged listeners"},
    {OPTION_ALLOWED, 0, "allowed", NULL, "show only allowed listeners"},
    {OPTION_STRICT, 0, "strict", NULL, "exit with status 6 if the scan is incomplete"},
    {OPTION_JSON, 0, "json", NULL, "print JSON"},
    {OPTION_COLUMNS, 'o', "output", "COLUMN,…", "select the columns and their order"},
    {OPTION_NO_LEGEND, 0, "no-legend", NULL, "do not print the header and footer"},
    {OPTION_NO_PAGER, 0, "no-pager", NULL, "do not pipe output into a pager"},
    {OPTION_RULES, 0, "rules", "FILE", "use only the rules in FILE"},
    {OPTION_ROOT, 0, "root", "DIR", "read configuration from below DIR"},
    {OPTION_RUNTIME_DIR, 0, "runtime-dir", "DIR", "directory of the daemon's socket"},
    {OPTION_SINCE, 'S', "since", "TIME",
     "show alerts since TIME: yesterday, -1h, 18:00, 2026-11-20 18:00"},
    {OPTION_UNTIL, 'U', "until", "TIME", "show alerts until TIME"},
    {OPTION_HELP, 'h', "help", NULL, "show this help"},
    {OPTION_VERSION, 0, "version", NULL, "show the version"},
};

static const OptionName *find_letter(char letter) {
    for (size_t i = 0; i < ELEMENTS(option_names); i++)
        if (option_names[i].letter && option_names[i].letter == letter)
            return &option_names[i];
    return NULL;
}

static const OptionName *find_name(const char *name, size_t length) {
    for (size_t i = 0; i < ELEMENTS(option_names); i++)
        if (strlen(option_names[i].name) == length &&
            memcmp(option_names[i].name, name, length) == 0)
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

/* Where the value of an option is kept; those without one have none to keep. */
static const char **value_of(Options *options, OptionId id) {
    static const char *none;
    switch (id) {
    case OPTION_COLUMNS:
        return &options->columns;
    case OPTION_RULES:
        return &options->rules;
    case OPTION_ROOT:
        return &options->root;
    case OPTION_RUNTIME_DIR:
        return &options->runtime_dir;
    case OPTION_SINCE:
        return &options->since;
    case OPTION_UNTIL:
        return &options->until;
    default:
        return &none;
    }
}

static ExitStatus store(Options *options, const OptionName *option, const char *word,
                        const char *value) {
    _cleanup_free_ char *escaped = text_escape_string(word);

    if (option->argument && !value) {
        tell_error("%s requires %s", escaped ?: "", option->argument);
        return STATUS_USAGE;
    }
    if (!option->argument && value) {
        tell_error("--%s takes no value", option->name);
        return STATUS_USAGE;
    }
    if (option->argument && !*value) {
        tell_error("%s requires a non-empty %s", escaped ?: "", option->argument);
        return STATUS_USAGE;
    }
    options->given |= option->id;
    *value_of(options, option->id) = value;
    return STATUS_DONE;
}

/* `--NAME`, `--NAME=VALUE`, `--NAME VALUE`. *next is the word after this one. */
static ExitStatus parse_long(Options *options, char **argv, int argc, int *next) {
    const char *word = argv[*next - 1], *name = word + 2;
    size_t length = strcspn(name, "=");
    const OptionName *option = find_name(name, length);
    const char *value = name[length] == '=' ? name + length + 1 : NULL;

    if (!option)
        return unknown_option(word);
    if (option->argument && !value && *next < argc)
        value = argv[(*next)++];
    return store(options, option, word, value);
}

/* `-h`, `-oVALUE`, `-o VALUE`; several letters in one word. */
static ExitStatus parse_short(Options *options, char **argv, int argc, int *next) {
    const char *word = argv[*next - 1];

    for (const char *letter = word + 1; *letter; letter++) {
        const OptionName *option = find_letter(*letter);
        if (!option)
            return unknown_option(word);
        const char *value = NULL;
        if (option->argument)
            value = letter[1] ? letter + 1 : *next < argc ? argv[(*next)++] : NULL;
        ExitStatus status = store(options, option, word, value);
        if (status != STATUS_DONE || option->argument)
            return status;
    }
    return STATUS_DONE;
}

ExitStatus options_parse(int argc, char **argv, Options *ret) {
    Options options = {};
    int n_words = 0;
    bool ended = false;

    /* Words are gathered at the head of argv: there is always room, since they come from it. */
    for (int next = 1; next < argc;) {
        char *word = argv[next++];
        ExitStatus status = STATUS_DONE;
        if (ended || word[0] != '-' || !word[1])
            argv[n_words++] = word;
        else if (strcmp(word, "--") == 0)
            ended = true;
        else if (word[1] == '-')
            status = parse_long(&options, argv, argc, &next);
        else
            status = parse_short(&options, argv, argc, &next);
        if (status != STATUS_DONE)
            return status;
    }
    options.verb = n_words > 0 ? argv[0] : NULL;
    options.words = argv + 1;
    options.n_words = n_words > 0 ? (size_t)n_words - 1 : 0;
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
