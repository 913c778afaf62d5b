/* Event `token.created`, payload JCS:
 *   {"expires_ms":n,"hash":hex,"name":text,"scopes":n}      expires_ms 0 = never; scopes = bits
 * Event `token.revoked`, payload JCS: {"token_id":hex}.
 * Table `tokens`: key = SHA-256 of the token's text; value = scopes u32 ‖ created u64 ‖ expires u64
 * ‖ revoked u64 ‖ name. The id is the first 8 bytes of the key, so ids sort as keys do. */
#include "ledger/token.h"

#include "base/assert.h"
#include "base/sha256.h"
#include "ledger/ledger_internal.h"
#include "ledger/payload.h"
#include "ledger/row.h"

static const char type_created[] = "token.created";
static const char type_revoked[] = "token.revoked";
static const char table_tokens[] = "tokens";

static const struct ledger_event_type types[] = {
    {.name = type_created, .version = 1}, {.name = type_revoked, .version = 1}, {.name = NULL}};
static const char *const tables[] = {table_tokens, NULL};

/* The largest integer that a payload may hold (JSON). */
#define EXPIRES_MS_MAX (((uint64_t)1 << 53) - 1)

enum {
    TABLE_TOKENS,
    VALUE_FIXED_BYTES = 28,
    PAYLOAD_ARENA_BYTES = 16384,
    ID_RAW_BYTES = TOKEN_ID_BYTES / 2,
};

static const struct {
    uint32_t scope;
    const char *name;
} scopes[] = {
    {TOKEN_READ, "read"},     {TOKEN_ADMIN, "admin"},
    {TOKEN_PROXY, "proxy"},   {TOKEN_FACILITATE, "facilitate"},
    {TOKEN_ATTEST, "attest"}, {TOKEN_PASSPORT, "passport"},
    {TOKEN_AUDIT, "audit"},
};

const char *token_scope_name(uint32_t scope)
{
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        if (scopes[i].scope == scope) {
            return scopes[i].name;
        }
    }
    return NULL;
}

uint32_t token_scope_parse(struct lucid_span text)
{
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        if (lucid_span_is(text, scopes[i].name)) {
            return scopes[i].scope;
        }
    }
    return 0;
}

void ledger_token_generate(char ret_text[TOKEN_TEXT_BYTES + 1])
{
    uint8_t secret[32];
    lucid_random(secret, sizeof(secret));
    memcpy(ret_text, "lucid_", 6);
    lucid_hex_encode(secret, sizeof(secret), ret_text + 6);
    ret_text[TOKEN_TEXT_BYTES] = 0;
    lucid_wipe(secret, sizeof(secret));
}

static enum lucid_error value_parse(struct lucid_span key, struct lucid_span value,
                                    struct ledger_token *ret)
{
    struct ledger_token token;
    if (key.len != LUCID_SHA256_BYTES || value.len < VALUE_FIXED_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    lucid_hex_encode(key.data, ID_RAW_BYTES, token.id);
    token.id[TOKEN_ID_BYTES] = 0;
    token.scopes = lucid_get_be32(value.data);
    token.created_ms = lucid_get_be64(value.data + 4);
    token.expires_ms = lucid_get_be64(value.data + 12);
    token.revoked_ms = lucid_get_be64(value.data + 20);
    struct lucid_span name =
        lucid_span(value.data + VALUE_FIXED_BYTES, value.len - VALUE_FIXED_BYTES);
    enum lucid_error error = payload_copy(name, token.name, sizeof(token.name));
    if (error == LUCID_OK) {
        *ret = token;
    }
    return error;
}

static enum lucid_error create_check(const struct ledger_token *token, struct lucid_why *why)
{
    uint32_t all = 0;
    for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++) {
        all |= scopes[i].scope;
    }
    if (!payload_name_ok(token->name, TOKEN_NAME_BYTES_MAX)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_TOKEN", "name",
                            "a token's name is 1 to %d bytes without control characters",
                            TOKEN_NAME_BYTES_MAX);
    }
    if (token->scopes == 0 || (token->scopes & ~all) != 0) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_TOKEN", "scopes",
                            "a token needs at least one known scope");
    }
    if (token->expires_ms > EXPIRES_MS_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_TOKEN", "expires_at",
                            "a token cannot expire that late; leave it out for never");
    }
    return LUCID_OK;
}

