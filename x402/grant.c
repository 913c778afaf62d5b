/* Grants: what is asked for, what the writer decides, and the fold. Rows are in grant_row.c. */
#include "x402/grant.h"

#include "base/assert.h"
#include "ledger/payload.h"
#include "ledger/row.h"
#include "x402/grant_internal.h"
#include "x402/payload_read.h"

static const char type_issued[] = "grant.issued";
static const char type_extended[] = "grant.extended";
static const char type_revoked[] = "grant.revoked";
static const struct ledger_event_type types[] = {{.name = type_issued, .version = 1},
                                                 {.name = type_extended, .version = 1},
                                                 {.name = type_revoked, .version = 1},
                                                 {.name = NULL}};
static const char *const tables[] = {[GRANT_ROWS] = "grants", [GRANT_ORDER] = "grant_order", NULL};
static const char *const listens[] = {"payment.reversed", "payment.settled", "payment.stray", NULL};

/* JSON numbers are exact up to here. */
#define NUMBER_MAX (((uint64_t)1 << 53) - 1)
#define HOUR_MS    ((uint64_t)3600 * 1000)

enum { PAYLOAD_BYTES_MAX = 4096, PAYLOAD_ARENA_BYTES = 131072 };

/* --- preparing -------------------------------------------------------------------------------- */

static enum lucid_error invalid(struct lucid_why *why, const char *param, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_GRANT", param, "%s", text);
}

static bool text_take(struct lucid_span text, char out[GAS_NOTE_BYTES_MAX + 1])
{
    return payload_copy(text, out, GAS_NOTE_BYTES_MAX + 1) == LUCID_OK &&
           payload_name_ok(out, GAS_NOTE_BYTES_MAX);
}

enum lucid_error x402_grant_prepare(struct x402_grant_command *command, enum x402_grant_verb verb,
                                    struct lucid_span asset, uint64_t hours,
                                    struct lucid_span secret_sha256_hex, struct lucid_span note,
                                    struct lucid_why *why)
{
    struct x402_grant grant = {.paid = verb == X402_GRANT_SELL};
    lucid_assert(verb != X402_GRANT_REVOKE);
    if (asset.data == NULL || !gas_name_ok(asset, GAS_NAME_BYTES_MAX) ||
        payload_copy(asset, grant.asset, sizeof(grant.asset)) != LUCID_OK) {
        return invalid(why, "asset", "an asset is 1 to 128 of A-Za-z0-9._:-");
    }
    if (hours == 0 || hours > X402_GRANT_HOURS_MAX) {
        return invalid(why, "duration_hours", "the hours are an integer from 1 to 8784");
    }
    if (secret_sha256_hex.data == NULL ||
        !lucid_hex_decode(secret_sha256_hex, grant.secret_sha256, sizeof(grant.secret_sha256))) {
        return invalid(why, "secret_sha256",
                       "the SHA-256 of the secret's text is 64 lower-case hex digits");
    }
    if (note.data != NULL && !text_take(note, grant.note)) {
        return invalid(why, "note", "a note is 1 to 256 bytes of UTF-8 without control characters");
    }
    x402_grant_id(asset, grant.secret_sha256, grant.id);
    *command = (struct x402_grant_command){
        .command = {.kind = &x402_grant_kind, .verb = verb},
        .grant = grant,
        .hours = hours,
    };
    return LUCID_OK;
}

enum lucid_error x402_grant_revoke_prepare(struct x402_grant_command *command,
                                           const uint8_t id[X402_GRANT_ID_BYTES],
                                           struct lucid_span reason, struct lucid_why *why)
{
    struct x402_grant grant = {.sequence = 0};
    if (reason.data == NULL || !text_take(reason, grant.reason)) {
        return invalid(why, "reason",
                       "a reason is 1 to 256 bytes of UTF-8 without control characters");
    }
    memcpy(grant.id, id, sizeof(grant.id));
    *command = (struct x402_grant_command){
        .command = {.kind = &x402_grant_kind, .verb = X402_GRANT_REVOKE}, .grant = grant};
    return LUCID_OK;
}

