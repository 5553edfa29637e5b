/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process.c: fork and execveat. Between the two the child makes system calls only: nothing there may take a
 * lock that the parent held.
 */
#include "proxy/process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "rules/arena.h"

/* The first descriptor handed over. */
#define FIRST_DESCRIPTOR 3
#define EXEC_FAILED 127

extern char **environ;

int process_open_binary(void)
{
    return open("/proc/self/exe", O_PATH | O_CLOEXEC);
}

/* Puts the descriptors in place by way of high numbers, so that none is overwritten before it is moved. */
static bool place_descriptors(const int *descriptors, size_t count, int *binary)
{
    int high[PROCESS_DESCRIPTORS_MOST];
    int floor = FIRST_DESCRIPTOR + PROCESS_DESCRIPTORS_MOST;

    *binary = fcntl(*binary, F_DUPFD_CLOEXEC, floor);
    if (*binary < 0)
        return false;
    for (size_t i = 0; i < count; i++) {
        high[i] = fcntl(descriptors[i], F_DUPFD_CLOEXEC, floor);
        if (high[i] < 0)
            return false;
    }
    for (size_t i = 0; i < count; i++)
        if (dup2(high[i], FIRST_DESCRIPTOR + (int)i) < 0)
            return false;
    return close_range(FIRST_DESCRIPTOR + (unsigned)count, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

static void reset_signals(void)
{
    sigset_t none;

    for (int signal_number = 1; signal_number < SIGRTMAX; signal_number++)
        signal(signal_number, signal_number == SIGPIPE ? SIG_IGN : SIG_DFL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* What a terminal or a service manager sends to all of a group is for the master, which tells the others what to do. */
static void ignore_signals(void)
{
    static const int ignored[] = { SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2 };

    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        signal(ignored[i], SIG_IGN);
}

_Noreturn static void run_child(int binary, const char *role, enum process_bond bond, pid_t parent,
                                const int *descriptors, size_t count)
{
    char program[] = "mxward";
    char argument[32];
    char *const arguments[] = { program, argument, NULL };

    snprintf(argument, sizeof(argument), "%s", role);
    reset_signals();
    ignore_signals();
    /* A parent that died before the prctl() cannot be noticed by it. */
    if (bond == PROCESS_DIES_WITH_PARENT && (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0 || getppid() != parent))
        _exit(EXEC_FAILED);
    if (place_descriptors(descriptors, count, &binary))
        execveat(binary, "", arguments, environ, AT_EMPTY_PATH);
    _exit(EXEC_FAILED);
}

pid_t process_start(int binary, const char *role, enum process_bond bond, const int *descriptors, size_t count)
{
    pid_t parent = getpid();
    pid_t process;

    if (count > PROCESS_DESCRIPTORS_MOST)
        bug("process_start: too many descriptors");
    process = fork();
    if (process == 0)
        run_child(binary, role, bond, parent, descriptors, count);
    return process;
}

void process_kill(pid_t process)
{
    if (process <= 0)
        return;
    kill(process, SIGKILL);
    while (waitpid(process, NULL, 0) < 0 && errno == EINTR)
        ;
}

const char *process_end_text(int status)
{
    static char text[80];

    if (WIFSIGNALED(status))
        snprintf(text, sizeof(text), "signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(text, sizeof(text), "exit status %d", WEXITSTATUS(status));
    return text;
}

/*
 * A descriptor 0, 1 or 2 that is missing would be given to the next file opened, and output meant for people would
 * go there.
 */
static bool open_standard_descriptors(void)
{
    for (int descriptor = STDIN_FILENO; descriptor <= STDERR_FILENO; descriptor++)
        if (fcntl(descriptor, F_GETFD) < 0 && open("/dev/null", O_RDWR) != descriptor)
            return false;
    return true;
}

bool process_begin(bool by_people)
{
    if (by_people)
        reset_signals();
    umask(S_IRWXG | S_IRWXO);
    return open_standard_descriptors();
}

static bool write_all(int descriptor, const char *bytes, size_t length)
{
    while (length > 0) {
        ssize_t written = write(descriptor, bytes, length);

        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes += written;
        length -= (size_t)written;
    }
    return true;
}

int process_sealed_memory(const char *name, const void *bytes, size_t length)
{
    int descriptor = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (descriptor < 0)
        return -1;
    if (!write_all(descriptor, bytes, length) ||
        fcntl(descriptor, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0) {
        int saved = errno;

        close(descriptor);
        errno = saved;
        return -1;
    }
    return descriptor;
}
