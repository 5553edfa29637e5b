/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify.c: `mxward verify`: one message from a file judged by today's DNS, in a judge process, as if a client had
 * just sent it. This file: arguments, the facts they make, the rounds of questions and answers. The message is read
 * by verify_message.c, the story told by verify_story.c.
 */
#include "cli/verify.h"

#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/judging.h"
#include "policy/record.h"
#include "proxy/config.h"
#include "proxy/id.h"

static const char usage[] =
    "usage: mxward verify --ip ADDRESS --helo NAME --from ADDRESS [OPTION...] MESSAGE.eml|-\n"
    "\n"
    "Judges one message by today's DNS and shows the story: what was found out, each rule met, the reply. Sends "
    "nothing.\n"
    "\n"
    "  --ip ADDRESS        the client's address\n"
    "  --helo NAME         what it said in EHLO\n"
    "  --from ADDRESS      envelope sender; \"\" or \"<>\" is the null sender\n"
    "  --to ADDRESS        envelope recipient; may be repeated\n"
    "  --rules FILE        these rules instead of the configuration's; may be repeated\n"
    "  --zone FILE         all of the DNS in a file, instead of asking\n"
    "  -c, --config FILE   configuration: rules, resolver, names (default: " CONFIG_DEFAULT_PATH ", if it is there)\n"
    "  --json              the record, as mxward-record(5) describes it\n"
    "  --help              this text\n"
    "\n"
    "Exit code: 0 it would pass, 1 it would be rejected or deferred, or cannot be judged, 2 wrong usage.\n"
    "\n"
    "example: mxward verify --ip 192.0.2.1 --helo mail.example.org --from ann@example.org message.eml\n";

#define RULES_MOST 100
#define RECIPIENTS_MOST 1000
/* As the limits `evaluation`, `questions` and `signatures` have it when there is no configuration. */
#define EVALUATION_MILLISECONDS 20000
#define QUESTIONS_MOST 200
#define SIGNATURES_MOST 10
/* The one hearing. */
#define TRANSACTION 1
#define SHIPPED_RULES MXWARD_RULESDIR "/default.rules"

struct arguments {
    const char *ip;
    const char *helo;
    const char *from;
    const char *to[RECIPIENTS_MOST];
    size_t to_count;
    const char *rules[RULES_MOST];
    size_t rules_count;
    const char *zone;
    const char *config;
    const char *message;
    bool json;
};

struct verification {
    const struct arguments *arguments;
    const struct config *config;       /* NULL: none */
    struct arena *arena;
    struct facts facts;
    struct answers *answers;
    const struct answer *sent;         /* the last answer that the judge has */
    size_t asked;
    struct slice message;
    size_t header_size;
    struct event_base *base;
    struct resolver *resolver;
    bool answered;
    int64_t deadline;                  /* monotonic milliseconds */
    struct judging *judging;
    struct wire_writer out;
    struct verdict verdict;
};

static int64_t milliseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Facts */

static struct facts_recipient split_address(const char *text)
{
    struct slice path = slice_of_string(text);
    if (path.length >= 2 && path.text[0] == '<' && path.text[path.length - 1] == '>')
        path = slice_of(path.text + 1, path.length - 2);
    size_t at = path.length;
    while (at > 0 && path.text[at - 1] != '@')
        at--;
    return (struct facts_recipient){ path, at == 0 ? path : slice_first(path, at - 1),
                                     slice_from(path, at == 0 ? path.length : at) };
}

static struct slice own_name(const struct verification *verification)
{
    char name[256] = "localhost";
    if (verification->config != NULL)
        return slice_of_string(verification->config->hostname);
    if (gethostname(name, sizeof name - 1) != 0)
        return SLICE("localhost");
    return arena_copy(verification->arena, slice_of_string(name));
}

static bool address_fits(struct slice path, const char *option)
{
    if (path.length <= FACTS_PATH_MOST)
        return true;
    fprintf(stderr, "mxward: %s: longer than an address can be\n", option);
    return false;
}