/* --- checks ----------------------------------------------------------------------------------- */

/* When a grant ends that gets more hours at that time. */
static uint64_t end_of(const struct x402_grant *grant, uint64_t now_ms, uint64_t hours)
{
    return (grant->expires_ms > now_ms ? grant->expires_ms : now_ms) + hours * HOUR_MS;
}

/* Whether the grant that is there can get the hours. */
static enum lucid_error extend_check(const struct x402_grant *standing,
                                     const struct x402_grant_command *command,
                                     struct lucid_why *why)
{
    if (strcmp(standing->asset, command->grant.asset) != 0 ||
        !lucid_secret_equal(standing->secret_sha256, command->grant.secret_sha256,
                            LUCID_SHA256_BYTES)) {
        return invalid(why, "secret_sha256", "use another secret"); /* ids collide */
    }
    if (standing->revoked_sequence != 0) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "GRANT_REVOKED", "secret_sha256",
                            "the access grant of this secret was revoked: use a new secret");
    }
    if (end_of(standing, 0, command->hours) > NUMBER_MAX) {
        return invalid(why, "duration_hours", "the access grant would end beyond what can be kept");
    }
    return LUCID_OK;
}

enum lucid_error x402_grant_foresee(struct ledger_view *view,
                                    const struct x402_grant_command *command, struct lucid_why *why)
{
    struct x402_grant standing;
    enum lucid_error error = x402_grant_read(view, command->grant.id, &standing);
    if (error == LUCID_NOTE_ABSENT) {
        return LUCID_OK;
    }
    return error == LUCID_OK ? extend_check(&standing, command, why) : error;
}

/* --- deciding --------------------------------------------------------------------------------- */

static enum lucid_error grant_get(struct ledger_txn *txn, const uint8_t id[X402_GRANT_ID_BYTES],
                                  struct x402_grant *ret)
{
    struct lucid_span value;
    enum lucid_error error =
        ledger_txn_get(txn, GRANT_ROWS, lucid_span(id, X402_GRANT_ID_BYTES), &value);
    return error == LUCID_OK ? grant_row_read(value, ret) : error;
}

/* The grant that the payment has bought. */
static enum lucid_error bought_find(struct ledger_txn *txn,
                                    const uint8_t payment[X402_PAYMENT_ID_BYTES],
                                    uint8_t ret_id[X402_GRANT_ID_BYTES], bool *ret_reversed)
{
    uint8_t key[GRANT_KEY_BYTES_MAX];
    struct lucid_span value;
    enum lucid_error error =
        ledger_txn_get(txn, GRANT_ORDER, grant_key_payment(payment, key), &value);
    if (error != LUCID_OK) {
        return error;
    }
    if (value.len != GRANT_PAYMENT_ROW_BYTES || value.data[X402_GRANT_ID_BYTES] > 1) {
        return LUCID_FATAL_CORRUPT;
    }
    memcpy(ret_id, value.data, X402_GRANT_ID_BYTES);
    *ret_reversed = value.data[X402_GRANT_ID_BYTES] == 1;
    return LUCID_OK;
}

static void hours_write(const struct x402_grant_command *command, bool extends,
                        struct lucid_buf *out)
{
    const struct x402_grant *grant = &command->grant;
    char id[2 * X402_GRANT_ID_BYTES + 1] = "";
    char payment[2 * X402_PAYMENT_ID_BYTES + 1] = "";
    char secret[2 * LUCID_SHA256_BYTES + 1] = "";
    lucid_hex_encode(grant->id, sizeof(grant->id), id);
    lucid_hex_encode(grant->payment, sizeof(grant->payment), payment);
    lucid_hex_encode(grant->secret_sha256, sizeof(grant->secret_sha256), secret);
    lucid_buf_char(out, '{');
    if (!extends) {
        lucid_json_member_cstr(out, "asset", grant->asset);
    }
    lucid_json_member_u64(out, "hours", command->hours);
    lucid_json_member_cstr(out, "id", id);
    if (grant->note[0] != '\0') {
        lucid_json_member_cstr(out, "note", grant->note);
    }
    if (grant->paid) {
        lucid_json_member_cstr(out, "payment", payment);
        lucid_json_member_u64(out, "price_version", grant->price_version);
    }
    if (!extends) {
        lucid_json_member_cstr(out, "secret", secret);
    }
    lucid_buf_char(out, '}');
}

