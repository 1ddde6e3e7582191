/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "policy/advice/advice_table.h"
#include "support.h"
#include "util/cleanup.h"

/* What is written, and exactly what is told of it. */
static const struct {
    const char *text;
    const char *told;
} bad[] = {
    {"[A]\nexe = node\n", "test.advice:1: warning: this section has no 'advice'\n"},
    {"[A]\nadvice = x\n",
     "test.advice:1: warning: this section has no key that says what it is for\n"},
    {"[A]\nexee = node\nadvice = x\n",
     "test.advice:2:1: warning: unknown key 'exee'; did you mean 'exe'?\n"
     "  exee = node\n"
     "  ^~~~\n"},
    {"[A]\ncolour = red\nadvice = x\n",
     "test.advice:2:1: warning: unknown key 'colour'\n  colour = red\n  ^~~~~~\n"},
    {"exe = node\n",
     "test.advice:1:1: warning: a key before the first [section]\n  exe = node\n  ^~~\n"},
    {"[A]\nexe = a\nexe = b\nadvice = x\n",
     "test.advice:3:1: warning: 'exe' is repeated in this section\n  exe = b\n  ^~~\n"},
    {"[A]\nexe =\nadvice = x\n",
     "test.advice:2:5: warning: 'exe' has no value\n  exe =\n      ^\n"},
    {"[A]\nexe = a,,b\nadvice = x\n",
     "test.advice:2:9: warning: an item is missing in the list\n  exe = a,,b\n          ^\n"},
    {"[A]\nexe = a,\nadvice = x\n",
     "test.advice:2:9: warning: an item is missing in the list\n  exe = a,\n          ^\n"},
    {"[A]\nexe = node # a comment\nadvice = x\n",
     "test.advice:2:11: warning: names must not contain spaces; comments need a line of their own\n"
     "  exe = node # a comment\n"
     "            ^~~~~~~~~~~~\n"},
    {"[A]\nexe = /usr/bin/node\nadvice = x\n",
     "test.advice:2:7: warning: only the last part of the path is compared: no '/'\n"
     "  exe = /usr/bin/node\n"
     "        ^~~~~~~~~~~~~\n"},
    {"[A]\nport = 70000\nadvice = x\n",
     "test.advice:2:8: warning: a port is a number of 0-65535, or two with a dash between\n"
     "  port = 70000\n"
     "         ^~~~~\n"},
    {"[A]\nport = 80, 9-8\nadvice = x\n",
     "test.advice:2:12: warning: the range ends before it begins\n"
     "  port = 80, 9-8\n"
     "             ^~~\n"},
    {"[A]\nprotocol = tpc\nadvice = x\n",
     "test.advice:2:12: warning: unknown protocol 'tpc'; did you mean 'tcp'?\n"
     "  protocol = tpc\n"
     "             ^~~\n"},
    {"[A]\ncontainer = dokcer\nadvice = x\n",
     "test.advice:2:13: warning: unknown container runtime 'dokcer'; did you mean 'docker'?\n"
     "  container = dokcer\n"
     "              ^~~~~~\n"},
    {"[A]\norigin = forwrd\nadvice = x\n",
     "test.advice:2:10: warning: unknown origin 'forwrd'; did you mean 'forward'?\n"
     "  origin = forwrd\n"
     "           ^~~~~~\n"},
    {"[A]\npackage = a/b\nadvice = x\n",
     "test.advice:2:11: warning: invalid package, expected NAME or @SCOPE/NAME\n"
     "  package = a/b\n"
     "            ^~~\n"},
    {"[A]\nexe = a\ndrops = g\nadvice = {arguments}\n",
     "test.advice:3:9: warning: options must start with '-'\n"
     "  drops = g\n"
     "          ^\n"},
    {"[A]\nexe = a\nreplaces = --host -H\nadvice = {arguments}\n",
     "test.advice:3:18: warning: expected one word, an option or a pattern for another argument\n"
     "  replaces = --host -H\n"
     "                   ^~~\n"},
    {"[A]\nexe = a\nreplaces = --host\nadvice = x\n",
     "test.advice:1: warning: 'replaces' and 'drops' require {arguments} in the advice\n"},
    {"[A]\nreplaces = --host\nadvice = {arguments}\n",
     "test.advice:1: warning: this section has no key that says what it is for\n"},
    {"[A]\nexe = a\nadvice = bind {prot}\n",
     "test.advice:3:16: warning: unknown placeholder 'prot'; did you mean 'port'?\n"
     "  advice = bind {prot}\n"
     "                 ^~~~\n"},
    {"[A\nexe = a\nadvice = x\n",
     "test.advice:1:1: warning: a section's name ends with ']'\n  [A\n  ^~\n"},
    {"[ ]\nexe = a\nadvice = x\n",
     "test.advice:1:1: warning: a section needs a name\n  [ ]\n  ^~~\n"},
    {"[A]\nexe\nadvice = x\n",
     "test.advice:2:1: warning: neither [section], key = value nor a comment\n  exe\n  ^~~\n"},
    {"[A]\nexe = a\nadvice = \x1b[2J\n",
     "test.advice:3:10: warning: a control or invisible character\n"
     "  advice = \\x1b[2J\n"
     "           ^~~~\n"},
    {"[A]\nexe = a\nadvice = \xff\n",
     "test.advice:3:10: warning: not valid UTF-8\n  advice = \\xff\n           ^~~~\n"},
    {"[A]\nexe = a\nadvice = abc\xe2\x80\xae\n",
     "test.advice:3:13: warning: a control or invisible character\n"
     "  advice = abc\\u202e\n"
     "              ^~~~~~\n"},
};

