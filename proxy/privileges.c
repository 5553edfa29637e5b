/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * privileges.c: a master started as root holds its ports and then becomes another user with its groups, without
 * a way back; one started by systemd had CAP_NET_BIND_SERVICE and needs it no more. After it nothing this
 * process or its children do has more rights than that user.
 */
#include "proxy/privileges.h"

#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* libunbound's sockets at once, UDP and TCP: the resolver asks for no more (resolver_unbound.c). */
#define DNS_DESCRIPTORS 4160
#define OTHER_DESCRIPTORS 128
/* A message becomes a file when it is larger than this in memory (spool.h). */
#define SPOOL_FILE_LEAST (UINT64_C(256) << 10)

static bool fail(struct arena *arena, struct slice *problem_out, const char *what)
{
    *problem_out = arena_printf(arena, "%s: %s", what, strerror(errno));
    return false;
}

/* The folder of a file, or NULL when it has none to speak of. */
static const char *folder_of(const char *path, struct arena *arena)
{
    const char *slash = strrchr(path, '/');

    return slash == NULL || slash == path ? NULL : arena_string(arena, slice_of(path, (size_t)(slash - path)));
}

/* Made if missing, for the user; what is there stays as it is. */
static bool make_directory(const char *path, mode_t mode, const struct passwd *user, struct arena *arena,
                           struct slice *problem_out)
{
    if (mkdir(path, S_IRWXU) != 0) {
        if (errno == EEXIST)
            return true;
        *problem_out = arena_printf(arena, "cannot make the directory %s: %s", path, strerror(errno));
        return false;
    }
    if (chown(path, user->pw_uid, user->pw_gid) != 0 || chmod(path, mode) != 0) {
        *problem_out =
            arena_printf(arena, "cannot give the directory %s to %s: %s", path, user->pw_name, strerror(errno));
        return false;
    }
    return true;
}

static bool make_directories(const struct config *config, const struct passwd *user, struct arena *arena,
                             struct slice *problem_out)
{
    const char *records = config->record_target == RECORD_FILE ? folder_of(config->record_file, arena) : NULL;

    return make_directory(config->runtime_directory, 0755, user, arena, problem_out) &&
           make_directory(config->spool_directory, 0700, user, arena, problem_out) &&
           (records == NULL || make_directory(records, 0750, user, arena, problem_out));
}

static const struct passwd *find_user(const struct config *config, struct arena *arena, struct slice *problem_out)
{
    const struct passwd *user;

    errno = 0;
    user = getpwnam(config->user);
    if (user == NULL) {
        *problem_out = arena_printf(arena,
                                    "there is no user \"%s\" to become: make it (systemd-sysusers, or useradd "
                                    "--system %s), or name another with the setting \"user\"",
                                    config->user, config->user);
        return NULL;
    }
    if (user->pw_uid == 0) {
        *problem_out = arena_printf(arena,
                                    "the user \"%s\" is root, which mxward never runs as: name another with the "
                                    "setting \"user\"",
                                    config->user);
        return NULL;
    }
    return user;
}

static bool become(const struct passwd *user, struct arena *arena, struct slice *problem_out)
{
    if (initgroups(user->pw_name, user->pw_gid) != 0)
        return fail(arena, problem_out, "cannot take the groups of the user");
    if (setresgid(user->pw_gid, user->pw_gid, user->pw_gid) != 0 ||
        setresuid(user->pw_uid, user->pw_uid, user->pw_uid) != 0)
        return fail(arena, problem_out, "cannot become the user");
    if (setuid(0) == 0 || geteuid() != user->pw_uid || getegid() != user->pw_gid) {
        *problem_out = SLICE("the way back to root is open");
        return false;
    }
    return true;
}

static bool drop_capabilities(struct arena *arena, struct slice *problem_out)
{
    struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = { { 0 } };

    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) != 0 || syscall(SYS_capset, &head, none) != 0)
        return fail(arena, problem_out, "cannot give up capabilities");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return fail(arena, problem_out, "cannot give up new privileges");
    return true;
}

bool privileges_drop(const struct config *config, struct arena *arena, struct slice *problem_out)
{
    if (geteuid() == 0 || getuid() == 0) {
        const struct passwd *user = find_user(config, arena, problem_out);

        if (user == NULL || !make_directories(config, user, arena, problem_out) || !become(user, arena, problem_out))
            return false;
    }
    return drop_capabilities(arena, problem_out);
}

