#include "ledger/policy.h"

#include <stdlib.h>

#include "base/assert.h"
#include "ledger/note_internal.h"

enum { GROUP_BIT = LEDGER_POLICY_WITNESSES_MAX };

_Static_assert(LEDGER_POLICY_WITNESSES_MAX + LEDGER_POLICY_GROUPS_MAX <= 64, "bits of members");
_Static_assert(LEDGER_POLICY_WITNESSES_MAX <= 32, "bits of cosigned");
_Static_assert(LEDGER_POLICY_LOGS_MAX + LEDGER_POLICY_WITNESSES_MAX <= LEDGER_NOTE_KEYS_MAX,
               "keys of one note");

/* The reader. */
struct reader {
    struct ledger_policy *policy;
    struct lucid_why *why;
    unsigned line;
    bool quorum_read;
    uint64_t members; /* of any group so far */
};

static enum lucid_error refuse(struct reader *reader, const char *text)
{
    return lucid_refuse(reader->why, LUCID_REFUSE_INVALID, "POLICY_MALFORMED", NULL, "line %u: %s",
                        reader->line, text);
}

static enum lucid_error refuse_many(struct reader *reader, const char *what, unsigned max)
{
    return lucid_refuse(reader->why, LUCID_REFUSE_TOO_LARGE, "POLICY_TOO_LARGE", NULL,
                        "line %u: more than %u %s", reader->line, max, what);
}

static bool is_space(uint8_t byte)
{
    return byte == ' ' || byte == '\t';
}

/* Takes the next word off the line; an empty one at its end. */
static struct lucid_span word_next(struct lucid_span *line)
{
    size_t at = 0;
    while (at < line->len && is_space(line->data[at])) {
        at++;
    }
    size_t start = at;
    while (at < line->len && !is_space(line->data[at])) {
        at++;
    }
    struct lucid_span word = lucid_span(line->data + start, at - start);
    *line = lucid_span(line->data + at, line->len - at);
    return word;
}

static bool name_is(const struct ledger_policy_name *name, struct lucid_span word)
{
    return lucid_span_equal(lucid_span(name->bytes, name->len), word);
}

/* The bit of a witness or group; 0 when nothing has that name. */
static uint64_t name_find(const struct ledger_policy *policy, struct lucid_span word)
{
    for (uint32_t i = 0; i < policy->witness_count; i++) {
        if (name_is(&policy->witnesses[i].name, word)) {
            return (uint64_t)1 << i;
        }
    }
    for (uint32_t i = 0; i < policy->group_count; i++) {
        if (name_is(&policy->groups[i].name, word)) {
            return (uint64_t)1 << (GROUP_BIT + i);
        }
    }
    return 0;
}

/* The name of a new witness or group. */
static enum lucid_error name_read(struct reader *reader, struct lucid_span word,
                                  struct ledger_policy_name *ret_name)
{
    if (word.len == 0) {
        return refuse(reader, "a name is missing");
    }
    if (word.len > LEDGER_POLICY_NAME_BYTES_MAX) {
        return refuse_many(reader, "bytes in a name", LEDGER_POLICY_NAME_BYTES_MAX);
    }
    if (lucid_span_is(word, "none")) {
        return refuse(reader, "the name none is taken");
    }
    if (name_find(reader->policy, word) != 0) {
        return refuse(reader, "the name is defined already");
    }
    ret_name->len = (uint8_t)word.len;
    memcpy(ret_name->bytes, word.data, word.len);
    return LUCID_OK;
}

static enum lucid_error url_read(struct reader *reader, struct lucid_span word,
                                 char ret_url[LEDGER_POLICY_URL_BYTES_MAX + 1])
{
    if (word.len > LEDGER_POLICY_URL_BYTES_MAX) {
        return refuse_many(reader, "bytes in a URL", LEDGER_POLICY_URL_BYTES_MAX);
    }
    if (word.len > 0) {
        memcpy(ret_url, word.data, word.len);
    }
    ret_url[word.len] = '\0';
    return LUCID_OK;
}

