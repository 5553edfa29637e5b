/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * judge.c: see judge.h. First what the stage needs to know is found out, then the rules of all stages up to it run,
 * then the outcome becomes a verdict: reply, fields to add and to remove. What goes to a place (reply, log, field) is
 * made safe for it here.
 */
#include "policy/judge.h"

#include "policy/actions.h"
#include "policy/auth_arc.h"
#include "policy/auth_dkim.h"
#include "policy/auth_dmarc.h"
#include "policy/auth_results.h"
#include "policy/dmarc_override.h"
#include "policy/fields.h"
#include "policy/indirect.h"

/* Bytes of a tag's text before it is folded: some header fields' worth. */
#define TAG_TEXT_MOST 8000
/* Told when a check that failed for now stands in the way of a rejection (P5). */
#define UNDECIDED_TEXT "a check could not be completed now, please try again later"

struct tag {
    struct slice name;
    struct slice text;
    struct tag *next;
};

struct judgement {
    const struct judge_input *input;
    struct arena *arena;
    struct verdict *verdict;
    struct field_context context;
    struct verdict_run **runs_end;
    size_t trace_size;
    struct tag *tags;
    struct tag **tags_end;
    size_t tags_count;
    struct dmarc_said said;
    bool undecided;            /* an unknown rule might have accepted, or changed the score */
};

enum progress { PROGRESS_ON, PROGRESS_ENDED, PROGRESS_PENDING };

/* What was found out */

static bool find_signatures(struct judgement *judgement)
{
    const struct evidence *evidence = judgement->input->evidence;
    struct findings *findings = &judgement->verdict->findings;
    bool pending = false;
    findings->dkim_count = evidence->signatures_count;
    findings->dkim = arena_array(judgement->arena, findings->dkim_count, sizeof *findings->dkim);
    for (size_t i = 0; i < findings->dkim_count; i++) {
        findings->dkim[i] = auth_dkim_outcome(&evidence->signatures[i], judgement->input->facts,
                                              judgement->input->answers, judgement->arena);
        pending = pending || findings->dkim[i].result == AUTH_PENDING;
    }
    return !pending;
}

/* All that can be known of a message, whatever the rules read. False while an answer is missing. */
static bool find_all(struct judgement *judgement)
{
    const struct judge_input *input = judgement->input;
    struct field_context *context = &judgement->context;
    struct findings *findings = &judgement->verdict->findings;
    bool name = field_iprev(context)->result != AUTH_PENDING;
    bool helo = field_spf_helo(context)->result != AUTH_PENDING;
    bool sender = field_spf(context)->result != AUTH_PENDING;
    bool signatures = find_signatures(judgement);
    findings->arc = auth_arc_outcome(input->facts, input->evidence, input->answers, judgement->arena);
    if (!sender || !signatures) {
        auth_dmarc_want(input->facts, input->evidence, input->answers, judgement->arena);
        return false;
    }
    findings->dmarc = auth_dmarc(input->evidence, findings, input->answers, judgement->arena);
    if (!name || !helo || findings->dmarc.result == AUTH_PENDING || findings->arc.result == AUTH_PENDING)
        return false;
    findings->indirect = indirect_is(input->evidence, findings);
    findings->has_message = true;
    return true;
}

/* Before the first rule. */
static bool find_needed(struct judgement *judgement)
{
    const struct judge_input *input = judgement->input;
    if (input->stage == STAGE_MESSAGE)
        return find_all(judgement);
    /* The backend is opened at the first RCPT, or at AUTH, which comes after HELO. */
    bool opens = input->stage == STAGE_RCPT || (input->stage == STAGE_HELO && input->facts->submission);
    if (opens && input->facts->client_name_wanted)
        return field_iprev(&judgement->context)->result != AUTH_PENDING;
    return true;
}

/*
 * A stage waits for all that its rules read, also where the rest of a condition decides without it: else the trace
 * would hold what depends on how fast an answer came.
 */
static bool reads_pending(const struct field_context *context)
{
    const struct findings *findings = context->findings;
    const struct helo_host *host = &context->helo_host;
    return findings->iprev.result == AUTH_PENDING || findings->spf_helo.result == AUTH_PENDING ||
           findings->spf.result == AUTH_PENDING || host->resolves == AUTH_PENDING || host->matches == AUTH_PENDING;
}

/* Texts */

/* Printable ASCII only: what is not becomes "?". At most `most` bytes. */
static struct slice printable(struct slice text, size_t most, struct arena *arena)
{
    struct slice copy = slice_first(text, most);
    char *bytes = arena_alloc(arena, copy.length + 1);
    for (size_t i = 0; i < copy.length; i++)
        bytes[i] = copy.text[i] >= ' ' && copy.text[i] <= '~' ? copy.text[i] : '?';
    return slice_of(bytes, copy.length);
}

