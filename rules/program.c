/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program.c: files to a program, and what others ask of one. Reading files is the caller's; here paths are joined,
 * files parsed, lists read, and all of it checked together. A program is never changed once program_load() returned
 * it.
 */
#include "rules/program_parts.h"

#include "rules/check.h"
#include "rules/parse.h"

/* Lists' files come after the rules' files in messages. */
#define LIST_SOURCE_ORDER (PROGRAM_FILES_MOST + 1)

struct loader {
    const struct program_reader *reader;
    struct arena *arena;
    struct diagnostics *diagnostics;
    size_t list_files;
};

static const struct span nowhere = { NULL, 0, 0 };

/* Relative to the folder of the file that names it. */
static const char *path_beside(struct loader *loader, const char *file, struct slice path)
{
    const char *slash = strrchr(file, '/');

    if (slash == NULL || slice_starts_with(path, SLICE("/")))
        return arena_string(loader->arena, path);
    return arena_printf(loader->arena, "%.*s/%.*s", (int)(slash - file), file, SLICE_ARG(path)).text;
}

static void add_list_file(struct loader *loader, struct list_builder *builder, const struct ast_file *file,
                          const struct ast_name *path)
{
    struct source *source = arena_alloc(loader->arena, sizeof(*source));
    struct slice problem = SLICE_NONE;

    source->name = path_beside(loader, file->source->name, path->text);
    source->order = LIST_SOURCE_ORDER + loader->list_files++;
    if (loader->reader->read(loader->reader->context, source->name, loader->arena, &source->text, &problem))
        list_builder_add_file(builder, source, loader->arena, loader->diagnostics);
    else
        diag_error(loader->diagnostics, path->span, "cannot read \"%s\": %.*s", source->name, SLICE_ARG(problem));
}

static void add_entries(struct loader *loader, struct list_builder *builder, const struct ast_literal *entries)
{
    for (; entries != NULL; entries = entries->next) {
        struct slice problem;

        if (!list_builder_add(builder, entries->token.text, loader->arena, &problem))
            diag_error(loader->diagnostics, entries->token.span, "%.*s", SLICE_ARG(problem));
    }
}

static const struct list *load_list(void *context, const struct ast_file *file, const struct ast_list *tree,
                                    enum list_kind kind)
{
    struct loader *loader = context;
    struct list_builder *builder = list_builder_new(kind);
    size_t errors = loader->diagnostics->errors;
    struct slice table, problem;
    const struct list *list;

    if (tree->path.text.text != NULL)
        add_list_file(loader, builder, file, &tree->path);
    else
        add_entries(loader, builder, tree->entries);
    table = list_builder_finish(&builder, loader->arena);
    list = list_open(kind, table, false, loader->arena, &problem);
    if (list == NULL && loader->diagnostics->errors == errors)
        bug("a list just made is damaged");
    return list;
}

static bool read_source(struct loader *loader, const char *path, struct source *source)
{
    struct slice problem = SLICE_NONE;

    source->name = memcpy(arena_alloc(loader->arena, strlen(path) + 1), path, strlen(path));
    if (loader->reader->read(loader->reader->context, path, loader->arena, &source->text, &problem))
        return true;
    diag_error(loader->diagnostics, nowhere, "cannot read the rules \"%s\": %.*s", path, SLICE_ARG(problem));
    return false;
}

struct program *program_load(const struct language *language, const char *const *paths, size_t paths_count,
                             const struct program_reader *reader, struct arena *arena, struct diagnostics *diagnostics)
{
    struct loader loader = { reader, arena, diagnostics, 0 };
    struct program *program = arena_alloc(arena, sizeof(*program));
    struct ast_file **files = arena_array(arena, paths_count, sizeof(struct ast_file *));
    size_t errors = diagnostics->errors, files_count = 0;
    struct checker checker = {
        .program = program, .arena = arena, .diagnostics = diagnostics, .lists = { load_list, &loader },
    };

    if (paths_count > PROGRAM_FILES_MOST) {
        diag_error(diagnostics, nowhere, "more than %d files of rules", PROGRAM_FILES_MOST);
        return NULL;
    }
    program->language = language;
    program->arena = arena;
    program->sources = arena_array(arena, paths_count, sizeof(*program->sources));
    program->sources_count = paths_count;
    for (size_t i = 0; i < paths_count; i++) {
        program->sources[i].order = i + 1;
        if (read_source(&loader, paths[i], &program->sources[i]))
            files[files_count++] = parse_file(&program->sources[i], arena, diagnostics);
    }
    check_program(&checker, files, files_count);
    return diagnostics->errors == errors ? program : NULL;
}

bool program_has_stage(const struct program *program, unsigned stage)
{
    return stage < program->language->stages_count && program->stage_rules[stage][0] != NULL;
}

static bool name_fits(const struct field *field, struct slice wanted)
{
    struct slice name = slice_of_string(field->name);

    return slice_starts_with(name, wanted) && (name.length == wanted.length || name.text[wanted.length] == '.');
}

bool program_stage_reads(const struct program *program, unsigned stage, const char *name)
{
    struct slice wanted = slice_of_string(name);

    if (stage >= program->language->stages_count)
        return false;
    for (struct rule **rule = program->stage_rules[stage]; *rule != NULL; rule++)
        for (const struct fact_read *read = (*rule)->reads; read != NULL; read = read->next)
            if (name_fits(read->field, wanted))
                return true;
    return false;
}

static const char *name_at(const char **names, size_t index)
{
    for (size_t i = 0; names != NULL && names[i] != NULL; i++)
        if (i == index)
            return names[i];
    return NULL;
}

const char *program_added_field(const struct program *program, size_t index)
{
    return name_at(program->added_fields, index);
}

const char *program_read_header(const struct program *program, size_t index)
{
    return name_at(program->read_headers, index);
}

const struct list *program_domains(const struct program *program, const char *name)
{
    const struct named_list *list = program->lists;

    while (list != NULL && !slice_equal(list->name, slice_of_string(name)))
        list = list->next;
    return list != NULL && list->kind == LIST_DOMAIN ? list->list : NULL;
}

size_t program_rules_count(const struct program *program)
{
    return program->rules_count;
}

bool program_uses_jit(const struct program *program)
{
    return program->jit;
}

const char *program_unknown_note(const struct program *program, size_t index)
{
    for (size_t i = 0; i < program->rules_count; i++) {
        const struct rule *rule = program->rules[i];
        const struct action *other = rule->on_unknown;
        struct slice then = SLICE("does not match (on-unknown pass)");

        if (rule->may_turn == NULL || index-- > 0)
            continue;
        if (other != NULL)
            then = arena_printf(program->arena, "%s %u", other->name, other->reply_code);
        return arena_printf(program->arena, "%.*s at %s: %s; while unknown: %.*s%s", SLICE_ARG(rule->name),
                            program->language->stages[rule->stage], rule->may_turn->name, SLICE_ARG(then),
                            rule->shadow ? " (shadow: only recorded)" : "").text;
    }
    return NULL;
}