static enum lucid_error key_read(struct reader *reader, enum ledger_key_type type,
                                 struct lucid_span word, struct ledger_vkey *ret_vkey)
{
    struct lucid_why why = {.code = NULL};
    const struct ledger_policy *policy = reader->policy;
    enum lucid_error error = note_vkey_parse(type, word, ret_vkey, &why);
    if (error != LUCID_OK) {
        return lucid_refuse(reader->why, error, why.code, NULL, "line %u: %.150s", reader->line,
                            word.len == 0 ? "a key is missing" : why.text);
    }
    for (uint32_t i = 0; i < policy->log_count; i++) {
        if (memcmp(policy->logs[i].vkey.public_key, ret_vkey->public_key,
                   sizeof(ret_vkey->public_key)) == 0) {
            return refuse(reader, "the public key stands there already");
        }
    }
    for (uint32_t i = 0; i < policy->witness_count; i++) {
        if (memcmp(policy->witnesses[i].vkey.public_key, ret_vkey->public_key,
                   sizeof(ret_vkey->public_key)) == 0) {
            return refuse(reader, "the public key stands there already");
        }
    }
    return LUCID_OK;
}

static enum lucid_error log_line(struct reader *reader, struct lucid_span *rest)
{
    struct ledger_policy *policy = reader->policy;
    if (policy->log_count == LEDGER_POLICY_LOGS_MAX) {
        return refuse_many(reader, "logs", LEDGER_POLICY_LOGS_MAX);
    }
    struct ledger_policy_log *log = &policy->logs[policy->log_count];
    enum lucid_error error = key_read(reader, LEDGER_KEY_ED25519, word_next(rest), &log->vkey);
    if (error == LUCID_OK) {
        error = url_read(reader, word_next(rest), log->url);
    }
    if (error == LUCID_OK) {
        policy->log_count++;
    }
    return error;
}

static enum lucid_error witness_line(struct reader *reader, struct lucid_span *rest)
{
    struct ledger_policy *policy = reader->policy;
    if (policy->witness_count == LEDGER_POLICY_WITNESSES_MAX) {
        return refuse_many(reader, "witnesses", LEDGER_POLICY_WITNESSES_MAX);
    }
    struct ledger_policy_witness *witness = &policy->witnesses[policy->witness_count];
    enum lucid_error error = name_read(reader, word_next(rest), &witness->name);
    if (error == LUCID_OK) {
        error = key_read(reader, LEDGER_KEY_COSIGNER, word_next(rest), &witness->vkey);
    }
    if (error == LUCID_OK) {
        error = url_read(reader, word_next(rest), witness->url);
    }
    if (error == LUCID_OK) {
        policy->witness_count++;
    }
    return error;
}

/* all, any, or a number of 1 … members. */
static enum lucid_error threshold_read(struct reader *reader, struct lucid_span word,
                                       uint32_t members, uint32_t *ret_threshold)
{
    uint64_t number = 0;
    if (lucid_span_is(word, "all")) {
        number = members;
    } else if (lucid_span_is(word, "any")) {
        number = 1;
    } else if (!note_decimal_read(word, &number) || number < 1 || number > members) {
        return refuse(reader, "a group's threshold is all, any, or 1 to the number of its members");
    }
    *ret_threshold = (uint32_t)number;
    return LUCID_OK;
}

static enum lucid_error group_line(struct reader *reader, struct lucid_span *rest)
{
    struct ledger_policy *policy = reader->policy;
    if (policy->group_count == LEDGER_POLICY_GROUPS_MAX) {
        return refuse_many(reader, "groups", LEDGER_POLICY_GROUPS_MAX);
    }
    struct ledger_policy_group *group = &policy->groups[policy->group_count];
    enum lucid_error error = name_read(reader, word_next(rest), &group->name);
    if (error != LUCID_OK) {
        return error;
    }
    struct lucid_span threshold = word_next(rest);
    uint32_t count = 0;
    for (struct lucid_span word = word_next(rest); word.len > 0; word = word_next(rest)) {
        uint64_t bit = name_find(policy, word);
        if (bit == 0) {
            return refuse(reader, "a member of the group is not defined on a line before");
        }
        if ((reader->members & bit) != 0) {
            return refuse(reader, "a name is the member of a group twice");
        }
        reader->members |= bit;
        group->members |= bit;
        count++;
    }
    if (count == 0) {
        return refuse(reader, "a group has at least one member");
    }
    error = threshold_read(reader, threshold, count, &group->threshold);
    if (error == LUCID_OK) {
        policy->group_count++;
    }
    return error;
}

