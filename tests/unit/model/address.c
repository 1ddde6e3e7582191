/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/address.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

static Address address(const char *text) {
    Address parsed = {};
    cr_assert_eq(address_parse(text, &parsed), 0, "%s", text);
    return parsed;
}

Test(address, text_both_ways) {
    static const char *const canonical[] = {
        "0.0.0.0", "127.0.0.1", "255.255.255.255",           "::",
        "::1",     "fe80::1",   "2001:db8::8:800:200c:417a", "::ffff:127.0.0.1"};
    char text[ADDRESS_SIZE];

    for (size_t i = 0; i < sizeof(canonical) / sizeof(canonical[0]); i++) {
        Address parsed = address(canonical[i]);
        address_format(&parsed, text);
        cr_expect_str_eq(text, canonical[i]);
    }
    Address other = address("2001:DB8:0:0:8:800:200C:417A");
    address_format(&other, text);
    cr_assert_str_eq(text, "2001:db8::8:800:200c:417a");
    address_format(&(Address){}, text);
    cr_assert_str_eq(text, "");
}

Test(address, what_is_none) {
    static const char *const bad[] = {"",          "1.2.3",     "1.2.3.4.5",    "1.2.3.256",
                                      "01.2.3.4.", "::1::",     "fe80::1%eth0", " 1.2.3.4",
                                      "1.2.3.4 ",  "localhost", "1.2.3.4/8",    ":"};
    Address parsed;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        cr_expect_eq(address_parse(bad[i], &parsed), -EINVAL, "%s", bad[i]);
}

Test(address, prefixes) {
    static const struct {
        const char *prefix, *in, *out;
    } cases[] = {
        {"192.168.0.0/16", "192.168.255.255", "192.169.0.0"},
        {"192.168.1.128/25", "192.168.1.128", "192.168.1.127"},
        {"10.0.0.1", "10.0.0.1", "10.0.0.2"},
        {"0.0.0.0/0", "255.255.255.255", "::"},
        {"fe80::/10", "febf::1", "fec0::"},
        {"::/0", "ffff::", "0.0.0.0"},
        {"fd00::1/128", "fd00::1", "fd00::2"},
        {"128.0.0.0/1", "200.0.0.1", "127.0.0.1"},
    };
    Prefix prefix;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        Address in = address(cases[i].in), out = address(cases[i].out);
        cr_assert_eq(prefix_parse(cases[i].prefix, &prefix), 0);
        cr_expect(prefix_holds(&prefix, &in), "%s holds %s", cases[i].prefix, cases[i].in);
        cr_expect_not(prefix_holds(&prefix, &out), "%s, not %s", cases[i].prefix, cases[i].out);
    }
    cr_expect_eq(prefix_parse("192.168.0.1/16", &prefix), -EDOM);
    cr_expect_eq(prefix_parse("fe80::1/10", &prefix), -EDOM);
    cr_expect_eq(prefix_parse("10.0.0.0/33", &prefix), -EINVAL);
    cr_expect_eq(prefix_parse("::/129", &prefix), -EINVAL);
    cr_expect_eq(prefix_parse("10.0.0.0/", &prefix), -EINVAL);
    cr_expect_eq(prefix_parse("/8", &prefix), -EINVAL);
    cr_expect_eq(prefix_parse("10.0.0.0/-1", &prefix), -EINVAL);
    cr_expect_eq(prefix_parse("0000:0000:0000:0000:0000:0000:0000:0000:0000:0000", &prefix),
                 -EINVAL);
}

Test(address, classes) {
    static const struct {
        const char *text;
        bool wildcard, loopback, link_local, private, multicast;
    } cases[] = {
        {"0.0.0.0", true, false, false, false, false},
        {"::", true, false, false, false, false},
        {"::ffff:0.0.0.0", true, false, false, false, false},
        {"0.0.0.1", false, false, false, false, false},
        {"127.0.0.0", false, true, false, false, false},
        {"127.255.255.255", false, true, false, false, false},
        {"::1", false, true, false, false, false},
        {"::ffff:127.0.0.1", false, true, false, false, false},
        {"::2", false, false, false, false, false},
        {"::127.0.0.1", false, false, false, false, false},
        {"128.0.0.1", false, false, false, false, false},
        {"169.254.0.1", false, false, true, false, false},
        {"169.255.0.1", false, false, false, false, false},
        {"febf::1", false, false, true, false, false},
        {"fec0::1", false, false, false, false, false},
        {"10.255.255.255", false, false, false, true, false},
        {"11.0.0.0", false, false, false, false, false},
        {"172.16.0.0", false, false, false, true, false},
        {"172.31.255.255", false, false, false, true, false},
        {"172.32.0.0", false, false, false, false, false},
        {"192.168.0.1", false, false, false, true, false},
        {"::ffff:192.168.0.1", false, false, false, true, false},
        {"100.64.0.0", false, false, false, true, false},
        {"100.127.255.255", false, false, false, true, false},
        {"100.128.0.0", false, false, false, false, false},
        {"fc00::1", false, false, false, true, false},
        {"fdff::1", false, false, false, true, false},
        {"fe00::1", false, false, false, false, false},
        {"224.0.0.251", false, false, false, false, true},
        {"239.255.255.255", false, false, false, false, true},
        {"240.0.0.0", false, false, false, false, false},
        {"255.255.255.255", false, false, false, false, false},
        {"ff02::fb", false, false, false, false, true},
        {"2001:db8::1", false, false, false, false, false},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        Address it = address(cases[i].text);
        cr_expect_eq(address_is_wildcard(&it), cases[i].wildcard, "wildcard %s", cases[i].text);
        cr_expect_eq(address_is_loopback(&it), cases[i].loopback, "loopback %s", cases[i].text);
        cr_expect_eq(address_is_link_local(&it), cases[i].link_local, "local %s", cases[i].text);
        cr_expect_eq(address_is_private(&it), cases[i].private, "private %s", cases[i].text);
        cr_expect_eq(address_is_multicast(&it), cases[i].multicast, "group %s", cases[i].text);
    }
}

Test(address, mapped) {
    Address mapped = address("::ffff:10.1.2.3"), plain = address("10.1.2.3");
    Address unmapped = address_unmapped(&mapped);
    cr_assert(address_is_mapped(&mapped) && !address_is_mapped(&plain));
    cr_assert(address_equal(&unmapped, &plain));
    cr_assert_not(address_equal(&mapped, &plain));
    unmapped = address_unmapped(&plain);
    cr_assert(address_equal(&unmapped, &plain));
}
