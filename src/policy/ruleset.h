/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy is made of. Internal to this room. */
#pragma once

#include "policy/arena.h"
#include "policy/language/lexer.h"
#include "policy/policy.h"

/* What one policy may grow to; beyond it is an error of the file that does. */
#define FILE_SIZE_MAX  ((size_t)1024 * 1024)
#define FILES_MAX      1024
#define RULES_MAX      32768
#define LIST_ITEMS_MAX 4096
#define ITEMS_MAX      262144 /* of all rules, with their lets' */

typedef enum KeyId {
    KEY_PROTO,
    KEY_PORT,
    KEY_BIND,
    KEY_SCOPE,
    KEY_INTERFACE,
    KEY_USER,
    KEY_GROUP,
    KEY_UNIT,
    KEY_USER_UNIT,
    KEY_CONTAINER,
    KEY_NETNS,
    KEY_ORIGIN,
    KEY_TARGET,
    KEY_AGE,
    KEY_EPHEMERAL,
    KEY_TOOL,
    KEY_EXE,
    KEY_COUNT,
} KeyId;

/* A name or glob. */
typedef struct Pattern {
    const char *text; /* as globs take it */
    bool is_glob;
    uint32_t exe; /* of a literal `exe`: its number in the policy */
} Pattern;

/* A user or group. */
typedef struct Account {
    const char *name; /* as written; NULL when it was a number */
    uint32_t id;
    bool known; /* id is set: the name exists, or it was a number */
} Account;

typedef enum ContainerWord {
    CONTAINER_PATTERN,
    CONTAINER_NONE,
    CONTAINER_ANY,
    CONTAINER_RUNTIME,
    CONTAINER_ID, /* a literal that may be the beginning of an id */
} ContainerWord;

/* One item of a list, compiled for its key. */
typedef struct Item {
    Place place; /* of the item in the rule, also where it came by a `let`: the `$NAME` */
    bool untold; /* port, user, group: a name that could not be looked up; what it holds for is not
                  * known */
    union {
        Proto proto;
        Scope scope;
        bool yes; /* netns: host; origin: forward; ephemeral: yes */
        usec_t age;
        struct {
            uint16_t first, last;
        } port;
        struct {
            Prefix prefix;
            bool wildcard; /* the wildcard itself alone */
        } bind;
        struct {
            Address address;
            uint16_t port; /* 0: any */
        } target;
        struct {
            Pattern pattern;
            ContainerWord word;
            ContainerRuntime runtime;
        } container;
        Pattern pattern; /* interface, exe, unit, user-unit, tool */
        Account account; /* user, group */
    };
} Item;

typedef struct Match {
    KeyId key;
    bool negated;
    uint32_t n_items;
    Item *items;
    Place place;      /* from `not` or the key to the last item's line end */
    const char *text; /* as written, on one line */
} Match;

typedef struct Rule {
    RuleInfo info; /* the first: policy_rule_index() and the verdict rely on it */
    Match *matches;
    uint32_t n_matches;
    uint32_t keys;          /* 1 << KeyId of each */
    usec_t until;           /* USEC_INFINITY: for ever */
    const char *until_text; /* as written */
    Place place, until_place, id_place;
} Rule;

/* A `let`, kept for the linter. */
typedef struct Let {
    const char *name;
    Place place;  /* of the name */
    Token *items; /* words and strings; lists inside are taken apart already */
    uint32_t n_items;
    bool used;
} Let;

struct Policy {
    Arena arena;
    SourceFile **sources; /* the texts are owned by the arena */
    size_t n_sources;
    char **files; /* NULL-terminated */
    Rule *rules;
    size_t n_rules;
    Rule default_rule;
    PolicySettings settings;
    Let **lets;
    size_t n_lets;
    const char **exes; /* every literal `exe` once */
    size_t n_exes;
    bool lacks_names; /* some user, group or service name could not be resolved */
};

struct Filter {
    Policy *policy; /* with one rule */
};
