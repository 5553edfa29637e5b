/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * verify.c: `mxward verify`: one message from a file judged by today's DNS, in a judge process, as if a client had
 * just sent it. This file: arguments, the facts they make, the rounds of questions and answers. The message is read
 * by verify_message.c; the story is that of its record, as story.c tells every record.
 */
#include "cli/verify.h"

#include <errno.h>
#include <event2/event.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "cli/cli.h"
#include "cli/judging.h"
#include "cli/options.h"
#include "cli/records.h"
#include "cli/story.h"
#include "policy/record.h"
#include "proxy/clock.h"
#include "proxy/config_settings.h"
#include "proxy/id.h"

static const char usage[] =
    "Usage: mxward verify --ip ADDRESS --helo NAME --from ADDRESS [OPTION...] MESSAGE.eml|-\n"
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
    "  -c, --config FILE   configuration: rules, resolver, names (default: " CONFIG_DEFAULT_PATH ", if it is\n"
    "                      there; else default.rules as shipped and the DNS of this machine)\n"
    "  --json              the record, as mxward-record(5) describes it\n"
    "  --help              this text\n"
    "\n"
    "Exit code: 0 it would pass, 1 it would be rejected or deferred, or cannot be judged, 2 wrong usage.\n"
    "\n"
    "Example:\n"
    "  mxward verify --ip 192.0.2.1 --helo mail.example.org --from ann@example.org message.eml\n";

#define RULES_MOST 100
#define RECIPIENTS_MOST 1000
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
    const struct config *config;
    struct arena *arena;
    struct facts facts;
    struct answers *answers;
    const struct answer *sent;         /* the last answer that the judge has */
    size_t asked;
    struct verify_message message;
    struct event_base *base;
    struct resolver *resolver;
    bool answered;
    int64_t began;                     /* this and the others: clock_monotonic() */
    int64_t deadline;
    int64_t waited;                    /* microseconds for DNS */
    struct judging *judging;
    struct wire_writer out;
    struct verdict verdict;
};

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
    facts->hostname = slice_of_string(config->hostname);
    facts->authserv_id = slice_of_string(config->authserv_id);
    facts->listener = SLICE("verify");
    facts->has_helo = true;
    facts->helo = slice_of_string(arguments->helo);
    facts->esmtp = true;
    facts->message_size = verification->message.bytes.length;
    facts->add_received = config->add_received;
    facts->record_subject = true;
    facts->fields_most = (uint32_t)config->limits.header_fields;
    facts->hops_most = (uint32_t)config->limits.hops;
    facts->signatures_most = (uint32_t)config->limits.signatures;
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
    size_t most = (size_t)verification->config->limits.questions;
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
    int64_t begun = clock_monotonic();
    int64_t left = (verification->deadline - begun) / 1000;
    verification->answered = false;
    resolver_ask(verification->resolver, verification->answers, all, count, left > 0 ? (unsigned)left : 0, answers_came,
                 verification);
    while (!verification->answered && event_base_dispatch(verification->base) == 0)
        ;
    verification->waited += clock_monotonic() - begun;
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
    const struct verify_message *message = &verification->message;
    struct wire_writer *out = &verification->out;
    struct frame frame;
    struct frame_questions questions;
    const char *problem = NULL;
    frame_put_open(out, TRANSACTION, &verification->facts, NULL);
    frame_put_header(out, TRANSACTION, slice_first(message->bytes, message->header_size), false);
    if (!ask(verification, FRAME_EXAMINE, &frame))
        return false;
    if (frame.type != FRAME_BODY_WANTED)
        return unexpected(&frame);
    frame_put_body(out, TRANSACTION, slice_from(message->bytes, message->header_size));
    frame_put_bare(out, FRAME_BODY_END, TRANSACTION);
    frame_put_judge(out, TRANSACTION, STAGE_MESSAGE);
    if (!ask(verification, FRAME_JUDGE, &frame))
        return false;
    if (frame.type != FRAME_VERDICT)
        return unexpected(&frame);
    if (frame_get_verdict(frame.payload, message->header_size, verification->arena, verification->answers,
                          &verification->verdict, &questions, &problem))
        return true;
    fprintf(stderr, "mxward: the judge's verdict: %s\n", problem);
    return false;
}

/* All put together */

static bool start_resolver(struct verification *verification)
{
    struct resolver_settings settings = verification->config->resolver;
    struct slice problem = SLICE_NONE;
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
    if (arguments->rules_count > 0)
        return judging_load_rules(arguments->rules, arguments->rules_count, verification->arena);
    size_t count = 0;
    while (verification->config->rules != NULL && verification->config->rules[count] != NULL)
        count++;
    return judging_load_rules(verification->config->rules, count, verification->arena);
}

