/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * auth_results_parse.c: reads by RFC 8601's grammar, with two liberties that are seen in real mail and cannot be
 * mistaken for something else: a value may have any byte but blanks, quotes, parentheses and ";", and a property may
 * have no type ("action=none"). What breaks the grammar costs the claim it is in, up to the next ";", and no other.
 */
#include "policy/auth_results_parse.h"

#include "policy/mailbox.h"

/* Longer than any name that can be ours: RFC 1035's 253 bytes, each a U-label's four. */
#define IDENTITY_MOST 1024

struct reader {
    struct slice rest;
    struct arena *arena;
    const char *problem;           /* of the claim being read */
};

static bool is_blank(char c)
{
    return (unsigned char)c <= ' ';
}

struct slice auth_results_skip_cfws(struct slice text)
{
    size_t depth = 0, at = 0;
    for (; at < text.length; at++) {
        char c = text.text[at];
        if (depth > 0 && c == '\\')
            at++;
        else if (c == '(')
            depth++;
        else if (depth > 0 && c == ')')
            depth--;
        else if (depth == 0 && !is_blank(c))
            break;
    }
    return slice_from(text, at);
}

static char peek(const struct reader *reader)
{
    return reader->rest.length == 0 ? '\0' : reader->rest.text[0];
}

static void skip(struct reader *reader)
{
    reader->rest = auth_results_skip_cfws(reader->rest);
}

/* [CFWS] c */
static bool take(struct reader *reader, char c)
{
    skip(reader);
    if (peek(reader) != c || reader->rest.length == 0)
        return false;
    reader->rest = slice_from(reader->rest, 1);
    return true;
}

/* The bytes that `is_part` allows, lower case when asked for. */
static struct slice take_run(struct reader *reader, bool (*is_part)(char), bool lower)
{
    size_t length = 0;
    while (length < reader->rest.length && is_part(reader->rest.text[length]))
        length++;
    struct slice run = slice_first(reader->rest, length);
    reader->rest = slice_from(reader->rest, length);
    char *copy = arena_alloc(reader->arena, run.length + 1);
    for (size_t i = 0; i < run.length; i++)
        copy[i] = lower ? ascii_lower(run.text[i]) : run.text[i];
    return slice_of(copy, run.length);
}

static bool is_keyword_part(char c)
{
    return ascii_is_letter(c) || ascii_is_digit(c) || c == '-' || c == '_';
}

static bool is_value_part(char c)
{
    return !is_blank(c) && c != '\x7f' && c != ';' && c != '(' && c != ')' && c != '"';
}

static struct slice take_keyword(struct reader *reader)
{
    skip(reader);
    struct slice keyword = take_run(reader, is_keyword_part, true);
    if (keyword.length == 0 && reader->problem == NULL)
        reader->problem = "a word is missing";
    return keyword;
}

/* Bytes up to the closing quote, or to the end where there is none. */
static size_t quoted_length(struct slice text)
{
    size_t at = 0;
    while (at < text.length && text.text[at] != '"')
        at += text.text[at] == '\\' && at + 1 < text.length ? 2 : 1;
    return at;
}

/* Behind the opening quote. */
static struct slice take_quoted(struct reader *reader)
{
    struct slice quoted = slice_first(reader->rest, quoted_length(reader->rest));
    char *copy = arena_alloc(reader->arena, quoted.length + 1);
    size_t length = 0;
    for (size_t at = 0; at < quoted.length; at++) {
        char c = quoted.text[at];
        if (c == '\\' && at + 1 < quoted.length)
            c = quoted.text[++at];
        if (c != '\r' && c != '\n')
            copy[length++] = c;
    }
    if (quoted.length == reader->rest.length && reader->problem == NULL)
        reader->problem = "a quote without an end";
    reader->rest = slice_from(reader->rest, quoted.length + 1);
    return slice_of(copy, length);
}

/* pvalue: value / [ [ local-part ] "@" ] domain-name; the local part may be quoted. */
static struct slice take_value(struct reader *reader)
{
    struct slice text = SLICE("");
    skip(reader);
    bool quoted = take(reader, '"');
    if (quoted)
        text = take_quoted(reader);
    struct slice behind = take_run(reader, is_value_part, false);
    if (!quoted && behind.length == 0 && reader->problem == NULL)
        reader->problem = "a value is missing";
    if (quoted && behind.length > 0 && behind.text[0] != '@' && reader->problem == NULL)
        reader->problem = "text behind a quote";
    text = quoted && behind.length > 0
               ? arena_printf(reader->arena, "%.*s%.*s", SLICE_ARG(text), SLICE_ARG(behind))
               : quoted ? text : behind;
    return slice_first(text, AUTH_RESULTS_VALUE_MOST);
}