static enum lucid_error hours_decide(struct ledger_txn *txn, struct x402_grant_command *command,
                                     struct lucid_why *why)
{
    struct x402_grant standing;
    struct lucid_buf text;
    enum lucid_error error = grant_get(txn, command->grant.id, &standing);
    bool extends = error == LUCID_OK;
    if (extends) {
        error = extend_check(&standing, command, why);
    }
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    lucid_buf_init(&text, PAYLOAD_BYTES_MAX);
    hours_write(command, extends, &text);
    return payload_draft(txn, extends ? type_extended : type_issued, &text, NULL);
}

/* What pays: the command that this one stands before in a chain, or the payment that was shown. */
static bool payment_of(const struct x402_grant_command *command, uint8_t ret[X402_PAYMENT_ID_BYTES],
                       bool *ret_pays_now)
{
    const struct ledger_command *next = command->command.next_part;
    *ret_pays_now = next != NULL && next->kind == &x402_payment_kind;
    if (*ret_pays_now) {
        memcpy(ret, ((const struct x402_payment_command *)next)->payment.id, X402_PAYMENT_ID_BYTES);
    } else if (command->shown != NULL && command->shown->sequence != 0) {
        memcpy(ret, command->shown->id, X402_PAYMENT_ID_BYTES);
    } else {
        return false;
    }
    return true;
}

static enum lucid_error sell_decide(struct ledger_txn *txn, struct x402_grant_command *command,
                                    struct lucid_why *why)
{
    uint8_t bought[X402_GRANT_ID_BYTES];
    bool reversed;
    bool pays_now;
    enum lucid_error error = LUCID_NOTE_ABSENT;
    if (payment_of(command, command->grant.payment, &pays_now)) {
        error = bought_find(txn, command->grant.payment, bought, &reversed);
    }
    if (error == LUCID_OK) {
        memcpy(command->grant.id, bought, sizeof(bought));
        command->ret_known = true;
        return LUCID_OK;
    }
    if (error != LUCID_NOTE_ABSENT) {
        return error;
    }
    if (!pays_now) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "PAYMENT_ALREADY_SPENT", NULL,
                            "the payment has bought no access grant");
    }
    return hours_decide(txn, command, why);
}

static enum lucid_error revoke_decide(struct ledger_txn *txn, struct x402_grant_command *command,
                                      struct lucid_why *why)
{
    struct x402_grant standing;
    struct lucid_buf text;
    char id[2 * X402_GRANT_ID_BYTES + 1] = "";
    enum lucid_error error = grant_get(txn, command->grant.id, &standing);
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "NOT_FOUND", "id",
                            "there is no such access grant");
    }
    if (error == LUCID_OK && standing.revoked_sequence != 0) {
        command->ret_known = true;
        return LUCID_OK;
    }
    if (error != LUCID_OK) {
        return error;
    }
    lucid_hex_encode(command->grant.id, sizeof(command->grant.id), id);
    lucid_buf_init(&text, PAYLOAD_BYTES_MAX);
    lucid_buf_char(&text, '{');
    lucid_json_member_cstr(&text, "id", id);
    lucid_json_member_cstr(&text, "reason", command->grant.reason);
    lucid_buf_char(&text, '}');
    return payload_draft(txn, type_revoked, &text, NULL);
}

static enum lucid_error grant_decide(struct ledger_txn *txn, struct ledger_command *base,
                                     struct lucid_why *why)
{
    struct x402_grant_command *command = (struct x402_grant_command *)base; /* first member */
    command->ret_known = false;
    switch ((enum x402_grant_verb)base->verb) {
    case X402_GRANT_SELL:
        return sell_decide(txn, command, why);
    case X402_GRANT_GIVE:
        return hours_decide(txn, command, why);
    case X402_GRANT_REVOKE:
        return revoke_decide(txn, command, why);
    }
    lucid_assert(false);
}

