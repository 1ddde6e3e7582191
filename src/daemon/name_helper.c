/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of users, groups and services, asked for by another process, that is this program again
 * (`--name-helper`), runs while there are questions, and ends when there were none for a while.
 *
 * So what the machine's name services are made of (nss-systemd, sssd, LDAP: libraries, their
 * threads and their mistakes) is not loaded into a daemon that may look into every process, takes
 * none of its memory, and does not hold it up for longer than is said here: one that does not
 * answer can be killed, which no thread can.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/daemon.h"
#include "util/cleanup.h"
#include "util/limit.h"
#include "util/name_service.h"

/* What is slow here is the machine's load: no name service has a part in it yet. */
#define BEGIN_MSEC 5000
/* So long the helper waits for another question. */
#define IDLE_MSEC 10000
/* So long the loop waits for an answer: sssd asks a server now and then. */
#define PATIENCE_MSEC 500
/* The same while rules are loaded: then it is known later than never. For all names together, as
 * the service manager's patience with the loop has its end, too (WatchdogSec=). */
#define LOAD_PATIENCE_MSEC 10000
/* That patience comes back in so many times the time. */
#define LOAD_REST 4
/* One that is at the same question for so long is given up. */
#define STUCK_AFTER (20 * USEC_PER_SEC)

#define WAIT_PIDFD 3 /* P_PIDFD of waitid(2), named by glibc since 2.36 */

struct NameHelper {
    sd_event *loop;
    int exe_fd;             /* of the daemon's program, also when another is installed */
    int fd;                 /* -1: none runs */
    pid_t pid;              /* until its end was seen */
    sd_event_source *child; /* likewise */
    bool busy;              /* with that question, of which nobody waits for the answer */
    usec_t busy_since;      /* CLOCK_MONOTONIC */
    NameQuestion question;
    bool patient;  /* rules are being loaded */
    usec_t waited; /* limits the time spent waiting while rules are loaded (limit.h) */
};

/* --- in the helper --- */

static size_t answer_size(uint32_t n_groups) {
    return offsetof(NameAnswer, groups) + n_groups * sizeof(uint32_t);
}

int name_helper_run(void) {
    struct pollfd end = {.fd = STDIN_FILENO, .events = POLLIN};
    NameQuestion question;
    NameAnswer answer;

    (void)prctl(PR_SET_NAME, "sockaudit-names");
    if (send(STDIN_FILENO, "", 1, MSG_NOSIGNAL) < 0) {
        if (errno == ENOTSOCK)
            fputs("sockauditd: --name-helper is for the daemon itself\n", stderr);
        return -errno;
    }
    while (poll(&end, 1, IDLE_MSEC) > 0) {
        ssize_t n = recv(STDIN_FILENO, &question, sizeof(question), 0);
        if (n != sizeof(question))
            return n == 0 ? 0 : -EINVAL; /* the daemon is gone */
        question.text[sizeof(question.text) - 1] = '\0';
        memset(&answer, 0, sizeof(answer));
        name_answer(&question, &answer);
        if (send(STDIN_FILENO, &answer, answer_size(answer.n_groups), MSG_NOSIGNAL) < 0)
            return -errno;
    }
    return 0;
}

/* Between fork() and exec: only what is async-signal-safe, as there are other threads. */
static _Noreturn void helper_exec(int exe_fd, int fd, pid_t daemon) {
    char *const words[] = {(char[]){"sockauditd"}, (char[]){"--name-helper"}, NULL};
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    /* What it asks needs no privilege, whoever wrote it. (By hand it is the caller's: as ever.) */
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* All else is closed by exec. What is printed on stdout in the foreground is ours alone. */
    if (getppid() == daemon && dup2(fd, STDIN_FILENO) >= 0 &&
        dup2(STDERR_FILENO, STDOUT_FILENO) >= 0)
        fexecve(exe_fd, words, environ);
    _exit(EXIT_FAILURE);
}

/* --- in the daemon --- */

static void helper_forget(NameHelper *helper) {
    cleanup_close(&helper->fd);
    helper->fd = -1;
    helper->busy = false;
    helper->pid = 0;
    helper->child = sd_event_source_unref(helper->child);
}

/* It ends by itself, or was killed: nobody waits for that but the loop, some time. */
static void helper_leave(NameHelper *helper) {
    if (helper->child) {
        (void)sd_event_source_set_userdata(helper->child, NULL);
        (void)sd_event_source_set_floating(helper->child, true);
    }
    helper_forget(helper);
}

static int on_helper_end(sd_event_source *source, int pidfd, uint32_t events, void *userdata) {
    siginfo_t info;

    (void)events;
    (void)waitid((idtype_t)WAIT_PIDFD, (id_t)pidfd, &info, WEXITED);
    if (userdata)
        helper_forget(userdata);
    else
        (void)sd_event_source_set_floating(source, false); /* which was all that held it */
    return 0;
}

/* Not sd_event_add_child(3): where that fails in libsystemd 249 (Ubuntu 22.04), it aborts. */
static int watch_helper(NameHelper *helper, pid_t pid) {
    _cleanup_close_ int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pidfd < 0)
        return -errno;
    int r = sd_event_add_io(helper->loop, &helper->child, pidfd, EPOLLIN, on_helper_end, helper);
    if (r >= 0)
        r = sd_event_source_set_io_fd_own(helper->child, true);
    if (r < 0) {
        helper->child = sd_event_source_unref(helper->child);
        return r;
    }
    TAKE_FD(pidfd);
    return 0;
}