Test(advice_parse, bad_sections_are_told_and_left_out) {
    for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
        _cleanup_free_ char *told = NULL;
        _cleanup_advice_ AdviceTable *table = table_of(bad[i].text, &told);
        cr_expect_str_eq(told, bad[i].told, "%s\ntold:\n%s", bad[i].text, told);
        cr_expect_eq(table->n_sections, 0, "left out: %s", bad[i].text);
    }
}

Test(advice_parse, the_sections_around_a_bad_one_stay) {
    _cleanup_advice_ AdviceTable *table = table_of(
        "[A]\nexe = a\nadvice = 1\n[B]\nexe =\nadvice = 2\n[C]\nexe = c\nadvice = 3", NULL);
    cr_assert_eq(table->n_sections, 2);
    cr_expect_str_eq(table->sections[0].name, "A");
    cr_expect_str_eq(table->sections[1].name, "C");
    cr_expect_str_eq(table->sections[1].advice, "3");
}

Test(advice_parse, every_key_is_read) {
    _cleanup_free_ char *told = NULL;
    _cleanup_advice_ AdviceTable *table =
        table_of("# a comment\r\n"
                 "\t[ A tool ] \r\n"
                 "exe = node , bun\n"
                 "script=vite.js\n"
                 "arguments = * -m http.server*, *x y*\n"
                 "unit = a.service\n"
                 "user-unit = b.service\n"
                 "port = 80, 3000-3999\n"
                 "protocol = tcp, udp\n"
                 "container = any\n"
                 "advice = a = {port}, { b: {address} } # {{.C}} {} {D}\n",
                 &told);
    cr_assert_str_eq(told, "");
    cr_assert_eq(table->n_sections, 1);
    const AdviceSection *section = table->sections;
    cr_expect_str_eq(section->name, "A tool");
    cr_expect_str_eq(section->exe[0], "node");
    cr_expect_str_eq(section->exe[1], "bun");
    cr_expect_null(section->exe[2]);
    cr_expect_str_eq(section->script[0], "vite.js");
    cr_expect_str_eq(section->arguments[0], "* -m http.server*");
    cr_expect_str_eq(section->arguments[1], "*x y*");
    cr_expect_str_eq(section->unit[0], "a.service");
    cr_expect_str_eq(section->user_unit[0], "b.service");
    cr_assert_eq(section->n_ports, 2);
    cr_expect_eq(section->ports[0].first, 80);
    cr_expect_eq(section->ports[0].last, 80);
    cr_expect_eq(section->ports[1].last, 3999);
    cr_expect_eq(section->protos, 1U << PROTO_TCP | 1U << PROTO_UDP);
    cr_expect_eq(section->containers & 1U << RUNTIME_NONE, 0);
    cr_expect_neq(section->containers & 1U << RUNTIME_DOCKER, 0);
    cr_expect_str_eq(section->advice, "a = {port}, { b: {address} } # {{.C}} {} {D}");
}

Test(advice_parse, what_is_too_much_is_told_once_and_bounded) {
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fputs("[Long]\nexe = a\nadvice = ", out);
    for (int i = 0; i < ADVICE_LINE_MAX; i++)
        fputc('x', out);
    fputs("\n[Many]\nadvice = x\nexe = a", out);
    for (int i = 0; i < ADVICE_ITEMS_MAX; i++)
        fputs(",b", out);
    fputc('\n', out);
    for (int i = 0; i < ADVICE_SECTIONS_MAX + 3; i++)
        fputs("[S]\nexe = a\nadvice = x\n", out);
    fclose(out);

    _cleanup_free_ char *told = NULL;
    _cleanup_advice_ AdviceTable *table = table_of(text, &told);
    cr_expect_not_null(strstr(told, ":3:1: warning: a line of more than 1000 bytes"), "%s", told);
    cr_expect_not_null(strstr(told, "warning: more than 64 items in a list"), "%s", told);
    cr_expect_not_null(strstr(told, "warning: too many sections"), "%s", told);
    cr_expect_eq(table->n_sections, ADVICE_SECTIONS_MAX);
    free(text);
}
