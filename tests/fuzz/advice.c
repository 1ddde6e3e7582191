/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The parser of advice files, and then the look-up in what it made of them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/advice/advice.h"
#include "util/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The holder's exe, the first words of its command line: the input's last lines, too. */
static void look_up(const AdviceTable *table, const char *text, size_t size) {
    _cleanup_free_ char *copy = strndup(text, size < 4096 ? size : 4096);
    char *words[] = {copy, NULL, NULL, NULL}, *advice = NULL;
    if (!copy)
        return;
    for (size_t i = 0; i < 2; i++) {
        char *newline = strchr(words[i], '\n');
        if (!newline)
            break;
        *newline = '\0';
        words[i + 1] = newline + 1;
    }
    Holder holder = {.pid = 2, .comm = copy, .exe = copy, .cwd = words[1], .cmdline = words};
    Owner owner = {.holders = &holder,
                   .n_holders = 1,
                   .unit = copy,
                   .user_unit = copy,
                   .container_name = copy,
                   .runtime = size % RUNTIME_COUNT};
    Listener listener = {.endpoint = {.proto = PROTO_TCP, .port = (uint16_t)size}, .owner = &owner};
    listener.endpoint.address.family = AF_INET6;
    if (size % 3 == 0)
        listener.origin = ORIGIN_FORWARD;
    if (advice_find(table, &listener, &advice) == 0)
        free(advice);
    const char *tool = advice_recognise(table, &listener);
    if (tool && !*tool)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_advice_ AdviceTable *table = NULL;
    const char *text = (const char *)data;
    FILE *out = fopen("/dev/null", "we");

    if (!diagnostics || !out)
        abort();
    if (advice_parse(&table, "fuzz.advice", text, size, diagnostics) != 0 || !table ||
        diagnostics->n_errors > 0)
        abort();
    diagnostics_print(diagnostics, out);
    fclose(out);
    look_up(table, text, size);
    return 0;
}
