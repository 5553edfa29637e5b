/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge_process.c: the sandbox and its loop. Everything that touches files happens before seal(): libraries are
 * initialised, the program is opened (its patterns compiled), time zone data read. What can fail before READY is said
 * on standard error, which stays open so that a bug found later is heard of; nothing else does.
 */
#include "policy/judge_process.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/evp.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "policy/auth_dmarc.h"
#include "policy/auth_spf.h"
#include "policy/docket.h"
#include "policy/examine.h"
#include "policy/judge.h"

/*
 * The address and leak sanitizers need terabytes of address space, and at the end more system calls, files and a
 * helper process.
 */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

/* A frame and the start of the next. */
#define INPUT_SIZE ((size_t)2 * (FRAME_HEAD + FRAME_PAYLOAD_MOST))
/* Replies are sent when no frame is waiting, or when they are this many bytes. */
#define OUTPUT_ENOUGH ((size_t)256 << 10)
/*
 * Address space beyond what is mapped at the start: all hearings, libopendkim's share of them, one verdict being
 * made, fragments.
 */
#define ADDRESS_SPACE_MORE (2 * JUDGE_MEMORY_MOST + (256UL << 20))

static int complain(const char *what)
{
    fprintf(stderr, "mxward judge: %s: %s\n", what, strerror(errno));
    return 1;
}

/* The program */

struct loaded {
    void *image;
    size_t size;
    struct arena *arena;
    struct program *program;
    unsigned char hash[FRAME_PROGRAM_HASH];
};

static int load(int image_fd, struct loaded *loaded)
{
    struct stat status;
    if (fstat(image_fd, &status) != 0 || status.st_size <= 0)
        return complain("program image");
    loaded->size = (size_t)status.st_size;
    loaded->image = mmap(NULL, loaded->size, PROT_READ, MAP_SHARED, image_fd, 0);
    if (loaded->image == MAP_FAILED) {
        loaded->image = NULL;
        return complain("program image");
    }
    unsigned length = sizeof loaded->hash;
    if (EVP_Digest(loaded->image, loaded->size, loaded->hash, &length, EVP_sha256(), NULL) != 1) {
        fprintf(stderr, "mxward judge: no SHA-256\n");
        return 1;
    }
    struct slice problem = SLICE_NONE;
    loaded->arena = arena_new();
    loaded->program = program_open(&judge_language, slice_of(loaded->image, loaded->size), loaded->arena, &problem);
    if (loaded->program != NULL)
        return 0;
    fprintf(stderr, "mxward judge: program image: %.*s\n", SLICE_ARG(problem));
    return 1;
}

static void unload(struct loaded *loaded)
{
    arena_free(&loaded->arena);
    if (loaded->image != NULL)
        munmap(loaded->image, loaded->size);
}

static void prepare(void)
{
    examine_prepare();
    auth_spf_prepare();
    auth_dmarc_prepare();
    tzset();
}

/* The seal */

/* Every descriptor but standard error and the socket. */
static int close_others(int socket)
{
    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    if (socket > STDERR_FILENO + 1 && close_range(STDERR_FILENO + 1, (unsigned)socket - 1, 0) != 0)
        return -1;
    return close_range((unsigned)socket + 1, ~0U, 0);
}

static int limit(__rlimit_resource_t resource, rlim_t most)
{
    struct rlimit both = { most, most };
    return setrlimit(resource, &both);
}

/* Bytes of address space in use: the first number of statm, in pages; 0 when it cannot be read. */
static rlim_t address_space(void)
{
    char text[128] = "";
    int file = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    ssize_t length = file < 0 ? -1 : read(file, text, sizeof text - 1);
    if (file >= 0)
        close(file);
    return length <= 0 ? 0 : (rlim_t)strtoul(text, NULL, 10) * (rlim_t)sysconf(_SC_PAGESIZE);
}

static int set_limits(void)
{
    if (SANITIZED)
        return limit(RLIMIT_CORE, 0);
    rlim_t now = address_space();
    if (now > 0 && limit(RLIMIT_AS, now + ADDRESS_SPACE_MORE) != 0)
        return -1;
    return limit(RLIMIT_NOFILE, 0) != 0 || limit(RLIMIT_FSIZE, 0) != 0 || limit(RLIMIT_CORE, 0) != 0 ? -1 : 0;
}

#if SANITIZED
/*
 * The sanitizers' reports and their search for leaks open files and start a helper: only the worst is forbidden.
 * Never in a build for use.
 */
#define OTHERWISE SCMP_ACT_ALLOW

static int add_rules(scmp_filter_ctx filter, int socket)
{
    static const int calls[] = {
        SCMP_SYS(socket), SCMP_SYS(connect), SCMP_SYS(bind), SCMP_SYS(sendmsg), SCMP_SYS(execve), SCMP_SYS(execveat),
    };
    int failed = 0;
    (void)socket;
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
        failed |= seccomp_rule_add(filter, SCMP_ACT_KILL_PROCESS, calls[i], 0);
    return failed;
}
#else
#define OTHERWISE SCMP_ACT_KILL_PROCESS

