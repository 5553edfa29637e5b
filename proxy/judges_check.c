/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judges_check.c: holds a verdict's fields against what the image may do to a message (P4): what is taken out must be,
 * byte for byte, one whole field of a name that the rules can add, or an Authentication-Results; what is put in must be
 * a field that mxward writes. Nothing is interpreted but where a field begins and ends (RFC 5322 2.2). No state.
 */
#include "proxy/judges_private.h"
#include "proxy/spool.h"

/* What mxward writes without a rule asking for it. */
static const struct slice own_names[] = {
    { "Received", 8 },
    { "Authentication-Results", 22 },
    { "Received-SPF", 12 },
};

static bool image_can_add(const struct judge_image *image, struct slice name)
{
    for (size_t i = 0; i < image->names_count; i++)
        if (slice_equal_nocase(name, slice_of_string(image->names[i])))
            return true;
    return false;
}

static bool can_add(const struct judge_image *image, struct slice name)
{
    for (size_t i = 0; i < sizeof(own_names) / sizeof(own_names[0]); i++)
        if (slice_equal_nocase(name, own_names[i]))
            return true;
    return image_can_add(image, name);
}

static bool can_remove(const struct judge_image *image, struct slice name)
{
    return slice_equal_nocase(name, SLICE("Authentication-Results")) || image_can_add(image, name);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

/* A CRLF at `at` that no folding follows: a field's end. */
static bool ends_at(struct slice header, size_t at)
{
    return header.length - at >= 2 && header.text[at] == '\r' && header.text[at + 1] == '\n' &&
           (header.length - at == 2 || !is_blank(header.text[at + 2]));
}

bool judges_check_field(struct slice header, size_t offset, size_t length, struct slice name)
{
    size_t at;

    if (length > header.length || offset > header.length - length || length <= name.length)
        return false;
    if (offset > 0 && (offset < 2 || header.text[offset - 2] != '\r' || header.text[offset - 1] != '\n'))
        return false;
    if (!slice_starts_with_nocase(slice_of(header.text + offset, length), name))
        return false;
    /* RFC 5322 4.5: obsolete syntax has blanks before the colon. */
    for (at = offset + name.length; at < offset + length && is_blank(header.text[at]);)
        at++;
    if (at == offset + length || header.text[at] != ':')
        return false;
    while (at < header.length && !ends_at(header, at))
        at++;
    /* A message that came by BDAT may end within its last field. */
    return (at < header.length ? at + 2 : at) == offset + length;
}

/* The header's bytes, which the spool may hold in pieces. */
static bool read_header(struct spool *spool, size_t size, struct arena *scratch, struct slice *header_out)
{
    char *bytes = arena_alloc(scratch, size + 1);

    for (size_t at = 0; at < size;) {
        struct slice run;

        if (!spool_read(spool, at, &run) || run.length == 0)
            return false;
        run = slice_first(run, size - at);
        memcpy(bytes + at, run.text, run.length);
        at += run.length;
    }
    *header_out = slice_of(bytes, size);
    return true;
}

const char *judges_check_verdict(const struct verdict *verdict, const struct judge_image *image, struct spool *spool,
                                 size_t header_size, struct arena *scratch)
{
    struct slice header;

    for (size_t i = 0; i < verdict->added_count; i++)
        if (!can_add(image, verdict->added[i].name))
            return "it adds a field that the rules do not add";
    if (verdict->removed_count == 0)
        return NULL;
    if (spool == NULL || !read_header(spool, header_size, scratch, &header))
        return "it removes fields of a header that cannot be read";
    for (size_t i = 0; i < verdict->removed_count; i++) {
        const struct removed_field *removed = &verdict->removed[i];

        if (!can_remove(image, removed->name) ||
            !judges_check_field(header, removed->offset, removed->length, removed->name))
            return "it removes what is no field that may be removed";
    }
    return NULL;
}
