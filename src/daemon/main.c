/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sockauditd: tells of listening sockets that should not be reachable. See sockauditd(8). */
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bus/names.h"
#include "daemon/daemon.h"
#include "util/cleanup.h"
#include "util/escape.h"
#include "util/standard_fds.h"

static const char usage[] =
    "sockauditd [OPTION…]\n"
    "Monitors listening sockets and logs unexpected ones to the journal.\n\n"
    "      --foreground       run in the foreground, log to stdout instead of the journal\n"
    "      --json             with --foreground: print one JSON object per line\n"
    "      --rules FILE       use only the rules in FILE\n"
    "      --root DIR         read configuration from below DIR\n"
    "      --runtime-dir DIR  directory of the socket `bus` ($RUNTIME_DIRECTORY, /run/sockaudit)\n"
    "      --state-dir DIR    state directory ($STATE_DIRECTORY, /var/lib/sockaudit)\n"
    "      --nft-socket PATH  read the NAT rules from the socket PATH\n"
    "      --pass-sockets     for ExecStartPre= of the service, see sockauditd(8)\n"
    "      --dump-nft         for sockaudit-nft@.service, see sockauditd(8)\n"
    "      --name-helper      used by the daemon, see sockauditd(8)\n"
    "  -h, --help             show this help\n"
    "      --version          show the version\n";

enum {
    OPT_FOREGROUND = 256,
    OPT_JSON,
    OPT_RULES,
    OPT_ROOT,
    OPT_NFT_SOCKET,
    OPT_PASS_SOCKETS,
    OPT_DUMP_NFT,
    OPT_NAME_HELPER,
    OPT_RUNTIME_DIR,
    OPT_STATE_DIR,
    OPT_VERSION
};

static const struct option long_options[] = {
    {"foreground", no_argument, NULL, OPT_FOREGROUND},
    {"json", no_argument, NULL, OPT_JSON},
    {"rules", required_argument, NULL, OPT_RULES},
    {"root", required_argument, NULL, OPT_ROOT},
    {"runtime-dir", required_argument, NULL, OPT_RUNTIME_DIR},
    {"state-dir", required_argument, NULL, OPT_STATE_DIR},
    {"nft-socket", required_argument, NULL, OPT_NFT_SOCKET},
    {"pass-sockets", no_argument, NULL, OPT_PASS_SOCKETS},
    {"dump-nft", no_argument, NULL, OPT_DUMP_NFT},
    {"name-helper", no_argument, NULL, OPT_NAME_HELPER},
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, OPT_VERSION},
    {},
};

/* Returns the exit status. */
static int print(const char *text) {
    if (fputs(text, stdout) >= 0 && fflush(stdout) == 0)
        return EXIT_SUCCESS;
    fprintf(stderr, "sockauditd: cannot write: %s\n", strerror(errno));
    return EXIT_FAILURE;
}

/* Returns -1 to go on, or the exit status. */
static int parse_options(int argc, char **argv, DaemonOptions *options) {
    for (int c; (c = getopt_long(argc, argv, "h", long_options, NULL)) >= 0;)
        switch (c) {
        case OPT_FOREGROUND:
            options->foreground = true;
            break;
        case OPT_JSON:
            options->json = true;
            break;
        case OPT_RULES:
            options->rules = optarg;
            break;
        case OPT_ROOT:
            options->root = optarg;
            break;
        case OPT_RUNTIME_DIR:
            options->runtime_dir = optarg;
            break;
        case OPT_STATE_DIR:
            options->state_dir = optarg;
            break;
        case OPT_NFT_SOCKET:
            options->nft_socket = optarg;
            break;
        case OPT_PASS_SOCKETS:
            return passed_open() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        case OPT_DUMP_NFT:
            return nat_rules_dump() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        case OPT_NAME_HELPER:
            return name_helper_run() < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
        case 'h':
            return print(usage);
        case OPT_VERSION:
            return print("sockauditd " PACKAGE_VERSION "\n");
        default: /* getopt_long() has printed what is wrong */
            fputs("See 'sockauditd --help'.\n", stderr);
            return 2;
        }
    if (optind < argc) {
        _cleanup_free_ char *argument = text_escape_string(argv[optind]);
        fprintf(stderr, "sockauditd: unexpected argument '%s'; see 'sockauditd --help'\n",
                argument ?: "");
        return 2;
    }
    if (options->json && !options->foreground) {
        fputs("sockauditd: --json requires --foreground; see 'sockauditd --help'\n", stderr);
        return 2;
    }
    return -1;
}

int main(int argc, char **argv) {
    DaemonOptions options = {
        .runtime_dir = getenv("RUNTIME_DIRECTORY") ?: BUS_RUNTIME_DIR_DEFAULT,
        .state_dir = getenv("STATE_DIRECTORY") ?: "/var/lib/sockaudit",
    };
    _cleanup_daemon_ Daemon *daemon = NULL;

    if (standard_fds_fill() < 0)
        return EXIT_FAILURE;
    int status = parse_options(argc, argv, &options);
    if (status >= 0)
        return status;
    if (options.foreground)
        setlocale(LC_CTYPE, ""); /* whether the terminal takes more than ASCII */
    /* The C library's own begins there and rises to twice the largest block that was ever freed
     * (mallopt(3)): the heap would keep what a flood took. */
    mallopt(M_TRIM_THRESHOLD, 128 * 1024);
    signal(SIGPIPE, SIG_IGN); /* who reads our stdout may go: greet_watch_reader() */
    if (daemon_new(&options, &daemon) < 0)
        return EXIT_FAILURE;
    status = daemon_run(daemon);
    return status < 0 ? EXIT_FAILURE : status;
}
