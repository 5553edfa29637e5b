/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * zone.c: reads fixture zones, line by line, word by word. Reading goes on after an error with the next line, so that
 * one run tells them all. Files are not hostile, but bounded all the same.
 */
#include "proxy/zone.h"

#include "proxy/zone_table.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define TEXT_MOST 65535

struct reader {
    const struct source *source;
    struct diagnostics *diagnostics;
    struct zone *zone;
    size_t at;
    size_t end;                    /* of the line */
    struct zone_node *node;             /* the name of this or the last line */
    bool node_failed;              /* it was no name: lines that go on with it are passed over */
    struct slice word;
};

static struct span span_here(const struct reader *reader, struct slice word)
{
    return (struct span){ reader->source, (size_t)(word.text - reader->source->text.text), word.length };
}

static char char_at(const struct reader *reader, size_t at)
{
    return reader->source->text.text[at];
}

static void skip_blanks(struct reader *reader)
{
    while (reader->at < reader->end && (char_at(reader, reader->at) == ' ' || char_at(reader, reader->at) == '\t'))
        reader->at++;
    if (reader->at < reader->end && (char_at(reader, reader->at) == ';' || char_at(reader, reader->at) == '#'))
        reader->end = reader->at;
}

/* The next word of the line into reader->word; an empty one, at the end of the line, when there is none. */
static bool next_word(struct reader *reader)
{
    size_t start;

    skip_blanks(reader);
    start = reader->at;
    if (start < reader->end && char_at(reader, start) == '"')
        reader->at++;              /* a string where none belongs; no word has a quote, so this one is refused */
    for (; reader->at < reader->end; reader->at++) {
        char c = char_at(reader, reader->at);

        if (c == ' ' || c == '\t' || c == ';' || c == '"')
            break;
        if (c == '\\' && reader->at + 1 < reader->end)
            reader->at++;
    }
    reader->word = slice_of(reader->source->text.text + start, reader->at - start);
    return reader->word.length > 0;
}

static bool complain(const struct reader *reader, const char *problem)
{
    diag_error(reader->diagnostics, span_here(reader, reader->word), "%s", problem);
    return false;
}

static bool read_name(struct reader *reader, struct slice *name_out)
{
    if (!next_word(reader))
        return complain(reader, "a name is missing");
    if (reader->word.text[0] == '"' || !question_name_normalise(reader->word, reader->zone->arena, name_out))
        return complain(reader, "not a domain name (labels have 1 to 63 bytes, names up to 253)");
    return true;
}

/* "1500ms", "2s", "1m". */
static bool read_delay(struct reader *reader, unsigned *delay_out)
{
    static const struct {
        struct slice unit;
        unsigned milliseconds;
    } units[] = { { SLICE("ms"), 1 }, { SLICE("s"), 1000 }, { SLICE("m"), 60000 } };
    size_t digits = 0;
    unsigned long long number;

    if (!next_word(reader))
        return complain(reader, "a duration is missing, such as 500ms or 2s");
    while (digits < reader->word.length && ascii_is_digit(reader->word.text[digits]))
        digits++;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (slice_equal(slice_from(reader->word, digits), units[i].unit) &&
            slice_number(slice_first(reader->word, digits), ZONE_DELAY_MOST / units[i].milliseconds, &number)) {
            *delay_out = (unsigned)number * units[i].milliseconds;
            return true;
        }
    return complain(reader, "not a duration such as 500ms or 2s, at most an hour");
}

/* One quoted string's bytes to the end of `text`. */
static bool read_string(struct reader *reader, char *text, size_t *length)
{
    size_t start = reader->at++;
    unsigned long long number;

    for (; reader->at < reader->end; reader->at++) {
        char c = char_at(reader, reader->at);

        if (c == '"') {
            reader->at++;
            return true;
        }
        if (c == '\\' && reader->at + 1 < reader->end) {
            c = char_at(reader, ++reader->at);
            if (ascii_is_digit(c)) {
                if (reader->end - reader->at < 3 ||
                    !slice_number(slice_of(reader->source->text.text + reader->at, 3), 255, &number))
                    break;
                c = (char)(unsigned char)number;
                reader->at += 2;
            }
        }
        if (*length == TEXT_MOST)
            break;
        text[(*length)++] = c;
    }
    if (reader->at > reader->end)
        reader->at = reader->end;
    reader->word = slice_of(reader->source->text.text + start, reader->at - start);
    return complain(reader, *length == TEXT_MOST          ? "text longer than 65535 bytes"
                            : reader->at == reader->end   ? "the string does not end on this line"
                            : "after a backslash three digits up to 255, or one other character");
}