/* reasonspec or propspec. */
static void read_property(struct reader *reader, struct auth_results_claim *claim)
{
    struct auth_results_property property = { .name = take_keyword(reader) };
    if (take(reader, '.')) {
        property.type = property.name;
        property.name = take_keyword(reader);
    }
    if (!take(reader, '=') && reader->problem == NULL)
        reader->problem = "a property without a value";
    if (reader->problem != NULL)
        return;
    property.value = take_value(reader);
    if (claim->properties == NULL)
        claim->properties = arena_array(reader->arena, AUTH_RESULTS_PROPERTIES_MOST, sizeof *claim->properties);
    if (property.type.length == 0 && slice_equal(property.name, SLICE("reason")))
        claim->reason = property.value;
    else if (claim->properties_count < AUTH_RESULTS_PROPERTIES_MOST)
        claim->properties[claim->properties_count++] = property;
}

static bool is_version_part(char c)
{
    return ascii_is_digit(c);
}

/* methodspec, reasonspec, propspecs: up to the ";" or the end. */
static struct auth_results_claim read_claim(struct reader *reader)
{
    struct auth_results_claim claim = { .method = take_keyword(reader) };
    if (take(reader, '/')) {
        skip(reader);
        if (take_run(reader, is_version_part, false).length == 0)
            reader->problem = "a method's version is no number";
    }
    if (!take(reader, '=')) {
        reader->problem = reader->problem == NULL ? "a method without a result" : reader->problem;
        return claim;
    }
    claim.result = take_keyword(reader);
    while (reader->problem == NULL) {
        skip(reader);
        if (reader->rest.length == 0 || peek(reader) == ';')
            break;
        read_property(reader, &claim);
    }
    return claim;
}

/* To the ";" that ends the claim, past quotes and comments. */
static void skip_claim(struct reader *reader)
{
    for (;;) {
        skip(reader);
        if (reader->rest.length == 0 || peek(reader) == ';')
            return;
        if (take(reader, '"'))
            reader->rest = slice_from(reader->rest, quoted_length(reader->rest) + 1);
        else
            reader->rest = slice_from(reader->rest, 1);
    }
}

/* "none" as the only statement (no-result). */
static bool is_no_result(const struct reader *reader)
{
    struct slice text = auth_results_skip_cfws(reader->rest);
    return slice_starts_with_nocase(text, SLICE("none"))
           && auth_results_skip_cfws(slice_from(text, 4)).length == 0;
}

static void note(struct auth_results *results, const char *problem)
{
    if (results->problem == NULL)
        results->problem = problem;
}

void auth_results_parse(struct slice value, struct arena *arena, struct auth_results *results_out)
{
    struct reader reader = { .rest = value, .arena = arena };

    *results_out = (struct auth_results){ 0 };
    results_out->authserv_id = take_value(&reader);
    skip(&reader);
    take_run(&reader, is_version_part, false);
    skip(&reader);
    note(results_out, reader.problem);
    if (reader.rest.length > 0 && peek(&reader) != ';')
        note(results_out, "text behind the authserv-id");
    skip_claim(&reader);
    results_out->claims = arena_array(arena, AUTH_RESULTS_CLAIMS_MOST, sizeof *results_out->claims);
    while (take(&reader, ';')) {
        reader.problem = NULL;
        if (results_out->claims_count == 0 && is_no_result(&reader))
            return;
        if (auth_results_skip_cfws(reader.rest).length == 0)
            break;
        struct auth_results_claim claim = read_claim(&reader);
        if (reader.problem == NULL && results_out->claims_count < AUTH_RESULTS_CLAIMS_MOST)
            results_out->claims[results_out->claims_count++] = claim;
        note(results_out, reader.problem);
        skip_claim(&reader);
    }
}

struct slice auth_results_property(const struct auth_results_claim *claim, const char *type, const char *name)
{
    for (size_t i = 0; i < claim->properties_count; i++)
        if (slice_equal(claim->properties[i].type, slice_of_string(type))
            && slice_equal(claim->properties[i].name, slice_of_string(name)))
            return claim->properties[i].value;
    return SLICE_NONE;
}

/* Whose a field is */

/* The identity collected so far, without quotes, comments, blanks. */
struct identity {
    char text[IDENTITY_MOST];
    size_t length;
    bool too_long;
};

