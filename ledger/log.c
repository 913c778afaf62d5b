/* Event log.init, payload JCS:
 *   {"log_key":hex,"origin":text,"service_key":hex,"test":bool,"vkey":text} */
#include "ledger/log.h"

#include "base/assert.h"
#include "base/jcs/jcs.h"
#include "ledger/event.h"
#include "ledger/log_internal.h"
#include "ledger/note.h"

static const char type_init[] = "log.init";

static const struct ledger_event_type types[] = {{.name = type_init, .version = 1}, {.name = NULL}};

enum { INIT_ARENA_BYTES = 16384 };

/* Copies a string member into a fixed array. */
static bool member_copy(const struct jcs_value *root, const char *name, char *out, size_t size)
{
    const struct jcs_value *value = jcs_member(root, name);
    if (value == NULL || jcs_type(value) != JCS_STRING) {
        return false;
    }
    struct lucid_span text = jcs_string(value);
    if (text.len == 0 || text.len >= size || memchr(text.data, 0, text.len) != NULL) {
        return false;
    }
    memcpy(out, text.data, text.len);
    out[text.len] = 0;
    return true;
}

static bool member_hex(const struct jcs_value *root, const char *name, uint8_t *out, size_t len)
{
    const struct jcs_value *value = jcs_member(root, name);
    return value != NULL && jcs_type(value) == JCS_STRING &&
           lucid_hex_decode(jcs_string(value), out, len);
}

enum lucid_error log_init_parse(const struct store_event *event, struct ledger_identity *ret)
{
    static const struct jcs_limits limits = {.depth_max = 2, .values_max = 16};
    if (event->sequence != 1 || !lucid_span_is(event->type, type_init) || event->version != 1) {
        return LUCID_FATAL_CORRUPT;
    }
    struct lucid_arena arena;
    lucid_arena_init(&arena, INIT_ARENA_BYTES);
    const struct jcs_value *root;
    struct ledger_identity identity = {.created_ms = event->time_ms};
    bool ok = jcs_parse(event->payload, &limits, &arena, &root, NULL) == LUCID_OK &&
              member_copy(root, "origin", identity.origin, sizeof(identity.origin)) &&
              member_copy(root, "vkey", identity.vkey, sizeof(identity.vkey)) &&
              member_hex(root, "log_key", identity.log_key, sizeof(identity.log_key)) &&
              member_hex(root, "service_key", identity.service_key, sizeof(identity.service_key));
    if (ok) {
        const struct jcs_value *test = jcs_member(root, "test");
        identity.test = test != NULL && jcs_type(test) == JCS_TRUE;
        *ret = identity;
    }
    lucid_arena_fini(&arena);
    return ok ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

enum lucid_error log_hash_before_first(const struct store_event *event,
                                       uint8_t ret[STORE_HASH_BYTES])
{
    struct ledger_identity identity;
    if (log_init_parse(event, &identity) != LUCID_OK) {
        return LUCID_REFUSE_INVALID;
    }
    event_hash_first(identity.origin, ret);
    return LUCID_OK;
}

enum lucid_error ledger_log_init_prepare(struct ledger_log_init_command *command,
                                         const struct ledger_identity *identity,
                                         struct lucid_why *why)
{
    if (!ledger_name_ok(lucid_span_str(identity->origin))) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_ORIGIN", "origin",
                            "an origin is 1 to 255 bytes without spaces, control characters or "
                            "'+', such as example.com/log");
    }
    memset(command, 0, sizeof(*command));
    command->command.kind = &ledger_log_kind;
    command->identity = *identity;
    lucid_buf_init(&command->payload, STORE_PAYLOAD_BYTES_MAX);
    struct lucid_buf *out = &command->payload;
    lucid_buf_char(out, '{');
    lucid_json_member_hex(out, "log_key", identity->log_key, sizeof(identity->log_key));
    lucid_json_member_cstr(out, "origin", identity->origin);
    lucid_json_member_hex(out, "service_key", identity->service_key, sizeof(identity->service_key));
    lucid_json_member_bool(out, "test", identity->test);
    lucid_json_member_cstr(out, "vkey", identity->vkey);
    lucid_buf_char(out, '}');
    return lucid_buf_ok(out) ? LUCID_OK : LUCID_RETRY_MEMORY;
}

void ledger_log_init_fini(struct ledger_log_init_command *command)
{
    lucid_buf_fini(&command->payload);
}

static enum lucid_error log_decide(struct ledger_txn *txn, struct ledger_command *command,
                                   struct lucid_why *why)
{
    struct ledger_log_init_command *init = (struct ledger_log_init_command *)command;
    struct store_counts counts;
    store_counts_read(ledger_txn_view(txn), &counts);
    if (counts.events > 0) {
        return lucid_refuse(why, LUCID_REFUSE_CONFLICT, "LOG_EXISTS", NULL,
                            "there is a log in this store already");
    }
    struct ledger_draft draft = {.type = type_init, .payload = lucid_buf_span(&init->payload)};
    return ledger_txn_draft(txn, &draft, NULL);
}

/* Event 1 itself is what is read back: there is no table to fold it into. */
static enum lucid_error log_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    (void)txn;
    return event->sequence == 1 ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

const struct ledger_kind ledger_log_kind = {
    .name = "log",
    .fold_version = 1,
    .types = types,
    .decide = log_decide,
    .apply = log_apply,
};