bool privileges_become_user(const struct config *config, struct arena *arena, struct slice *problem_out)
{
    const struct passwd *user;

    if (geteuid() != 0)
        return true;
    user = find_user(config, arena, problem_out);
    return user != NULL && become(user, arena, problem_out);
}

static void check_directory(const char *what, const char *path, struct diagnostics *diagnostics)
{
    struct span nowhere = { NULL, 0, 0 };
    struct stat directory;

    if (stat(path, &directory) != 0)
        diag_error(diagnostics, nowhere, "%s %s: %s%s", what, path, strerror(errno),
                   errno == ENOENT ? " (systemd-tmpfiles --create makes the usual ones)" : "");
    else if (!S_ISDIR(directory.st_mode))
        diag_error(diagnostics, nowhere, "%s %s: not a directory", what, path);
    else if (access(path, W_OK | X_OK) != 0)
        diag_error(diagnostics, nowhere, "%s %s: the user that mxward runs as (number %ju) may not write to it", what,
                   path, (uintmax_t)geteuid());
}

void privileges_check_directories(const struct config *config, struct diagnostics *diagnostics)
{
    const char *records =
        config->record_target == RECORD_FILE ? folder_of(config->record_file, diagnostics->arena) : NULL;

    check_directory("runtime-directory", config->runtime_directory, diagnostics);
    check_directory("spool-directory", config->spool_directory, diagnostics);
    if (records != NULL)
        check_directory("the record file's directory", records, diagnostics);
}

void privileges_descriptor_needs(const struct config *config, struct descriptor_needs *needs_out)
{
    const struct config_limits *limits = &config->limits;
    uint64_t files = limits->spool / SPOOL_FILE_LEAST;

    needs_out->sessions = limits->sessions;
    needs_out->spool = files < limits->sessions ? files : limits->sessions;
    needs_out->backend = (limits->backend_sessions + limits->backend_spares) * config->backends_count;
    needs_out->dns = config->resolver.mode == RESOLVER_FIXTURE ? 0 : DNS_DESCRIPTORS;
    needs_out->other = OTHER_DESCRIPTORS;
    needs_out->all = needs_out->sessions + needs_out->spool + needs_out->backend + needs_out->dns + needs_out->other;
}

static struct slice too_many(const struct config *config, const struct descriptor_needs *needs, uint64_t most,
                             struct arena *arena)
{
    uint64_t fixed = needs->backend + needs->dns + needs->other;
    struct slice why =
        arena_printf(arena,
                     "the limits need %ju file descriptors (sessions %ju, spool %ju, backend %ju, DNS %ju, other "
                     "%ju) and the system allows %ju",
                     (uintmax_t)needs->all, (uintmax_t)needs->sessions, (uintmax_t)needs->spool,
                     (uintmax_t)needs->backend, (uintmax_t)needs->dns, (uintmax_t)needs->other, (uintmax_t)most);

    if (config->limits.backend_sessions > needs->sessions)
        return arena_printf(arena,
                            "%.*s: lower limits.backend-sessions, or raise RLIMIT_NOFILE (systemd: LimitNOFILE=)",
                            SLICE_ARG(why));
    if (most <= fixed + 2)
        return arena_printf(arena, "%.*s: raise RLIMIT_NOFILE (systemd: LimitNOFILE=, else ulimit -Hn)",
                            SLICE_ARG(why));
    return arena_printf(arena, "%.*s: lower limits.sessions to %ju, or raise RLIMIT_NOFILE (systemd: LimitNOFILE=)",
                        SLICE_ARG(why), (uintmax_t)((most - fixed) / 2));
}

bool privileges_raise_descriptors(const struct config *config, struct arena *arena, struct slice *problem_out)
{
    struct descriptor_needs needs;
    struct rlimit limit;

    privileges_descriptor_needs(config, &needs);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
        return fail(arena, problem_out, "cannot read RLIMIT_NOFILE");
    if (limit.rlim_max != RLIM_INFINITY && needs.all > limit.rlim_max) {
        *problem_out = too_many(config, &needs, limit.rlim_max, arena);
        return false;
    }
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        return fail(arena, problem_out, "cannot raise RLIMIT_NOFILE");
    return true;
}