static enum lucid_error quorum_line(struct reader *reader, struct lucid_span *rest)
{
    struct lucid_span word = word_next(rest);
    if (reader->quorum_read) {
        return refuse(reader, "a second quorum line");
    }
    reader->quorum_read = true;
    if (lucid_span_is(word, "none")) {
        return LUCID_OK;
    }
    reader->policy->quorum = name_find(reader->policy, word);
    return reader->policy->quorum != 0
               ? LUCID_OK
               : refuse(reader, "the quorum's name is not defined on a line before");
}

static enum lucid_error line_read(struct reader *reader, struct lucid_span line)
{
    static const struct {
        const char *word;
        enum lucid_error (*read)(struct reader *reader, struct lucid_span *rest);
    } kinds[] = {
        {"log", log_line},
        {"witness", witness_line},
        {"group", group_line},
        {"quorum", quorum_line},
    };
    for (size_t i = 0; i < line.len; i++) {
        uint8_t byte = line.data[i];
        if (byte == 0x7f || (byte < 0x20 && byte != '\t')) {
            return refuse(reader, "a control character");
        }
    }
    struct lucid_span word = word_next(&line);
    if (word.len == 0 || word.data[0] == '#') {
        return LUCID_OK;
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        if (!lucid_span_is(word, kinds[i].word)) {
            continue;
        }
        enum lucid_error error = kinds[i].read(reader, &line);
        if (error == LUCID_OK && word_next(&line).len > 0) {
            error = refuse(reader, "more words than the line may have");
        }
        return error;
    }
    return refuse(reader, "not log, witness, group or quorum");
}

static enum lucid_error policy_read(struct reader *reader, struct lucid_span text)
{
    struct lucid_span line;
    while (note_cut(&text, '\n', &line)) {
        reader->line++;
        enum lucid_error error = line_read(reader, line);
        if (error != LUCID_OK) {
            return error;
        }
    }
    reader->line++;
    if (text.len > 0) {
        return refuse(reader, "the last line has no end");
    }
    return reader->quorum_read ? LUCID_OK : refuse(reader, "there is no quorum line");
}

enum lucid_error ledger_policy_parse(struct lucid_span text, struct ledger_policy *ret_policy,
                                     struct lucid_why *why)
{
    if (text.len > LEDGER_POLICY_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, "POLICY_TOO_LARGE", NULL,
                            "a policy has at most %d bytes", LEDGER_POLICY_BYTES_MAX);
    }
    struct reader reader = {.policy = calloc(1, sizeof(*reader.policy)), .why = why};
    if (reader.policy == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    enum lucid_error error = policy_read(&reader, text);
    if (error == LUCID_OK) {
        *ret_policy = *reader.policy;
    }
    free(reader.policy);
    return error;
}

bool ledger_policy_satisfied(const struct ledger_policy *policy, uint32_t cosigned)
{
    uint64_t have = cosigned;
    /* Members were defined before their group, so one pass sees each group's final state. */
    for (uint32_t i = 0; i < policy->group_count; i++) {
        const struct ledger_policy_group *group = &policy->groups[i];
        if ((uint32_t)__builtin_popcountll(have & group->members) >= group->threshold) {
            have |= (uint64_t)1 << (GROUP_BIT + i);
        }
    }
    return (have & policy->quorum) == policy->quorum;
}