static bool make_envelope(struct verification *verification)
{
    const struct arguments *arguments = verification->arguments;
    struct facts *facts = &verification->facts;
    struct facts_recipient sender = split_address(arguments->from);
    facts->has_mail = true;
    facts->sender = sender.path;
    facts->sender_local_part = sender.local_part;
    facts->sender_domain = sender.domain;
    facts->recipients_count = arguments->to_count;
    facts->recipients = arena_array(verification->arena, arguments->to_count, sizeof *facts->recipients);
    for (size_t i = 0; i < arguments->to_count; i++) {
        facts->recipients[i] = split_address(arguments->to[i]);
        if (!address_fits(facts->recipients[i].path, "--to"))
            return false;
    }
    return address_fits(sender.path, "--from");
}

static bool make_facts(struct verification *verification)
{
    const struct arguments *arguments = verification->arguments;
    const struct config *config = verification->config;
    struct facts *facts = &verification->facts;
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    facts->arrival = (int64_t)now.tv_sec * 1000000 + now.tv_nsec / 1000;
    facts->id = id_make(verification->arena, facts->arrival);
    facts->hostname = own_name(verification);
    facts->authserv_id = config == NULL ? facts->hostname : slice_of_string(config->authserv_id);
    facts->listener = SLICE("verify");
    facts->has_helo = true;
    facts->helo = slice_of_string(arguments->helo);
    facts->esmtp = true;
    facts->message_size = verification->message.length;
    facts->add_received = config == NULL || config->add_received;
    facts->record_subject = true;
    facts->fields_most = config == NULL ? 0 : (uint32_t)config->limits.header_fields;
    facts->signatures_most = config == NULL ? SIGNATURES_MOST : (uint32_t)config->limits.signatures;
    if (!address_parse(slice_of_string(arguments->ip), &facts->client_address)) {
        fprintf(stderr, "mxward: --ip %s: not an address\n", arguments->ip);
        return false;
    }
    facts->local_address.family = facts->client_address.family;
    if (facts->helo.length > FACTS_TEXT_MOST) {
        fprintf(stderr, "mxward: --helo: longer than a name can be\n");
        return false;
    }
    return make_envelope(verification);
}

/* Questions and answers */

static void answers_came(void *context)
{
    struct verification *verification = context;
    verification->answered = true;
    event_base_loopbreak(verification->base);
}

/* What is beyond the limit of questions is answered so at once; the judge asks no more for it. */
static size_t within_limit(struct verification *verification, const struct question *questions, size_t count)
{
    size_t most = verification->config == NULL ? QUESTIONS_MOST : (size_t)verification->config->limits.questions;
    size_t room = verification->asked < most ? most - verification->asked : 0;
    for (size_t i = room; i < count; i++) {
        struct answer answer = { .question = questions[i], .status = ANSWER_LIMIT };
        answers_add(verification->answers, &answer);
    }
    return count < room ? count : room;
}

static void resolve(struct verification *verification, const struct frame_questions *questions)
{
    size_t count = questions->missing_count + questions->wanted_count;
    struct question *all = arena_array(verification->arena, count, sizeof *all);
    for (size_t i = 0; i < count; i++)
        all[i] = i < questions->missing_count ? questions->missing[i] : questions->wanted[i - questions->missing_count];
    count = within_limit(verification, all, count);
    verification->asked += count;
    int64_t left = verification->deadline - milliseconds();
    verification->answered = false;
    resolver_ask(verification->resolver, verification->answers, all, count, left > 0 ? (unsigned)left : 0, answers_came,
                 verification);
    while (!verification->answered && event_base_dispatch(verification->base) == 0)
        ;
}

static void put_new_answers(struct verification *verification)
{
    const struct answer *next =
        verification->sent == NULL ? answers_first(verification->answers) : verification->sent->next;
    if (next != NULL)
        frame_put_answers(&verification->out, TRANSACTION, next);
    for (; next != NULL; next = next->next)
        verification->sent = next;
}

/*
 * Sends what was written and takes the reply; while that is questions, answers them and puts `again`. False: it
 * failed, which was said.
 */
static bool ask(struct verification *verification, enum frame_type again, struct frame *frame_out)
{
    for (;;) {
        struct frame_questions questions;
        const char *problem = NULL;
        if (!judging_send(verification->judging, &verification->out) ||
            !judging_receive(verification->judging, frame_out))
            return false;
        if (frame_out->type != FRAME_QUESTIONS)
            return true;
        if (!frame_get_questions(frame_out->payload, verification->arena, &questions, &problem)) {
            fprintf(stderr, "mxward: the judge's questions: %s\n", problem);
            return false;
        }
        resolve(verification, &questions);
        put_new_answers(verification);
        if (again == FRAME_JUDGE)
            frame_put_judge(&verification->out, TRANSACTION, STAGE_MESSAGE);
        else
            frame_put_bare(&verification->out, again, TRANSACTION);
    }
}

