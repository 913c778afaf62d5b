#include "plugins/host/record.h"

#include "ledger/payload.h"
#include "ledger/row.h"

static const char type_started[] = "plugin.started";
static const char table_keys[] = "plugin_keys";

static const struct ledger_event_type types[] = {{.name = type_started, .version = 1},
                                                 {.name = NULL}};
static const char *const tables[] = {table_keys, NULL};

enum {
    TABLE_KEYS,
    KEY_BYTES_MAX = PLUGIN_RECORD_NAME_BYTES_MAX + 1 + 4,
    VALUE_FIXED_BYTES = 52,
    PAYLOAD_ARENA_BYTES = 16384,
};

static struct lucid_span row_key(const char *plugin, uint32_t number, uint8_t key[KEY_BYTES_MAX])
{
    size_t len = strlen(plugin) + 1;
    memcpy(key, plugin, len);
    lucid_put_be32(key + len, number);
    return lucid_span(key, len + 4);
}

static enum lucid_error row_parse(struct lucid_span key, struct lucid_span value,
                                  struct plugin_key_row *ret)
{
    struct plugin_key_row row;
    if (key.len < 6 || key.len > KEY_BYTES_MAX || value.len < VALUE_FIXED_BYTES ||
        key.data[key.len - 5] != 0) {
        return LUCID_FATAL_CORRUPT;
    }
    enum lucid_error error =
        payload_copy(lucid_span(key.data, key.len - 5), row.plugin, sizeof(row.plugin));
    if (error == LUCID_OK) {
        error =
            payload_copy(lucid_span(value.data + VALUE_FIXED_BYTES, value.len - VALUE_FIXED_BYTES),
                         row.version, sizeof(row.version));
    }
    if (error == LUCID_OK) {
        row.number = lucid_get_be32(key.data + key.len - 4);
        memcpy(row.key, value.data, sizeof(row.key));
        row.since_ms = lucid_get_be64(value.data + 32);
        row.until_ms = lucid_get_be64(value.data + 40);
        row.abi = lucid_get_be32(value.data + 48);
        *ret = row;
    }
    return error;
}

/* The row that a seek found, if it is of that plugin. */
static enum lucid_error row_of(const char *plugin, struct lucid_span key, struct lucid_span value,
                               struct plugin_key_row *ret)
{
    struct plugin_key_row row;
    enum lucid_error error = row_parse(key, value, &row);
    if (error == LUCID_OK && strcmp(row.plugin, plugin) != 0) {
        error = LUCID_NOTE_ABSENT;
    }
    if (error == LUCID_OK) {
        *ret = row;
    }
    return error;
}

static enum lucid_error newest_find(struct ledger_txn *txn, const char *plugin,
                                    struct plugin_key_row *ret)
{
    uint8_t at[KEY_BYTES_MAX];
    struct lucid_span key;
    struct lucid_span value;
    enum lucid_error error = ledger_txn_seek(txn, TABLE_KEYS, STORE_SEEK_LE,
                                             row_key(plugin, UINT32_MAX, at), &key, &value);
    return error == LUCID_OK ? row_of(plugin, key, value, ret) : error;
}

static bool name_is_good(const char *name)
{
    size_t len = strnlen(name, PLUGIN_RECORD_NAME_BYTES_MAX + 1);
    return len > 0 && len <= PLUGIN_RECORD_NAME_BYTES_MAX;
}

enum lucid_error plugin_started_prepare(struct plugin_started_command *command, const char *plugin,
                                        const char *version, uint32_t abi,
                                        const uint8_t key[LEDGER_ED25519_PUBLIC_BYTES],
                                        struct lucid_why *why)
{
    if (!name_is_good(plugin) ||
        strnlen(version, PLUGIN_RECORD_VERSION_BYTES_MAX + 1) > PLUGIN_RECORD_VERSION_BYTES_MAX ||
        !payload_name_ok(version, PLUGIN_RECORD_VERSION_BYTES_MAX)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "PLUGIN_INVALID", "plugins",
                            "a plugin has a name of 1 to %d and a version of 1 to %d bytes",
                            PLUGIN_RECORD_NAME_BYTES_MAX, PLUGIN_RECORD_VERSION_BYTES_MAX);
    }
    memset(command, 0, sizeof(*command));
    command->command = (struct ledger_command){.kind = &plugin_record_kind};
    memcpy(command->asked.plugin, plugin, strlen(plugin) + 1);
    memcpy(command->asked.version, version, strlen(version) + 1);
    memcpy(command->asked.key, key, sizeof(command->asked.key));
    command->asked.abi = abi;
    return LUCID_OK;
}

static enum lucid_error record_decide(struct ledger_txn *txn, struct ledger_command *base,
                                      struct lucid_why *why)
{
    (void)why;
    struct plugin_started_command *command = (struct plugin_started_command *)base;
    const struct plugin_key_row *asked = &command->asked;
    struct plugin_key_row newest;
    enum lucid_error error = newest_find(txn, asked->plugin, &newest);
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    command->ret_known = error == LUCID_OK && newest.abi == asked->abi &&
                         memcmp(newest.key, asked->key, sizeof(newest.key)) == 0 &&
                         strcmp(newest.version, asked->version) == 0;
    if (command->ret_known) {
        return LUCID_OK;
    }
    struct lucid_buf out;
    lucid_buf_init(&out, STORE_PAYLOAD_BYTES_MAX);
    lucid_buf_char(&out, '{');
    lucid_json_member_u64(&out, "abi", asked->abi);
    lucid_json_member_hex(&out, "key", asked->key, sizeof(asked->key));
    lucid_json_member_cstr(&out, "plugin", asked->plugin);
    lucid_json_member_cstr(&out, "version", asked->version);
    lucid_buf_char(&out, '}');
    return payload_draft(txn, type_started, &out, NULL);
}