static bool vkey_equal(const struct ledger_vkey *a, const struct ledger_vkey *b)
{
    return a->type == b->type && memcmp(a->public_key, b->public_key, sizeof(a->public_key)) == 0 &&
           lucid_span_equal(ledger_vkey_name(a), ledger_vkey_name(b));
}

bool ledger_policy_takes_log(const struct ledger_policy *policy, const struct ledger_vkey *log)
{
    for (uint32_t i = 0; i < policy->log_count; i++) {
        if (vkey_equal(&policy->logs[i].vkey, log)) {
            return true;
        }
    }
    return policy->log_count == 0;
}

enum lucid_error ledger_policy_line_verify(const struct ledger_policy *policy,
                                           struct lucid_span line, struct lucid_span text,
                                           size_t *ret_witness, uint64_t *ret_time_s,
                                           struct lucid_why *why)
{
    for (uint32_t i = 0; i < policy->witness_count; i++) {
        enum lucid_error error =
            ledger_cosignature_verify(line, text, &policy->witnesses[i].vkey, ret_time_s, why);
        if (error == LUCID_OK) {
            *ret_witness = i;
        }
        if (error != LUCID_REFUSE_UNKNOWN_KEY) {
            return error;
        }
    }
    return lucid_refuse(why, LUCID_REFUSE_UNKNOWN_KEY, "COSIGNATURE_UNKNOWN", NULL,
                        "the line is by none of the policy's witnesses");
}

/* The keys to open a note with: the logs' first, then the witnesses'. */
static size_t keys_collect(const struct ledger_policy *policy, const struct ledger_vkey *log,
                           struct ledger_vkey *ret_keys)
{
    size_t count = 0;
    if (log != NULL) {
        ret_keys[count++] = *log;
    }
    for (uint32_t i = 0; log == NULL && i < policy->log_count; i++) {
        ret_keys[count++] = policy->logs[i].vkey;
    }
    for (uint32_t i = 0; i < policy->witness_count; i++) {
        ret_keys[count + i] = policy->witnesses[i].vkey;
    }
    return count;
}

enum lucid_error ledger_policy_check(const struct ledger_policy *policy,
                                     const struct ledger_vkey *log, struct lucid_span note,
                                     struct ledger_policy_verdict *ret_verdict,
                                     struct lucid_why *why)
{
    struct ledger_vkey keys[LEDGER_NOTE_KEYS_MAX];
    struct ledger_note opened;
    struct ledger_policy_verdict verdict;
    if (log == NULL ? policy->log_count == 0 : !ledger_policy_takes_log(policy, log)) {
        return lucid_refuse(why, LUCID_REFUSE_UNKNOWN_KEY, "LOG_UNKNOWN", NULL,
                            log == NULL ? "the policy lists no log and no key was given"
                                        : "the policy does not list this log's key");
    }
    size_t logs = keys_collect(policy, log, keys);
    enum lucid_error error =
        ledger_note_open(note, keys, logs + policy->witness_count, &opened, why);
    if (error == LUCID_OK) {
        error = ledger_checkpoint_parse(opened.text, &verdict.checkpoint, why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    uint64_t by_logs = opened.signed_by & (((uint64_t)1 << logs) - 1);
    if (by_logs == 0) {
        return lucid_refuse(why, LUCID_REFUSE_UNKNOWN_KEY, "NOTE_UNVERIFIED", NULL,
                            "the checkpoint is not signed by a known log");
    }
    for (size_t i = 0; i < logs; i++) {
        if ((by_logs >> i & 1) != 0 &&
            !lucid_span_equal(verdict.checkpoint.origin, ledger_vkey_name(&keys[i]))) {
            return lucid_refuse(why, LUCID_REFUSE_INVALID, "CHECKPOINT_ORIGIN", NULL,
                                "the checkpoint's origin is not the key's name");
        }
    }
    verdict.cosigned = (uint32_t)(opened.signed_by >> logs);
    verdict.satisfied = ledger_policy_satisfied(policy, verdict.cosigned);
    *ret_verdict = verdict;
    return LUCID_OK;
}