/* Facts are strangers' text: wherever they are written, a rule's own words must stay what can be told from them. */
static struct slice escape_fact(const struct action *action, struct slice value, struct arena *arena)
{
    (void)action;
    return printable(value, value.length, arena);
}

/* The rule's text with the id behind it (P6), which is never what is cut. */
static struct slice reply_text(const struct judgement *judgement, struct slice text, const char *otherwise)
{
    struct slice id = judgement->input->facts->id;
    size_t room = VERDICT_TEXT_MOST - (id.length + sizeof " ()" - 1);
    struct slice words = slice_is_empty(text) ? slice_of_string(otherwise) : text;
    words = printable(words, room, judgement->arena);
    return arena_printf(judgement->arena, "%.*s (%.*s)", SLICE_ARG(words), SLICE_ARG(id));
}

/* What ends a stage */

static void set_reply(struct judgement *judgement, enum action_kind kind, const struct action_due *due)
{
    struct verdict *verdict = judgement->verdict;
    const struct action *action = &action_table[kind];
    bool same_class = due->enhanced.length > 0 && due->enhanced.text[0] == action->reply_class &&
                      due->code / 100 == (unsigned)(action->reply_class - '0');
    verdict->code = same_class ? due->code : action->reply_code;
    verdict->enhanced = same_class ? due->enhanced : slice_of_string(action->reply_enhanced);
    verdict->text = reply_text(judgement, due->text, kind == ACTION_REJECT ? "refused by local policy"
                                                                           : "not now, please try again later");
}

/*
 * What is told of a rejection that DNS trouble made a deferral: RFC 7372 3.2 has a code for SPF's, for all others RFC
 * 3463's "directory server failure" says it.
 */
static struct action_due trouble(struct slice instead_of)
{
    bool is_spf = slice_equal(instead_of, SLICE("5.7.23")) || slice_equal(instead_of, SLICE("5.7.24"));
    return (struct action_due){
        .code = 451, .enhanced = is_spf ? SLICE("4.7.24") : SLICE("4.4.3"), .text = SLICE(UNDECIDED_TEXT),
    };
}

static void end_by(struct judgement *judgement, const struct action_due *due, struct verdict_run *run)
{
    struct verdict *verdict = judgement->verdict;
    enum action_kind kind = action_kind_of(due->action);
    run->rule = verdict->rule = due->rule;
    if (kind == ACTION_ACCEPT) {
        run->exempt = true;
        verdict->text = printable(due->text, VERDICT_TEXT_MOST, judgement->arena);
        return;
    }
    if (kind == ACTION_REJECT && judgement->undecided) {
        struct action_due later = trouble(due->enhanced);
        set_reply(judgement, ACTION_DEFER, &later);
        kind = ACTION_DEFER;
    } else if (due->stands_in && kind == ACTION_DEFER) {
        struct action_due later = trouble(due->instead_of);
        set_reply(judgement, kind, &later);
    } else {
        set_reply(judgement, kind, due);
    }
    run->action = verdict->action = kind == ACTION_REJECT ? VERDICT_REJECT : VERDICT_DEFER;
}

/* Effects on the way */

static void add_tag(struct judgement *judgement, const struct action_due *due)
{
    struct slice text = slice_first(due->text, TAG_TEXT_MOST);
    if (judgement->said.quarantine_rule.length == 0 && dmarc_override_is_quarantine(text))
        judgement->said.quarantine_rule = due->rule;
    /* Rules of rcpt run once a recipient. */
    for (const struct tag *tag = judgement->tags; tag != NULL; tag = tag->next)
        if (slice_equal_nocase(tag->name, due->field_name) && slice_equal(tag->text, text))
            return;
    struct tag *tag = arena_alloc(judgement->arena, sizeof *tag);
    *tag = (struct tag){ due->field_name, text, NULL };
    *judgement->tags_end = tag;
    judgement->tags_end = &tag->next;
    judgement->tags_count++;
}

static void add_log(struct judgement *judgement, const struct action_due *due)
{
    struct verdict *verdict = judgement->verdict;
    if (verdict->logs == NULL)
        verdict->logs = arena_array(judgement->arena, VERDICT_LOGS_MOST, sizeof *verdict->logs);
    if (verdict->logs_count < VERDICT_LOGS_MOST)
        verdict->logs[verdict->logs_count++] = printable(due->text, VERDICT_LOG_MOST, judgement->arena);
}

