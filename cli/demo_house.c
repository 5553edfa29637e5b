/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * demo_house.c: the folder of `mxward demo` and what runs in it: a sink, and two proxies in front of it, one by
 * default.rules and one by strict.rules, each with a configuration of its own. Everything is in one folder of /tmp and
 * goes with it. As root the demonstration first becomes nobody.
 */
#include "cli/demo.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proxy/config.h"
#include "proxy/process.h"
#include "proxy/status.h"

/* Debian's user for what owns nothing (base-passwd). */
#define DEMO_NOBODY 65534
#define DEMO_READY_MILLISECONDS 20000
#define DEMO_STOP_MILLISECONDS 10000
#define DEMO_RULES_MOST ((size_t)1024 * 1024)
#define DEMO_LISTS_MOST 16

static const char *const rules_files[DEMO_PROXIES] = { "default.rules", "strict.rules" };
static const char *const rules_names[DEMO_PROXIES] = { "default", "strict" };

const char *demo_rules_name(enum demo_rules rules)
{
    return rules_names[rules];
}

const char *demo_path(const struct demo_house *house, const char *name)
{
    return arena_printf(house->arena, "%s/%s", house->folder, name).text;
}

static bool write_file(const char *path, struct slice text)
{
    FILE *file = fopen(path, "w");
    if (file == NULL)
        return false;
    bool well = fwrite(text.text, 1, text.length, file) == text.length;
    return fclose(file) == 0 && well;
}

/* Certificate */

static bool write_certificate(const char *certificate_path, const char *key_path, EVP_PKEY *key)
{
    X509 *certificate = X509_new();
    FILE *file = NULL;
    bool well = certificate != NULL && X509_set_version(certificate, X509_VERSION_3) == 1 &&
                ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1) == 1 &&
                X509_gmtime_adj(X509_getm_notBefore(certificate), -3600) != NULL &&
                X509_gmtime_adj(X509_getm_notAfter(certificate), 86400) != NULL &&
                X509_set_pubkey(certificate, key) == 1;
    X509_NAME *name = well ? X509_get_subject_name(certificate) : NULL;
    well = well &&
           X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"mx.mxward.example", -1, -1,
                                      0) == 1 &&
           X509_set_issuer_name(certificate, name) == 1 && X509_sign(certificate, key, EVP_sha256()) > 0;
    if (well && (file = fopen(certificate_path, "w")) != NULL) {
        well = PEM_write_X509(file, certificate) == 1;
        well = fclose(file) == 0 && well;
    }
    if (well && (file = fopen(key_path, "w")) != NULL) {
        well = PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1;
        well = fclose(file) == 0 && well;
    }
    X509_free(certificate);
    return well && file != NULL;
}

static bool make_certificate(const struct demo_house *house)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    bool well = key != NULL && write_certificate(demo_path(house, "certificate.pem"), demo_path(house, "key.pem"), key);
    EVP_PKEY_free(key);
    return well;
}

/* Files */

static bool write_configuration(struct demo_house *house, enum demo_rules rules)
{
    const char *name = rules_names[rules];
    struct slice text = arena_printf(house->arena,
        "hostname \"mx.mxward.example\"\n"
        "workers 1\n"
        "runtime-directory \"run-%s\"\n"
        "spool-directory \"spool\"\n"
        "listen \"127.0.0.1:0\" { tls starttls }\n"
        "backend \"127.0.0.1:%u\" { identify-client xclient  relays-for-anyone yes }\n"
        "tls { certificate \"certificate.pem\"  key \"key.pem\" }\n"
        "resolver { mode fixture \"zone.db\" }\n"
        "rules { file \"rules/%s\" }\n"
        "record { file \"%s.jsonl\" }\n"
        "limits { message-size 1M  evaluation 2s }\n",
        name, (unsigned)house->sink_port, rules_files[rules], name);
    return mkdir(demo_path(house, arena_printf(house->arena, "run-%s", name).text), 0700) == 0 &&
           write_file(demo_path(house, arena_printf(house->arena, "%s.conf", name).text), text);
}

/* The shipped rules as read, and the names of the lists they use. */
struct shipped {
    struct slice rules[DEMO_PROXIES];
    const char *lists[DEMO_LISTS_MOST];
    size_t lists_count;
};