static bool unexpected(const struct frame *frame)
{
    fprintf(stderr, "mxward: the judge %s\n",
            frame->type == FRAME_FULL ? "has no room for this message" : "broke the protocol");
    return false;
}

static bool judge_message(struct verification *verification)
{
    struct wire_writer *out = &verification->out;
    struct frame frame;
    struct frame_questions questions;
    const char *problem = NULL;
    frame_put_open(out, TRANSACTION, &verification->facts, NULL);
    frame_put_header(out, TRANSACTION, slice_first(verification->message, verification->header_size), false);
    if (!ask(verification, FRAME_EXAMINE, &frame))
        return false;
    if (frame.type != FRAME_BODY_WANTED)
        return unexpected(&frame);
    frame_put_body(out, TRANSACTION, slice_from(verification->message, verification->header_size));
    frame_put_bare(out, FRAME_BODY_END, TRANSACTION);
    frame_put_judge(out, TRANSACTION, STAGE_MESSAGE);
    if (!ask(verification, FRAME_JUDGE, &frame))
        return false;
    if (frame.type != FRAME_VERDICT)
        return unexpected(&frame);
    if (frame_get_verdict(frame.payload, verification->header_size, verification->arena, verification->answers,
                          &verification->verdict, &questions, &problem))
        return true;
    fprintf(stderr, "mxward: the judge's verdict: %s\n", problem);
    return false;
}

/* All put together */

static bool start_resolver(struct verification *verification)
{
    struct resolver_settings settings = { .mode = RESOLVER_SYSTEM };
    struct slice problem = SLICE_NONE;
    if (verification->config != NULL)
        settings = verification->config->resolver;
    if (verification->arguments->zone != NULL) {
        settings.mode = RESOLVER_FIXTURE;
        settings.fixture_path = verification->arguments->zone;
    }
    verification->base = event_base_new();
    if (verification->base != NULL)
        verification->resolver = resolver_new(verification->base, &settings, verification->arena, &problem);
    if (verification->resolver == NULL)
        fprintf(stderr, "mxward: DNS: %.*s\n", SLICE_ARG(problem));
    return verification->resolver != NULL;
}

static struct slice load_rules(const struct verification *verification)
{
    const struct arguments *arguments = verification->arguments;
    static const char *const shipped[] = { SHIPPED_RULES };
    if (arguments->rules_count > 0)
        return judging_load_rules(arguments->rules, arguments->rules_count, verification->arena);
    if (verification->config == NULL)
        return judging_load_rules(shipped, 1, verification->arena);
    size_t count = 0;
    while (verification->config->rules[count] != NULL)
        count++;
    return judging_load_rules(verification->config->rules, count, verification->arena);
}

static struct record make_record(const struct verification *verification)
{
    struct record record;
    record_init(&record);
    record.kind = RECORD_TRANSACTION;
    record.facts = &verification->facts;
    record.answers = verification->answers;
    record.verdict = &verification->verdict;
    memcpy(record.program, judging_program(verification->judging), sizeof record.program);
    if (verification->verdict.action != VERDICT_PASS) {
        record.outcome.by = RECORD_BY_MXWARD;
        record.outcome.code = verification->verdict.code;
        record.outcome.text = arena_printf(verification->arena, "%.*s %.*s", SLICE_ARG(verification->verdict.enhanced),
                                           SLICE_ARG(verification->verdict.text));
    }
    record.outcome.reason = SLICE("mxward verify");
    return record;
}

static int verify_with(struct verification *verification)
{
    uint64_t wait = verification->config == NULL ? EVALUATION_MILLISECONDS : verification->config->limits.evaluation;
    struct slice image = load_rules(verification);
    if (image.text == NULL || !make_facts(verification) || !start_resolver(verification))
        return 1;
    verification->judging = judging_start(image);
    verification->deadline = milliseconds() + (int64_t)wait;
    if (verification->judging == NULL || !judge_message(verification))
        return 1;
    struct record record = make_record(verification);
    if (verification->arguments->json) {
        struct slice line = record_write(&record, verification->arena);
        fwrite(line.text, 1, line.length, stdout);
    } else {
        verify_print_story(&record, stdout, verification->arena);
    }
    return verification->verdict.action == VERDICT_PASS ? 0 : 1;
}