static enum lucid_error payload_read(struct lucid_span payload, struct plugin_key_row *ret)
{
    struct lucid_arena arena;
    struct lucid_span text;
    uint64_t abi = 0;
    const struct jcs_value *root;
    lucid_arena_init(&arena, PAYLOAD_ARENA_BYTES);
    enum lucid_error error = payload_parse(payload, &arena, &root);
    if (error == LUCID_OK) {
        error = payload_uint(root, "abi", &abi);
    }
    if (error == LUCID_OK) {
        error = payload_hex(root, "key", ret->key, sizeof(ret->key));
    }
    if (error == LUCID_OK) {
        error = payload_text(root, "plugin", &text);
    }
    if (error == LUCID_OK) {
        error = payload_copy(text, ret->plugin, sizeof(ret->plugin));
    }
    if (error == LUCID_OK) {
        error = payload_text(root, "version", &text);
    }
    if (error == LUCID_OK) {
        error = payload_copy(text, ret->version, sizeof(ret->version));
    }
    lucid_arena_fini(&arena);
    ret->abi = (uint32_t)abi;
    return error == LUCID_OK && (abi > UINT32_MAX || !name_is_good(ret->plugin))
               ? LUCID_FATAL_CORRUPT
               : error;
}

static enum lucid_error row_put(struct ledger_txn *txn, const struct plugin_key_row *row)
{
    uint8_t key[KEY_BYTES_MAX];
    uint8_t value[VALUE_FIXED_BYTES + PLUGIN_RECORD_VERSION_BYTES_MAX];
    size_t len = strlen(row->version);
    memcpy(value, row->key, sizeof(row->key));
    lucid_put_be64(value + 32, row->since_ms);
    lucid_put_be64(value + 40, row->until_ms);
    lucid_put_be32(value + 48, row->abi);
    memcpy(value + VALUE_FIXED_BYTES, row->version, len);
    return ledger_txn_put(txn, TABLE_KEYS, row_key(row->plugin, row->number, key),
                          lucid_span(value, VALUE_FIXED_BYTES + len));
}

static enum lucid_error record_apply(struct ledger_txn *txn, const struct ledger_event *event)
{
    struct plugin_key_row row = {.number = 1, .since_ms = event->time_ms};
    struct plugin_key_row newest;
    enum lucid_error error = payload_read(event->payload, &row);
    if (error != LUCID_OK) {
        return error;
    }
    error = newest_find(txn, row.plugin, &newest);
    if (error == LUCID_OK && memcmp(newest.key, row.key, sizeof(row.key)) == 0) {
        row.number = newest.number;
        row.since_ms = newest.since_ms;
    } else if (error == LUCID_OK) {
        row.number = newest.number + 1;
        newest.until_ms = event->time_ms;
        error = row_put(txn, &newest);
    }
    if (error != LUCID_OK && error != LUCID_NOTE_ABSENT) {
        return error;
    }
    return row_put(txn, &row);
}

const struct ledger_kind plugin_record_kind = {
    .name = "plugin",
    .fold_version = 1,
    .types = types,
    .tables = tables,
    .decide = record_decide,
    .apply = record_apply,
};

/* --- reading ---------------------------------------------------------------------------------- */

/* A program without this kind has none. */
static bool table_find(struct ledger_view *view, uint32_t *ret)
{
    if (ledger_kind_find(ledger_view_ledger(view), plugin_record_kind.name) !=
        &plugin_record_kind) {
        return false;
    }
    *ret = ledger_view_table(view, &plugin_record_kind, TABLE_KEYS);
    return true;
}

enum lucid_error plugin_key_read(struct ledger_view *view, const char *plugin, size_t index,
                                 struct plugin_key_row *ret)
{
    uint8_t at[KEY_BYTES_MAX];
    uint32_t table = 0;
    struct lucid_span key;
    struct lucid_span value;
    struct plugin_key_row newest;
    if (!name_is_good(plugin) || !table_find(view, &table)) {
        return LUCID_NOTE_ABSENT;
    }
    enum lucid_error error = row_seek(ledger_view_store(view), table, STORE_SEEK_LE,
                                      row_key(plugin, UINT32_MAX, at), &key, &value);
    if (error == LUCID_OK) {
        error = row_of(plugin, key, value, &newest);
    }
    if (error == LUCID_OK && index >= newest.number) {
        error = LUCID_NOTE_ABSENT;
    }
    if (error == LUCID_OK) {
        struct lucid_span from = row_key(plugin, newest.number - (uint32_t)index, at);
        error = row_get(ledger_view_store(view), table, from, &value);
        error = error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
        return error == LUCID_OK ? row_of(plugin, from, value, ret) : error;
    }
    return error;
}

enum lucid_error plugin_key_next(struct ledger_view *view, struct plugin_key_row *row)
{
    uint8_t at[KEY_BYTES_MAX];
    uint32_t table = 0;
    struct lucid_span key;
    struct lucid_span value;
    if (!table_find(view, &table)) {
        return LUCID_NOTE_ABSENT;
    }
    struct lucid_span from =
        row->plugin[0] == '\0' ? lucid_span("", 0) : row_key(row->plugin, row->number, at);
    enum lucid_error error =
        row_seek(ledger_view_store(view), table, STORE_SEEK_GT, from, &key, &value);
    return error == LUCID_OK ? row_parse(key, value, row) : error;
}