static void grant_conclude(struct ledger_txn *txn, struct ledger_command *base)
{
    struct x402_grant_command *command = (struct x402_grant_command *)base;
    base->error = grant_get(txn, command->grant.id, &command->grant);
    if (base->error == LUCID_NOTE_ABSENT) {
        base->error = LUCID_FATAL_CORRUPT;
    }
}

/* --- folding ---------------------------------------------------------------------------------- */

/* A grant changes: its row, and its place among those that time alone ends. before NULL: it is new.
 */
static enum lucid_error grant_put(struct ledger_txn *txn, const struct x402_grant *before,
                                  const struct x402_grant *after)
{
    uint8_t key[GRANT_KEY_BYTES_MAX];
    uint8_t row[GRANT_ROW_BYTES_MAX];
    enum lucid_error error = LUCID_OK;
    if (before != NULL && before->revoked_sequence == 0 && before->unpaid == 0) {
        error = ledger_txn_del(txn, GRANT_ORDER, grant_key_end(before, key));
    }
    if (error == LUCID_OK && after->revoked_sequence == 0 && after->unpaid == 0) {
        error = ledger_txn_put(txn, GRANT_ORDER, grant_key_end(after, key), lucid_span("", 0));
    }
    if (error == LUCID_OK) {
        error = ledger_txn_put(txn, GRANT_ROWS, lucid_span(after->id, sizeof(after->id)),
                               grant_row_write(after, row));
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

static enum lucid_error bought_put(struct ledger_txn *txn,
                                   const uint8_t payment[X402_PAYMENT_ID_BYTES],
                                   const uint8_t id[X402_GRANT_ID_BYTES], bool reversed)
{
    uint8_t key[GRANT_KEY_BYTES_MAX];
    uint8_t value[GRANT_PAYMENT_ROW_BYTES];
    memcpy(value, id, X402_GRANT_ID_BYTES);
    value[X402_GRANT_ID_BYTES] = reversed ? 1 : 0;
    return ledger_txn_put(txn, GRANT_ORDER, grant_key_payment(payment, key),
                          lucid_span(value, sizeof(value)));
}

/* What grant.issued and grant.extended share: the hours, from the event's time or the end on. */
static enum lucid_error hours_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                    const struct jcs_value *root, struct x402_grant *grant)
{
    uint64_t hours;
    enum lucid_error error = payload_uint(root, "hours", &hours);
    if (error == LUCID_OK && (hours == 0 || hours > X402_GRANT_HOURS_MAX)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (grant->expires_ms <= event->time_ms) {
        grant->starts_ms = event->time_ms;
    }
    grant->expires_ms = end_of(grant, event->time_ms, hours);
    grant->hours += hours;
    grant->purchases++;
    grant->paid = jcs_member(root, "payment") != NULL;
    if (!grant->paid) {
        return LUCID_OK;
    }
    error = payload_hex(root, "payment", grant->payment, sizeof(grant->payment));
    if (error == LUCID_OK) {
        error = payload_uint(root, "price_version", &grant->price_version);
    }
    return error == LUCID_OK ? bought_put(txn, grant->payment, grant->id, false) : error;
}

static enum lucid_error issued_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                     const struct jcs_value *root, struct x402_grant *grant)
{
    uint8_t key[GRANT_KEY_BYTES_MAX];
    struct lucid_span id = lucid_span(grant->id, sizeof(grant->id));
    grant->sequence = event->sequence;
    grant->issued_ms = event->time_ms;
    enum lucid_error error =
        payload_hex(root, "secret", grant->secret_sha256, sizeof(grant->secret_sha256));
    if (error == LUCID_OK) {
        error = payload_read_text(root, "asset", grant->asset, sizeof(grant->asset));
    }
    if (error == LUCID_OK && !gas_name_ok(lucid_span_str(grant->asset), GAS_NAME_BYTES_MAX)) {
        error = LUCID_FATAL_CORRUPT;
    }
    if (error == LUCID_OK) {
        error = payload_read_text_optional(root, "note", grant->note, sizeof(grant->note));
    }
    if (error == LUCID_OK) {
        error = hours_apply(txn, event, root, grant);
    }
    if (error == LUCID_OK) {
        error = ledger_txn_put(txn, GRANT_ORDER, grant_key_sequence(event->sequence, key), id);
    }
    if (error == LUCID_OK) {
        error =
            ledger_txn_put(txn, GRANT_ORDER,
                           grant_key_asset(lucid_span_str(grant->asset), event->sequence, key), id);
    }
    return error == LUCID_OK ? grant_put(txn, NULL, grant) : error;
}

static enum lucid_error own_apply(struct ledger_txn *txn, const struct ledger_event *event,
                                  const struct jcs_value *root)
{
    struct x402_grant before = {.sequence = 0};
    struct x402_grant grant = {.sequence = 0};
    enum lucid_error error = payload_hex(root, "id", grant.id, sizeof(grant.id));
    if (error == LUCID_OK && lucid_span_is(event->type, type_issued)) {
        return issued_apply(txn, event, root, &grant);
    }
    if (error == LUCID_OK) {
        error = grant_get(txn, grant.id, &before);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    grant = before;
    if (lucid_span_is(event->type, type_extended)) {
        error = hours_apply(txn, event, root, &grant);
        if (error == LUCID_OK && jcs_member(root, "note") != NULL) { /* else the one before stays */
            error = payload_read_text(root, "note", grant.note, sizeof(grant.note));
        }
    } else {
        error = payload_read_text(root, "reason", grant.reason, sizeof(grant.reason));
        grant.revoked_sequence = event->sequence;
        grant.revoked_ms = event->time_ms;
    }
    return error == LUCID_OK ? grant_put(txn, &before, &grant) : error;
}

/* A payment was taken by a reorganisation, or is there again. */
static enum lucid_error payment_apply(struct ledger_txn *txn, const struct jcs_value *root,
                                      bool reversed)
{
    uint8_t payment[X402_PAYMENT_ID_BYTES];
    struct x402_grant before = {.sequence = 0};
    bool was_reversed;
    enum lucid_error error = payload_hex(root, "id", payment, sizeof(payment));
    if (error == LUCID_OK) {
        error = bought_find(txn, payment, before.id, &was_reversed);
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_OK : error; /* most have bought something else */
    }
    if (was_reversed == reversed) {
        return LUCID_OK;
    }
    error = grant_get(txn, before.id, &before);
    if (error == LUCID_NOTE_ABSENT || (error == LUCID_OK && !reversed && before.unpaid == 0)) {
        return LUCID_FATAL_CORRUPT;
    }
    if (error != LUCID_OK) {
        return error;
    }
    struct x402_grant grant = before;
    grant.unpaid = reversed ? grant.unpaid + 1 : grant.unpaid - 1;
    error = bought_put(txn, payment, grant.id, reversed);
    return error == LUCID_OK ? grant_put(txn, &before, &grant) : error;
}

static enum lucid_error grant_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    bool own = false;
    for (size_t i = 0; types[i].name != NULL; i++) {
        own = own || lucid_span_is(event->type, types[i].name);
    }
    lucid_arena_init(&arena, PAYLOAD_ARENA_BYTES);
    enum lucid_error error = payload_parse(event->payload, &arena, &root);
    if (error == LUCID_OK) {
        error = own ? own_apply(txn, event, root)
                    : payment_apply(txn, root, lucid_span_is(event->type, "payment.reversed"));
    }
    lucid_arena_fini(&arena);
    return error;
}

const struct ledger_kind x402_grant_kind = {
    .name = "grant",
    .fold_version = 1,
    .types = types,
    .tables = tables,
    .listens = listens,
    .decide = grant_decide,
    .apply = grant_apply,
    .conclude = grant_conclude,
};