/* What the client would hear: of the proxy without a judgement, or by the rules; or the backend's own reply. */
static struct record_outcome make_outcome(const struct verification *verification)
{
    const struct verify_message *message = &verification->message;
    const struct verdict *verdict = &verification->verdict;
    struct record record;
    record_init(&record);
    struct record_outcome outcome = record.outcome;
    if (message->code != 0) {
        outcome.by = RECORD_BY_MXWARD;
        outcome.code = message->code;
        outcome.text = arena_printf(verification->arena, "%s %.*s", message->enhanced, SLICE_ARG(message->text));
        outcome.reason = message->reason;
    } else if (verdict->action != VERDICT_PASS) {
        outcome.by = RECORD_BY_MXWARD;
        outcome.code = verdict->code;
        outcome.text = arena_printf(verification->arena, "%.*s %.*s", SLICE_ARG(verdict->enhanced),
                                    SLICE_ARG(verdict->text));
    }
    outcome.timings[PHASE_ANSWERS] = verification->waited;
    outcome.timings[PHASE_TOTAL] = clock_monotonic() - verification->began;
    return outcome;
}

static struct slice make_record(const struct verification *verification)
{
    struct record record;
    record_init(&record);
    record.kind = RECORD_TRANSACTION;
    record.facts = &verification->facts;
    record.answers = verification->answers;
    record.verdict = verification->message.judged ? &verification->verdict : NULL;
    memcpy(record.program, judging_program(verification->judging), sizeof record.program);
    record.outcome = make_outcome(verification);
    return record_write(&record, verification->arena);
}

static void tell(struct slice line)
{
    json_t *record = records_parse(slice_first(line, slice_find(line, '\n')));
    if (record == NULL)
        bug("verify: a record that cannot be read");
    story_tell(record, STORY_SUPPOSED, stdout, cli_colour(stdout));
    json_decref(record);
}

static int verify_with(struct verification *verification)
{
    struct slice image = load_rules(verification);
    if (image.text == NULL || !make_facts(verification) || !start_resolver(verification))
        return 1;
    verification->judging = judging_start(image);
    verification->began = clock_monotonic();
    verification->deadline = verification->began + (int64_t)verification->config->limits.evaluation * 1000;
    if (verification->judging == NULL || (verification->message.judged && !judge_message(verification)))
        return 1;
    struct slice line = make_record(verification);
    if (verification->arguments->json)
        fwrite(line.text, 1, line.length, stdout);
    else
        tell(line);
    return verification->message.code == 0 && verification->verdict.action == VERDICT_PASS ? 0 : 1;
}

/* Where there is no configuration: the system's own resolver, the shipped rules, and every setting's default. */
static struct slice built_in(struct arena *arena)
{
    char name[HOST_NAME_MAX + 1] = "";
    /* The last byte stays 0 where the name is cut. */
    if (gethostname(name, sizeof name - 1) != 0 || !config_is_host_name(slice_of_string(name)))
        snprintf(name, sizeof name, "localhost");
    return arena_printf(arena,
                        "hostname \"%s\" listen \"127.0.0.1:25\" { tls none } backend \"127.0.0.1:10025\"\n"
                        "resolver { mode system } rules { file \"" SHIPPED_RULES "\" } record { none }\n",
                        name);
}

/* A configuration is optional only where nobody named one. */
static bool load_config(struct verification *verification)
{
    const char *path = verification->arguments->config;
    struct arena *arena = verification->arena;
    struct diagnostics diagnostics;
    diagnostics_init(&diagnostics, arena);
    if (path == NULL && access(CONFIG_DEFAULT_PATH, R_OK) != 0)
        verification->config = config_parse("built in", built_in(arena), arena, &diagnostics);
    else
        verification->config = config_load(path == NULL ? CONFIG_DEFAULT_PATH : path, arena, &diagnostics);
    if (verification->config == NULL)
        diagnostics_print(&diagnostics, stderr, cli_colour(stderr));
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
        verify_read_message(arguments.message, &verification.config->limits, arena, &verification.message))
        code = verify_with(&verification);
    judging_end(&verification.judging);
    resolver_free(&verification.resolver);
    if (verification.base != NULL)
        event_base_free(verification.base);
    wire_writer_clear(&verification.out);
    arena_free(&arena);
    return code;
}
