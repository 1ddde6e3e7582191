/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "model/endpoint.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>

#include "model/scope.h"

static Endpoint endpoint(const char *text, bool v6only) {
    Endpoint made = {.proto = PROTO_TCP, .port = 80, .v6only = v6only};
    cr_assert_eq(address_parse(text, &made.address), 0);
    return made;
}

Test(endpoint, fact_06_which_families_it_takes) {
    static const struct {
        const char *text;
        bool v6only, ipv4, ipv6;
    } cases[] = {
        {"0.0.0.0", false, true, false},
        {"127.0.0.1", false, true, false},
        {"::", false, true, true},
        {"::", true, false, true},
        {"::ffff:127.0.0.1", false, true, false},
        {"::ffff:0.0.0.0", false, true, false},
        {"::1", false, false, true},
        {"fd00::1", true, false, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        Endpoint it = endpoint(cases[i].text, cases[i].v6only);
        cr_expect_eq(endpoint_takes_ipv4(&it), cases[i].ipv4, "%s", cases[i].text);
        cr_expect_eq(endpoint_takes_ipv6(&it), cases[i].ipv6, "%s", cases[i].text);
    }
}

Test(endpoint, every_part_tells_two_apart) {
    Endpoint a = endpoint("::", false), b = a;
    cr_assert(endpoint_equal(&a, &b));
    b.proto = PROTO_UDP;
    cr_expect_not(endpoint_equal(&a, &b));
    b = a;
    b.port++;
    cr_expect_not(endpoint_equal(&a, &b));
    b = a;
    b.v6only = true;
    cr_expect_not(endpoint_equal(&a, &b));
    b = a;
    b.ifindex = 2;
    cr_expect_not(endpoint_equal(&a, &b));
    b = a;
    b.address.bytes[15] = 1;
    cr_expect_not(endpoint_equal(&a, &b));
    b = endpoint("0.0.0.0", false);
    cr_expect_not(endpoint_equal(&a, &b));
}

Test(endpoint, text) {
    static const struct {
        const char *address, *device, *text;
        uint32_t ifindex;
    } cases[] = {
        {"0.0.0.0", NULL, "0.0.0.0:80", 0},
        {"::", NULL, "[::]:80", 0},
        {"0.0.0.0", "lo", "0.0.0.0%lo:80", 1},
        {"fe80::1", "eth0", "[fe80::1%eth0]:80", 2},
        {"fe80::1", NULL, "[fe80::1%4294967295]:80", UINT32_MAX},
        {"::ffff:255.255.255.255", "0123456789abcde", "[::ffff:255.255.255.255%0123456789abcde]:80",
         7},
    };
    char text[ENDPOINT_SIZE];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        Endpoint it = endpoint(cases[i].address, false);
        it.ifindex = cases[i].ifindex;
        endpoint_format(&it, cases[i].device, text);
        cr_expect_str_eq(text, cases[i].text);
    }
}

Test(endpoint, names) {
    static const int numbers[PROTO_COUNT] = {6, 17, 136, 262, 132};
    Proto proto;
    Scope scope;

    for (Proto i = 0; i < PROTO_COUNT; i++) {
        cr_assert_eq(proto_parse(proto_name(i), &proto), 0);
        cr_assert_eq(proto, i);
        cr_assert_eq(proto_number(i), numbers[i]);
    }
    cr_assert_eq(proto_parse("TCP", &proto), -EINVAL);
    cr_assert_eq(proto_parse("", &proto), -EINVAL);
    for (Scope i = 0; i < SCOPE_COUNT; i++) {
        cr_assert_eq(scope_parse(scope_name(i), &scope), 0);
        cr_assert_eq(scope, i);
    }
    cr_assert_eq(scope_parse("local", &scope), -EINVAL);
}
