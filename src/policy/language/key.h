/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The keys of the language: how the items of each are read, judged and told. */
#pragma once

#include "policy/names.h"
#include "policy/ruleset.h"

/* Reads items. On failure `message` says what is wrong, unless memory ran out. */
typedef struct ItemReader {
    Policy *policy;
    Names *names;
    char *message; /* owned */
    bool out_of_memory;
} ItemReader;

/*
 * What is known of a match. What is not known never helps to allow: a `not` in front of it holds
 * for `flag`, and does not for `allow` and `ignore`.
 */
typedef enum Answer {
    ANSWER_NO,
    ANSWER_YES,
    ANSWER_UNKNOWN,
    ANSWER_NEVER, /* the key does not apply: neither it nor its `not` holds */
} Answer;

/* The tool of a listener, determined for the first rule that needs it. */
typedef struct Recognition {
    bool done;
    const char *tool; /* NULL: not recognised */
} Recognition;

/* One listener that is looked at. */
typedef struct Case {
    const Policy *policy;
    const JudgeContext *context;
    const Listener *listener;
    Recognition *recognition;
} Case;

typedef struct Key {
    const char *name;
    const char *item; /* what one item is, with its article */
    bool (*parse)(ItemReader *reader, const char *text, Item *ret);
    Answer (*judge)(const Case *judged, const Match *match);
    /* What the listener has instead, as a sentence part in a new string; NULL: out of memory. */
    char *(*tell)(const Case *judged, const Match *match);
} Key;

extern const Key key_table[KEY_COUNT];

/* Returns the key of that name (not PROTO's), or KEY_COUNT. */
KeyId key_find(const char *name);

/* The names of all keys but PROTO's, into names[KEY_COUNT]; returns how many. */
size_t key_names(const char *names[static KEY_COUNT]);

/* Text of a file, quoted in backticks, escaped and shortened for a message. */
typedef struct Shown {
    char text[160];
} Shown;
Shown show(const char *text);

/* parse_item.c, parse_account.c: see Key.parse. */
bool item_parse_port(ItemReader *reader, const char *text, Item *ret);
bool item_parse_bind(ItemReader *reader, const char *text, Item *ret);
bool item_parse_scope(ItemReader *reader, const char *text, Item *ret);
bool item_parse_interface(ItemReader *reader, const char *text, Item *ret);
bool item_parse_user(ItemReader *reader, const char *text, Item *ret);
bool item_parse_group(ItemReader *reader, const char *text, Item *ret);
bool item_parse_tool(ItemReader *reader, const char *text, Item *ret);
bool item_parse_exe(ItemReader *reader, const char *text, Item *ret);
bool item_parse_unit(ItemReader *reader, const char *text, Item *ret);
bool item_parse_container(ItemReader *reader, const char *text, Item *ret);
bool item_parse_netns(ItemReader *reader, const char *text, Item *ret);
bool item_parse_origin(ItemReader *reader, const char *text, Item *ret);
bool item_parse_target(ItemReader *reader, const char *text, Item *ret);
bool item_parse_age(ItemReader *reader, const char *text, Item *ret);
bool item_parse_ephemeral(ItemReader *reader, const char *text, Item *ret);

/* match.c, match_exe.c: see Key.judge. */
Answer match_judge_proto(const Case *judged, const Match *match);
Answer match_judge_port(const Case *judged, const Match *match);
Answer match_judge_bind(const Case *judged, const Match *match);
Answer match_judge_scope(const Case *judged, const Match *match);
Answer match_judge_interface(const Case *judged, const Match *match);
Answer match_judge_user(const Case *judged, const Match *match);
Answer match_judge_group(const Case *judged, const Match *match);
Answer match_judge_unit(const Case *judged, const Match *match);
Answer match_judge_user_unit(const Case *judged, const Match *match);
Answer match_judge_container(const Case *judged, const Match *match);
Answer match_judge_netns(const Case *judged, const Match *match);
Answer match_judge_origin(const Case *judged, const Match *match);
Answer match_judge_target(const Case *judged, const Match *match);
Answer match_judge_age(const Case *judged, const Match *match);
Answer match_judge_ephemeral(const Case *judged, const Match *match);
Answer match_judge_tool(const Case *judged, const Match *match);
Answer match_judge_exe(const Case *judged, const Match *match);

/* tell.c: see Key.tell. */
char *match_tell_proto(const Case *judged, const Match *match);
char *match_tell_port(const Case *judged, const Match *match);
char *match_tell_bind(const Case *judged, const Match *match);
char *match_tell_scope(const Case *judged, const Match *match);
char *match_tell_interface(const Case *judged, const Match *match);
char *match_tell_user(const Case *judged, const Match *match);
char *match_tell_group(const Case *judged, const Match *match);
char *match_tell_unit(const Case *judged, const Match *match);
char *match_tell_user_unit(const Case *judged, const Match *match);
char *match_tell_container(const Case *judged, const Match *match);
char *match_tell_netns(const Case *judged, const Match *match);
char *match_tell_origin(const Case *judged, const Match *match);
char *match_tell_target(const Case *judged, const Match *match);
char *match_tell_age(const Case *judged, const Match *match);
char *match_tell_ephemeral(const Case *judged, const Match *match);
char *match_tell_tool(const Case *judged, const Match *match);
char *match_tell_exe(const Case *judged, const Match *match);
