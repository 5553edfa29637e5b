/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_judges.c: the worker's end of judge processes, against judges that do as they are told: this same program,
 * started again as `mxward judge`, becomes one before anything else runs. What it does with a hearing is in the
 * client's HELO and in the message.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include <check.h>
#include <event2/event.h>

#include "policy/frame.h"
#include "proxy/clock.h"
#include "proxy/judges.h"
#include "proxy/judges_private.h"
#include "proxy/process.h"
#include "proxy/spool.h"

/* --- the judge */

struct case_held {
    uint32_t number;
    struct arena *arena;
    struct facts facts;
    struct answers *answers;
    char start[64];                    /* of the header */
    size_t header;
    int64_t body;
    bool ended;
    struct case_held *next;
};

static struct case_held *held;
static struct wire_writer to_worker;

static struct case_held *case_of(uint32_t number)
{
    struct case_held *one = held;

    while (one != NULL && one->number != number)
        one = one->next;
    return one;
}

static bool told_to(const struct case_held *one, const char *what)
{
    return slice_equal(one->facts.helo, slice_of_string(what));
}

static void ask(struct case_held *one, const char *missing, const char *wanted)
{
    answers_forget_questions(one->answers);
    (void)answers_find(one->answers, QUESTION_TXT, slice_of_string(missing));
    if (answers_missing_count(one->answers) == 0) {
        /* An answer set does not note what it holds; one that is empty does. */
        struct answers *empty = answers_new(one->arena);

        (void)answers_find(empty, QUESTION_TXT, slice_of_string(missing));
        frame_put_questions(&to_worker, one->number, empty);
        return;
    }
    if (wanted != NULL)
        answers_want(one->answers, QUESTION_A, slice_of_string(wanted));
    frame_put_questions(&to_worker, one->number, one->answers);
}

static bool knows(struct case_held *one, const char *name)
{
    return answers_find(one->answers, QUESTION_TXT, slice_of_string(name)) != NULL;
}

static void give_verdict(struct case_held *one, enum stage stage)
{
    struct verdict verdict = { .stage = stage, .action = VERDICT_PASS, .score = one->body };
    struct added_field added = { SLICE("X-Other"), SLICE("X-Other: yes\r\n") };
    struct removed_field removed = { 10, 12, SLICE("Subject") };
    struct evidence evidence = { 0 };

    if (told_to(one, "adds X-Tag") || told_to(one, "removes X-Tag"))
        added = (struct added_field){ SLICE("X-Tag"), SLICE("X-Tag: yes\r\n") };
    if (told_to(one, "adds X-Tag") || told_to(one, "adds X-Other")) {
        verdict.added = &added;
        verdict.added_count = 1;
    }
    if (told_to(one, "removes X-Tag"))
        removed = (struct removed_field){ 0, 10, SLICE("X-Tag") };
    if (told_to(one, "removes too much"))
        removed = (struct removed_field){ 0, 22, SLICE("X-Tag") };
    if (told_to(one, "removes X-Tag") || told_to(one, "removes too much") || told_to(one, "removes Subject")) {
        verdict.removed = &removed;
        verdict.removed_count = 1;
    }
    if (stage == STAGE_MESSAGE)
        verdict.evidence = &evidence;
    answers_forget_questions(one->answers);
    answers_want(one->answers, QUESTION_MX, SLICE("foreseen.example"));
    frame_put_verdict(&to_worker, one->number, &verdict, one->answers);
}

static void act(struct case_held *one, enum stage stage)
{
    if (told_to(one, "die"))
        _exit(3);
    if (told_to(one, "hang"))
        pause();
    if (told_to(one, "be killed"))
        (void)raise(SIGKILL);
    if (told_to(one, "garble"))
        wire_put_bytes(&to_worker, "GET / HTTP/1.0\r\n", 16);
    else if (told_to(one, "other stage"))
        give_verdict(one, stage == STAGE_MAIL ? STAGE_HELO : STAGE_MAIL);
    else if (told_to(one, "other number")) {
        one->number += 1000;
        give_verdict(one, stage);
    } else if (told_to(one, "twice") && stage == STAGE_MAIL) {
        give_verdict(one, stage);
        give_verdict(one, stage);
    } else if (told_to(one, "full"))
        frame_put_bare(&to_worker, FRAME_FULL, one->number);
    else if (told_to(one, "full flood")) {
        for (int i = 0; i < 3; i++)
            frame_put_bare(&to_worker, FRAME_FULL, one->number);
    } else if (told_to(one, "refuse"))
        frame_put_refused(&to_worker, one->number, "I will not");
    else if (told_to(one, "ask again"))
        ask(one, "known.example", NULL);
    else if (told_to(one, "ask") && !knows(one, "asked.example"))
        ask(one, "asked.example", "wanted.example");
    else
        give_verdict(one, stage);
}

static void open_case(const struct frame *frame)
{
    struct case_held *one = memory_zeroed(1, sizeof(*one));
    const char *problem;

    if (case_of(frame->transaction) != NULL)
        _exit(10);
    one->number = frame->transaction;
    one->arena = arena_new();
    one->answers = answers_new(one->arena);
    one->next = held;
    held = one;
    if (!frame_get_open(frame->payload, one->arena, &one->facts, one->answers, &problem))
        _exit(11);
}