static bool read_text(struct reader *reader, struct slice *text_out)
{
    char *text = memory_alloc(TEXT_MOST);
    size_t length = 0, strings = 0;
    bool good = true;

    for (skip_blanks(reader); good && reader->at < reader->end && char_at(reader, reader->at) == '"'; strings++) {
        good = read_string(reader, text, &length);
        skip_blanks(reader);
    }
    *text_out = arena_copy(reader->zone->arena, slice_of(text, length));
    free(text);
    if (good && strings == 0) {
        (void)next_word(reader);
        return complain(reader, "a string in \"quotes\" is missing");
    }
    return good;
}

static bool read_address(struct reader *reader, int family, size_t size, struct slice *data_out)
{
    char text[INET6_ADDRSTRLEN] = "";
    unsigned char bytes[16];

    if (!next_word(reader))
        return complain(reader, "an address is missing");
    if (reader->word.length < sizeof(text))
        memcpy(text, reader->word.text, reader->word.length);
    if (inet_pton(family, text, bytes) != 1)
        return complain(reader, family == AF_INET ? "not an IPv4 address" : "not an IPv6 address");
    *data_out = arena_copy(reader->zone->arena, slice_of((const char *)bytes, size));
    return true;
}

static bool read_data(struct reader *reader, int set, struct answer_record *record)
{
    unsigned long long preference;

    switch (set) {
    case ZONE_SET_A:
        return read_address(reader, AF_INET, 4, &record->data);
    case ZONE_SET_AAAA:
        return read_address(reader, AF_INET6, 16, &record->data);
    case ZONE_SET_MX:
        if (!next_word(reader) || !slice_number(reader->word, UINT16_MAX, &preference))
            return complain(reader, "MX has a preference from 0 to 65535 before the name");
        record->preference = (uint16_t)preference;
        return read_name(reader, &record->data);
    case ZONE_SET_PTR:
        return read_name(reader, &record->data);
    default:
        return read_text(reader, &record->data);
    }
}

static int set_named(struct slice word)
{
    enum question_type type;

    return question_type_parse(word, &type) ? zone_set_of(type) : ZONE_SET_COUNT;
}

/* RFC 1034 3.6.2: where there is a CNAME there is nothing else. */
static bool read_alias(struct reader *reader)
{
    struct slice target;

    if (zone_node_has_records(reader->node) || reader->node->alias.text != NULL)
        return complain(reader, "a name that has a CNAME can have no other record");
    if (!read_name(reader, &target))
        return false;
    reader->node->alias = target;
    return true;
}

/* SERVFAIL or TIMEOUT: of the type that follows, or of all. */
static bool read_fault(struct reader *reader, enum zone_fault fault)
{
    if (!next_word(reader)) {
        reader->node->fault = fault;
        return true;
    }
    if (set_named(reader->word) == ZONE_SET_COUNT)
        return complain(reader, "not a type: A, AAAA, MX, PTR or TXT");
    reader->node->sets[set_named(reader->word)].fault = fault;
    return true;
}

static const char *type_word(void *context, size_t index)
{
    static const char *const words[] = { "A", "AAAA", "CNAME", "MX", "PTR", "TXT", "SERVFAIL", "TIMEOUT", "DELAY" };

    (void)context;
    return index < sizeof(words) / sizeof(words[0]) ? words[index] : NULL;
}

static bool unknown_type(struct reader *reader)
{
    const char *near = did_you_mean(reader->word, type_word, NULL);

    if (near == NULL)
        return complain(reader, "not a type: A, AAAA, CNAME, MX, PTR, TXT, SERVFAIL, TIMEOUT or DELAY");
    diag_error(reader->diagnostics, span_here(reader, reader->word), "unknown type \"%.*s\"; did you mean \"%s\"?",
               SLICE_ARG(reader->word), near);
    return false;
}