/*
 * What frames, memory and the end of the process need: eleven calls, none of which opens, maps or starts anything
 * that runs.
 */
static int add_rules(scmp_filter_ctx filter, int socket)
{
    const struct scmp_arg_cmp from_socket = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)socket, 0);
    const struct scmp_arg_cmp to_stderr = SCMP_A0(SCMP_CMP_EQ, STDERR_FILENO, 0);
    const struct scmp_arg_cmp not_executable = SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0);
    static const int plain[] = {
        SCMP_SYS(munmap), SCMP_SYS(mremap), SCMP_SYS(brk), SCMP_SYS(madvise), SCMP_SYS(futex), SCMP_SYS(getpid),
        SCMP_SYS(rt_sigreturn), SCMP_SYS(exit_group),
    };
    int failed = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(read), 1, from_socket);
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, from_socket);
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, to_stderr);
    failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1, not_executable);
    for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++)
        failed |= seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain[i], 0);
    return failed;
}
#endif

static int give_up_system_calls(int socket)
{
    scmp_filter_ctx filter = seccomp_init(OTHERWISE);
    if (filter == NULL)
        return -1;
    int failed = add_rules(filter, socket);
    if (failed == 0)
        failed = seccomp_load(filter);
    seccomp_release(filter);
    errno = failed < 0 ? -failed : 0;
    return failed;
}

static int seal(int socket)
{
    /* The end comes with the end of the socket: a worker that drains still needs its judge. */
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    if (set_limits() != 0)
        return complain("resource limits");
    if (close_others(socket) != 0)
        return complain("closing descriptors");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return complain("PR_SET_NO_NEW_PRIVS");
    if (give_up_system_calls(socket) != 0)
        return complain("seccomp");
    return 0;
}

/* The loop */

struct service {
    int socket;
    struct docket *docket;
    struct frame_assembly assembly;
    struct wire_writer out;
    char *input;
    size_t filled;
};

static bool flush(struct service *service)
{
    struct slice rest = wire_written(&service->out);
    while (rest.length > 0) {
        ssize_t written = write(service->socket, rest.text, rest.length);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return false;
        rest = slice_from(rest, (size_t)written);
    }
    wire_writer_reset(&service->out);
    return true;
}

static bool refuse(struct service *service, const char *reason)
{
    frame_put_refused(&service->out, 0, reason);
    return false;
}

static bool take_frame(struct service *service, const struct frame *frame)
{
    struct frame whole;
    switch (frame_assemble(&service->assembly, frame, &whole)) {
    case FRAME_PARTIAL:
        return true;
    case FRAME_BROKEN:
        return refuse(service, "an object broken off, or too large");
    case FRAME_WHOLE:
        return docket_take(service->docket, &whole, &service->out);
    }
    bug("frame_assemble result");
}

/* All whole frames of the input; what is left of it moves to the front. False: refused. */
static bool take_input(struct service *service)
{
    struct slice rest = slice_of(service->input, service->filled);
    for (;;) {
        struct frame frame;
        size_t consumed;
        enum frame_parse parsed = frame_parse(rest, &frame, &consumed);
        if (parsed == FRAME_BAD)
            return refuse(service, "not a frame");
        if (parsed == FRAME_INCOMPLETE)
            break;
        if (!take_frame(service, &frame))
            return false;
        rest = slice_from(rest, consumed);
        if (service->out.length >= OUTPUT_ENOUGH && !flush(service))
            return false;
    }
    memmove(service->input, rest.text, rest.length);
    service->filled = rest.length;
    return true;
}

/* Until the other end closes, or breaks the protocol (false). */
static bool serve(struct service *service)
{
    while (flush(service)) {
        ssize_t length = read(service->socket, service->input + service->filled, INPUT_SIZE - service->filled);
        if (length < 0 && errno == EINTR)
            continue;
        if (length <= 0)
            return true;
        service->filled += (size_t)length;
        if (!take_input(service)) {
            flush(service);
            return false;
        }
    }
    return true;
}

int judge_process_run(int socket, int image_fd)
{
    struct loaded loaded = { 0 };
    prepare();
    if (load(image_fd, &loaded) != 0 || seal(socket) != 0) {
        unload(&loaded);
        return 1;
    }
    struct service service = { .socket = socket,
                               .docket = docket_new(loaded.program),
                               .input = memory_alloc(INPUT_SIZE) };
    wire_writer_init(&service.out, 2 * (size_t)FRAME_OBJECT_MOST);
    frame_put_ready(&service.out, loaded.hash);
    bool kept = serve(&service);
    frame_assembly_clear(&service.assembly);
    wire_writer_clear(&service.out);
    docket_free(&service.docket);
    free(service.input);
    unload(&loaded);
    return kept ? 0 : 2;
}
