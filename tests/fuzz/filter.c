/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A filter from a command line: a word a line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy/policy.h"
#include "util/cleanup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    _cleanup_diagnostics_ Diagnostics *diagnostics = diagnostics_new();
    _cleanup_filter_ Filter *filter = NULL;
    _cleanup_fclose_ FILE *out = fopen("/dev/null", "we");
    _cleanup_free_ char *text = strndup((const char *)data, size);
    JudgeContext context = {.now = 1};
    Listener listener = {.endpoint = {.port = 3000, .address = {.family = AF_INET}}};
    char *words[64], *rest = text, *word;
    size_t n_words = 0;

    if (!diagnostics || !out || !text)
        return 0;
    while (n_words < 64 && (word = strsep(&rest, "\n")))
        words[n_words++] = word;
    int r = filter_parse(words, n_words, diagnostics, &filter);
    if ((r == 0) != (diagnostics->n_errors == 0) || (r == 0) != (filter != NULL))
        abort();
    if (filter)
        filter_matches(filter, &context, &listener);
    diagnostics_print(diagnostics, out);
    return 0;
}
