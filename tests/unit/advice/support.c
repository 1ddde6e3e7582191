/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "support.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "util/cleanup.h"

static char **words_of(const char *command) {
    char **words = calloc(strlen(command) / 2 + 3, sizeof(char *));
    size_t count = 0;

    cr_assert_not_null(words);
    if (*command == '=') {
        words[0] = strdup(command + 1);
        return words;
    }
    for (const char *at = command; *at;) {
        size_t length = strcspn(at, " ");
        words[count++] = strndup(at, length);
        at += length + strspn(at + length, " ");
    }
    return words;
}

void sample_init(Sample *sample, uint16_t port, const char *exe, const char *command) {
    *sample = (Sample){.owner = owner_new()};
    cr_assert_not_null(sample->owner);
    sample->listener.endpoint = (Endpoint){.proto = PROTO_TCP, .port = port};
    sample->listener.endpoint.address.family = AF_INET;
    sample->listener.scope = SCOPE_WILDCARD;
    sample->listener.owner = sample->owner;
    if (!exe)
        return;
    sample->owner->holders = calloc(1, sizeof(Holder));
    cr_assert_not_null(sample->owner->holders);
    sample->owner->n_holders = sample->owner->n_holders_seen = 1;
    sample->owner->holders[0] =
        (Holder){.pid = 1000, .fd = 3, .exe = strdup(exe), .cmdline = words_of(command)};
}

void sample_done(Sample *sample) {
    owner_unref(sample->owner);
}

AdviceTable *table_of(const char *text, char **ret_warnings) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    AdviceTable *table = NULL;
    char *warnings = NULL;
    size_t size;

    cr_assert_eq(advice_parse(&table, "test.advice", text, strlen(text), diagnostics), 0);
    cr_assert_eq(diagnostics->n_errors, 0, "advice never is an error");
    FILE *out = open_memstream(&warnings, &size);
    diagnostics_print(diagnostics, out);
    fclose(out);
    if (ret_warnings)
        *ret_warnings = warnings;
    else
        free(warnings);
    return table;
}

char *advice_of(const AdviceTable *table, const Sample *sample, const char **ret_section) {
    char *advice = (char *)"";
    const char *section = "";

    cr_assert_eq(advice_find_section(table, &sample->listener, &section, &advice), 0);
    if (ret_section)
        *ret_section = section;
    return advice;
}