enum lucid_error ledger_token_prepare(struct ledger_token_command *command, enum token_verb verb,
                                      const struct ledger_token *token, const char *text,
                                      struct lucid_why *why)
{
    bool creating = verb == TOKEN_CREATE;
    if (creating) {
        enum lucid_error error = create_check(token, why);
        if (error != LUCID_OK) {
            return error;
        }
    } else if (!lucid_is_hex(lucid_span_str(token->id), TOKEN_ID_BYTES)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "NOT_FOUND", "id",
                            "a token's id is %d lower-case hex digits", TOKEN_ID_BYTES);
    }
    memset(command, 0, sizeof(*command));
    command->command = (struct ledger_command){.kind = &ledger_token_kind, .verb = verb};
    command->token = *token;
    lucid_buf_init(&command->payload, STORE_PAYLOAD_BYTES_MAX);
    struct lucid_buf *out = &command->payload;
    lucid_buf_char(out, '{');
    if (creating) {
        lucid_assert(text != NULL && strlen(text) == TOKEN_TEXT_BYTES);
        lucid_sha256(lucid_span(text, TOKEN_TEXT_BYTES), command->hash);
        lucid_json_member_u64(out, "expires_ms", token->expires_ms);
        lucid_json_member_hex(out, "hash", command->hash, sizeof(command->hash));
        lucid_json_member_cstr(out, "name", token->name);
        lucid_json_member_u64(out, "scopes", token->scopes);
    } else {
        lucid_json_member_cstr(out, "token_id", token->id);
    }
    lucid_buf_char(out, '}');
    return lucid_buf_ok(out) ? LUCID_OK : LUCID_RETRY_MEMORY;
}

void ledger_token_command_fini(struct ledger_token_command *command)
{
    lucid_buf_fini(&command->payload);
}

/* The row whose key starts with an id. */
static enum lucid_error id_seek(struct ledger_txn *txn, const char *id, struct lucid_span *ret_key,
                                struct ledger_token *ret)
{
    uint8_t raw[ID_RAW_BYTES];
    struct lucid_span value;
    if (!lucid_hex_decode(lucid_span(id, TOKEN_ID_BYTES), raw, sizeof(raw))) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error = ledger_txn_seek(txn, TABLE_TOKENS, STORE_SEEK_GE,
                                             lucid_span(raw, sizeof(raw)), ret_key, &value);
    if (error != LUCID_OK) {
        return error;
    }
    if (ret_key->len < sizeof(raw) || memcmp(ret_key->data, raw, sizeof(raw)) != 0) {
        return LUCID_NOTE_ABSENT;
    }
    return value_parse(*ret_key, value, ret);
}

static enum lucid_error token_decide(struct ledger_txn *txn, struct ledger_command *command,
                                     struct lucid_why *why)
{
    struct ledger_token_command *token = (struct ledger_token_command *)command;
    bool creating = command->verb == TOKEN_CREATE;
    struct ledger_draft draft = {
        .type = creating ? type_created : type_revoked,
        .payload = lucid_buf_span(&token->payload),
    };
    struct ledger_token known;
    struct lucid_span key;
    if (creating) {
        lucid_hex_encode(token->hash, ID_RAW_BYTES, token->token.id);
        token->token.id[TOKEN_ID_BYTES] = 0;
    }
    enum lucid_error error = id_seek(txn, token->token.id, &key, &known);
    if (creating) {
        if (error == LUCID_NOTE_ABSENT) {
            return ledger_txn_draft(txn, &draft, NULL);
        }
        return error != LUCID_OK ? error
                                 : lucid_refuse(why, LUCID_REFUSE_CONFLICT, "TOKEN_EXISTS", NULL,
                                                "there is a token with this id already");
    }
    if (error == LUCID_NOTE_ABSENT) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "NOT_FOUND", "id",
                            "there is no token with this id");
    }
    if (error != LUCID_OK) {
        return error;
    }
    memcpy(token->hash, key.data, sizeof(token->hash));
    return known.revoked_ms != 0 ? LUCID_OK : ledger_txn_draft(txn, &draft, NULL);
}

static void token_conclude(struct ledger_txn *txn, struct ledger_command *command)
{
    struct ledger_token_command *token = (struct ledger_token_command *)command;
    struct lucid_span value;
    struct lucid_span key = lucid_span(token->hash, sizeof(token->hash));
    command->error = ledger_txn_get(txn, TABLE_TOKENS, key, &value);
    lucid_assert(command->error != LUCID_NOTE_ABSENT);
    if (command->error == LUCID_OK) {
        command->error = value_parse(key, value, &token->token);
    }
}

static enum lucid_error token_put(struct ledger_txn *txn, struct lucid_span key,
                                  const struct ledger_token *token)
{
    uint8_t value[VALUE_FIXED_BYTES + TOKEN_NAME_BYTES_MAX];
    size_t name_len = strlen(token->name);
    lucid_put_be32(value, token->scopes);
    lucid_put_be64(value + 4, token->created_ms);
    lucid_put_be64(value + 12, token->expires_ms);
    lucid_put_be64(value + 20, token->revoked_ms);
    memcpy(value + VALUE_FIXED_BYTES, token->name, name_len);
    return ledger_txn_put(txn, TABLE_TOKENS, key, lucid_span(value, VALUE_FIXED_BYTES + name_len));
}

