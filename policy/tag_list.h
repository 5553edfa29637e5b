/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * tag_list.h: the tag=value lists of DKIM (RFC 6376 3.2), in signatures and key records. Values are views of the
 * text, without the white space at their ends; white space inside is left to who knows whether it counts.
 */
#ifndef MXWARD_POLICY_TAG_LIST_H
#define MXWARD_POLICY_TAG_LIST_H

#include "rules/arena.h"
#include "rules/slice.h"

struct tag {
    struct slice name;
    struct slice value;
};

/* RFC 6376 knows 14 tags; lists with more than this many are refused. */
#define TAG_LIST_MOST 64

struct tag_list {
    struct tag tags[TAG_LIST_MOST];
    size_t count;
};

/* False when the grammar is violated or a tag occurs twice: `problem_out` names what. */
bool tag_list_parse(struct slice text, struct tag_list *list_out, const char **problem_out);
/* The value of the tag; absent when it does not occur. Names have case. */
struct slice tag_list_find(const struct tag_list *list, const char *name);
/* The text without any white space (blanks, tabs, CR, LF). */
struct slice tag_list_squeeze(struct slice value, struct arena *arena);
/* Whether one of the parts between colons is `word`, white space around them aside; RFC 6376's words have case. */
bool tag_list_has_word(struct slice value, struct slice word, bool nocase);
/* base64string of RFC 6376 2.10, white space in it allowed, not empty. */
bool tag_list_is_base64(struct slice value);

#endif
