/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/sockdiag/protocols.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "util/cleanup.h"
#include "util/memory.h"
#include "util/parse.h"
#include "util/read.h"

/* Two dozen lines of 130 bytes are usual. */
#define PROTOCOLS_SIZE 16384

static const struct {
    const char *name;
    Proto proto;
} names[] = {
    {"TCP", PROTO_TCP},     {"TCPv6", PROTO_TCP},        {"UDP", PROTO_UDP},
    {"UDPv6", PROTO_UDP},   {"UDP-Lite", PROTO_UDPLITE}, {"UDPLITEv6", PROTO_UDPLITE},
    {"MPTCP", PROTO_MPTCP}, {"MPTCPv6", PROTO_MPTCP},    {"SCTP", PROTO_SCTP},
    {"SCTPv6", PROTO_SCTP},
};

/* The next field of a line, which blanks separate. */
static size_t field_next(const char **text, const char *end, const char **ret_field) {
    while (*text < end && **text == ' ')
        (*text)++;
    *ret_field = *text;
    while (*text < end && **text != ' ')
        (*text)++;
    return (size_t)(*text - *ret_field);
}

/* `NAME SIZE SOCKETS …` */
static void parse_line(const char *text, const char *end, Protocols *protocols) {
    const char *name, *field;
    uint64_t sockets;
    size_t name_length = field_next(&text, end, &name);

    field_next(&text, end, &field);
    size_t length = field_next(&text, end, &field);
    for (size_t i = 0; i < ELEMENTS(names); i++) {
        if (name_length != strlen(names[i].name) || memcmp(name, names[i].name, name_length) != 0)
            continue;
        protocols->present[names[i].proto] = true;
        /* A count that can't be read (it may be -1) must not hide anything. */
        if (parse_unsigned(field, length, UINT32_MAX, &sockets) < 0 || sockets > 0)
            protocols->in_use[names[i].proto] = true;
    }
}

void protocols_parse(const char *text, size_t length, Protocols *ret) {
    const char *end = text + length;

    *ret = (Protocols){};
    while (text < end) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        parse_line(text, newline ? newline : end, ret);
        text = newline ? newline + 1 : end;
    }
    /* There is no kernel with sockets but without TCP: then it was not that file. */
    ret->known = ret->present[PROTO_TCP];
}

void protocols_correct(const char *release, Protocols *protocols) {
    unsigned major = 0, minor = 0;

    if (sscanf(release, "%3u.%3u", &major, &minor) == 2 &&
        (major > 6 || (major == 6 && minor >= 3)))
        return;
    protocols->in_use[PROTO_MPTCP] = protocols->present[PROTO_MPTCP];
}

void protocols_read(int proc_fd, const char *directory, Protocols *ret) {
    char path[64];
    char text[PROTOCOLS_SIZE];
    _cleanup_close_ int fd = -1;
    struct utsname kernel = {};
    size_t length = 0;

    *ret = (Protocols){};
    snprintf(path, sizeof(path), "%s/protocols", directory);
    fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return;
    /* Half of it would call protocols absent that are there. */
    if (read_up_to(fd, text, sizeof(text), &length) < 0 || length == sizeof(text))
        return;
    protocols_parse(text, length, ret);
    uname(&kernel); /* an empty release is an old one */
    protocols_correct(kernel.release, ret);
}