static enum lucid_error created_apply(struct ledger_txn *txn, const struct jcs_value *root,
                                      uint64_t time_ms)
{
    struct ledger_token token = {.created_ms = time_ms};
    uint8_t hash[LUCID_SHA256_BYTES];
    uint64_t bits = 0;
    struct lucid_span name;
    enum lucid_error error = payload_hex(root, "hash", hash, sizeof(hash));
    if (error == LUCID_OK) {
        error = payload_uint(root, "expires_ms", &token.expires_ms);
    }
    if (error == LUCID_OK) {
        error = payload_uint(root, "scopes", &bits);
    }
    if (error == LUCID_OK) {
        error = payload_text(root, "name", &name);
    }
    if (error == LUCID_OK) {
        error = payload_copy(name, token.name, sizeof(token.name));
    }
    if (error == LUCID_OK && bits > UINT32_MAX) {
        error = LUCID_FATAL_CORRUPT;
    }
    token.scopes = (uint32_t)bits;
    return error == LUCID_OK ? token_put(txn, lucid_span(hash, sizeof(hash)), &token) : error;
}

static enum lucid_error revoked_apply(struct ledger_txn *txn, const struct jcs_value *root,
                                      uint64_t time_ms)
{
    struct lucid_span text;
    struct lucid_span found;
    struct ledger_token token;
    enum lucid_error error = payload_text(root, "token_id", &text);
    if (error == LUCID_OK && text.len == TOKEN_ID_BYTES) {
        error = id_seek(txn, (const char *)text.data, &found, &token);
    }
    if (error != LUCID_OK || text.len != TOKEN_ID_BYTES) {
        return LUCID_FATAL_CORRUPT;
    }
    uint8_t key[LUCID_SHA256_BYTES];
    memcpy(key, found.data, sizeof(key));
    token.revoked_ms = time_ms;
    return token_put(txn, lucid_span(key, sizeof(key)), &token);
}

static enum lucid_error token_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct lucid_arena arena;
    lucid_arena_init(&arena, PAYLOAD_ARENA_BYTES);
    const struct jcs_value *root;
    enum lucid_error error = payload_parse(event->payload, &arena, &root);
    if (error == LUCID_OK) {
        error = lucid_span_is(event->type, type_created) ? created_apply(txn, root, event->time_ms)
                                                         : revoked_apply(txn, root, event->time_ms);
    }
    lucid_arena_fini(&arena);
    return error;
}

const struct ledger_kind ledger_token_kind = {
    .name = "token",
    .fold_version = 2,
    .types = types,
    .tables = tables,
    .decide = token_decide,
    .apply = token_apply,
    .conclude = token_conclude,
};

enum lucid_error ledger_token_check(struct ledger_view *view, struct lucid_span text,
                                    uint64_t now_ms, struct ledger_token *ret)
{
    uint8_t hash[LUCID_SHA256_BYTES];
    struct lucid_span value;
    struct ledger_token token;
    if (text.len != TOKEN_TEXT_BYTES) {
        return LUCID_NOTE_ABSENT;
    }
    /* Looked up by hash: what the time of this tells is about the hash, not the secret. */
    lucid_sha256(text, hash);
    struct lucid_span key = lucid_span(hash, sizeof(hash));
    enum lucid_error error = row_get(
        view->store, ledger_view_table(view, &ledger_token_kind, TABLE_TOKENS), key, &value);
    if (error == LUCID_OK) {
        error = value_parse(key, value, &token);
    }
    if (error != LUCID_OK) {
        return error;
    }
    if (token.revoked_ms != 0 || (token.expires_ms != 0 && now_ms >= token.expires_ms)) {
        return LUCID_NOTE_ABSENT;
    }
    *ret = token;
    return LUCID_OK;
}

enum lucid_error ledger_token_next(struct ledger_view *view, const char *after,
                                   struct ledger_token *ret)
{
    struct lucid_span key;
    struct lucid_span value;
    uint8_t from[LUCID_SHA256_BYTES];
    struct lucid_span start = lucid_span("", 0);
    if (after != NULL) {
        if (!lucid_hex_decode(lucid_span_str(after), from, ID_RAW_BYTES)) {
            return LUCID_NOTE_ABSENT;
        }
        memset(from + ID_RAW_BYTES, 0xff, sizeof(from) - ID_RAW_BYTES);
        start = lucid_span(from, sizeof(from));
    }
    enum lucid_error error =
        row_seek(view->store, ledger_view_table(view, &ledger_token_kind, TABLE_TOKENS),
                 STORE_SEEK_GT, start, &key, &value);
    return error == LUCID_OK ? value_parse(key, value, ret) : error;
}
