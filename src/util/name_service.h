/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What this machine knows of users, groups and services by name: the name services that
 * nsswitch.conf(5) lists. Everything here that has to do with getpwnam(3) and its like.
 *
 * To ask them runs foreign code (nss-systemd, sssd, LDAP) in the caller, which is loaded and never
 * unloaded, and which takes as long as it likes: the daemon has its questions answered by another
 * process (src/daemon/name_helper.c).
 */
#pragma once

#include <stdint.h>

#define NAME_TEXT_SIZE  256
#define NAME_GROUPS_MAX 1024

typedef enum NameKind {
    NAME_USER_ID,      /* of `text` → number */
    NAME_GROUP_ID,     /* of `text` → number */
    NAME_SERVICE_PORT, /* of `text`, of any protocol → number */
    NAME_USER,         /* of `id` → text */
    NAME_GROUP,        /* of `id` → text */
    NAME_USER_GROUPS,  /* of `id` → groups: the primary and all others */
    NAME_GROUP_OWN, /* `id`, of the user `of`: of its name, and nobody else is in it → number */
    NAME_NEAR_SERVICE, /* the service that is written most like `text` → text */
    NAME_ANY_SERVICE,  /* is any known? minimal machines have no /etc/services → number */
    NAME_KIND_COUNT
} NameKind;

typedef struct NameQuestion {
    uint32_t kind; /* NameKind */
    uint32_t id, of;
    char text[NAME_TEXT_SIZE];
} NameQuestion;

typedef struct NameAnswer {
    int32_t result; /* 0 or a negative errno, as the functions below return */
    uint32_t number;
    char text[NAME_TEXT_SIZE];
    uint32_t n_groups;
    uint32_t groups[NAME_GROUPS_MAX]; /* those behind are not written */
} NameAnswer;

/* Asks the name services, here and now, for as long as they take. */
void name_answer(const NameQuestion *question, NameAnswer *ret);

/* From now on all questions are put to `ask`, which returns 0 with an answer, or a negative errno
 * when it has none; NULL: to name_answer(). Of this process, and not for threads. */
typedef int (*NameAsk)(void *userdata, const NameQuestion *question, NameAnswer *ret);
void name_service_set(NameAsk ask, void *userdata);

/*
 * Each returns 0; -ENOENT when there is none of that name or number; -EAGAIN when that can't be
 * told now, as the name services take too long; or another negative errno.
 */
int name_user_id(const char *name, uint32_t *ret);
int name_group_id(const char *name, uint32_t *ret);
int name_service_port(const char *name, uint32_t *ret);
int name_of_user(uint32_t uid, char ret[static NAME_TEXT_SIZE]);
int name_of_group(uint32_t gid, char ret[static NAME_TEXT_SIZE]);
int name_near_service(const char *word, char ret[static NAME_TEXT_SIZE]);

/* The groups of a user, of which `size` fit. Returns how many, or a negative errno as above. */
int name_user_groups(uint32_t uid, uint32_t *groups, uint32_t size);

/* Return 1 or 0, or a negative errno. */
int name_group_is_own(uint32_t gid, uint32_t uid);
int name_any_service(void);
