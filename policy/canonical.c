/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * canonical.c: see canonical.h. The body is canonicalised as it streams by: line ends and white space are held back as
 * counts until something follows them. A header is sorted by name once, so that a long h= over many fields stays cheap.
 */
#include "policy/canonical.h"

#include <openssl/evp.h>

#include "policy/sort.h"

/* Gathered before it is hashed: canonical text comes in small pieces. */
#define GATHERED 1024

struct canonical_hash {
    EVP_MD_CTX *context;
    size_t length;
    char gathered[GATHERED];
};

struct canonical_body {
    bool relaxed;
    uint64_t limit;
    uint64_t length;               /* canonical bytes hashed so far */
    uint64_t line_ends;            /* seen, and written only if something follows */
    bool blank;                    /* likewise, relaxed: white space */
    bool carriage_return;          /* the last byte */
    bool any;                      /* something that is no line end was there */
    struct canonical_hash *hash;
};

/* Those of one name from the bottom up. */
struct canonical_header {
    const struct message_field **fields;
    unsigned *taken;               /* at the first of a name: how many of them the current signature has */
    size_t count;
    struct arena *arena;
};

static EVP_MD *sha256;

static void check(bool worked)
{
    if (!worked)
        bug("OpenSSL's hashing failed");
}

void canonical_prepare(void)
{
    if (sha256 == NULL)
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    check(sha256 != NULL);
}

/* Hashes */

static void release(void *context)
{
    EVP_MD_CTX_free(context);
}

struct canonical_hash *canonical_hash_new(struct arena *arena)
{
    struct canonical_hash *hash = arena_alloc(arena, sizeof *hash);
    hash->context = EVP_MD_CTX_new();
    check(hash->context != NULL && EVP_DigestInit_ex(hash->context, sha256, NULL) == 1);
    arena_at_end(arena, release, hash->context);
    return hash;
}

struct canonical_hash *canonical_hash_fork(const struct canonical_hash *hash, struct arena *arena)
{
    struct canonical_hash *fork = canonical_hash_new(arena);
    check(EVP_MD_CTX_copy_ex(fork->context, hash->context) == 1);
    memcpy(fork->gathered, hash->gathered, hash->length);
    fork->length = hash->length;
    return fork;
}

static void flush(struct canonical_hash *hash)
{
    check(EVP_DigestUpdate(hash->context, hash->gathered, hash->length) == 1);
    hash->length = 0;
}

void canonical_hash_put(struct canonical_hash *hash, const char *bytes, size_t length)
{
    if (length == 0)
        return;
    if (length > GATHERED - hash->length)
        flush(hash);
    if (length > GATHERED) {
        check(EVP_DigestUpdate(hash->context, bytes, length) == 1);
        return;
    }
    memcpy(hash->gathered + hash->length, bytes, length);
    hash->length += length;
}

void canonical_hash_digest(struct canonical_hash *hash, unsigned char *digest_out)
{
    flush(hash);
    check(EVP_DigestFinal_ex(hash->context, digest_out, NULL) == 1);
}

/* Fields */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_space(char c)
{
    return is_blank(c) || c == '\r' || c == '\n';
}

/*
 * A part of a value, relaxed (RFC 6376 3.4.2): unfolded, white space within as one blank, none at the ends. `blank` and
 * `any` carry over from part to part.
 */
static void put_relaxed(struct canonical_hash *hash, struct slice part, bool *blank, bool *any)
{
    for (size_t at = 0; at < part.length;) {
        size_t end = at;
        while (end < part.length && !is_space(part.text[end]))
            end++;
        if (end > at) {
            if (*blank && *any)
                canonical_hash_put(hash, " ", 1);
            *blank = false;
            *any = true;
            canonical_hash_put(hash, part.text + at, end - at);
        }
        for (at = end; at < part.length && is_space(part.text[at]); at++)
            *blank = *blank || is_blank(part.text[at]);
    }
}

void canonical_hash_field(struct canonical_hash *hash, const struct message_field *field, bool relaxed,
                          struct slice cut)
{
    struct slice text = slice_without_line_end(field->text), value = field->value, behind = SLICE_NONE;
    bool blank = false, any = false;

    if (cut.text != NULL) {
        behind = slice_from(text, (size_t)(cut.text + cut.length - text.text));
        text = slice_first(text, (size_t)(cut.text - text.text));
        value = slice_first(value, (size_t)(cut.text - value.text));
    }
    if (!relaxed) {
        canonical_hash_put(hash, text.text, text.length);
        canonical_hash_put(hash, behind.text, behind.length);
        return;
    }
    for (size_t i = 0; i < field->name.length; i++) {
        char c = ascii_lower(field->name.text[i]);
        canonical_hash_put(hash, &c, 1);
    }
    canonical_hash_put(hash, ":", 1);
    put_relaxed(hash, value, &blank, &any);
    put_relaxed(hash, behind, &blank, &any);
}

struct slice canonical_signature_value(struct slice tags)
{
    struct slice rest = tags;
    while (rest.text != NULL) {
        struct slice tag = slice_cut(&rest, ';');
        size_t equals = slice_find(tag, '=');
        if (equals < tag.length && slice_equal(slice_trim(slice_first(tag, equals)), SLICE("b")))
            return slice_from(tag, equals + 1);
    }
    return SLICE_NONE;
}