static void do_actions(struct judgement *judgement, const struct stage_outcome *outcome, enum stage stage)
{
    for (const struct action_due *due = outcome->actions; due != NULL; due = due->next) {
        switch (action_kind_of(due->action)) {
        case ACTION_TAG:
            add_tag(judgement, due);
            break;
        case ACTION_LOG:
            /* Earlier stages have said theirs with their own verdict. */
            if (stage == judgement->input->stage)
                add_log(judgement, due);
            break;
        case ACTION_OVERRIDE:
            dmarc_override_say(&judgement->said, due->word, printable(due->text, DMARC_COMMENT_MOST, judgement->arena));
            break;
        case ACTION_SCORE:     /* eval.c has added it */
        case ACTION_ACCEPT:
        case ACTION_REJECT:
        case ACTION_DEFER:
            break;
        }
    }
}

static size_t trace_size(const struct trace_rule *trace)
{
    size_t size = 0;
    for (; trace != NULL; trace = trace->next) {
        size += trace->name.length + trace->did.length;
        for (const struct trace_value *value = trace->values; value != NULL; value = value->next)
            size += value->name.length + value->value.length;
    }
    return size;
}

static struct verdict_run *add_run(struct judgement *judgement, enum stage stage, uint32_t recipient,
                                   struct trace_rule *trace)
{
    struct verdict_run *run = arena_alloc(judgement->arena, sizeof *run);
    run->stage = stage;
    run->recipient = recipient;
    judgement->trace_size += trace_size(trace);
    if (judgement->trace_size <= VERDICT_TRACE_MOST)
        run->trace = trace;
    *judgement->runs_end = run;
    judgement->runs_end = &run->next;
    return run;
}

/* Rules */

static enum progress run_stage(struct judgement *judgement, enum stage stage, uint32_t recipient)
{
    const struct program *program = judgement->input->program;
    if (!program_has_stage(program, stage))
        return PROGRESS_ON;
    judgement->context.stage = stage;
    struct evaluation evaluation = {
        .program = program,
        .context = &judgement->context,
        .arena = judgement->arena,
        .escape = escape_fact,
        .score = &judgement->context.score,
    };
    struct stage_outcome outcome = eval_stage(&evaluation, stage);
    if (outcome.pending || reads_pending(&judgement->context))
        return PROGRESS_PENDING;
    struct verdict_run *run = add_run(judgement, stage, recipient, outcome.trace);
    judgement->undecided = judgement->undecided || outcome.undecided;
    do_actions(judgement, &outcome, stage);
    if (outcome.ending == NULL)
        return PROGRESS_ON;
    end_by(judgement, outcome.ending, run);
    return PROGRESS_ENDED;
}

/*
 * The rules of rcpt for each recipient on its own. Exempt and other recipients do not share a transaction.
 * Of several scores the highest counts from here on.
 */
static enum progress run_recipients(struct judgement *judgement)
{
    const struct facts *facts = judgement->input->facts;
    struct field_context *context = &judgement->context;
    int64_t before = context->score, highest = before;
    size_t exempt = 0;
    enum progress progress = PROGRESS_ON;
    for (size_t i = 0; i < facts->recipients_count && program_has_stage(judgement->input->program, STAGE_RCPT); i++) {
        context->recipients = &facts->recipients[i];
        context->recipients_count = 1;
        context->score = before;
        enum progress one = run_stage(judgement, STAGE_RCPT, (uint32_t)i);
        if (one == PROGRESS_PENDING)
            progress = PROGRESS_PENDING;
        else if (one == PROGRESS_ENDED && judgement->verdict->action != VERDICT_PASS)
            return PROGRESS_ENDED;
        exempt += one == PROGRESS_ENDED;
        highest = i == 0 || context->score > highest ? context->score : highest;
    }
    context->recipients = facts->recipients;
    context->recipients_count = facts->recipients_count;
    context->score = highest;
    if (progress == PROGRESS_ON && exempt > 0 && exempt == facts->recipients_count)
        return PROGRESS_ENDED;
    if (progress == PROGRESS_ON)
        judgement->verdict->rule = judgement->verdict->text = SLICE_NONE;
    return progress;
}

static enum progress run_rules(struct judgement *judgement)
{
    for (enum stage stage = STAGE_CONNECT; stage <= judgement->input->stage; stage++) {
        enum progress progress = stage == STAGE_RCPT ? run_recipients(judgement) : run_stage(judgement, stage, 0);
        if (progress != PROGRESS_ON)
            return progress;
    }
    return PROGRESS_ON;
}

/* The verdict */

/*
 * A header that begins so would read differently below our fields (P2): a folded line would become part of the last
 * of them, and a line of a mailbox file, which mail servers take out where it comes first, would end the header. No
 * rule can want that: it holds for exempt mail too.
 */
static bool cannot_be_carried(struct judgement *judgement)
{
    const struct judge_input *input = judgement->input;
    struct verdict *verdict = judgement->verdict;
    if (input->stage != STAGE_MESSAGE || (input->evidence->oddities & ODDITY_UNCARRIABLE) == 0)
        return false;
    enum oddity oddity = oddity_first_refusing(input->evidence->oddities & ODDITY_UNCARRIABLE);
    verdict->action = VERDICT_REJECT;
    verdict->code = 550;
    verdict->enhanced = SLICE("5.6.0");
    verdict->text = reply_text(judgement, slice_of_string(oddity_sentence(oddity)), "");
    return true;
}

