/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hex.h: for the programs that answer a line for a line, *_case.c: texts in hexadecimal ("-" is empty), and the end of
 * a program that was spoken to wrongly.
 */
#ifndef MXWARD_TESTS_SUPPORT_HEX_H
#define MXWARD_TESTS_SUPPORT_HEX_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "rules/arena.h"
#include "rules/slice.h"

static inline _Noreturn void die(const char *what)
{
    fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
    exit(2);
}

static inline int hex_digit(char c)
{
    const char *digits = "0123456789abcdef";
    const char *found = c == 0 ? NULL : strchr(digits, c);

    if (found == NULL)
        die("not hexadecimal");
    return (int)(found - digits);
}

static inline struct slice unhex(struct slice word, struct arena *arena)
{
    size_t length = word.length / 2;
    char *text;

    if (word.text == NULL)
        die("a word is missing");
    if (slice_equal(word, SLICE("-")))
        return SLICE("");
    text = arena_alloc(arena, length + 1);
    for (size_t i = 0; i < length; i++)
        text[i] = (char)(hex_digit(word.text[2 * i]) * 16 + hex_digit(word.text[2 * i + 1]));
    return slice_of(text, length);
}

static inline void print_hex(struct slice text)
{
    if (text.length == 0)
        putchar('-');
    for (size_t i = 0; i < text.length; i++)
        printf("%02x", (unsigned char)text.text[i]);
}

/* One more word of a line. */
static inline void print_word(struct slice text)
{
    putchar(' ');
    print_hex(text);
}

#endif
