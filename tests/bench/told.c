/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * told PROTO N GAP LIFE PATIENCE WHERE: N sockets begin to listen, one after another, each in a
 * process of its own, and what is told of them is read from WHERE: the number of an open datagram
 * socket that stands where the journal's would, or the path of auditd's log. A line for each that
 * was told:
 *
 *     INDEX MICROSECONDS exe|- user|- unit|-
 *
 * With WHERE `-` nothing is read; the time of each is told, for who reads the journal afterwards.
 * The time runs from just before listen() (UDP: bind()) until the entry is in our hands. GAP and
 * LIFE in µs: a listener stays for LIFE, or if that is 0 until it was told. PATIENCE, in ms: so
 * long the last ones are waited for.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { PORT_FIRST = 20000, USER_NOBODY = 65534, BUFFER_SIZE = 64 * 1024 };

/* Shared by the processes; a listener's is written by its own. */
typedef struct Begun {
    _Atomic uint64_t time; /* ns, 0: not yet */
    _Atomic pid_t pid;
} Begun;

static Begun *begun;
static bool *told;
static unsigned n_listeners, n_told;
static bool is_tcp;
static useconds_t life;

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    exit(1);
}

/* --- who listens ---------------------------------------------------------------------------------
 */

static void be_listener(unsigned index) {
    const struct sockaddr_in at = {
        .sin_family = AF_INET,
        .sin_port = htons((uint16_t)(PORT_FIRST + index)),
    };

    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_TIMERSLACK, 1); /* of LIFE: 50 µs by default */
    if (setgid(USER_NOBODY) < 0 || setuid(USER_NOBODY) < 0)
        die("setuid");
    int fd = socket(AF_INET, (is_tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
    begun[index].pid = getpid();
    if (is_tcp && bind(fd, (const struct sockaddr *)&at, sizeof(at)) < 0)
        die("bind");
    begun[index].time = now_ns();
    int r = is_tcp ? listen(fd, 16) : bind(fd, (const struct sockaddr *)&at, sizeof(at));
    if (r < 0)
        die("listen");
    if (life > 0)
        usleep(life);
    else
        pause();
    _exit(0);
}

static void spawn_listeners(useconds_t gap) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGCHLD, SIG_IGN);
    for (unsigned i = 0; i < n_listeners; i++) {
        pid_t child = fork();
        if (child < 0)
            die("fork");
        if (child == 0)
            be_listener(i);
        usleep(gap);
    }
    pause();
    _exit(0);
}

/* --- what is told --------------------------------------------------------------------------------
 */

static void take(unsigned index, uint64_t now, bool exe, bool user, bool unit) {
    if (index >= n_listeners || told[index] || begun[index].time == 0)
        return;
    told[index] = true;
    n_told++;
    printf("%u %.1f %s %s %s\n", index, (double)(now - begun[index].time) / 1e3, exe ? "exe" : "-",
           user ? "user" : "-", unit ? "unit" : "-");
    if (life == 0)
        kill(begun[index].pid, SIGKILL);
}

/* A journal entry, ended by a zero. */
static void take_entry(const char *entry, uint64_t now) {
    const char *port = strstr(entry, "SOCKAUDIT_PORT=");

    if (port && strstr(entry, "SOCKAUDIT_EVENT=flagged\n"))
        take((unsigned)(strtoul(port + strlen("SOCKAUDIT_PORT="), NULL, 10) - PORT_FIRST), now,
             strstr(entry, "SOCKAUDIT_EXE="), strstr(entry, "SOCKAUDIT_USER="),
             strstr(entry, "SOCKAUDIT_UNIT=") || strstr(entry, "SOCKAUDIT_USER_UNIT="));
}