static void add(struct identity *identity, char c)
{
    if (is_blank(c))
        return;
    if (identity->length == IDENTITY_MOST)
        identity->too_long = true;
    else
        identity->text[identity->length++] = c;
}

static bool ends_identity(char c)
{
    return strchr("<>@,;:/[]?=", c) != NULL;
}

/* Our name in both its forms; without U-labels `unicode` is absent. */
struct own_name {
    struct slice ascii;
    struct slice unicode;
};

static bool is_ascii(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if ((unsigned char)text.text[i] >= 0x80)
            return false;
    return true;
}

static size_t count_characters(struct slice text)
{
    size_t count = 0;
    for (size_t i = 0; i < text.length; i++)
        count += ((unsigned char)text.text[i] & 0xc0) != 0x80;
    return count;
}

static struct slice without_dot(struct slice name)
{
    return name.length > 1 && name.text[name.length - 1] == '.' ? slice_first(name, name.length - 1) : name;
}

static struct own_name own_name(struct slice ours, struct arena *arena)
{
    struct own_name own = { .ascii = without_dot(ours) };
    if (!is_ascii(own.ascii))
        mailbox_domain(own.ascii, arena, &own.ascii);
    own.unicode = mailbox_domain_unicode(own.ascii, arena);
    return own;
}

/*
 * One label. A U-label has as many characters as the form of ours that is shown, for mailbox_domain() changes nothing
 * but case: only such a one is worth converting, of the thousands that a field can show.
 */
static bool is_label(struct slice label, struct slice ascii, struct slice unicode, struct arena *arena)
{
    struct slice converted;
    if (is_ascii(label))
        return slice_equal_nocase(label, ascii);
    return unicode.text != NULL && count_characters(label) == count_characters(unicode)
           && mailbox_domain(label, arena, &converted) && slice_equal_nocase(converted, ascii);
}

static bool is_ours(const struct identity *identity, const struct own_name *own, struct arena *arena)
{
    struct slice name = without_dot(slice_of(identity->text, identity->length)), ascii = own->ascii,
                 unicode = own->unicode;
    if (identity->too_long || name.length == 0)
        return false;
    if (slice_equal_nocase(name, ascii))
        return true;
    while (name.text != NULL && ascii.text != NULL) {
        struct slice label = slice_cut(&name, '.'), own_ascii = slice_cut(&ascii, '.');
        if (!is_label(label, own_ascii, slice_cut(&unicode, '.'), arena))
            return false;
    }
    return name.text == NULL && ascii.text == NULL;
}

/* A run of bytes outside quotes and comments, or what is in quotes; the rest behind it. */
static struct slice take_piece(struct slice text, struct identity *identity)
{
    bool quoted = text.text[0] == '"';
    size_t at = quoted;
    for (; at < text.length; at++) {
        char c = text.text[at];
        if (quoted ? c == '"' : is_blank(c) || c == '(' || c == '"' || ends_identity(c))
            break;
        if (c == '\\' && at + 1 < text.length)
            c = text.text[++at];
        add(identity, c);
    }
    return slice_from(text, quoted && at < text.length ? at + 1 : at);
}

/* "1" behind "mx.example.org" is no part of the name, but it is behind "mx." */
static bool is_version_next(struct slice rest, const struct identity *identity)
{
    size_t digits = 0;
    while (digits < rest.length && ascii_is_digit(rest.text[digits]))
        digits++;
    bool alone = digits == rest.length || is_blank(rest.text[digits]) || rest.text[digits] == '('
                 || ends_identity(rest.text[digits]);
    return digits > 0 && alone && identity->length > 0 && identity->text[identity->length - 1] != '.';
}

/*
 * The name is what stands before the first delimiter, whatever blanks and comments divide it; after each piece it may
 * be complete, for a version or rubbish may follow.
 */
bool auth_results_is_from(struct slice value, struct slice authserv_id, struct arena *arena)
{
    struct identity identity = { .length = 0 };
    struct slice rest = auth_results_skip_cfws(value);
    struct own_name own = own_name(authserv_id, arena);
    size_t looked_at = 0;

    while (rest.length > 0 && !ends_identity(rest.text[0]) && !identity.too_long) {
        struct slice behind = take_piece(rest, &identity);
        rest = auth_results_skip_cfws(behind);
        bool joined = rest.length > 0 && rest.length == behind.length && !ends_identity(rest.text[0]);
        if (joined)
            continue;
        if (identity.length > looked_at && is_ours(&identity, &own, arena))
            return true;
        looked_at = identity.length;
        if (is_version_next(rest, &identity))
            return false;
    }
    return false;
}
