/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * poison.c: a library to preload into mxward, under which a judge dies of any message that holds POISON_MARK, as of an
 * overflow in a parser: a trap in the middle of reading. Other processes are let alone.
 */
#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/types.h>

#define POISON_MARK "X-Poison: yes"

ssize_t read(int descriptor, void *buffer, size_t size);
ssize_t __read_chk(int descriptor, void *buffer, size_t size, size_t room);

typedef ssize_t (*read_function)(int descriptor, void *buffer, size_t size);

static read_function real_read;
static bool is_judge;

__attribute__((constructor)) static void begin(int argc, char **argv)
{
    void *found = dlsym(RTLD_NEXT, "read");

    memcpy(&real_read, &found, sizeof(real_read));
    for (int i = 0; i < argc; i++)
        is_judge = is_judge || strcmp(argv[i], "judge") == 0;
}

ssize_t read(int descriptor, void *buffer, size_t size)
{
    ssize_t length = real_read(descriptor, buffer, size);

    if (is_judge && length > 0 && memmem(buffer, (size_t)length, POISON_MARK, sizeof(POISON_MARK) - 1) != NULL)
        __builtin_trap();
    return length;
}

ssize_t __read_chk(int descriptor, void *buffer, size_t size, size_t room)
{
    return read(descriptor, buffer, size < room ? size : room);
}