/* It says so with a byte. */
static int wait_for_begin(int fd) {
    struct pollfd end = {.fd = fd, .events = POLLIN};
    char c;

    if (poll(&end, 1, BEGIN_MSEC) <= 0)
        return -ETIMEDOUT;
    return recv(fd, &c, 1, MSG_DONTWAIT) == 1 ? 0 : -ECHILD;
}

static int helper_start(NameHelper *helper) {
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    _cleanup_close_ int ours = ends[0], theirs = ends[1];
    pid_t daemon = getpid(), pid = fork();
    if (pid < 0)
        return -errno;
    if (pid == 0)
        helper_exec(helper->exe_fd, theirs, daemon);
    int r = watch_helper(helper, pid);
    if (r < 0) /* then it is ended by the end of its socket, and remains as a zombie */
        return r;
    helper->pid = pid;
    helper->fd = TAKE_FD(ours);
    cleanup_close(&theirs);
    theirs = -1;
    r = wait_for_begin(helper->fd);
    if (r < 0) {
        kill(pid, SIGKILL);
        helper_leave(helper);
    }
    return r;
}

/* Waits for so long, in ms. Returns 1 with an answer, 0 without, or a negative errno. */
static int helper_receive(NameHelper *helper, int patience_msec, NameAnswer *ret) {
    struct pollfd end = {.fd = helper->fd, .events = POLLIN};

    int r = poll(&end, 1, patience_msec);
    if (r <= 0)
        return r < 0 && errno != EINTR ? -errno : 0;
    ssize_t n = recv(helper->fd, ret, sizeof(*ret), MSG_DONTWAIT);
    if (n < 0)
        return -errno;
    if ((size_t)n < answer_size(0) || ret->n_groups > NAME_GROUPS_MAX ||
        (size_t)n != answer_size(ret->n_groups))
        return -ECONNRESET; /* it ended */
    ret->text[sizeof(ret->text) - 1] = '\0';
    return 1;
}

/* Of a question that was waited for in vain. Returns 1 with the answer, if it is to the same
 * question; 0 when another may be asked; or a negative errno. */
static int helper_catch_up(NameHelper *helper, const NameQuestion *question, NameAnswer *ret) {
    if (!helper->busy)
        return 0;
    int r = helper_receive(helper, 0, ret);
    if (r == 0 && monotonic_now() - helper->busy_since < STUCK_AFTER)
        return -EAGAIN;
    if (r == 1) {
        helper->busy = false;
        return memcmp(question, &helper->question, sizeof(*question)) == 0;
    }
    if (helper->pid > 0)
        kill(helper->pid, SIGKILL);
    helper_leave(helper);
    return 0;
}

/* What is left of the patience while rules are loaded, in ms. */
static int load_patience(const NameHelper *helper) {
    usec_t waited_msec = limit_used(helper->waited, monotonic_now()) / LOAD_REST / USEC_PER_MSEC;
    return waited_msec < LOAD_PATIENCE_MSEC - PATIENCE_MSEC ? LOAD_PATIENCE_MSEC - (int)waited_msec
                                                            : PATIENCE_MSEC;
}

static int wait_for_answer(NameHelper *helper, NameAnswer *ret) {
    if (!helper->patient)
        return helper_receive(helper, PATIENCE_MSEC, ret);
    int patience_msec = load_patience(helper);
    usec_t begun = monotonic_now();
    int r = helper_receive(helper, patience_msec, ret);
    usec_t now = monotonic_now();
    limit_use(&helper->waited, (now - begun) * LOAD_REST, now);
    return r;
}

/* Returns 0; -ECONNRESET when the helper was at its end; or another negative errno. */
static int helper_ask(NameHelper *helper, const NameQuestion *question, NameAnswer *ret) {
    int r;

    if (send(helper->fd, question, sizeof(*question), MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
        r = errno == EPIPE ? -ECONNRESET : -errno;
    else
        r = wait_for_answer(helper, ret);
    if (r == 0) {
        helper->busy = true;
        helper->busy_since = monotonic_now();
        helper->question = *question;
        return -EAGAIN;
    }
    if (r < 0)
        helper_leave(helper);
    return r < 0 ? r : 0;
}

static int ask_helper(void *userdata, const NameQuestion *question, NameAnswer *ret) {
    NameHelper *helper = userdata;

    int r = helper_catch_up(helper, question, ret);
    if (r != 0)
        return r < 0 ? r : 0;
    /* One that was about to end is followed by another. */
    for (unsigned tries = 0; tries < 2; tries++) {
        r = helper->fd >= 0 ? 0 : helper_start(helper);
        if (r == -ETIMEDOUT)
            return -EAGAIN;
        if (r < 0) { /* none can be had: then it is as without */
            name_answer(question, ret);
            return 0;
        }
        r = helper_ask(helper, question, ret);
        if (r != -ECONNRESET)
            break;
    }
    return r;
}

int name_helper_new(sd_event *loop, NameHelper **ret) {
    NameHelper *helper = calloc(1, sizeof(*helper));
    if (!helper)
        return -ENOMEM;
    helper->loop = sd_event_ref(loop);
    helper->fd = -1;
    helper->exe_fd = open("/proc/self/exe", O_PATH | O_CLOEXEC);
    name_service_set(ask_helper, helper);
    *ret = helper;
    return 0;
}

void name_helper_set_patient(NameHelper *helper, bool patient) {
    if (helper)
        helper->patient = patient;
}

NameHelper *name_helper_free(NameHelper *helper) {
    if (!helper)
        return NULL;
    name_service_set(NULL, NULL);
    if (helper->pid > 0)
        kill(helper->pid, SIGKILL);
    helper_leave(helper);
    cleanup_close(&helper->exe_fd);
    sd_event_unref(helper->loop);
    free(helper);
    return NULL;
}
