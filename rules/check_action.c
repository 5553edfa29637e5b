/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * check_action.c: what a rule does. Arguments must have the form of the action's row in the language's table; replies
 * must be ones that RFC 5321 and RFC 3463 allow; texts are cut into literals and {facts}.
 */
#include "rules/check.h"

static bool part_add(struct checker *checker, struct text_part ***end, struct slice literal,
                     const struct fact_read *fact)
{
    struct text_part *part;

    if (fact == NULL && literal.length == 0)
        return true;
    part = arena_alloc(checker->arena, sizeof(*part));
    part->literal = literal;
    part->fact = fact;
    **end = part;
    *end = &part->next;
    return true;
}

/* Where byte `index` of a string's contents stands in the source: behind the quote and one more for each escape. */
static struct span span_within(const struct token *string, size_t index, size_t length)
{
    struct slice raw = slice_from(string->span.source->text, string->span.offset + 1);
    size_t at = 0;

    for (size_t i = 0; i < index && at < raw.length; i++)
        at += raw.text[at] == '\\' ? 2 : 1;
    return (struct span){ string->span.source, string->span.offset + 1 + at, length };
}

/* name, name[key] or name["key"]; the quotes need backslashes within a string, so they may be left out. */
static bool split_fact(struct slice text, struct slice *name_out, struct slice *key_out)
{
    size_t open = slice_find(text, '[');
    struct slice key = slice_from(text, open + 1);

    *name_out = slice_first(text, open);
    *key_out = SLICE_NONE;
    if (open == text.length)
        return open > 0;
    if (open == 0 || key.length == 0 || key.text[key.length - 1] != ']')
        return false;
    key.length--;
    if (key.length >= 2 && key.text[0] == '"' && key.text[key.length - 1] == '"')
        key = slice_of(key.text + 1, key.length - 2);
    *key_out = key;
    return true;
}

static const struct fact_read *check_braced(struct checker *checker, const struct token *string, size_t at,
                                            struct slice text)
{
    struct ast_fact fact = { .name = { SLICE_NONE, span_within(string, at, text.length) } };

    fact.key.span = fact.name.span;
    if (!split_fact(text, &fact.name.text, &fact.key.text)) {
        diag_error(checker->diagnostics, fact.name.span, "between the braces stands the name of a fact");
        return NULL;
    }
    return check_fact(checker, &fact);
}

/* At a brace: one that is doubled stands for itself, else a fact begins. How many bytes that took; 0 after an error. */
static size_t check_brace(struct checker *checker, const struct token *string, size_t at, struct text_part ***end)
{
    struct slice rest = slice_from(string->text, at);
    const struct fact_read *fact;
    size_t close;

    if (rest.length > 1 && rest.text[1] == rest.text[0]) {
        part_add(checker, end, slice_first(rest, 1), NULL);
        return 2;
    }
    if (rest.text[0] == '}') {
        diag_error(checker->diagnostics, span_within(string, at, 1), "a \"}\" alone; write \"}}\" for a brace");
        return 0;
    }
    close = slice_find(rest, '}');
    if (close == rest.length) {
        diag_error(checker->diagnostics, span_within(string, at, 1), "no \"}\" follows; write \"{{\" for a brace");
        return 0;
    }
    fact = check_braced(checker, string, at + 1, slice_of(rest.text + 1, close - 1));
    if (fact == NULL)
        return 0;
    part_add(checker, end, SLICE_NONE, fact);
    return close + 1;
}

bool check_text(struct checker *checker, const struct token *string, struct text_part **parts_out)
{
    struct text_part **end = parts_out;
    struct slice text = string->text;
    size_t start = 0, at = 0;

    while (at < text.length) {
        size_t taken;

        if (text.text[at] != '{' && text.text[at] != '}') {
            at++;
            continue;
        }
        part_add(checker, &end, slice_of(text.text + start, at - start), NULL);
        taken = check_brace(checker, string, at, &end);
        if (taken == 0)
            return false;
        at += taken;
        start = at;
    }
    return part_add(checker, &end, slice_from(text, start), NULL);
}

/* What a reply or a field may hold: RFC 5321 4.2 textstring, and RFC 5322 2.2 as we write it. */
static bool check_ascii(struct checker *checker, const struct token *string)
{
    for (size_t i = 0; i < string->text.length; i++) {
        if ((unsigned char)string->text.text[i] < 0x80)
            continue;
        diag_error(checker->diagnostics, string->span, "only ASCII may stand in replies and header fields");
        return false;
    }
    return true;
}