/* What follows the name, time to live and class: the type's word is read. */
static bool read_typed(struct reader *reader)
{
    struct answer_record record = { 0 };
    int set;

    if (slice_equal_nocase(reader->word, SLICE("CNAME")))
        return read_alias(reader);
    if (slice_equal_nocase(reader->word, SLICE("SERVFAIL")))
        return read_fault(reader, ZONE_FAULT_SERVFAIL);
    if (slice_equal_nocase(reader->word, SLICE("TIMEOUT")))
        return read_fault(reader, ZONE_FAULT_TIMEOUT);
    if (slice_equal_nocase(reader->word, SLICE("DELAY")))
        return read_delay(reader, &reader->node->delay);
    set = set_named(reader->word);
    if (set == ZONE_SET_COUNT)
        return unknown_type(reader);
    if (reader->node->alias.text != NULL)
        return complain(reader, "a name that has a CNAME can have no other record");
    if (!read_data(reader, set, &record))
        return false;
    return zone_set_add(reader->zone, &reader->node->sets[set], &record) ||
           complain(reader, "more than 256 records of this type at one name");
}

/* The first word of the type: a time to live and the class IN, in any order, are passed over (RFC 1035 5.1). */
static bool find_type(struct reader *reader)
{
    unsigned long long ttl;

    for (int i = 0; next_word(reader); i++)
        if (i == 2 || (!slice_number(reader->word, INT32_MAX, &ttl) && !slice_equal_nocase(reader->word, SLICE("IN"))))
            return true;
    return complain(reader, "a type is missing, such as TXT");
}

static bool read_directive(struct reader *reader)
{
    if (slice_equal_nocase(reader->word, SLICE("$DELAY")))
        return read_delay(reader, &reader->zone->delay);
    return complain(reader, "the only word with a $ is $DELAY; every name is written whole");
}

/* A line with something on it. */
static bool read_line(struct reader *reader, bool same_name)
{
    struct slice name;

    if (!same_name) {
        reader->node = NULL;
        reader->node_failed = false;
        if (char_at(reader, reader->at) == '$')
            return next_word(reader) && read_directive(reader);
        reader->node_failed = !read_name(reader, &name);
        if (reader->node_failed)
            return false;
        reader->node = zone_node_get(reader->zone, name);
    }
    if (!find_type(reader))
        return false;
    if (reader->node == NULL)
        return complain(reader, "the line begins with a blank, but there is no name before it");
    return read_typed(reader);
}

static void read_lines(struct reader *reader)
{
    struct slice text = reader->source->text;

    for (size_t start = 0, next; start < text.length; start = next) {
        bool same_name = text.text[start] == ' ' || text.text[start] == '\t';

        reader->at = start;
        reader->end = start + slice_find(slice_from(text, start), '\n');
        next = reader->end + 1;
        if (reader->end > start && text.text[reader->end - 1] == '\r')
            reader->end--;
        skip_blanks(reader);
        if (reader->at == reader->end || (same_name && reader->node_failed))
            continue;
        if (read_line(reader, same_name) && next_word(reader))
            complain(reader, "nothing more is expected on this line");
    }
}

struct zone *zone_parse(const struct source *source, struct arena *arena, struct diagnostics *diagnostics)
{
    struct reader reader = { .source = source, .diagnostics = diagnostics };
    size_t errors = diagnostics->errors;

    reader.zone = arena_alloc(arena, sizeof(*reader.zone));
    reader.zone->arena = arena;
    (void)zone_node_get(reader.zone, SLICE("."));
    read_lines(&reader);
    return diagnostics->errors == errors ? reader.zone : NULL;
}

/* All of the file; false: errno, EFBIG when there is more than ZONE_FILE_MOST. */
static bool read_file(const char *path, struct arena *arena, struct slice *text_out)
{
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    size_t size = 4096, length = 0;
    char *text;
    ssize_t got;

    if (descriptor < 0)
        return false;
    text = memory_alloc(size);
    while ((got = read(descriptor, text + length, size - length)) > 0 || (got < 0 && errno == EINTR)) {
        length += got > 0 ? (size_t)got : 0;
        if (length > ZONE_FILE_MOST) {
            errno = EFBIG;
            got = -1;
            break;
        }
        if (length == size)
            text = memory_grown(text, size *= 2);
    }
    if (got == 0)
        *text_out = arena_copy(arena, slice_of(text, length));
    free(text);
    (void)close(descriptor);
    return got == 0;
}

struct zone *zone_load(const char *path, struct arena *arena, struct diagnostics *diagnostics)
{
    struct source *source = arena_alloc(arena, sizeof(*source));

    source->name = arena_string(arena, slice_of_string(path));
    if (!read_file(path, arena, &source->text)) {
        diag_error(diagnostics, (struct span){ 0 }, "%s: %s", path, strerror(errno));
        return NULL;
    }
    return zone_parse(source, arena, diagnostics);
}
