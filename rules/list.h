/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list.h: named lists of a rules file: `cidr` (addresses and networks), `domain` (each with its subdomains),
 * `pattern` (PCRE2, any match). Inline or from a file: one entry a line, `#` begins a comment (in a file of patterns
 * only at the beginning of a line), blank lines are skipped. A list is one table without pointers, sorted where order
 * means nothing, so that it can lie in an image and be searched in place; its integers are in the machine's own byte
 * order.
 */
#ifndef MXWARD_RULES_LIST_H
#define MXWARD_RULES_LIST_H

#include "rules/diag.h"
#include "rules/value.h"

/* Entries of one list; patterns are tried one by one, so there are fewer. */
#define LIST_ENTRIES_MOST 1000000
#define LIST_PATTERNS_MOST 1000
/* Bytes of one entry. */
#define LIST_ENTRY_MOST 4096

enum list_kind { LIST_CIDR, LIST_DOMAIN, LIST_PATTERN };

struct list;
struct list_builder;

bool list_has_address(const struct list *list, const struct address *address);
/* Whether the domain, or one that it is within, is an entry: O(log n) for each of its labels. */
bool list_has_domain(const struct list *list, struct slice domain);
/* PCRE2 gave up at its match limit: *gave_up_out is set and the answer is false. */
bool list_matches_text(const struct list *list, struct slice text, bool *gave_up_out);

const char *list_kind_name(enum list_kind kind);
bool list_kind_of(struct slice name, enum list_kind *kind_out);

/* Making a list: on the heap, until list_builder_finish() gives its table, in `arena`, and frees the builder. */
struct list_builder *list_builder_new(enum list_kind kind);
/* False when the entry is wrong: `problem_out` says how, in `arena`. The text is borrowed until the end. */
bool list_builder_add(struct list_builder *builder, struct slice entry, struct arena *arena, struct slice *problem_out);
/* All lines of a list's file, errors into `diagnostics`. */
void list_builder_add_file(struct list_builder *builder, const struct source *source, struct arena *arena,
                           struct diagnostics *diagnostics);
struct slice list_builder_finish(struct list_builder **builder, struct arena *arena);

/*
 * A list over a table, which is checked: NULL and what is wrong when it is damaged. Patterns are compiled, with `jit`
 * to machine code where the system lets us.
 */
struct list *list_open(enum list_kind kind, struct slice table, bool jit, struct arena *arena,
                       struct slice *problem_out);
/* The table, as it was given. */
struct slice list_table(const struct list *list);
size_t list_count(const struct list *list);
/* Whether there are patterns and all of them are machine code. */
bool list_uses_jit(const struct list *list);

/* A domain name as values hold it, lower case. False when it is none; letters outside ASCII are A-labels or wrong. */
bool domain_normalise(struct slice text, struct arena *arena, struct slice *domain_out);

#endif