/* A limit, not a rule (P7): it holds for exempt mail too. */
static bool has_too_many_fields(struct judgement *judgement)
{
    const struct judge_input *input = judgement->input;
    struct verdict *verdict = judgement->verdict;
    if (input->stage != STAGE_MESSAGE || input->facts->fields_most == 0 ||
        input->evidence->field_count <= input->facts->fields_most)
        return false;
    verdict->action = VERDICT_REJECT;
    verdict->code = 552;
    verdict->enhanced = SLICE("5.3.4");
    verdict->text =
        reply_text(judgement, SLICE("message header has more fields than allowed here (limit header-fields)"), "");
    return true;
}

/* Likewise (P7): RFC 5321 6.3 has a server stop loops, whatever its rules are. RFC 3463 3.5 names it. */
static bool has_too_many_hops(struct judgement *judgement)
{
    const struct judge_input *input = judgement->input;
    struct verdict *verdict = judgement->verdict;
    if (input->stage != STAGE_MESSAGE || input->facts->hops_most == 0 ||
        input->evidence->received_count <= input->facts->hops_most)
        return false;
    verdict->action = VERDICT_REJECT;
    verdict->code = 554;
    verdict->enhanced = SLICE("5.4.6");
    struct slice text = arena_printf(judgement->arena,
                                     "mail loop: %u Received fields, more than allowed here (limit hops)",
                                     (unsigned)input->evidence->received_count);
    verdict->text = reply_text(judgement, text, "");
    return true;
}

static void add_field(struct verdict *verdict, struct added_field field)
{
    if (field.text.length > 0 && field.text.length <= VERDICT_FIELD_MOST && verdict->added_count < VERDICT_ADDED_MOST)
        verdict->added[verdict->added_count++] = field;
}

static void add_fields(struct judgement *judgement)
{
    const struct judge_input *input = judgement->input;
    struct verdict *verdict = judgement->verdict;
    struct arena *arena = judgement->arena;
    verdict->added = arena_array(arena, judgement->tags_count + 3, sizeof *verdict->added);
    if (input->facts->add_received)
        add_field(verdict, auth_results_received(input->facts, &verdict->findings, arena));
    add_field(verdict, auth_results_field(input->facts, input->evidence, &verdict->findings, arena));
    /* RFC 7208 F: the check is one between border servers. A user of ours is not held to it. */
    if (!input->facts->authenticated)
        add_field(verdict, auth_results_received_spf(input->facts, &verdict->findings, arena));
    for (const struct tag *tag = judgement->tags; tag != NULL; tag = tag->next)
        add_field(verdict, auth_results_tag(tag->name, tag->text, arena));
    verdict->tagged = judgement->tags != NULL;
    verdict->removed = arena_array(arena, input->removed_count, sizeof *verdict->removed);
    for (size_t i = 0; i < input->removed_count; i++)
        verdict->removed[i] = input->removed[i];
    verdict->removed_count = input->removed_count;
}

bool judge(const struct judge_input *input, struct arena *arena, struct verdict *verdict_out)
{
    *verdict_out = (struct verdict){ .stage = input->stage, .evidence = input->evidence };
    struct judgement judgement = {
        .input = input,
        .arena = arena,
        .verdict = verdict_out,
        .context = {
            .facts = input->facts,
            .answers = input->answers,
            .evidence = input->evidence,
            .arena = arena,
            .findings = &verdict_out->findings,
            .trusted_sealers = program_domains(input->program, field_arc_lists[0]),
        },
        .runs_end = &verdict_out->runs,
    };
    judgement.tags_end = &judgement.tags;
    if (input->stage == STAGE_RCPT && input->facts->recipients_count > 0)
        verdict_out->asked = input->facts->recipients[0];
    bool found = find_needed(&judgement);
    /* Without a message's findings its rules cannot run; other stages go on, for their questions. */
    if (!found && input->stage == STAGE_MESSAGE)
        return false;
    if (has_too_many_fields(&judgement) || has_too_many_hops(&judgement) || cannot_be_carried(&judgement))
        return true;
    enum progress progress = run_rules(&judgement);
    if (!found || progress == PROGRESS_PENDING)
        return false;
    verdict_out->exempt = progress == PROGRESS_ENDED && verdict_out->action == VERDICT_PASS;
    verdict_out->score = judgement.context.score;
    if (input->stage == STAGE_MESSAGE)
        dmarc_override_conclude(verdict_out, &judgement.said, arena);
    if (input->stage == STAGE_MESSAGE && verdict_out->action == VERDICT_PASS)
        add_fields(&judgement);
    return true;
}
