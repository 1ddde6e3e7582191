/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Only a process with CAP_NET_ADMIN can read NAT rules, and the daemon of the service has no such
 * capability. The service manager starts another process for each connection to a socket
 * (sockaudit-nft.socket). That process runs this program with `--dump-nft`: it writes the messages
 * of the kernel to standard output, and reads no input. The daemon parses the dump.
 *
 * The event loop never waits for a dump. Until a dump is complete, the previous one is used.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "collect/forwards/nft_dump.h"
#include "daemon/daemon.h"
#include "util/cleanup.h"

/* The limits of one dump. */
#define PATIENCE      (10 * USEC_PER_SEC)
#define DUMP_SIZE_MAX ((size_t)64 << 20)
/* The minimum time between two dumps. Starting a process costs more than parsing the rules. */
#define INTERVAL_MIN (USEC_PER_SEC / 2)
/* The first delay after a failure. It doubles with each further failure, up to RETRY_MAX. */
#define RETRY_MIN USEC_PER_SEC
#define RETRY_MAX (32 * USEC_PER_SEC)
/* The period of dumps without a notification, to detect a new nat table of iptables-legacy. */
#define RENEW_PERIOD (300 * USEC_PER_SEC)

struct NatRules {
    Daemon *daemon;
    sd_event_source *io;    /* NULL: no dump is in progress */
    sd_event_source *timer; /* starts the next dump, or ends the one in progress after PATIENCE */
    Forwards *forwards;     /* in use by the collector */
    Forwards *next;         /* of the dump in progress */
    bool again;             /* the rules changed since the dump began */
    usec_t not_before;      /* of the next dump; CLOCK_MONOTONIC */
    usec_t retry_delay;
    size_t n_total; /* bytes of the dump that were received */
    size_t n_used;  /* bytes in the buffer */
    _Alignas(struct nlmsghdr) uint8_t buffer[FORWARDS_MESSAGE_MAX];
};

/* --- in the helper -------------------------------------------------------------------------------
 */

static int write_message(const struct nlmsghdr *message, void *file) {
    static const char zeros[NLMSG_ALIGNTO];
    size_t padding = -message->nlmsg_len % NLMSG_ALIGNTO;

    if (fwrite(message, message->nlmsg_len, 1, file) == 1 &&
        fwrite(zeros, 1, padding, file) == padding)
        return 0;
    return errno > 0 ? -errno : -EIO;
}

int nat_rules_dump(void) {
    _cleanup_close_ int proc_fd = open("/proc", O_PATH | O_DIRECTORY | O_CLOEXEC);
    _cleanup_netlink_ Netlink *netfilter = NULL;

    int r = netlink_open(NULL, 0, NETLINK_NETFILTER, &netfilter);
    if (r >= 0 || r == -EPROTONOSUPPORT)
        r = nft_dump(netfilter, proc_fd, net_directory(NULL), write_message, stdout);
    if (r >= 0 && fflush(stdout) != 0)
        r = -errno;
    if (r == -EPIPE) /* the daemon ended */
        return 0;
    if (r < 0)
        fprintf(stderr, "sockauditd: Failed to dump the NAT rules: %s\n", strerror(-r));
    return r;
}

/* --- in the daemon -------------------------------------------------------------------------------
 */

static void set_timer(NatRules *rules, usec_t when, usec_t accuracy) {
    (void)sd_event_source_set_time(rules->timer, when);
    (void)sd_event_source_set_time_accuracy(rules->timer, accuracy);
    (void)sd_event_source_set_enabled(rules->timer, SD_EVENT_ONESHOT);
}

static void schedule(NatRules *rules, bool failed) {
    usec_t now = monotonic_now();
    const SourceStatus *events = sources_status(rules->daemon->sources, SOURCE_FORWARDS);

    if (rules->again)
        set_timer(rules, rules->not_before, 1);
    else if (failed)
        set_timer(rules, now + rules->retry_delay, rules->retry_delay / 8);
    else
        set_timer(rules, now + (events->quality == SOURCE_FULL ? RENEW_PERIOD : RECONCILE_PERIOD),
                  USEC_PER_SEC);
    if (!failed)
        rules->retry_delay = RETRY_MIN;
    else if (rules->retry_delay < RETRY_MAX)
        rules->retry_delay *= 2;
    rules->again = false;
}

