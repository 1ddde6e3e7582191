/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "util/parse.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static int duration(const char *text, usec_t *ret) {
    return parse_duration(text, strlen(text), ret);
}

Test(parse, durations_add_up) {
    usec_t span;
    cr_assert_eq(duration("1h30m", &span), 0);
    cr_assert_eq(span, 90 * USEC_PER_MINUTE);
    cr_assert_eq(duration("500ms", &span), 0);
    cr_assert_eq(span, USEC_PER_SEC / 2);
    cr_assert_eq(duration("30", &span), -EINVAL);
    cr_assert_eq(duration("s", &span), -EINVAL);
    cr_assert_eq(duration("30 s", &span), -EINVAL);
    cr_assert_eq(duration("99999999999999999999w", &span), -ERANGE);
}