/* All that is read from the rules' folder, while we may still read it. */
static bool read_shipped(struct demo_house *house, const char *folder, struct shipped *shipped,
                         struct slice *problem_out)
{
    struct slice problem = SLICE_NONE;
    for (int i = 0; i < DEMO_PROXIES; i++)
        if (!file_read(arena_printf(house->arena, "%s/%s", folder, rules_files[i]).text, DEMO_RULES_MOST, house->arena,
                       &shipped->rules[i], &problem)) {
            *problem_out = arena_printf(house->arena, "%s/%s: %.*s; --rules names the folder of the shipped rules",
                                        folder, rules_files[i], SLICE_ARG(problem));
            return false;
        }
    DIR *lists = opendir(arena_printf(house->arena, "%s/lists", folder).text);
    if (lists == NULL && errno == ENOENT)
        return true;                   /* rules that use none */
    if (lists == NULL) {
        *problem_out = arena_printf(house->arena, "%s/lists: %s", folder, strerror(errno));
        return false;
    }
    for (struct dirent *entry; (entry = readdir(lists)) != NULL && shipped->lists_count < DEMO_LISTS_MOST;)
        if (entry->d_name[0] != '.')
            shipped->lists[shipped->lists_count++] = arena_string(house->arena, slice_of_string(entry->d_name));
    closedir(lists);
    return true;
}

/* The demonstration's clients are of loopback, which is nobody's network here: the lists are empty. */
static bool copy_rules(struct demo_house *house, const struct shipped *shipped)
{
    if (mkdir(demo_path(house, "rules"), 0700) != 0 || mkdir(demo_path(house, "rules/lists"), 0700) != 0)
        return false;
    for (int i = 0; i < DEMO_PROXIES; i++)
        if (!write_file(demo_path(house, arena_printf(house->arena, "rules/%s", rules_files[i]).text),
                        shipped->rules[i]))
            return false;
    for (size_t i = 0; i < shipped->lists_count; i++)
        if (!write_file(demo_path(house, arena_printf(house->arena, "rules/lists/%s", shipped->lists[i]).text),
                        SLICE("# none in the demonstration\n")))
            return false;
    return true;
}

static bool become_nobody(void)
{
    return geteuid() != 0 || (setgroups(0, NULL) == 0 && setresgid(DEMO_NOBODY, DEMO_NOBODY, DEMO_NOBODY) == 0 &&
                              setresuid(DEMO_NOBODY, DEMO_NOBODY, DEMO_NOBODY) == 0);
}

/* Processes */

