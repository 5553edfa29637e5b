/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * record_text.c: what stands in a record's texts: any bytes as UTF-8, times, hashes, names.
 */
#include "policy/record.h"

#include <time.h>

#include "policy/record_names.h"

void record_init(struct record *record)
{
    *record = (struct record){ 0 };
    for (size_t i = 0; i < RECORD_PHASES; i++)
        record->outcome.timings[i] = -1;
}

const char *record_by_name(enum record_by by)
{
    static const char *const names[] = {
        [RECORD_BY_NOBODY] = "nobody", [RECORD_BY_MXWARD] = "mxward", [RECORD_BY_BACKEND] = "backend",
    };
    return names[by];
}

const char *record_phase_name(enum record_phase phase)
{
    static const char *const names[] = {
        [PHASE_CONNECT] = "connect",     [PHASE_ENVELOPE] = "envelope",   [PHASE_DATA] = "data",
        [PHASE_ANSWERS] = "answers",     [PHASE_JUDGEMENT] = "judgement", [PHASE_BACKEND] = "backend",
        [PHASE_TOTAL] = "total",
    };
    return names[phase];
}

const char *record_part_name(enum record_part part)
{
    static const char *const names[] = {
        [PART_VERDICT] = "verdict", [PART_SCORE] = "score",     [PART_REPLY] = "reply",
        [PART_RULES] = "rules",     [PART_EFFECTS] = "effects", [PART_RESULTS] = "results",
    };
    return names[part];
}

const char *record_told_name(unsigned told)
{
    static const char *const names[RECORD_TOLD_NAMES] = {
        [FACTS_TOLD_NOTHING] = "nothing", [FACTS_TOLD_NAME] = "name", [FACTS_TOLD_NO_NAME] = "no-name",
        [FACTS_TOLD_TEMPORARY] = "temporary",
    };
    return names[told];
}

const char *record_crypto_name(unsigned crypto)
{
    static const char *const names[RECORD_CRYPTO_NAMES] = {
        [SIGNATURE_NOT_TRIED] = "not-tried",
        [SIGNATURE_VERIFIED] = "verified",
        [SIGNATURE_BODY_ALTERED] = "body-altered",
        [SIGNATURE_NOT_BY_KEY] = "not-by-key",
    };
    return names[crypto];
}

const char *record_outcome_name(unsigned outcome)
{
    static const char *const names[RECORD_OUTCOME_NAMES] = {
        [RULE_FALSE] = "false",   [RULE_TRUE] = "true",
        [RULE_UNKNOWN] = "unknown", [RULE_SHADOW] = "shadow",
        [RULE_SHADOW_UNKNOWN] = "shadow-unknown",
    };
    return names[outcome];
}

const char *record_result_name(unsigned result)
{
    return auth_result_name((enum auth_result)result);
}

const char *record_policy_name(unsigned policy)
{
    return dmarc_policy_name((enum dmarc_policy)policy);
}

const char *record_action_name(unsigned action)
{
    return verdict_action_name((enum verdict_action)action);
}

const char *record_stage_name(unsigned stage)
{
    return stage_names[stage];
}

const char *record_by_name_at(unsigned by)
{
    return record_by_name((enum record_by)by);
}

/* Of ASCII; of it a record has all but these three. */
static bool is_plain(char byte)
{
    return byte != 0 && (unsigned char)byte < 0x7F && byte != '\\';
}

static bool is_all_plain(struct slice text)
{
    for (size_t i = 0; i < text.length; i++)
        if (!is_plain(text.text[i]))
            return false;
    return true;
}

struct slice record_escape(struct slice text, struct arena *arena)
{
    static const char digits[] = "0123456789ABCDEF";
    if (is_all_plain(text))
        return text;
    char *out = arena_array(arena, text.length, 4);
    size_t length = 0;
    while (text.length > 0) {
        size_t character = (unsigned char)*text.text > 0x7F || is_plain(*text.text) ? text_utf8_length(text) : 0;
        if (character == 0) {
            unsigned char byte = (unsigned char)*text.text;
            const char escape[4] = { '\\', 'x', digits[byte >> 4], digits[byte & 15] };
            memcpy(out + length, escape, sizeof escape);
            length += sizeof escape;
            character = 1;
        } else {
            memcpy(out + length, text.text, character);
            length += character;
        }
        text = slice_from(text, character);
    }
    return slice_of(out, length);
}

static int digit_of(char c)
{
    if (ascii_is_digit(c))
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

struct slice record_unescape(struct slice text, struct arena *arena)
{
    char *out = arena_alloc(arena, text.length + 1);
    size_t length = 0;
    for (size_t i = 0; i < text.length; i++) {
        bool escape = text.text[i] == '\\' && text.length - i >= 4 && text.text[i + 1] == 'x' &&
                      digit_of(text.text[i + 2]) >= 0 && digit_of(text.text[i + 3]) >= 0;
        if (escape) {
            out[length++] = (char)(unsigned char)(digit_of(text.text[i + 2]) << 4 | digit_of(text.text[i + 3]));
            i += 3;
        } else {
            out[length++] = text.text[i];
        }
    }
    return slice_of(out, length);
}

struct slice record_time(int64_t microseconds, struct arena *arena)
{
    time_t seconds = (time_t)(microseconds / 1000000);
    int64_t fraction = microseconds % 1000000;
    if (fraction < 0) {
        fraction += 1000000;
        seconds--;
    }
    struct tm tm;
    if (gmtime_r(&seconds, &tm) == NULL || tm.tm_year < -1900 || tm.tm_year > 9999 - 1900)
        return SLICE("1970-01-01T00:00:00.000000Z");
    return arena_printf(arena, "%04d-%02d-%02dT%02d:%02d:%02d.%06dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                        tm.tm_hour, tm.tm_min, tm.tm_sec, (int)fraction);
}

/*
 * Days since 1970-01-01 in the proleptic Gregorian calendar: years are counted from March, so that the leap day is
 * last.
 */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    if (month <= 2) {
        year--;
        month += 12;
    }
    return 365 * year + year / 4 - year / 100 + year / 400 + (153 * (month - 3) + 2) / 5 + day - 1 - 719468;
}

bool record_time_parse(struct slice text, int64_t *microseconds_out)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.ddddddZ";
    unsigned long long numbers[7] = { 0 };
    size_t number = 0;
    if (text.length != sizeof form - 1)
        return false;
    for (size_t i = 0; i < text.length; i++) {
        if (form[i] != 'd') {
            if (text.text[i] != form[i])
                return false;
            number++;
            continue;
        }
        if (!ascii_is_digit(text.text[i]))
            return false;
        numbers[number] = numbers[number] * 10 + (unsigned)(text.text[i] - '0');
    }
    if (numbers[1] < 1 || numbers[1] > 12 || numbers[2] < 1 || numbers[2] > 31 || numbers[3] > 23 || numbers[4] > 59 ||
        numbers[5] > 60)
        return false;
    int64_t seconds = days_since_1970((int64_t)numbers[0], (int64_t)numbers[1], (int64_t)numbers[2]) * 86400 +
                      (int64_t)(numbers[3] * 3600 + numbers[4] * 60 + numbers[5]);
    *microseconds_out = seconds * 1000000 + (int64_t)numbers[6];
    return true;
}

struct slice record_hash(const unsigned char hash[32], struct arena *arena)
{
    char *text = arena_alloc(arena, 65);
    for (size_t i = 0; i < 32; i++) {
        text[2 * i] = "0123456789abcdef"[hash[i] >> 4];
        text[2 * i + 1] = "0123456789abcdef"[hash[i] & 15];
    }
    return slice_of(text, 64);
}
