/* Event `signer.registered`, payload JCS: {"name":text,"signer_pubkey":hex,"signer_type":text}.
 * Event `signer.revoked`, payload JCS: {"signer_pubkey":hex}.
 * Table `signers`: key = public key 32; value = type u8 ‖ registered u64 ‖ revoked u64 ‖ name. */
#include "ledger/signer.h"

#include "base/assert.h"
#include "ledger/ed25519.h"
#include "ledger/ledger_internal.h"
#include "ledger/payload.h"
#include "ledger/row.h"
#include "ledger/signer_internal.h"

static const char type_registered[] = "signer.registered";
static const char type_revoked[] = "signer.revoked";
static const char table_signers[] = "signers";

static const struct ledger_event_type types[] = {
    {.name = type_registered, .version = 1}, {.name = type_revoked, .version = 1}, {.name = NULL}};
static const char *const tables[] = {table_signers, NULL};

enum { TABLE_SIGNERS, VALUE_FIXED_BYTES = 17, PAYLOAD_ARENA_BYTES = 16384 };

const char *signer_type_name(enum signer_type type)
{
    switch (type) {
    case SIGNER_ORCHESTRATOR:
        return "orchestrator";
    case SIGNER_COMPUTE:
        return "compute";
    case SIGNER_WORKER:
        return "worker";
    }
    return "unknown";
}

bool signer_type_parse(struct lucid_span text, enum signer_type *ret)
{
    for (enum signer_type type = SIGNER_ORCHESTRATOR; type <= SIGNER_WORKER; type++) {
        if (lucid_span_is(text, signer_type_name(type))) {
            *ret = type;
            return true;
        }
    }
    return false;
}

static enum lucid_error value_parse(struct lucid_span key, struct lucid_span value,
                                    struct ledger_signer *ret)
{
    struct ledger_signer signer;
    if (key.len != sizeof(signer.key) || value.len < VALUE_FIXED_BYTES ||
        value.data[0] < SIGNER_ORCHESTRATOR || value.data[0] > SIGNER_WORKER) {
        return LUCID_FATAL_CORRUPT;
    }
    memcpy(signer.key, key.data, sizeof(signer.key));
    signer.type = (enum signer_type)value.data[0];
    signer.registered_ms = lucid_get_be64(value.data + 1);
    signer.revoked_ms = lucid_get_be64(value.data + 9);
    struct lucid_span name =
        lucid_span(value.data + VALUE_FIXED_BYTES, value.len - VALUE_FIXED_BYTES);
    enum lucid_error error = payload_copy(name, signer.name, sizeof(signer.name));
    if (error == LUCID_OK) {
        *ret = signer;
    }
    return error;
}

enum lucid_error signer_lookup(struct store_view *view, struct store *store, const uint8_t key[32],
                               struct ledger_signer *ret)
{
    uint32_t table;
    struct lucid_span value;
    if (store_table_find(store, table_signers, &table) != LUCID_OK) {
        return LUCID_FATAL_CORRUPT;
    }
    enum lucid_error error = row_get(view, table, lucid_span(key, 32), &value);
    return error == LUCID_OK ? value_parse(lucid_span(key, 32), value, ret) : error;
}

enum lucid_error ledger_signer_prepare(struct ledger_signer_command *command, enum signer_verb verb,
                                       const struct ledger_signer *signer, struct lucid_why *why)
{
    bool registering = verb == SIGNER_REGISTER;
    if (registering && !payload_name_ok(signer->name, SIGNER_NAME_BYTES_MAX)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_SIGNER", "name",
                            "a signer's name is 1 to %d bytes without control characters",
                            SIGNER_NAME_BYTES_MAX);
    }
    if (registering && !ledger_ed25519_key_usable(signer->key)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_SIGNER", "signer_pubkey",
                            "this is no Ed25519 public key under which signatures are accepted");
    }
    struct lucid_span type = lucid_span_str(signer_type_name(signer->type));
    enum signer_type known;
    if (registering && !signer_type_parse(type, &known)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_SIGNER", "signer_type",
                            "a signer is an orchestrator, a compute node or a worker");
    }
    memset(command, 0, sizeof(*command));
    command->command = (struct ledger_command){.kind = &ledger_signer_kind, .verb = verb};
    command->signer = *signer;
    lucid_buf_init(&command->payload, STORE_PAYLOAD_BYTES_MAX);
    struct lucid_buf *out = &command->payload;
    lucid_buf_char(out, '{');
    if (registering) {
        lucid_json_member_cstr(out, "name", signer->name);
    }
    lucid_json_member_hex(out, "signer_pubkey", signer->key, sizeof(signer->key));
    if (registering) {
        lucid_json_member_cstr(out, "signer_type", signer_type_name(signer->type));
    }
    lucid_buf_char(out, '}');
    return lucid_buf_ok(out) ? LUCID_OK : LUCID_RETRY_MEMORY;
}

void ledger_signer_command_fini(struct ledger_signer_command *command)
{
    lucid_buf_fini(&command->payload);
}