static const char *arguments_form(enum action_arguments arguments)
{
    switch (arguments) {
    case ARGUMENTS_REPLY:         return "[CODE [X.Y.Z]] \"TEXT\"";
    case ARGUMENTS_OPTIONAL_TEXT: return "[\"TEXT\"]";
    case ARGUMENTS_NUMBER:        return "NUMBER";
    case ARGUMENTS_FIELD:         return "\"FIELD-NAME\" \"TEXT\"";
    case ARGUMENTS_TEXT:          return "\"TEXT\"";
    case ARGUMENTS_WORD:          return "\"WORD\" [\"TEXT\"]";
    }
    bug("form of arguments");
}

static bool wrong_form(struct checker *checker, const struct action *action, struct span span)
{
    diag_error(checker->diagnostics, span, "this is written: %s %s", action->name, arguments_form(action->arguments));
    return false;
}

/* RFC 5321 4.2: the class that the action has, a second digit from 0 to 5, any third. */
static bool check_code(struct checker *checker, const struct token *token, struct rule_action *checked)
{
    const struct action *action = checked->action;
    int64_t class = action->reply_class - '0';

    if (token->unit != UNIT_NONE || token->text.length != 3 || token->number / 100 != class ||
        token->number / 10 % 10 > 5)
        diag_error(checker->diagnostics, token->span, "the code of \"%s\" is from %d00 to %d59", action->name,
                   (int)class, (int)class);
    else if (token->number == 421)
        diag_error(checker->diagnostics, token->span, "421 says that the connection is closed; write 450 or 451");
    else {
        checked->code = (unsigned)token->number;
        return true;
    }
    return false;
}

/* RFC 3463 2: class.subject.detail, the last two of one to three digits, and RFC 2034 4: the class that of the code. */
static bool check_enhanced(struct checker *checker, const struct token *token, struct rule_action *checked)
{
    struct slice rest = token->text, parts[3];
    unsigned long long number;
    bool good = true;

    for (size_t i = 0; i < 3; i++) {
        parts[i] = slice_cut(&rest, '.');
        good = good && parts[i].length <= 3 && slice_number(parts[i], 999, &number) &&
               (parts[i].length == 1 || parts[i].text[0] != '0');
    }
    if (!good || rest.text != NULL || parts[0].length != 1 || parts[0].text[0] != checked->action->reply_class) {
        diag_error(checker->diagnostics, token->span, "the enhanced code of \"%s\" is %c.Y.Z, such as %s",
                   checked->action->name, checked->action->reply_class, checked->action->reply_enhanced);
        return false;
    }
    checked->enhanced = token->text;
    return true;
}

static bool take_text(struct checker *checker, const struct ast_literal **rest, struct rule_action *checked)
{
    const struct token *token = *rest == NULL ? NULL : &(*rest)->token;

    if (token == NULL || token->kind != TOKEN_STRING)
        return false;
    *rest = (*rest)->next;
    checked->has_text = true;
    if (checked->action->arguments == ARGUMENTS_REPLY || checked->action->arguments == ARGUMENTS_FIELD ||
        checked->action->arguments == ARGUMENTS_WORD)
        check_ascii(checker, token);
    if ((checked->action->arguments == ARGUMENTS_REPLY || checked->action->arguments == ARGUMENTS_FIELD) &&
        slice_is_empty(slice_trim(token->text)))
        diag_error(checker->diagnostics, token->span, "the text is empty");
    check_text(checker, token, &checked->text);
    return true;
}

static bool check_reply(struct checker *checker, const struct ast_literal **rest, struct rule_action *checked)
{
    checked->code = checked->action->reply_code;
    checked->enhanced = slice_of_string(checked->action->reply_enhanced);
    if (*rest != NULL && (*rest)->token.kind == TOKEN_NUMBER) {
        check_code(checker, &(*rest)->token, checked);
        *rest = (*rest)->next;
        if (*rest != NULL && (*rest)->token.kind == TOKEN_WORD) {
            check_enhanced(checker, &(*rest)->token, checked);
            *rest = (*rest)->next;
        }
    }
    return take_text(checker, rest, checked);
}

/*
 * Fields that say what a message is, how it came here or what was found of it. Adding one would change the message or
 * speak for others; and incoming fields of a name that rules add are removed.
 */
static bool is_owned(struct slice name)
{
    static const char *const whole[] = {
        "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Subject", "Date", "Message-ID", "In-Reply-To", "References",
        "Received", "Return-Path", "DKIM-Signature", "Authentication-Results", "Received-SPF", "MIME-Version",
    };
    static const char *const beginnings[] = { "ARC-", "Content-", "Resent-", "List-" };

    for (size_t i = 0; i < sizeof(whole) / sizeof(*whole); i++)
        if (slice_equal_nocase(name, slice_of_string(whole[i])))
            return true;
    for (size_t i = 0; i < sizeof(beginnings) / sizeof(*beginnings); i++)
        if (slice_starts_with_nocase(name, slice_of_string(beginnings[i])))
            return true;
    return false;
}

