/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * process.h: starts another process of this same binary, by exec through a descriptor of it, so that a binary
 * replaced on disk cannot mix versions. The new process has standard input, output and error of this one, the
 * given descriptors from 3 on, and nothing else; default signal dispositions but for SIGPIPE and what ends or
 * reloads a service, which are ignored (only the master listens to these; the keeper takes SIGUSR1), and no
 * blocked signal.
 */
#ifndef MXWARD_PROXY_PROCESS_H
#define MXWARD_PROXY_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define PROCESS_DESCRIPTORS_MOST 8

/* An O_PATH descriptor of the running binary, close-on-exec; -1 with errno. */
int process_open_binary(void);
/* What becomes of it when this process dies, however it dies. */
enum process_bond {
    PROCESS_DIES_WITH_PARENT,      /* killed by the kernel: judges, probes */
    PROCESS_OUTLIVES_PARENT,       /* ends by itself when its sockets do: workers,
        which first finish their transactions; the keeper, which
                                      first writes what it has */
};

/*
 * `mxward ROLE`; descriptors[i] becomes 3 + i there and stays open here. The process or -1 with errno; when the
 * exec itself fails the process exits with 127 at once.
 */
pid_t process_start(int binary, const char *role, enum process_bond bond, const int *descriptors, size_t count);
/* SIGKILL and wait for its end (short: nothing of ours can be stuck in the kernel). */
void process_kill(pid_t process);
/* "exit status 1", "signal 9 (Killed)": of a wait status, for logs; one static buffer. */
const char *process_end_text(int status);
/*
 * At the start of every process: descriptors 0-2 open, umask 077; `by_people`: signals as by default but
 * SIGPIPE, whoever called. False with errno.
 */
bool process_begin(bool by_people);
/* A sealed (F_SEAL_WRITE, _GROW, _SHRINK, _SEAL) memory file with these bytes; -1 with errno. */
int process_sealed_memory(const char *name, const void *bytes, size_t length);

#endif