/* Config is optional only where nobody named one. */
static bool load_config(struct verification *verification)
{
    const char *path = verification->arguments->config;
    struct diagnostics diagnostics;
    if (path == NULL && access(CONFIG_DEFAULT_PATH, R_OK) != 0)
        return true;
    diagnostics_init(&diagnostics, verification->arena);
    verification->config = config_load(path == NULL ? CONFIG_DEFAULT_PATH : path, verification->arena, &diagnostics);
    if (verification->config == NULL)
        diagnostics_print(&diagnostics, stderr, isatty(STDERR_FILENO) == 1);
    return verification->config != NULL;
}

static bool take_option(struct arguments *arguments, int option)
{
    switch (option) {
    case 'i': arguments->ip = optarg; return true;
    case 'e': arguments->helo = optarg; return true;
    case 'f': arguments->from = optarg; return true;
    case 'z': arguments->zone = optarg; return true;
    case 'c': arguments->config = optarg; return true;
    case 'j': arguments->json = true; return true;
    case 't':
        if (arguments->to_count == RECIPIENTS_MOST)
            return false;
        arguments->to[arguments->to_count++] = optarg;
        return true;
    case 'r':
        if (arguments->rules_count == RULES_MOST)
            return false;
        arguments->rules[arguments->rules_count++] = optarg;
        return true;
    }
    return false;
}

static int wrong(const char *why)
{
    fprintf(stderr, "mxward verify: %s\nmxward verify --help says how it is called\n", why);
    return 2;
}

/* -1: go on; else the exit code. */
static int read_arguments(int argc, char **argv, struct arguments *arguments)
{
    static const struct option options[] = {
        { "ip", required_argument, NULL, 'i' },    { "helo", required_argument, NULL, 'e' },
        { "from", required_argument, NULL, 'f' },  { "to", required_argument, NULL, 't' },
        { "rules", required_argument, NULL, 'r' }, { "zone", required_argument, NULL, 'z' },
        { "config", required_argument, NULL, 'c' }, { "json", no_argument, NULL, 'j' },
        { "help", no_argument, NULL, 'h' },        { NULL, 0, NULL, 0 },
    };
    int option;
    while ((option = getopt_long(argc, argv, "c:h", options, NULL)) != -1) {
        if (option == 'h') {
            fputs(usage, stdout);
            return 0;
        }
        if (option == '?')
            return wrong("that is not one of its options, or it has no value");
        if (!take_option(arguments, option))
            return wrong("too many of --to or --rules");
    }
    if (arguments->ip == NULL || arguments->helo == NULL || arguments->from == NULL)
        return wrong(arguments->ip == NULL     ? "--ip is missing: the client's address"
                     : arguments->helo == NULL ? "--helo is missing: what the client said in EHLO"
                                               : "--from is missing: the envelope sender, \"\" for the null sender");
    if (argc - optind != 1)
        return wrong("one message is needed: the name of a file, or - for standard input");
    arguments->message = argv[optind];
    return -1;
}

int cli_verify(int argc, char **argv)
{
    static struct arguments arguments;
    arguments = (struct arguments){ 0 };
    int code = read_arguments(argc, argv, &arguments);
    if (code >= 0)
        return code;
    struct arena *arena = arena_new();
    struct verification verification = { .arguments = &arguments, .arena = arena, .answers = answers_new(arena) };
    wire_writer_init(&verification.out, VERIFY_MESSAGE_MOST + 4 * (size_t)FRAME_OBJECT_MOST);
    code = 1;
    if (load_config(&verification) &&
        verify_read_message(arguments.message, arena, &verification.message, &verification.header_size))
        code = verify_with(&verification);
    judging_end(&verification.judging);
    resolver_free(&verification.resolver);
    if (verification.base != NULL)
        event_base_free(verification.base);
    wire_writer_clear(&verification.out);
    arena_free(&arena);
    return code;
}