static void look_for_keys(struct case_held *one)
{
    if (strncmp(one->start, "Signed", 6) == 0 && !knows(one, "key.example"))
        ask(one, "key.example", NULL);
    else
        frame_put_bare(&to_worker, FRAME_BODY_WANTED, one->number);
}

static void take_header(struct case_held *one, const struct frame *frame)
{
    size_t room = sizeof(one->start) - 1 - (one->header < sizeof(one->start) ? one->header : sizeof(one->start) - 1);
    struct slice part = slice_first(frame->payload, room);

    memcpy(one->start + (one->header < 63 ? one->header : 63), part.text, part.length);
    one->header += frame->payload.length;
    if (!frame->more)
        look_for_keys(one);
}

static void take_frame(const struct frame *frame)
{
    struct case_held *one = case_of(frame->transaction);
    enum stage stage;
    const char *problem;

    if (frame->type == FRAME_OPEN) {
        open_case(frame);
        return;
    }
    if (one == NULL)
        _exit(12);
    if (frame->type == FRAME_FACTS && !frame_get_facts(frame->payload, one->arena, &one->facts, &problem))
        _exit(13);
    if (frame->type == FRAME_ANSWERS && !frame_get_answers(frame->payload, one->answers, &problem))
        _exit(14);
    if (frame->type == FRAME_JUDGE && frame_get_judge(frame->payload, &stage, &problem)) {
        if (stage == STAGE_MESSAGE && !one->ended)
            _exit(16);
        act(one, stage);
    }
    if (frame->type == FRAME_HEADER)
        take_header(one, frame);
    if (frame->type == FRAME_EXAMINE)
        look_for_keys(one);
    if (frame->type == FRAME_BODY_END)
        one->ended = true;
    if (frame->type == FRAME_BODY && one->ended)
        _exit(15);
    if (frame->type == FRAME_BODY) {
        if (memmem(frame->payload.text, frame->payload.length, "POISON", 6) != NULL)
            abort();
        one->body += (int64_t)frame->payload.length;
    }
}

static void send_all(void)
{
    struct slice bytes = wire_written(&to_worker);

    while (bytes.length > 0) {
        ssize_t sent = write(3, bytes.text, bytes.length);

        if (sent <= 0)
            _exit(4);
        bytes = slice_from(bytes, (size_t)sent);
    }
    wire_writer_reset(&to_worker);
}

_Noreturn static void be_judge(void)
{
    static char buffer[1 << 20];
    struct frame_assembly assembly = { 0 };
    unsigned char hash[FRAME_PROGRAM_HASH] = { 0 };
    char mode[16] = "";
    size_t length = 0;
    ssize_t got;

    wire_writer_init(&to_worker, FRAME_OBJECT_MOST);
    (void)!pread(4, mode, sizeof(mode) - 1, 0);
    if (strcmp(mode, "never") == 0)
        _exit(1);
    if (strcmp(mode, "lie") == 0)
        frame_put_bare(&to_worker, FRAME_BODY_WANTED, 1);
    else
        frame_put_ready(&to_worker, hash);
    send_all();
    while ((got = read(3, buffer + length, sizeof(buffer) - length)) > 0) {
        struct frame frame, whole;
        size_t used, at = 0;

        length += (size_t)got;
        while (frame_parse(slice_of(buffer + at, length - at), &frame, &used) == FRAME_PARSED) {
            if (frame_assemble(&assembly, &frame, &whole) == FRAME_WHOLE)
                take_frame(&whole);
            at += used;
        }
        memmove(buffer, buffer + at, length - at);
        length -= at;
        send_all();
    }
    _exit(0);
}

/* Runs before main(): glibc hands its arguments to constructors. */
__attribute__((constructor)) static void maybe_be_judge(int argc, char **argv)
{
    if (argc == 2 && strcmp(argv[0], "mxward") == 0 && strcmp(argv[1], "judge") == 0)
        be_judge();
}

/* --- owners */

struct owner {
    struct hearing *hearing;
    struct arena *arena;
    struct answers *answers;
    struct spool *spool;
    int told;                          /* outcomes of judgements */
    enum hearing_outcome outcome;
    const struct verdict *verdict;
    int asked;                         /* outcomes of headers */
    enum hearing_outcome asked_outcome;
    char missing[64];
    size_t wanted;
};

static struct event_base *base;
static struct judges *judges;
static struct judge_image *image;
static int binary = -1;
static struct spool_budget budget = { .directory = "/tmp" };

static struct judge_image *image_new(const char *mode)
{
    int descriptor = memfd_create("image", MFD_CLOEXEC);
    struct judge_image *made;

    ck_assert_int_eq(write(descriptor, mode, strlen(mode)), (ssize_t)strlen(mode));
    made = judge_image_new(descriptor);
    judge_image_allow(made, "X-Tag");
    return made;
}

static void setup(void)
{
    struct judges_settings settings = { .judge_seconds = 1 };

    signal(SIGPIPE, SIG_IGN);          /* as process_begin() does */
    base = event_base_new();
    binary = process_open_binary();
    settings.binary = binary;
    judges = judges_new(base, &settings);
    image = image_new("normal");
}

