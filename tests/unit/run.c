/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * run.c: runs every unit test suite and prints one line a test. `run NAME...` runs only those, `run --list` names
 * them. CK_FORK=no keeps the tests in this process, for a debugger. Exit status 1 when a test failed.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <check.h>

/* Made by the makefile from its list of tests: one SUITE(name) a line. */
#define SUITE(name) Suite *suite_##name(void);
#include "tests/unit/suites.inc"
#undef SUITE

struct entry {
    const char *name;
    Suite *(*make)(void);
};

static const struct entry entries[] = {
#define SUITE(name) { #name, suite_##name },
#include "tests/unit/suites.inc"
#undef SUITE
    { NULL, NULL },
};

static bool is_wanted(const char *name, int argc, char **argv)
{
    for (int i = 1; i < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return true;
    return argc <= 1;
}

static int list(void)
{
    for (const struct entry *entry = entries; entry->name != NULL; entry++)
        puts(entry->name);
    return EXIT_SUCCESS;
}

int main(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0)
        return list();

    SRunner *runner = srunner_create(NULL);
    bool any = false;

    for (const struct entry *entry = entries; entry->name != NULL; entry++) {
        if (is_wanted(entry->name, argc, argv)) {
            srunner_add_suite(runner, entry->make());
            any = true;
        }
    }
    if (!any) {
        fprintf(stderr, "run: no such suite\n");
        return 2;
    }
    srunner_run_all(runner, CK_ENV);

    int run = srunner_ntests_run(runner);
    int failed = srunner_ntests_failed(runner);

    srunner_free(runner);
    printf("%d passed, %d failed\n", run - failed, failed);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