/* Ends a dump. If memory runs out, the previous dump stays in use. */
static void finish(NatRules *rules, int error) {
    bool failed_before = forwards_coverage(rules->forwards)->state == COVERAGE_UNAVAILABLE;
    char why[160];

    rules->io = sd_event_source_unref(rules->io);
    if (error < 0) {
        snprintf(why, sizeof(why), "NAT rules could not be read through %s: %s",
                 rules->daemon->options.nft_socket, strerror(-error));
        forwards_free(rules->next);
        rules->next = forwards_unavailable(why);
    }
    bool failed = !rules->next || forwards_coverage(rules->next)->state == COVERAGE_UNAVAILABLE;
    if (rules->next) {
        collector_use_forwards(rules->daemon->collector, rules->next);
        forwards_free(rules->forwards);
        rules->forwards = TAKE_PTR(rules->next);
    }
    if (!failed || !failed_before)
        reconcile_in(rules->daemon, 0);
    schedule(rules, failed);
}

static int on_readable(sd_event_source *source, int fd, uint32_t revents, void *userdata) {
    NatRules *rules = userdata;

    (void)source, (void)revents;
    ssize_t n = recv(fd, rules->buffer + rules->n_used, sizeof(rules->buffer) - rules->n_used,
                     MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) {
        finish(rules, n < 0 ? -errno : -ECONNRESET);
        return 0;
    }
    rules->n_used += (size_t)n;
    rules->n_total += (size_t)n;
    if (rules->n_total > DUMP_SIZE_MAX) {
        finish(rules, -EMSGSIZE);
        return 0;
    }
    ssize_t taken = forwards_take_bytes(rules->next, rules->buffer, rules->n_used);
    if (taken < 0 || forwards_ended(rules->next)) {
        finish(rules, taken < 0 ? (int)taken : 0);
        return 0;
    }
    rules->n_used -= (size_t)taken;
    memmove(rules->buffer, rules->buffer + taken, rules->n_used);
    return 0;
}

static int connect_to_helper(NatRules *rules) {
    const char *path = rules->daemon->options.nft_socket;
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (strlen(path) >= sizeof(address.sun_path))
        return -ENAMETOOLONG;
    memcpy(address.sun_path, path, strlen(path));
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return -errno;
    int r = sd_event_add_io(rules->daemon->loop, &rules->io, fd, EPOLLIN, on_readable, rules);
    if (r < 0)
        return r;
    (void)sd_event_source_set_io_fd_own(rules->io, true);
    TAKE_FD(fd);
    return 0;
}

static void start(NatRules *rules) {
    rules->not_before = monotonic_now() + INTERVAL_MIN;
    rules->n_total = rules->n_used = 0;
    rules->next = forwards_free(rules->next);
    rules->next = forwards_new();
    int r = rules->next ? connect_to_helper(rules) : -ENOMEM;
    if (r < 0)
        finish(rules, r);
    else
        set_timer(rules, monotonic_now() + PATIENCE, USEC_PER_SEC);
}

static int on_timer(sd_event_source *source, uint64_t time, void *userdata) {
    NatRules *rules = userdata;

    (void)source, (void)time;
    if (rules->io)
        finish(rules, -ETIMEDOUT);
    else
        start(rules);
    return 0;
}

void nat_rules_read(Daemon *daemon) {
    NatRules *rules = daemon->nat_rules;

    if (!rules)
        reconcile_in(daemon, 0);
    else if (rules->io)
        rules->again = true;
    else
        set_timer(rules, rules->not_before, 1);
}

int nat_rules_open(Daemon *daemon) {
    if (!daemon->options.nft_socket)
        return 0;
    NatRules *rules = daemon->nat_rules = calloc(1, sizeof(*rules));
    if (!rules)
        return -ENOMEM;
    rules->daemon = daemon;
    rules->retry_delay = RETRY_MIN;
    rules->forwards = forwards_unavailable("NAT rules have not been read yet");
    if (!rules->forwards)
        return -ENOMEM;
    int r = sd_event_add_time(daemon->loop, &rules->timer, CLOCK_MONOTONIC, 0, 1, on_timer, rules);
    if (r < 0)
        return r;
    collector_use_forwards(daemon->collector, rules->forwards);
    start(rules);
    return 0;
}

NatRules *nat_rules_free(NatRules *rules) {
    if (!rules)
        return NULL;
    sd_event_source_unref(rules->io);
    sd_event_source_unref(rules->timer);
    forwards_free(rules->forwards);
    forwards_free(rules->next);
    free(rules);
    return NULL;
}