static bool check_added_field(struct checker *checker, const struct ast_literal **rest, struct rule_action *checked)
{
    const struct token *token = *rest == NULL ? NULL : &(*rest)->token;

    if (token == NULL || token->kind != TOKEN_STRING)
        return false;
    checked->field_name = token->text;
    *rest = (*rest)->next;
    if (!check_is_field_name(token->text))
        diag_error(checker->diagnostics, token->span, "not the name of a header field: printable ASCII without \":\"");
    else if (is_owned(token->text))
        diag_error(checker->diagnostics, token->span,
                   "the field \"%.*s\" cannot be added by a rule; use a name of your own", SLICE_ARG(token->text));
    return take_text(checker, rest, checked);
}

static bool check_number(const struct ast_literal **rest, struct rule_action *checked)
{
    if (*rest == NULL || (*rest)->token.kind != TOKEN_NUMBER || (*rest)->token.unit != UNIT_NONE)
        return false;
    checked->number = (*rest)->token.number;
    *rest = (*rest)->next;
    return true;
}

static const char *word_next(void *context, size_t index)
{
    const struct action *action = context;

    return action->words[index];
}

static bool check_word(struct checker *checker, const struct ast_literal **rest, struct rule_action *checked)
{
    const struct token *token = *rest == NULL ? NULL : &(*rest)->token;
    const char *word;

    if (token == NULL || token->kind != TOKEN_STRING)
        return false;
    *rest = (*rest)->next;
    checked->word = token->text;
    for (size_t i = 0; (word = checked->action->words[i]) != NULL; i++)
        if (slice_equal(token->text, slice_of_string(word)))
            return *rest == NULL || take_text(checker, rest, checked);
    diag_error(checker->diagnostics, token->span, "\"%.*s\" is none of the words that \"%s\" takes%s",
               SLICE_ARG(token->text), checked->action->name,
               check_hint(checker, token->text, word_next, (void *)(uintptr_t)checked->action));
    return *rest == NULL || take_text(checker, rest, checked);
}

static bool check_arguments(struct checker *checker, const struct ast_literal **rest, struct rule_action *checked)
{
    switch (checked->action->arguments) {
    case ARGUMENTS_REPLY:         return check_reply(checker, rest, checked);
    case ARGUMENTS_OPTIONAL_TEXT: return *rest == NULL || take_text(checker, rest, checked);
    case ARGUMENTS_NUMBER:        return check_number(rest, checked);
    case ARGUMENTS_FIELD:         return check_added_field(checker, rest, checked);
    case ARGUMENTS_TEXT:          return take_text(checker, rest, checked);
    case ARGUMENTS_WORD:          return check_word(checker, rest, checked);
    }
    bug("form of arguments");
}

static const char *action_next(void *context, size_t index)
{
    const struct language *language = context;

    return index < language->actions_count ? language->actions[index].name : NULL;
}

static const struct action *action_find(const struct language *language, struct slice name)
{
    for (size_t i = 0; i < language->actions_count; i++)
        if (slice_equal(name, slice_of_string(language->actions[i].name)))
            return &language->actions[i];
    return NULL;
}

static const struct action *find_allowed(struct checker *checker, const struct ast_action *tree)
{
    const struct language *language = checker->program->language;
    const struct action *action = action_find(language, tree->name.text);

    if (action == NULL)
        diag_error(checker->diagnostics, tree->name.span, "unknown action \"%.*s\"%s", SLICE_ARG(tree->name.text),
                   check_hint_of_few(checker, tree->name.text, action_next, (void *)(uintptr_t)language));
    else if (checker->stage < action->from_stage)
        diag_error(checker->diagnostics, tree->name.span, "\"%s\" can be done from stage %s on, not yet at %s",
                   action->name, language->stages[action->from_stage], language->stages[checker->stage]);
    return action;
}

static struct rule_action *check_action(struct checker *checker, const struct ast_action *tree)
{
    const struct ast_literal *rest = tree->arguments;
    struct rule_action *checked = arena_alloc(checker->arena, sizeof(*checked));

    if (tree->name.text.text == NULL)
        return NULL;
    checked->action = find_allowed(checker, tree);
    if (checked->action == NULL)
        return NULL;
    if (!check_arguments(checker, &rest, checked) || rest != NULL)
        wrong_form(checker, checked->action, rest != NULL ? rest->token.span : tree->name.span);
    return checked;
}

struct rule_action *check_actions(struct checker *checker, const struct ast_action *actions)
{
    struct rule_action *first = NULL, **end = &first;
    const struct action *ended = NULL;

    for (; actions != NULL; actions = actions->next) {
        struct rule_action *checked = check_action(checker, actions);

        if (ended != NULL)
            diag_error(checker->diagnostics, actions->name.span, "nothing is done after \"%s\": put it before",
                       ended->name);
        if (checked == NULL)
            continue;
        if (checked->action->ends_stage)
            ended = checked->action;
        *end = checked;
        end = &checked->next;
    }
    return first;
}