/* A line of auditd's log; the listener is known by its pid. */
static void take_line(const char *line, uint64_t now) {
    const char *pid = strstr(line, " pid=");

    if (!pid || strncmp(line, "type=SYSCALL", strlen("type=SYSCALL")) != 0)
        return;
    pid_t who = (pid_t)strtol(pid + strlen(" pid="), NULL, 10);
    for (unsigned i = 0; i < n_listeners; i++)
        if (begun[i].pid == who)
            take(i, now, strstr(line, " exe="), strstr(line, " uid="), false);
}

static void read_journal(int fd) {
    static char buffer[BUFFER_SIZE];

    for (ssize_t n; (n = recv(fd, buffer, sizeof(buffer) - 1, MSG_DONTWAIT)) >= 0;) {
        uint64_t now = now_ns();
        buffer[n] = '\0';
        take_entry(buffer, now);
    }
}

/* Takes the whole lines; a broken one is put together with the next read. */
static void read_log(int fd) {
    static char buffer[BUFFER_SIZE];
    static size_t length;

    for (ssize_t n; (n = read(fd, buffer + length, sizeof(buffer) - 1 - length)) > 0;) {
        uint64_t now = now_ns();
        char *line = buffer, *end;
        length += (size_t)n;
        buffer[length] = '\0';
        for (; (end = strchr(line, '\n')); line = end + 1) {
            *end = '\0';
            take_line(line, now);
        }
        length -= (size_t)(line - buffer);
        memmove(buffer, line, length);
    }
}

static int open_log(const char *path, int *ret_watch) {
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    *ret_watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (fd < 0 || *ret_watch < 0 || inotify_add_watch(*ret_watch, path, IN_MODIFY) < 0 ||
        lseek(fd, 0, SEEK_END) < 0)
        die(path);
    return fd;
}

/* Reads until all were told, or patience ends. */
static void read_told(const char *where, uint64_t patience, useconds_t gap) {
    char changes[4096];
    bool is_log = where[0] == '/';
    struct pollfd ready = {.events = POLLIN};
    int fd = is_log ? open_log(where, &ready.fd) : atoi(where);
    if (!is_log)
        ready.fd = fd;

    pid_t child = fork();
    if (child == 0)
        spawn_listeners(gap);
    bool last = false;
    for (uint64_t end = UINT64_MAX; n_told < n_listeners && now_ns() < end;) {
        if (poll(&ready, 1, 100) > 0 && is_log)
            (void)!read(ready.fd, changes, sizeof(changes));
        if (is_log)
            read_log(fd);
        else
            read_journal(fd);
        if (!last && begun[n_listeners - 1].time != 0) {
            last = true;
            end = now_ns() + patience;
        }
    }
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void tell_times(uint64_t patience, useconds_t gap) {
    pid_t child = fork();
    if (child == 0)
        spawn_listeners(gap);
    while (begun[n_listeners - 1].time == 0)
        usleep(10000);
    usleep((useconds_t)(patience / 1000));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
    for (unsigned i = 0; i < n_listeners; i++)
        printf("%u %.1f - - -\n", i, (double)begun[i].time / 1e3);
}

int main(int argc, char **argv) {

    if (argc != 7) {
        fprintf(stderr, "usage: told tcp|udp N GAP LIFE PATIENCE WHERE\n");
        return 2;
    }
    is_tcp = strcmp(argv[1], "tcp") == 0;
    n_listeners = (unsigned)atoi(argv[2]);
    useconds_t gap = (useconds_t)atoi(argv[3]);
    life = (useconds_t)atoi(argv[4]);
    uint64_t patience = (uint64_t)atoi(argv[5]) * 1000000;

    begun = mmap(NULL, n_listeners * sizeof(*begun), PROT_READ | PROT_WRITE,
                 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    told = calloc(n_listeners, sizeof(*told));
    if (begun == MAP_FAILED || !told)
        die("memory");
    if (strcmp(argv[6], "-") == 0)
        tell_times(patience, gap);
    else
        read_told(argv[6], patience, gap);
    return 0;
}
