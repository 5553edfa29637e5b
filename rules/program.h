/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * program.h: rules, checked and ready to run. Immutable once loaded. The way of a rules file:
 *
 *     text --token--> tokens --parse--> ast --check--> program --image--> sealed memory --program_open--> program
 *
 * The master (and `mxward check`) loads files with program_load(); every error of all files is in the diagnostics.
 * program_image() packs the checked program for other processes: the rules' text and every list as a sorted table.
 * program_open() makes a program of an image without any file; lists are used in place, so the image must outlive the
 * program and is shared by all who map it. An image is trusted (the master made it) but still bounds-checked.
 */
#ifndef MXWARD_RULES_PROGRAM_H
#define MXWARD_RULES_PROGRAM_H

#include "rules/diag.h"
#include "rules/field.h"

struct program;

/* Reads a file named in a rules file or on the command line. On failure returns false and says why in `problem_out`. */
struct program_reader {
    bool (*read)(void *context, const char *path, struct arena *arena, struct slice *text_out,
                 struct slice *problem_out);
    void *context;
};

/*
 * Loads the files in order as one program (names are unique over all). Paths of lists are relative to the file that
 * names them. Returns NULL when there is any error. The program lives in `arena`.
 */
struct program *program_load(const struct language *language, const char *const *paths, size_t paths_count,
                             const struct program_reader *reader, struct arena *arena, struct diagnostics *diagnostics);

/* The image, in `arena`: of what the files say, not of where they lay. Its SHA-256 names the program in records. */
struct slice program_image(const struct program *program, struct arena *arena);
/* NULL when the image is damaged or of another version; `problem_out` says what. */
struct program *program_open(const struct language *language, struct slice image, struct arena *arena,
                             struct slice *problem_out);

/*
 * Whether all patterns run as machine code. Only program_open() makes that, and not where memory that is written and
 * run is refused; then they are interpreted, with the same results.
 */
bool program_uses_jit(const struct program *program);

/* Whether any rule runs at the stage. */
bool program_has_stage(const struct program *program, unsigned stage);
/* Whether any rule of the stage reads a fact of that name (prefix up to a dot counts: "spf" finds "spf.result"). */
bool program_stage_reads(const struct program *program, unsigned stage, const char *name);
/* Header fields that `tag` can add, each once; and those that header["..."] reads. `index` from 0; NULL ends. */
const char *program_added_field(const struct program *program, size_t index);
const char *program_read_header(const struct program *program, size_t index);
/* The list of domains of that name, NULL when there is none. */
const struct list *program_domains(const struct program *program, const char *name);
/* Canonical text: parsing it again gives the same text. */
struct slice program_print(const struct program *program, struct arena *arena);
size_t program_rules_count(const struct program *program);
/* For `mxward check`: one line a rule that rejects, saying what it does while unknown. NULL ends. */
const char *program_unknown_note(const struct program *program, size_t index);

#endif