/* Headers */

static int compare_names(struct slice a, struct slice b)
{
    for (size_t i = 0; i < a.length && i < b.length; i++) {
        int difference = ascii_lower(a.text[i]) - ascii_lower(b.text[i]);
        if (difference != 0)
            return difference;
    }
    return a.length < b.length ? -1 : a.length > b.length;
}

static int compare_fields(const void *a, const void *b)
{
    const struct message_field *one = *(const struct message_field *const *)a,
                               *other = *(const struct message_field *const *)b;
    int difference = compare_names(one->name, other->name);
    if (difference != 0)
        return difference;
    return one->offset > other->offset ? -1 : one->offset < other->offset;
}

struct canonical_header *canonical_header_new(const struct message_header *header, struct arena *arena)
{
    struct canonical_header *sorted = arena_alloc(arena, sizeof *sorted);
    *sorted = (struct canonical_header){
        .fields = arena_array(arena, header->count, sizeof *sorted->fields),
        .taken = arena_array(arena, header->count, sizeof *sorted->taken),
        .arena = arena,
    };
    for (size_t i = 0; i < header->count; i++)
        if (header->fields[i].name.length > 0)
            sorted->fields[sorted->count++] = &header->fields[i];
    if (sorted->count > 0)
        sort_items(sorted->fields, sorted->count, sizeof *sorted->fields, compare_fields);
    return sorted;
}

/* The next field of that name, from the bottom up, that the current signature does not have yet; NULL: none is left. */
static const struct message_field *take_field(struct canonical_header *header, struct slice name)
{
    size_t low = 0, high = header->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_names(header->fields[middle]->name, name) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == header->count)
        return NULL;
    size_t index = low + header->taken[low];
    if (index >= header->count || compare_names(header->fields[index]->name, name) != 0)
        return NULL;
    header->taken[low]++;
    return header->fields[index];
}

void canonical_header_digest(struct canonical_header *header, struct slice names, const struct message_field *field,
                             struct slice tags, bool relaxed, unsigned char *digest_out)
{
    struct canonical_hash *hash = canonical_hash_new(header->arena);
    struct slice rest = names;

    for (size_t i = 0; i < header->count; i++)
        header->taken[i] = 0;
    while (rest.text != NULL) {
        const struct message_field *signed_field = take_field(header, slice_trim(slice_cut(&rest, ':')));
        if (signed_field == NULL)
            continue;
        canonical_hash_field(hash, signed_field, relaxed, SLICE_NONE);
        canonical_hash_put(hash, "\r\n", 2);
    }
    canonical_hash_field(hash, field, relaxed, canonical_signature_value(tags));
    canonical_hash_digest(hash, digest_out);
}

/* Bodies */

struct canonical_body *canonical_body_new(bool relaxed, uint64_t limit, struct arena *arena)
{
    struct canonical_body *body = arena_alloc(arena, sizeof *body);
    *body = (struct canonical_body){ .relaxed = relaxed, .limit = limit, .hash = canonical_hash_new(arena) };
    return body;
}

static void put(struct canonical_body *body, const char *bytes, size_t length)
{
    uint64_t room = body->limit - body->length;
    if (length > room)
        length = (size_t)room;
    body->length += length;
    canonical_hash_put(body->hash, bytes, length);
}

/* What was held back, as something follows. */
static void catch_up(struct canonical_body *body)
{
    for (; body->line_ends > 0 && body->length < body->limit; body->line_ends--)
        put(body, "\r\n", 2);
    body->line_ends = 0;
    if (body->blank)
        put(body, " ", 1);
    body->blank = false;
    body->any = true;
}

static bool is_plain(const struct canonical_body *body, char c)
{
    return c != '\r' && !(body->relaxed && is_blank(c));
}

/* One byte that is not plain, or that follows a CR. */
static void step(struct canonical_body *body, char c)
{
    if (body->carriage_return && c == '\n') {
        body->carriage_return = body->blank = false;
        body->line_ends++;
        return;
    }
    if (body->carriage_return) {
        catch_up(body);
        put(body, "\r", 1);
    }
    body->carriage_return = c == '\r';
    if (body->relaxed && is_blank(c)) {
        body->blank = true;
    } else if (c != '\r') {
        catch_up(body);
        put(body, &c, 1);
    }
}

void canonical_body_add(struct canonical_body *body, struct slice bytes)
{
    for (size_t at = 0; at < bytes.length;) {
        size_t end = at;
        while (!body->carriage_return && end < bytes.length && is_plain(body, bytes.text[end]))
            end++;
        if (end > at) {
            catch_up(body);
            put(body, bytes.text + at, end - at);
        } else {
            step(body, bytes.text[end++]);
        }
        at = end;
    }
}

/* RFC 6376 3.4.3, 3.4.4: one line end at the end, but none for a body that relaxed makes empty. */
void canonical_body_digest(struct canonical_body *body, unsigned char *digest_out)
{
    if (body->carriage_return) {
        catch_up(body);
        put(body, "\r", 1);
    }
    if (body->any || !body->relaxed)
        put(body, "\r\n", 2);
    canonical_hash_digest(body->hash, digest_out);
}

uint64_t canonical_body_hashed(const struct canonical_body *body)
{
    return body->length;
}