static void teardown(void)
{
    judges_free(&judges);
    judge_image_release(&image);
    event_base_free(base);
    close(binary);
}

static void turn(void)
{
    event_base_loop(base, EVLOOP_ONCE);
}

/* Turns of the loop until the condition holds, at most so many seconds. */
#define RUN_UNTIL(condition, seconds)                                                                                 \
    do {                                                                                                              \
        int64_t end_ = clock_monotonic() + (seconds) * 1000000;                                                       \
        while (!(condition) && clock_monotonic() < end_)                                                              \
            turn();                                                                                                   \
        ck_assert_msg(condition, "%s: not within %d s", #condition, (int)(seconds));                                  \
    } while (0)

static void run_for(int milliseconds)
{
    struct timeval interval = { milliseconds / 1000, milliseconds % 1000 * 1000 };

    event_base_loopexit(base, &interval);
    event_base_dispatch(base);
}

static void owner_open(struct owner *owner, const char *helo)
{
    struct facts facts = { .id = SLICE("id"), .has_helo = true, .helo = slice_of_string(helo) };

    *owner = (struct owner){ .arena = arena_new() };
    owner->answers = answers_new(owner->arena);
    owner->hearing = hearing_open(judges, image, owner->answers, owner->arena);
    facts.client_address.family = facts.local_address.family = 4;
    hearing_facts(owner->hearing, &facts);
}

static void owner_close(struct owner *owner)
{
    hearing_close(&owner->hearing);
    spool_free(&owner->spool);
    arena_free(&owner->arena);
}

static void owner_told(void *context, enum hearing_outcome outcome, const struct verdict *verdict)
{
    struct owner *owner = context;

    owner->told++;
    owner->outcome = outcome;
    owner->verdict = verdict;
    owner->wanted = answers_wanted_count(owner->answers);
    if (outcome == HEARING_ASKS)
        snprintf(owner->missing, sizeof(owner->missing), "%.*s", SLICE_ARG(answers_missing(owner->answers, 0)->name));
}

static void owner_asked(void *context, enum hearing_outcome outcome, const struct verdict *verdict)
{
    struct owner *owner = context;

    ck_assert_ptr_null(verdict);
    owner->asked++;
    owner->asked_outcome = outcome;
    if (outcome == HEARING_ASKS)
        snprintf(owner->missing, sizeof(owner->missing), "%.*s", SLICE_ARG(answers_missing(owner->answers, 0)->name));
}

static void owner_judge(struct owner *owner, enum stage stage)
{
    int before = owner->told;

    hearing_judge(owner->hearing, stage, owner_told, owner);
    ck_assert_int_eq(owner->told, before);         /* never from inside */
}

static void owner_learn(struct owner *owner, const char *name)
{
    struct answer answer = { .question = { QUESTION_TXT, slice_of_string(name) }, .status = ANSWER_NO_NAME };

    ck_assert(answers_add(owner->answers, &answer));
}

static void owner_append(struct owner *owner, const char *bytes, size_t times)
{
    for (size_t i = 0; i < times; i++)
        ck_assert_int_eq(spool_append(owner->spool, slice_of_string(bytes)), SPOOL_OK);
}

/* A message of a header and `times` times the body, complete. */
static void owner_message(struct owner *owner, const char *header, const char *body, size_t times)
{
    owner->spool = spool_new(&budget);
    owner_append(owner, header, 1);
    owner_append(owner, body, times);
    hearing_header(owner->hearing, owner->spool, strlen(header), owner_asked, owner);
    hearing_message_end(owner->hearing);
}

static void be_ready(void)
{
    judges_use(judges, image);
    RUN_UNTIL(judges_ready(judges), 20);
}

static void assert_one(const char *helo, enum hearing_outcome outcome, unsigned deaths)
{
    struct owner owner;

    owner_open(&owner, helo);
    owner_judge(&owner, STAGE_MAIL);
    RUN_UNTIL(owner.told == 1, 30);
    ck_assert_int_eq(owner.outcome, outcome);
    ck_assert_uint_eq(judges_deaths(judges), deaths);
    owner_close(&owner);
}

/* --- tests */

START_TEST(verdict)
{
    struct owner owner;

    be_ready();
    owner_open(&owner, "pass");
    owner_judge(&owner, STAGE_CONNECT);
    RUN_UNTIL(owner.told == 1, 10);
    ck_assert_int_eq(owner.outcome, HEARING_DECIDED);
    ck_assert_int_eq(owner.verdict->stage, STAGE_CONNECT);
    ck_assert_uint_eq(owner.wanted, 1);
    owner_judge(&owner, STAGE_RCPT);
    RUN_UNTIL(owner.told == 2, 10);
    ck_assert_int_eq(owner.verdict->stage, STAGE_RCPT);
    owner_close(&owner);
    ck_assert_ptr_null(owner.hearing);
    hearing_close(&owner.hearing);
    run_for(50);
    ck_assert_uint_eq(judges_deaths(judges), 0);
}
END_TEST

/* Asked before any judge is ready. */
START_TEST(early)
{
    struct owner owner;

    judges_use(judges, image);
    ck_assert(!judges_ready(judges));
    owner_open(&owner, "pass");
    owner_judge(&owner, STAGE_CONNECT);
    RUN_UNTIL(owner.told == 1, 20);
    ck_assert_int_eq(owner.outcome, HEARING_DECIDED);
    owner_close(&owner);
}
END_TEST

START_TEST(questions)
{
    struct owner owner;

    be_ready();
    owner_open(&owner, "ask");
    owner_judge(&owner, STAGE_MAIL);
    RUN_UNTIL(owner.told == 1, 10);
    ck_assert_int_eq(owner.outcome, HEARING_ASKS);
    ck_assert_str_eq(owner.missing, "asked.example");
    ck_assert_uint_eq(owner.wanted, 1);
    owner_learn(&owner, "asked.example");
    owner_judge(&owner, STAGE_MAIL);
    RUN_UNTIL(owner.told == 2, 10);
    ck_assert_int_eq(owner.outcome, HEARING_DECIDED);
    ck_assert(answers_first(owner.answers)->used);
    owner_close(&owner);
}
END_TEST

/* The answer came while the judge was asking for it: it is told, and nobody else. */
START_TEST(answered_meanwhile)
{
    struct owner owner;

    be_ready();
    owner_open(&owner, "ask");
    owner_judge(&owner, STAGE_MAIL);
    owner_learn(&owner, "asked.example");
    RUN_UNTIL(owner.told == 1, 10);
    ck_assert_int_eq(owner.outcome, HEARING_DECIDED);
    ck_assert_uint_eq(judges_deaths(judges), 0);
    owner_close(&owner);
}
END_TEST

/* Only the last of several has an outcome. */
START_TEST(replaced)
{
    struct owner owner;

    be_ready();
    owner_open(&owner, "pass");
    owner_judge(&owner, STAGE_HELO);
    owner_judge(&owner, STAGE_MAIL);
    turn();
    owner_judge(&owner, STAGE_RCPT);
    RUN_UNTIL(owner.told == 1, 10);
    ck_assert_int_eq(owner.verdict->stage, STAGE_RCPT);
    run_for(50);
    ck_assert_int_eq(owner.told, 1);
    ck_assert_uint_eq(judges_deaths(judges), 0);
    owner_close(&owner);
}
END_TEST

/* Closed at every moment: nothing comes, nothing is lost. */
START_TEST(closed)
{
    struct owner owner;

    be_ready();
    for (int moment = 0; moment < 6; moment++) {
        owner_open(&owner, moment % 2 == 0 ? "pass" : "ask");
        if (moment > 1)
            owner_judge(&owner, STAGE_MAIL);
        if (moment > 3)
            turn();
        owner_close(&owner);
    }
    run_for(100);
    ck_assert_uint_eq(judges_deaths(judges), 0);
    assert_one("pass", HEARING_DECIDED, 0);
}
END_TEST

static void close_all(void *context, enum hearing_outcome outcome, const struct verdict *given)
{
    struct owner *owners = context;

    (void)outcome, (void)given;
    for (int i = 0; i < 3; i++)
        hearing_close(&owners[i].hearing);
}

START_TEST(closed_from_outcome)
{
    struct owner owners[3];

    be_ready();
    for (int i = 0; i < 3; i++) {
        owner_open(&owners[i], "pass");
        hearing_judge(owners[i].hearing, STAGE_MAIL, close_all, owners);
    }
    RUN_UNTIL(owners[0].hearing == NULL, 10);
    run_for(50);
    for (int i = 0; i < 3; i++)
        owner_close(&owners[i]);
}
END_TEST

START_TEST(message)
{
    struct owner owner;

    be_ready();
    owner_open(&owner, "pass");
    owner_message(&owner, "Subject: a\r\n\r\n", "body\r\n", 10);
    owner_judge(&owner, STAGE_MESSAGE);
    RUN_UNTIL(owner.told == 1, 10);
    ck_assert_int_eq(owner.outcome, HEARING_DECIDED);
    ck_assert_int_eq(owner.verdict->score, 60);
    ck_assert_int_eq(owner.asked, 0);
    owner_close(&owner);
}
END_TEST

/* An empty header, an empty body, both. */
START_TEST(empty_message)
{
    struct owner owner;

    be_ready();
    owner_open(&owner, "pass");
    owner_message(&owner, _i & 1 ? "Subject: a\r\n\r\n" : "", "\r\n", _i & 2 ? 1 : 0);
    owner_judge(&owner, STAGE_MESSAGE);
    RUN_UNTIL(owner.told == 1, 10);
    ck_assert_int_eq(owner.outcome, HEARING_DECIDED);
    ck_assert_int_eq(owner.verdict->score, _i & 2 ? 2 : 0);
    owner_close(&owner);
}
END_TEST

/* Keys are asked for, the body waits for them, then streams as it grows; the output is never more than a little. */
START_TEST(streaming)
{
    struct owner owner;
    size_t most = 0;

    be_ready();
    owner_open(&owner, "pass");
    owner.spool = spool_new(&budget);
    owner_append(&owner, "Signed: a\r\n\r\n", 1);
    hearing_header(owner.hearing, owner.spool, 13, owner_asked, &owner);
    owner_append(&owner, "0123456789abcde\n", 1000);
    hearing_body_grew(owner.hearing);
    RUN_UNTIL(owner.asked == 1, 10);
    ck_assert_int_eq(owner.asked_outcome, HEARING_ASKS);
    ck_assert_str_eq(owner.missing, "key.example");
    owner_learn(&owner, "key.example");
    hearing_answered(owner.hearing);
    for (int i = 0; i < 40; i++) {
        owner_append(&owner, "0123456789abcde\n", 10000);
        hearing_body_grew(owner.hearing);
        if (owner.hearing->seat.process != NULL && judge_process_output(owner.hearing->seat.process) > most)
            most = judge_process_output(owner.hearing->seat.process);
        if (i % 3 == 0)
            turn();
        if (i == 20)
            run_for(200);                  /* all that there is has gone */
    }
    hearing_message_end(owner.hearing);
    owner_judge(&owner, STAGE_MESSAGE);
    RUN_UNTIL(owner.told == 1, 20);
    ck_assert_int_eq(owner.outcome, HEARING_DECIDED);
    ck_assert_int_eq(owner.verdict->score, 16 * 401000);
    ck_assert_int_eq(owner.asked, 1);
    ck_assert_uint_eq(judges_deaths(judges), 0);
    ck_assert_uint_gt(most, 0);
    ck_assert_uint_le(most, JUDGES_OUTPUT_MARK + FRAME_PAYLOAD_MOST + 64);
    owner_close(&owner);
}
END_TEST

/* What cannot be right kills the judge; the hearing is tried alone, kills that one as well, and is guilty. */
START_TEST(guilty)
{
    static const char *const deeds[] = {
        "die", "hang", "garble", "other stage", "refuse", "ask again", "adds X-Tag", "other number",
    };
    struct owner owner;

    be_ready();
    owner_open(&owner, deeds[_i]);
    if (_i == 5)
        owner_learn(&owner, "known.example");
    owner_judge(&owner, STAGE_MAIL);
    RUN_UNTIL(owner.told == 1, 30);
    ck_assert_int_eq(owner.outcome, HEARING_KILLED);
    ck_assert_uint_eq(judges_deaths(judges), 2);
    /* It stays so, without another death. */
    owner_judge(&owner, STAGE_MAIL);
    RUN_UNTIL(owner.told == 2, 10);
    ck_assert_int_eq(owner.outcome, HEARING_KILLED);
    owner_close(&owner);
    assert_one("pass", HEARING_DECIDED, 2);
}
END_TEST

/* A SIGKILL from outside may have hit all judges at once: alone it proves nothing, but it does not happen twice. */
START_TEST(killed_in_trial)
{
    struct owner owner;

    be_ready();
    owner_open(&owner, "be killed");
    owner_judge(&owner, STAGE_MAIL);
    RUN_UNTIL(owner.told == 1, 30);
    ck_assert_int_eq(owner.outcome, HEARING_KILLED);
    ck_assert_uint_eq(judges_deaths(judges), 3);
    owner_close(&owner);
}
END_TEST

START_TEST(all_killed_at_once)
{
    struct owner owner;

    be_ready();
    owner_open(&owner, "pass");
    /* Its judge is stopped before it can answer; then all judges there are die. */
    kill(judges->newest->current->pid, SIGSTOP);
    owner_judge(&owner, STAGE_MAIL);
    kill(judges->newest->current->pid, SIGKILL);
    kill(judges->newest->spare->pid, SIGKILL);
    RUN_UNTIL(owner.told == 1, 30);
    ck_assert_int_eq(owner.outcome, HEARING_DECIDED);
    owner_close(&owner);
}
END_TEST

/* A reply too many is nobody's. */
START_TEST(unasked)
{
    struct owner owner;

    be_ready();
    owner_open(&owner, "twice");
    owner_judge(&owner, STAGE_MAIL);
    RUN_UNTIL(owner.told == 1 && judges_deaths(judges) == 1, 10);
    ck_assert_int_eq(owner.outcome, HEARING_DECIDED);
    owner_close(&owner);
    assert_one("pass", HEARING_DECIDED, 1);
}
END_TEST

START_TEST(full)
{
    be_ready();
    assert_one("full", HEARING_UNAVAILABLE, 0);
    assert_one("pass", HEARING_DECIDED, 0);
}
END_TEST

/* FULL may cross a CLOSE, once. */
START_TEST(full_flood)
{
    struct owner owner;

    be_ready();
    owner_open(&owner, "full flood");
    owner_judge(&owner, STAGE_MAIL);
    RUN_UNTIL(owner.told == 1 && judges_deaths(judges) == 1, 10);
    ck_assert_int_eq(owner.outcome, HEARING_UNAVAILABLE);
    owner_close(&owner);
    assert_one("pass", HEARING_DECIDED, 1);
}
END_TEST

/* What judges say is held as long as hearings are open, up to a limit for all of them. */
START_TEST(held_limit)
{
    struct owner owner;

    be_ready();
    judges->held_most = 1000;
    owner_open(&owner, "pass");
    do {
        owner_judge(&owner, STAGE_MAIL);
        RUN_UNTIL(owner.told == 1, 10);
        owner.told = 0;
        ck_assert_uint_le(judges->held, 1000);
    } while (owner.outcome == HEARING_DECIDED);
    /* Whose turn it is when there is no room left has done nothing wrong, and nor has the judge. */
    ck_assert_int_eq(owner.outcome, HEARING_UNAVAILABLE);
    ck_assert_uint_gt(judges->held, 0);
    owner_close(&owner);
    ck_assert_uint_eq(judges->held, 0);
    assert_one("pass", HEARING_DECIDED, 0);
}
END_TEST

/*
 * Fields: those that the image can add are added and removed, others kill the judge, and so does a range that is no
 * field.
 */
START_TEST(fields)
{
    static const struct {
        const char *helo;
        enum hearing_outcome outcome;
    } cases[] = {
        { "adds X-Tag", HEARING_DECIDED },          { "adds X-Other", HEARING_KILLED },
        { "removes X-Tag", HEARING_DECIDED },       { "removes too much", HEARING_KILLED },
        { "removes Subject", HEARING_KILLED },
    };
    struct owner owner;

    be_ready();
    owner_open(&owner, cases[_i].helo);
    owner_message(&owner, "X-Tag: a\r\nSubject: b\r\n\r\n", "body\r\n", 1);
    owner_judge(&owner, STAGE_MESSAGE);
    RUN_UNTIL(owner.told == 1, 10);
    ck_assert_int_eq(owner.outcome, cases[_i].outcome);
    owner_close(&owner);
}
END_TEST

/* One hundred in flight, one of them poison: in what it says, in how long it takes, or in the message. */
static void many(const char *helo, const char *body, enum stage stage)
{
    static struct owner owners[100];

    be_ready();
    for (int i = 0; i < 100; i++) {
        bool poison = i == 37;

        owner_open(&owners[i], poison ? helo : "pass");
        if (stage == STAGE_MESSAGE)
            owner_message(&owners[i], "Subject: a\r\n\r\n", poison ? body : "body\r\n", 500);
        owner_judge(&owners[i], stage);
    }
    for (int i = 0; i < 100; i++)
        RUN_UNTIL(owners[i].told == 1, 30);
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(owners[i].outcome, i == 37 ? HEARING_KILLED : HEARING_DECIDED);
    ck_assert_uint_eq(judges_deaths(judges), 2);
    for (int i = 0; i < 100; i++)
        owner_close(&owners[i]);
}

START_TEST(one_among_many)
{
    many("die", "body\r\n", STAGE_MAIL);
}
END_TEST

START_TEST(one_hangs_among_many)
{
    many("hang", "body\r\n", STAGE_MAIL);
}
END_TEST

/* Small frames for others, which the kernel holds for it, do not keep a judge that hangs. */
START_TEST(hangs_while_others_come)
{
    struct owner hanging, others[40];
    size_t count = 0;

    be_ready();
    owner_open(&hanging, "hang");
    owner_judge(&hanging, STAGE_MAIL);
    while (count < 40 && judges_deaths(judges) == 0) {
        run_for(100);
        owner_open(&others[count], "pass");
        owner_judge(&others[count++], STAGE_MAIL);
    }
    ck_assert_uint_ge(judges_deaths(judges), 1);
    while (count-- > 0) {
        RUN_UNTIL(others[count].told == 1, 30);
        owner_close(&others[count]);
    }
    owner_close(&hanging);
}
END_TEST

START_TEST(one_message_among_many)
{
    many("pass", "POISON\r\n", STAGE_MESSAGE);
}
END_TEST

/*
 * Poison in a body that is still coming: it kills once, is not tried before it is complete, then kills alone. Others
 * lose nothing.
 */
START_TEST(poison_while_streaming)
{
    struct owner poison, other;

    be_ready();
    owner_open(&other, "pass");
    owner_judge(&other, STAGE_MAIL);
    RUN_UNTIL(other.told == 1, 10);
    owner_open(&poison, "pass");
    poison.spool = spool_new(&budget);
    owner_append(&poison, "Subject: a\r\n\r\n", 1);
    hearing_header(poison.hearing, poison.spool, 14, owner_asked, &poison);
    run_for(50);
    owner_append(&poison, "POISON\r\n", 1);
    hearing_body_grew(poison.hearing);
    RUN_UNTIL(judges_deaths(judges) == 1, 10);
    owner_append(&poison, "more\r\n", 1);
    hearing_body_grew(poison.hearing);
    owner_judge(&other, STAGE_RCPT);
    RUN_UNTIL(other.told == 2, 10);
    ck_assert_int_eq(other.outcome, HEARING_DECIDED);
    ck_assert_uint_eq(judges_deaths(judges), 1);
    hearing_message_end(poison.hearing);
    owner_judge(&poison, STAGE_MESSAGE);
    RUN_UNTIL(poison.told == 1, 10);
    ck_assert_int_eq(poison.outcome, HEARING_KILLED);
    ck_assert_uint_eq(judges_deaths(judges), 2);
    owner_close(&poison);
    owner_close(&other);
}
END_TEST

/* Killed from outside while messages stream: all are fed again, nobody is blamed. */
START_TEST(killed_from_outside)
{
    struct owner owners[4];

    be_ready();
    for (int i = 0; i < 4; i++) {
        owner_open(&owners[i], "pass");
        owner_message(&owners[i], i % 2 ? "Signed: a\r\n\r\n" : "Subject: a\r\n\r\n", "0123456789abcde\n", 20000);
        if (i % 2 == 0)
            owner_judge(&owners[i], STAGE_MESSAGE);
    }
    turn();
    kill(LIST_FIRST(&judges->benches)->current->pid, SIGKILL);
    for (int i = 1; i < 4; i += 2) {
        RUN_UNTIL(owners[i].asked == 1, 10);
        ck_assert_int_eq(owners[i].asked_outcome, HEARING_ASKS);
        owner_learn(&owners[i], "key.example");
        hearing_answered(owners[i].hearing);
        owner_judge(&owners[i], STAGE_MESSAGE);
    }
    for (int i = 0; i < 4; i++) {
        RUN_UNTIL(owners[i].told == 1, 20);
        ck_assert_int_eq(owners[i].outcome, HEARING_DECIDED);
        ck_assert_int_eq(owners[i].verdict->score, 320000);
        owner_close(&owners[i]);
    }
    ck_assert_uint_eq(judges_deaths(judges), 1);
}
END_TEST

/* With nothing under way the spare steps in at once. */
START_TEST(spare_steps_in)
{
    int64_t began;

    be_ready();
    RUN_UNTIL(judges->newest->current->ready && judges->newest->spare->ready, 20);
    kill(judges->newest->current->pid, SIGKILL);
    RUN_UNTIL(judges_deaths(judges) == 1, 10);
    began = clock_monotonic();
    ck_assert(judges_ready(judges));
    assert_one("pass", HEARING_DECIDED, 1);
    ck_assert_int_le(clock_monotonic() - began, 200000);
}
END_TEST

/* One that is closed in its trial is not blamed on the next in line. */
START_TEST(closed_in_trial)
{
    struct owner hanging, next;

    be_ready();
    owner_open(&hanging, "hang");
    owner_judge(&hanging, STAGE_MAIL);
    owner_open(&next, "pass");
    owner_judge(&next, STAGE_MAIL);
    RUN_UNTIL(judges->newest->trial == hanging.hearing, 20);
    owner_close(&hanging);
    RUN_UNTIL(next.told == 1, 10);
    ck_assert_int_eq(next.outcome, HEARING_DECIDED);
    ck_assert_uint_eq(judges_deaths(judges), 1);
    owner_close(&next);
}
END_TEST

/* No judge can be had: the answer comes after judge_seconds, and deaths are spaced out. */
START_TEST(no_judge)
{
    struct owner owner;

    judge_image_release(&image);
    image = image_new(_i == 0 ? "never" : "lie");
    judges_use(judges, image);
    owner_open(&owner, "pass");
    owner_judge(&owner, STAGE_MAIL);
    RUN_UNTIL(owner.told == 1, 10);
    ck_assert_int_eq(owner.outcome, HEARING_UNAVAILABLE);
    ck_assert(!judges_ready(judges));
    ck_assert_uint_ge(judges_deaths(judges), 5);
    ck_assert_uint_le(judges_deaths(judges), 16);
    owner_close(&owner);
}
END_TEST

/* A hearing keeps its image; the processes of an older one go with its last hearing. */
START_TEST(images)
{
    struct judge_image *newer = image_new("normal");
    struct owner owner;
    pid_t old;

    be_ready();
    owner_open(&owner, "pass");
    owner_judge(&owner, STAGE_MAIL);
    RUN_UNTIL(owner.told == 1, 10);
    old = owner.hearing->seat.process->pid;
    judges_use(judges, newer);
    RUN_UNTIL(judges_ready(judges), 20);
    owner_judge(&owner, STAGE_RCPT);
    RUN_UNTIL(owner.told == 2, 10);
    ck_assert_int_eq(owner.hearing->seat.process->pid, old);
    owner_close(&owner);
    RUN_UNTIL(kill(old, 0) != 0, 5);
    ck_assert_uint_eq(judges_deaths(judges), 0);
    judge_image_release(&newer);
}
END_TEST

/* A spool that cannot be read: no judge is blamed. */
START_TEST(disk_fails)
{
    struct owner owner;
    int spooled = -1;

    be_ready();
    owner_open(&owner, "pass");
    owner.spool = spool_new(&budget);
    owner_append(&owner, "Subject: a\r\n\r\n", 1);
    owner_append(&owner, "0123456789abcde\n", 40000);
    ck_assert(spool_is_on_disk(owner.spool));
    for (int descriptor = 255; descriptor > 2 && spooled < 0; descriptor--) {      /* the newest file */
        char path[64] = "", link[32];

        snprintf(link, sizeof(link), "/proc/self/fd/%d", descriptor);
        if (readlink(link, path, sizeof(path) - 1) > 0 && strncmp(path, "/tmp/", 5) == 0)
            spooled = descriptor;
    }
    ck_assert_int_ge(spooled, 0);
    ck_assert_int_eq(ftruncate(spooled, 0), 0);
    hearing_header(owner.hearing, owner.spool, 14, owner_asked, &owner);
    hearing_message_end(owner.hearing);
    owner_judge(&owner, STAGE_MESSAGE);
    RUN_UNTIL(owner.told == 1, 10);
    ck_assert_int_eq(owner.outcome, HEARING_UNAVAILABLE);
    ck_assert_uint_eq(judges_deaths(judges), 0);
    owner_close(&owner);
    assert_one("pass", HEARING_DECIDED, 0);
}
END_TEST

/* More answers than one object can hold reach the judge all the same. */
START_TEST(many_answers)
{
    static char text[60000];
    struct answer_record record = { 0, { text, sizeof(text) } };
    struct owner owner;

    be_ready();
    memset(text, 'x', sizeof(text));
    owner_open(&owner, "ask");
    for (int i = 0; i < 150; i++) {
        struct slice name = i == 140 ? SLICE("asked.example") : arena_printf(owner.arena, "n%d.example", i);
        struct answer answer = {
            .question = { QUESTION_TXT, name }, .status = ANSWER_RECORDS, .count = 1, .records = &record };

        ck_assert(answers_add(owner.answers, &answer));
    }
    owner_judge(&owner, STAGE_MAIL);
    RUN_UNTIL(owner.told == 1, 20);
    ck_assert_int_eq(owner.outcome, HEARING_DECIDED);
    ck_assert_uint_eq(judges_deaths(judges), 0);
    owner_close(&owner);
}
END_TEST

/* RFC 5322 2.2: what a field is, to the byte. */
START_TEST(field_ranges)
{
    static const char header[] = "X-Tag: a\r\n"                 /* 0, 10 */
                                 "Subject: X-Tag: b\r\n c\r\n"  /* 10, 23 */
                                 "x-tag \t: d\r\n\te\r\n f\r\n" /* 33, 20 */
                                 "X-Tagged: g\r\n"              /* 53, 13 */
                                 "X-Tag:\r\n"                   /* 66, 8 */
                                 "\r\n";                        /* 74 */
    static const struct {
        size_t offset, length;
        bool good;
    } cases[] = {
        { 0, 10, true }, { 33, 20, true }, { 66, 8, true }, { 0, 9, false }, { 0, 11, false },
        { 0, 33, false }, { 1, 9, false }, { 10, 23, false }, { 19, 14, false }, { 33, 12, false },
        { 33, 16, false }, { 53, 13, false }, { 66, 10, false }, { 66, 11, false }, { 76, 0, false },
        { 77, 5, false }, { 0, SIZE_MAX, false }, { SIZE_MAX, 5, false }, { 0, 0, false },
    };

    size_t offset = cases[_i].offset, length = cases[_i].length;

    ck_assert_msg(judges_check_field(SLICE(header), offset, length, SLICE("X-Tag")) == cases[_i].good, "%zu, %zu",
                  offset, length);
}
END_TEST

/* A message that came by BDAT may end within its last field. */
START_TEST(field_range_without_end)
{
    static const char header[] = "Subject: a\r\nX-Tag: b\r\n c"; /* 12, 12 */

    ck_assert(!judges_check_field(SLICE(header), 12, 9, SLICE("X-Tag")));
    ck_assert(judges_check_field(SLICE(header), 12, sizeof(header) - 1 - 12, SLICE("X-Tag")));
    ck_assert(!judges_check_field(SLICE(header), 12, sizeof(header) - 2 - 12, SLICE("X-Tag")));
    ck_assert(!judges_check_field(SLICE("X-Tag"), 0, 5, SLICE("X-Tag")));
    ck_assert(judges_check_field(SLICE("X-Tag:"), 0, 6, SLICE("X-Tag")));
}
END_TEST

Suite *suite_judges(void);

Suite *suite_judges(void)
{
    Suite *suite = suite_create("judges");
    TCase *tests = tcase_create("judges"), *ranges = tcase_create("ranges");

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, verdict);
    tcase_add_test(tests, early);
    tcase_add_test(tests, questions);
    tcase_add_test(tests, answered_meanwhile);
    tcase_add_test(tests, replaced);
    tcase_add_test(tests, closed);
    tcase_add_test(tests, closed_from_outcome);
    tcase_add_test(tests, message);
    tcase_add_loop_test(tests, empty_message, 0, 4);
    tcase_add_test(tests, streaming);
    tcase_add_loop_test(tests, guilty, 0, 8);
    tcase_add_test(tests, killed_in_trial);
    tcase_add_test(tests, all_killed_at_once);
    tcase_add_test(tests, unasked);
    tcase_add_test(tests, full);
    tcase_add_test(tests, full_flood);
    tcase_add_test(tests, held_limit);
    tcase_add_loop_test(tests, fields, 0, 5);
    tcase_add_test(tests, one_among_many);
    tcase_add_test(tests, one_hangs_among_many);
    tcase_add_test(tests, hangs_while_others_come);
    tcase_add_test(tests, one_message_among_many);
    tcase_add_test(tests, poison_while_streaming);
    tcase_add_test(tests, killed_from_outside);
    tcase_add_test(tests, spare_steps_in);
    tcase_add_test(tests, closed_in_trial);
    tcase_add_loop_test(tests, no_judge, 0, 2);
    tcase_add_test(tests, images);
    tcase_add_test(tests, disk_fails);
    tcase_add_test(tests, many_answers);
    suite_add_tcase(suite, tests);
    tcase_add_loop_test(ranges, field_ranges, 0, 19);
    tcase_add_test(ranges, field_range_without_end);
    suite_add_tcase(suite, ranges);
    return suite;
}