static enum lucid_error signer_decide(struct ledger_txn *txn, struct ledger_command *command,
                                      struct lucid_why *why)
{
    struct ledger_signer_command *signer = (struct ledger_signer_command *)command;
    bool registering = command->verb == SIGNER_REGISTER;
    signer->ret_known = false;
    struct ledger_signer known;
    struct lucid_span value;
    struct lucid_span key = lucid_span(signer->signer.key, sizeof(signer->signer.key));
    enum lucid_error error = ledger_txn_get(txn, TABLE_SIGNERS, key, &value);
    if (error == LUCID_OK) {
        error = value_parse(key, value, &known);
    }
    if (error == LUCID_NOTE_ABSENT) {
        if (!registering) {
            return lucid_refuse(why, LUCID_REFUSE_INVALID, "NOT_FOUND", "signer_pubkey",
                                "no signer with this key was ever registered");
        }
    } else if (error != LUCID_OK) {
        return error;
    } else {
        if (registering && known.revoked_ms != 0) {
            return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, "SIGNER_REVOKED", "signer_pubkey",
                                "this key was revoked; a revoked key stays revoked");
        }
        if (registering || known.revoked_ms != 0) {
            signer->signer = known;
            signer->ret_known = true;
            return LUCID_OK;
        }
    }
    struct ledger_draft draft = {
        .type = registering ? type_registered : type_revoked,
        .payload = lucid_buf_span(&signer->payload),
    };
    return ledger_txn_draft(txn, &draft, NULL);
}

static void signer_conclude(struct ledger_txn *txn, struct ledger_command *command)
{
    struct ledger_signer_command *signer = (struct ledger_signer_command *)command;
    struct lucid_span value;
    struct lucid_span key = lucid_span(signer->signer.key, sizeof(signer->signer.key));
    command->error = ledger_txn_get(txn, TABLE_SIGNERS, key, &value);
    lucid_assert(command->error != LUCID_NOTE_ABSENT);
    if (command->error == LUCID_OK) {
        command->error = value_parse(key, value, &signer->signer);
    }
}

static enum lucid_error signer_put(struct ledger_txn *txn, const struct ledger_signer *signer)
{
    uint8_t value[VALUE_FIXED_BYTES + SIGNER_NAME_BYTES_MAX];
    size_t name_len = strlen(signer->name);
    value[0] = (uint8_t)signer->type;
    lucid_put_be64(value + 1, signer->registered_ms);
    lucid_put_be64(value + 9, signer->revoked_ms);
    memcpy(value + VALUE_FIXED_BYTES, signer->name, name_len);
    return ledger_txn_put(txn, TABLE_SIGNERS, lucid_span(signer->key, sizeof(signer->key)),
                          lucid_span(value, VALUE_FIXED_BYTES + name_len));
}

static enum lucid_error registered_apply(struct ledger_txn *txn, const struct jcs_value *root,
                                         uint64_t time_ms)
{
    struct ledger_signer signer = {.registered_ms = time_ms};
    struct lucid_span name;
    struct lucid_span type;
    enum lucid_error error = payload_hex(root, "signer_pubkey", signer.key, sizeof(signer.key));
    if (error == LUCID_OK) {
        error = payload_text(root, "name", &name);
    }
    if (error == LUCID_OK) {
        error = payload_copy(name, signer.name, sizeof(signer.name));
    }
    if (error == LUCID_OK) {
        error = payload_text(root, "signer_type", &type);
    }
    if (error == LUCID_OK && !signer_type_parse(type, &signer.type)) {
        error = LUCID_FATAL_CORRUPT;
    }
    return error == LUCID_OK ? signer_put(txn, &signer) : error;
}

static enum lucid_error revoked_apply(struct ledger_txn *txn, const struct jcs_value *root,
                                      uint64_t time_ms)
{
    uint8_t key[32];
    struct ledger_signer signer;
    struct lucid_span value;
    enum lucid_error error = payload_hex(root, "signer_pubkey", key, sizeof(key));
    if (error == LUCID_OK) {
        error = ledger_txn_get(txn, TABLE_SIGNERS, lucid_span(key, sizeof(key)), &value);
    }
    if (error == LUCID_OK) {
        error = value_parse(lucid_span(key, sizeof(key)), value, &signer);
    }
    if (error != LUCID_OK) {
        return LUCID_FATAL_CORRUPT;
    }
    signer.revoked_ms = time_ms;
    return signer_put(txn, &signer);
}

static enum lucid_error signer_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct lucid_arena arena;
    lucid_arena_init(&arena, PAYLOAD_ARENA_BYTES);
    const struct jcs_value *root;
    enum lucid_error error = payload_parse(event->payload, &arena, &root);
    if (error == LUCID_OK) {
        error = lucid_span_is(event->type, type_registered)
                    ? registered_apply(txn, root, event->time_ms)
                    : revoked_apply(txn, root, event->time_ms);
    }
    lucid_arena_fini(&arena);
    return error;
}

const struct ledger_kind ledger_signer_kind = {
    .name = "signer",
    .fold_version = 2,
    .types = types,
    .tables = tables,
    .decide = signer_decide,
    .apply = signer_apply,
    .conclude = signer_conclude,
};

enum lucid_error ledger_signer_known(struct ledger_txn *txn, const uint8_t key[32])
{
    struct lucid_span value;
    return ledger_txn_peek(txn, &ledger_signer_kind, TABLE_SIGNERS, lucid_span(key, 32), &value);
}

enum lucid_error ledger_signer_read(struct ledger_view *view, const uint8_t key[32],
                                    struct ledger_signer *ret)
{
    return signer_lookup(view->store, view->ledger->store, key, ret);
}

enum lucid_error ledger_signer_next(struct ledger_view *view, const uint8_t *after,
                                    struct ledger_signer *ret)
{
    struct lucid_span key;
    struct lucid_span value;
    struct lucid_span from = after == NULL ? lucid_span("", 0) : lucid_span(after, 32);
    enum lucid_error error =
        row_seek(view->store, ledger_view_table(view, &ledger_signer_kind, TABLE_SIGNERS),
                 STORE_SEEK_GT, from, &key, &value);
    return error == LUCID_OK ? value_parse(key, value, ret) : error;
}
