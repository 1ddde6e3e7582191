/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "collect/links/links.h"

#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "collect/links/link_parse.h"
#include "util/cleanup.h"
#include "util/parse.h"

/* Counters of each link, which nobody here reads, are two thirds of the answer (4.7 and later). */
#define LINK_FILTER (1u << 3) /* RTEXT_FILTER_SKIP_STATS */

static struct nlmsghdr *request_begin(char *buffer, uint16_t type, size_t head_size) {
    memset(buffer, 0, 128);
    struct nlmsghdr *header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = type;
    header->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    /* Every head here begins with the family, and 0 is AF_UNSPEC: all of them. */
    mnl_nlmsg_put_extra_header(header, head_size);
    return header;
}

typedef struct LinkDump {
    uint16_t type; /* RTM_GETLINK, … */
    size_t size;   /* of the request's body */
    MessageHandler handler;
    const char *what;
} LinkDump;

/* What an interrupted try has added stays: the next one's doubles are left out at the end. */
static int run_dump(Netlink *netlink, const LinkDump *dump, LinkBuilder *builder,
                    Coverage *coverage) {
    _Alignas(struct nlmsghdr) char buffer[128];
    struct nlmsghdr *request = request_begin(buffer, dump->type, dump->size);
    DumpResult result;

    if (dump->type == RTM_GETLINK)
        mnl_attr_put_u32(request, IFLA_EXT_MASK, LINK_FILTER);
    int r = netlink_dump_again(netlink, request, dump->handler, builder, &result);
    if (r < 0)
        return r;
    if (result.end == DUMP_INTERRUPTED)
        coverage_set(coverage, COVERAGE_INCOMPLETE, "the dump of %s was interrupted %d times",
                     dump->what, DUMP_TRIES);
    else if (result.end != DUMP_COMPLETE)
        coverage_set(coverage, COVERAGE_INCOMPLETE, "the dump of %s failed: %s", dump->what,
                     strerror(-result.error));
    return 0;
}

int links_collect(Netlink *netlink, int sys_fd, LinkTable **ret, Coverage *ret_coverage) {
    static const LinkDump dumps[] = {
        {RTM_GETLINK, sizeof(struct ifinfomsg), link_parse, "interfaces"},
        {RTM_GETADDR, sizeof(struct ifaddrmsg), address_parse_message, "addresses"},
        {RTM_GETROUTE, sizeof(struct rtmsg), route_parse, "routes"},
    };
    _cleanup_(link_builder_done) LinkBuilder builder = {};
    Coverage coverage = {};
    int r = 0;

    for (size_t i = 0; i < sizeof(dumps) / sizeof(dumps[0]) && r >= 0; i++)
        r = run_dump(netlink, &dumps[i], &builder, &coverage);
    if (r < 0)
        return r;
    if (builder.n_malformed > 0 && coverage.state == COVERAGE_FULL)
        coverage_set(&coverage, COVERAGE_INCOMPLETE,
                     "%zu answers of the kernel could not be understood", builder.n_malformed);
    r = link_builder_finish(&builder, ret);
    if (r < 0)
        return r;
    (*ret)->complete = coverage.state == COVERAGE_FULL;
    links_mark_wireless(*ret, sys_fd);
    *ret_coverage = coverage;
    return 0;
}

/* The number in sysfs's file class/net/NAME/ifindex, or 0. */
static uint64_t sysfs_index(int link_fd) {
    char text[24];
    uint64_t index = 0;
    _cleanup_close_ int fd = openat(link_fd, "ifindex", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, text, sizeof(text));
    if (n > 0 && text[n - 1] == '\n')
        n--;
    if (n <= 0 || parse_unsigned(text, (size_t)n, UINT32_MAX, &index) < 0)
        return 0;
    return index;
}

static bool link_is_wireless(int sys_fd, const Link *link) {
    char path[sizeof("class/net/") + IFNAMSIZ];

    /* The kernel allows no "/" in a name, and neither "." nor ".."; whoever plays it might. */
    if (strchr(link->name, '/') || link->name[0] == '.')
        return false;
    snprintf(path, sizeof(path), "class/net/%s", link->name);
    _cleanup_close_ int fd = openat(sys_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || sysfs_index(fd) != link->index)
        return false;
    return faccessat(fd, "phy80211", F_OK, 0) == 0 || faccessat(fd, "wireless", F_OK, 0) == 0;
}

void links_mark_wireless(LinkTable *table, int sys_fd) {
    for (size_t i = 0; sys_fd >= 0 && i < table->n_links; i++)
        if (table->links[i].kind == LINK_PHYSICAL && link_is_wireless(sys_fd, &table->links[i]))
            table->links[i].kind = LINK_WIRELESS;
}
