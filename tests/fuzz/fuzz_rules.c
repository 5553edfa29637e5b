/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_rules.c: any bytes as a rules file. What loads must come out of its image, and out of its canonical text, the
 * same; what does not load must say why; and whatever was loaded is run. The file names lists as it likes: one file
 * exists.
 * Parsers: rules/token.c rules/parse.c rules/parse_expression.c rules/check.c rules/check_expression.c
 *    rules/check_action.c
 */
#include <stdint.h>

#include "tests/unit/rules_language.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool read_input(void *context, const char *path, struct arena *arena, struct slice *text_out,
                       struct slice *problem_out)
{
    (void)arena;
    if (strcmp(path, "input.rules") == 0)
        *text_out = *(const struct slice *)context;
    else if (strcmp(path, "list") == 0)
        *text_out = SLICE("192.0.2.1 # one\n2001:db8::/32\n");
    else
        *problem_out = SLICE("no such file");
    return text_out->text != NULL;
}

static struct program *load(struct slice text, struct arena *arena)
{
    const char *const paths[] = { "input.rules" };
    struct program_reader reader = { read_input, &text };
    struct diagnostics diagnostics;
    struct program *program;

    diagnostics_init(&diagnostics, arena);
    program = program_load(&test_language, paths, 1, &reader, arena, &diagnostics);
    if ((program == NULL) != (diagnostics.errors > 0))
        bug("a program with errors, or none without");
    if (diagnostics_text(&diagnostics, arena).length == 0 && program == NULL)
        bug("no message");
    return program;
}

static void run(const struct program *program, struct arena *arena)
{
    struct test_values values = { .score = 0 };
    struct evaluation evaluation = { .program = program, .context = &values, .arena = arena, .score = &values.score };

    for (size_t i = 0; i < TEST_FACTS; i++) {
        values.values[i] = value_in_state(test_fields[i].type, (enum value_state)(i % 4));
        values.values[i].item.text = SLICE("some text");
        values.values[i].item.address.family = 4;
    }
    for (unsigned stage = 0; stage < test_language.stages_count; stage++) {
        eval_stage(&evaluation, stage);
        evaluation.final = true;
        if (eval_stage(&evaluation, stage).pending)
            bug("pending in the last round");
        evaluation.final = false;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *arena = arena_new();
    struct program *program = load(slice_of((const char *)data, size), arena), *opened, *again;

    if (program != NULL) {
        struct slice text = program_print(program, arena), problem = SLICE_NONE;

        opened = program_open(&test_language, program_image(program, arena), arena, &problem);
        if (opened == NULL || !slice_equal(program_print(opened, arena), text))
            bug("the image is another program");
        again = load(text, arena);
        if (again == NULL || !slice_equal(program_print(again, arena), text))
            bug("the canonical text is another program");
        run(opened, arena);
    }
    arena_free(&arena);
    return 0;
}
