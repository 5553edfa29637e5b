/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * image.c: a program as one run of bytes without pointers, for other processes on this machine: a header, a row for
 * each file of rules and each list, then their texts and tables, each at a multiple of eight. Rules are parsed and
 * checked again from their text, which is quick and keeps the image plain; lists are used where they lie. The one who
 * made the image is trusted, and still no offset is used before it was compared with the image's end.
 */
#include "rules/program_parts.h"

#include "rules/check.h"
#include "rules/parse.h"

#define IMAGE_MAGIC "mxwrules"
/* Counts up with every change of this format, of a table's, or of the language. */
#define IMAGE_VERSION 2
/* Where a file lay is no part of what it says: an image, and so its hash, is the same wherever the rules were read. */
#define IMAGE_FILE_NAME "rules"

struct image_header {
    char magic[8];
    uint32_t version;
    uint32_t files;
    uint32_t lists;
    uint32_t zero;
    uint64_t size;
};

struct image_range {
    uint64_t offset;
    uint64_t length;
};

/* A file has its text as contents, a list its table. */
struct image_row {
    struct image_range name;
    struct image_range contents;
    uint64_t kind;                     /* of a list */
};

static size_t aligned(size_t offset)
{
    return (offset + 7) / 8 * 8;
}

struct writer {
    char *memory;                      /* NULL: only counts */
    size_t used;
};

static struct image_range put(struct writer *writer, struct slice bytes)
{
    struct image_range range = { writer->used, bytes.length };

    if (writer->memory != NULL && bytes.length > 0)
        memcpy(writer->memory + writer->used, bytes.text, bytes.length);
    writer->used = aligned(writer->used + bytes.length);
    return range;
}

static void put_row(struct writer *writer, size_t index, struct slice name, struct slice contents, enum list_kind kind)
{
    struct image_row row = { put(writer, name), put(writer, contents), kind };

    if (writer->memory != NULL)
        memcpy(writer->memory + sizeof(struct image_header) + index * sizeof(row), &row, sizeof(row));
}

static void write_image(const struct program *program, struct writer *writer)
{
    size_t index = 0;

    writer->used = sizeof(struct image_header) +
                   (program->sources_count + program->lists_count) * sizeof(struct image_row);
    for (size_t i = 0; i < program->sources_count; i++)
        put_row(writer, index++, SLICE(IMAGE_FILE_NAME), program->sources[i].text, 0);
    for (const struct named_list *list = program->lists; list != NULL; list = list->next)
        put_row(writer, index++, list->name, list_table(list->list), list->kind);
}

struct slice program_image(const struct program *program, struct arena *arena)
{
    struct writer writer = { NULL, 0 };
    struct image_header header = { .version = IMAGE_VERSION };

    write_image(program, &writer);
    header.size = writer.used;
    header.files = (uint32_t)program->sources_count;
    header.lists = (uint32_t)program->lists_count;
    memcpy(header.magic, IMAGE_MAGIC, sizeof(header.magic));
    writer.memory = arena_alloc(arena, writer.used);
    memcpy(writer.memory, &header, sizeof(header));
    write_image(program, &writer);
    return slice_of(writer.memory, writer.used);
}

struct opener {
    struct slice image;
    struct image_header header;
    struct arena *arena;
    struct diagnostics *diagnostics;
    size_t lists_taken;
};

static struct image_row row_at(const struct opener *opener, size_t index)
{
    struct image_row row;

    memcpy(&row, opener->image.text + sizeof(struct image_header) + index * sizeof(row), sizeof(row));
    return row;
}

static struct slice range_of(const struct opener *opener, struct image_range range)
{
    return slice_of(opener->image.text + range.offset, range.length);
}

static bool range_fits(const struct opener *opener, struct image_range range)
{
    return range.offset <= opener->image.length && range.length <= opener->image.length - range.offset;
}

/* NULL, or what is wrong with the header or a row. */
static const char *check_image(struct opener *opener)
{
    struct image_header *header = &opener->header;
    size_t rows;

    if (opener->image.length < sizeof(*header))
        return "the image is too short";
    memcpy(header, opener->image.text, sizeof(*header));
    if (memcmp(header->magic, IMAGE_MAGIC, sizeof(header->magic)) != 0)
        return "this is no image of rules";
    if (header->version != IMAGE_VERSION)
        return "the image is of another version";
    if (header->size != opener->image.length)
        return "the image is not as long as it says";
    if (header->files > PROGRAM_FILES_MOST || header->lists > PROGRAM_LISTS_MOST)
        return "the image has too many files or lists";
    rows = (size_t)header->files + header->lists;
    if (rows * sizeof(struct image_row) > opener->image.length - sizeof(*header))
        return "the image ends within its rows";
    for (size_t i = 0; i < rows; i++) {
        struct image_row row = row_at(opener, i);

        if (!range_fits(opener, row.name) || !range_fits(opener, row.contents))
            return "an offset in the image is wrong";
    }
    return NULL;
}

/* The image has the lists in the order in which the rules name them. */
static const struct list *take_list(void *context, const struct ast_file *file, const struct ast_list *tree,
                                    enum list_kind kind)
{
    struct opener *opener = context;
    struct image_row row;
    struct slice problem = SLICE("the image has another list in its place");
    const struct list *list = NULL;

    (void)file;
    if (opener->lists_taken < opener->header.lists) {
        row = row_at(opener, opener->header.files + opener->lists_taken++);
        if (row.kind == (uint64_t)kind && slice_equal(range_of(opener, row.name), tree->name.text))
            list = list_open(kind, range_of(opener, row.contents), true, opener->arena, &problem);
    }
    if (list == NULL)
        diag_error(opener->diagnostics, tree->name.span, "%.*s", SLICE_ARG(problem));
    return list;
}

static struct program *open_rows(struct opener *opener, const struct language *language)
{
    struct program *program = arena_alloc(opener->arena, sizeof(*program));
    struct ast_file **files = arena_array(opener->arena, opener->header.files, sizeof(struct ast_file *));
    struct checker checker = {
        .program = program, .arena = opener->arena, .diagnostics = opener->diagnostics, .lists = { take_list, opener },
        .jit = true,
    };

    program->language = language;
    program->arena = opener->arena;
    program->sources_count = opener->header.files;
    program->sources = arena_array(opener->arena, program->sources_count, sizeof(*program->sources));
    for (size_t i = 0; i < program->sources_count; i++) {
        struct image_row row = row_at(opener, i);

        program->sources[i].name = arena_string(opener->arena, range_of(opener, row.name));
        program->sources[i].text = range_of(opener, row.contents);
        program->sources[i].order = i + 1;
        files[i] = parse_file(&program->sources[i], opener->arena, opener->diagnostics);
    }
    check_program(&checker, files, program->sources_count);
    return opener->diagnostics->errors == 0 ? program : NULL;
}

struct program *program_open(const struct language *language, struct slice image, struct arena *arena,
                             struct slice *problem_out)
{
    struct diagnostics diagnostics;
    struct opener opener = { .image = image, .arena = arena, .diagnostics = &diagnostics };
    const char *problem = check_image(&opener);
    struct program *program;

    if (problem != NULL) {
        *problem_out = slice_of_string(problem);
        return NULL;
    }
    diagnostics_init(&diagnostics, arena);
    program = open_rows(&opener, language);
    if (program == NULL)
        *problem_out = diagnostics_text(&diagnostics, arena);
    return program;
}