static pid_t start(const struct demo_house *house, char *const *arguments, int output, const char *notify)
{
    pid_t process = fork();
    if (process != 0)
        return process;
    int log = open(demo_path(house, "log"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (log >= 0)
        dup2(log, STDERR_FILENO);
    dup2(output >= 0 ? output : log, STDOUT_FILENO);
    if (notify != NULL)
        setenv("NOTIFY_SOCKET", notify, 1);
    fexecve(house->binary, arguments, environ);
    _exit(127);
}

/* Waits until `descriptor` can be read; false when it does not in time. */
static bool wait_for(int descriptor, int milliseconds)
{
    struct pollfd wait = { .fd = descriptor, .events = POLLIN };
    int got;
    while ((got = poll(&wait, 1, milliseconds)) < 0 && errno == EINTR)
        continue;
    return got == 1;
}

static bool start_sink(struct demo_house *house)
{
    char line[256] = "";
    int pipe_ends[2];
    if (pipe2(pipe_ends, O_CLOEXEC) != 0)
        return false;
    char *maildir = arena_string(house->arena, slice_of_string(demo_path(house, "mail")));
    char *arguments[] = { (char *)(uintptr_t)"mxward", (char *)(uintptr_t)"sink", (char *)(uintptr_t)"--listen",
                          (char *)(uintptr_t)"127.0.0.1:0", (char *)(uintptr_t)"--maildir", maildir,
                          (char *)(uintptr_t)"--xclient", NULL };
    house->sink = start(house, arguments, pipe_ends[1], NULL);
    close(pipe_ends[1]);
    size_t used = 0;
    while (house->sink > 0 && used < sizeof line - 1 && strchr(line, '\n') == NULL &&
           wait_for(pipe_ends[0], DEMO_READY_MILLISECONDS)) {
        ssize_t got = read(pipe_ends[0], line + used, sizeof line - 1 - used);
        if (got <= 0)
            break;
        used += (size_t)got;
    }
    close(pipe_ends[0]);
    const char *port = strrchr(line, ':');
    unsigned long long number = 0;
    if (port == NULL || !slice_number(slice_trim(slice_of_string(port + 1)), 65535, &number))
        return false;
    house->sink_port = (uint16_t)number;
    return true;
}

/* sd_notify(3): datagrams of assignments. */
static bool wait_ready(int notify)
{
    char text[512];
    while (wait_for(notify, DEMO_READY_MILLISECONDS)) {
        ssize_t got = recv(notify, text, sizeof text - 1, 0);
        if (got < 0)
            return false;
        text[got] = '\0';
        if (strstr(text, "READY=1") != NULL)
            return true;
    }
    return false;
}

static bool start_proxy(struct demo_house *house, enum demo_rules rules)
{
    const char *name = rules_names[rules];
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    const char *path = demo_path(house, arena_printf(house->arena, "notify-%s", name).text);
    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    int notify = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (notify < 0 || bind(notify, (struct sockaddr *)&address, sizeof address) != 0 ||
        !write_configuration(house, rules))
        return false;
    char *configuration = arena_string(house->arena, slice_of_string(
        demo_path(house, arena_printf(house->arena, "%s.conf", name).text)));
    char *arguments[] = { (char *)(uintptr_t) "mxward", (char *)(uintptr_t) "run", (char *)(uintptr_t) "-c",
                          configuration, NULL };
    house->proxies[rules] = start(house, arguments, -1, path);
    bool alive = false, ready = house->proxies[rules] > 0 && wait_ready(notify);
    close(notify);
    struct status *status =
        ready ? status_open(demo_path(house, arena_printf(house->arena, "run-%s/status", name).text), &alive) : NULL;
    if (status != NULL)
        house->ports[rules] = (uint16_t)atomic_load(&status_about(status)->ports[0]);
    status_close(&status);
    return house->ports[rules] != 0;
}

static bool furnish(struct demo_house *house, const struct demo_keys *keys, const struct shipped *shipped,
                    struct slice *problem_out)
{
    snprintf(house->folder, sizeof house->folder, "/tmp/mxward-demo-XXXXXX");
    if (mkdtemp(house->folder) == NULL) {
        house->folder[0] = '\0';
        *problem_out = arena_printf(house->arena, "cannot make a folder in /tmp: %s", strerror(errno));
        return false;
    }
    *problem_out = arena_printf(house->arena, "cannot write to %s", house->folder);
    return mkdir(demo_path(house, "spool"), 0700) == 0 && copy_rules(house, shipped) &&
           write_file(demo_path(house, "zone.db"), demo_zone(keys, house->arena)) && make_certificate(house);
}

bool demo_open(struct demo_house *house, const char *rules_folder, const struct demo_keys *keys,
               struct slice *problem_out)
{
    struct shipped shipped = { 0 };
    if (!read_shipped(house, rules_folder, &shipped, problem_out))
        return false;
    house->binary = process_open_binary();
    if (house->binary < 0 || !become_nobody()) {
        *problem_out = arena_printf(house->arena, "cannot become an ordinary user: %s", strerror(errno));
        return false;
    }
    if (!furnish(house, keys, &shipped, problem_out))
        return false;
    *problem_out = arena_printf(house->arena, "a process did not start: see %s", demo_path(house, "log"));
    return start_sink(house) && start_proxy(house, DEMO_DEFAULT) && start_proxy(house, DEMO_STRICT);
}

static void stop(pid_t *process)
{
    if (*process <= 0)
        return;
    kill(*process, SIGTERM);
    for (int waited = 0; waited < DEMO_STOP_MILLISECONDS; waited += 10) {
        if (waitpid(*process, NULL, WNOHANG) == *process) {
            *process = 0;
            return;
        }
        poll(NULL, 0, 10);
    }
    process_kill(*process);
    *process = 0;
}

void demo_stop(struct demo_house *house)
{
    for (int i = 0; i < DEMO_PROXIES; i++)
        stop(&house->proxies[i]);
    stop(&house->sink);
}

static void remove_folder(const struct demo_house *house, const char *path)
{
    DIR *folder = opendir(path);
    if (folder == NULL)
        return;
    for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        const char *name = arena_printf(house->arena, "%s/%s", path, entry->d_name).text;
        if (entry->d_type == DT_DIR)
            remove_folder(house, name);
        else
            unlink(name);
    }
    closedir(folder);
    rmdir(path);
}

void demo_close(struct demo_house *house, bool keep)
{
    demo_stop(house);
    if (house->folder[0] != '\0' && !keep)
        remove_folder(house, house->folder);
    if (house->binary >= 0)
        close(house->binary);
    house->binary = -1;
}
