/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ctl/options.h"

#include <criterion/criterion.h>
#include <string.h>

#define PARSE(options, ...)                                                                        \
    ({                                                                                             \
        const char *words[] = {"auditctl", __VA_ARGS__, NULL};                                     \
        int count = (int)(sizeof(words) / sizeof(words[0])) - 1;                                   \
        memcpy(argv, words, sizeof(words));                                                        \
        options_parse(count, argv, (options));                                                     \
    })

static char *argv[16];

Test(options, words_and_options_mix) {
    Options options;
    cr_assert_eq(PARSE(&options, "--json", "scan", "tcp", "-o", "a,b", "port", "--rules=x", "80"),
                 STATUS_DONE);
    cr_assert_str_eq(options.verb, "scan");
    cr_assert_eq(options.n_words, 3);
    cr_assert_str_eq(options.words[0], "tcp");
    cr_assert_str_eq(options.words[2], "80");
    cr_assert_str_eq(options.columns, "a,b");
    cr_assert_str_eq(options.rules, "x");
    cr_assert(options_have(&options, OPTION_JSON));
    cr_assert_not(options_have(&options, OPTION_ALL));
}

Test(options, two_dashes_end_them) {
    Options options;
    cr_assert_eq(PARSE(&options, "scan", "--", "--json", "-o"), STATUS_DONE);
    cr_assert_eq(options.n_words, 2);
    cr_assert_not(options_have(&options, OPTION_JSON));
    cr_assert_eq(PARSE(&options, "check", "-"), STATUS_DONE);
    cr_assert_eq(options.n_words, 1);
}

Test(options, letters) {
    Options options;
    cr_assert_eq(PARSE(&options, "scan", "-aoport"), STATUS_DONE);
    cr_assert(options_have(&options, OPTION_ALL));
    cr_assert_str_eq(options.columns, "port");
}

Test(options, abbreviated_names) {
    Options options;
    cr_assert_eq(PARSE(&options, "scan", "--no-l", "--out=port"), STATUS_DONE);
    cr_assert_eq(options.given, OPTION_NO_LEGEND | OPTION_COLUMNS);
    cr_assert_eq(PARSE(&options, "scan", "--no"), STATUS_USAGE);
    cr_assert_eq(PARSE(&options, "scan", "--all"), STATUS_DONE);
    cr_assert_eq(options.given, OPTION_ALL);
}

Test(options, wrong_ones) {
    Options options;
    cr_assert_eq(PARSE(&options, "scan", "--jsno"), STATUS_USAGE);
    cr_assert_eq(PARSE(&options, "scan", "--json=1"), STATUS_USAGE);
    cr_assert_eq(PARSE(&options, "scan", "--rules"), STATUS_USAGE);
    cr_assert_eq(PARSE(&options, "scan", "--rules="), STATUS_USAGE);
    cr_assert_eq(PARSE(&options, "scan", "-o"), STATUS_USAGE);
    cr_assert_eq(PARSE(&options, "scan", "-x"), STATUS_USAGE);
    cr_assert_eq(PARSE(&options, "scan", "-a\n\xff"), STATUS_USAGE);
}

Test(options, a_verb_takes_its_own_alone) {
    Options options;
    cr_assert_eq(PARSE(&options, "check", "--all"), STATUS_DONE);
    cr_assert_eq(options_check(&options, OPTIONS_ALWAYS | OPTION_RULES), STATUS_USAGE);
    cr_assert_eq(options_check(&options, OPTION_ALL), STATUS_DONE);
}

Test(options, nothing_at_all) {
    Options options;
    char *none[] = {NULL};
    cr_assert_eq(options_parse(0, none, &options), STATUS_DONE);
    cr_assert_null(options.verb);
    cr_assert_eq(options.n_words, 0);
}
