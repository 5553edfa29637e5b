/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judgeclock.c: a library to preload beside another: judges are started without any. faketime reads a file whenever it
 * is asked for the time, and a judge that opens a file is killed.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int execveat(int directory, const char *path, char *const arguments[], char *const environment[], int flags)
{
    int (*real)(int, const char *, char *const[], char *const[], int) = dlsym(RTLD_NEXT, "execveat");

    if (arguments[0] != NULL && arguments[1] != NULL && strcmp(arguments[1], "judge") == 0)
        unsetenv("LD_PRELOAD");
    /* What unsetenv() changed. */
    (void)environment;
    return real(directory, path, arguments, environ, flags);
}
