/* What is said about passports. */
#include <stdio.h>
#include <strings.h>

#include "plugins/passport/discovery.h"
#include "plugins/passport/module/module.h"
#include "plugins/verifier/canonical.h"

#define SECOND_MS 1000U

/* --- finding ---------------------------------------------------------------------------------- */

enum lucid_error answer_document(struct ask *ask, const struct passport_row *row,
                                 struct lucid_span *ret)
{
    enum lucid_error error = ask_blob(ask, row->digest, ret);
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error answer_passport(struct ask *ask, const struct passport_row *row,
                                 struct passport *ret, struct lucid_span *ret_document)
{
    enum passport_fault fault;
    enum lucid_error error = answer_document(ask, row, ret_document);
    if (error == LUCID_OK) {
        error = passport_read(*ret_document, &ask->arena, ret, &fault, NULL);
    }
    return lucid_category(error) == LUCID_CATEGORY_REFUSE ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error answer_find(struct ask *ask, struct passport_row *ret)
{
    struct lucid_span id = kit_span(ask->host->call_param(ask->call, "id"));
    enum lucid_error error = ask_view(ask);
    return error == LUCID_OK ? passport_row_find(ask->host, ask->view, id, ret) : error;
}

enum lucid_error answer_submitted(struct ask *ask, struct passport_row *ret)
{
    const struct passport_command *command = ask->command->data;
    struct lucid_span id = lucid_span_str(command->ret_id);
    enum lucid_error error = ask_view(ask);
    if (error == LUCID_OK) {
        error = passport_row_find(ask->host, ask->view, id, ret);
    }
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

void answer_status(const struct ask *ask, const struct passport_row *row, struct status_entry *ret)
{
    passport_row_status(row, ask->now_ms / SECOND_MS, module_of(ask)->overlap_s, ret);
}

bool answer_disallowed(const struct ask *ask, const struct passport_row *row)
{
    return row->mock && !module_of(ask)->allow_mock;
}

const struct application *answer_application(const struct ask *ask, const struct passport_row *row)
{
    return applications_find(&module_of(ask)->applications, lucid_span_str(row->application));
}

/* --- requests --------------------------------------------------------------------------------- */

/* What comes before the first of a byte, which is taken off, without spaces around it. */
static struct lucid_span part_take(struct lucid_span *rest, char byte)
{
    const uint8_t *found = rest->len > 0 ? memchr(rest->data, byte, rest->len) : NULL;
    size_t len = found != NULL ? (size_t)(found - rest->data) : rest->len;
    size_t taken = found != NULL ? len + 1 : len;
    struct lucid_span part = lucid_span(rest->data, len);
    *rest = taken > 0 ? lucid_span(rest->data + taken, rest->len - taken) : *rest;
    while (part.len > 0 && (part.data[0] == ' ' || part.data[0] == '\t')) {
        part = lucid_span(part.data + 1, part.len - 1);
    }
    while (part.len > 0 && (part.data[part.len - 1] == ' ' || part.data[part.len - 1] == '\t')) {
        part.len--;
    }
    return part;
}

/* q=0, q=0., q=0.000: not acceptable (RFC 9110, 12.4.2). */
static bool is_weight_zero(struct lucid_span parameter)
{
    if (parameter.len < 3 || (parameter.data[0] | 0x20) != 'q' || parameter.data[1] != '=') {
        return false;
    }
    for (size_t i = 2; i < parameter.len; i++) {
        if (parameter.data[i] != '0' && !(i == 3 && parameter.data[i] == '.')) {
            return false;
        }
    }
    return parameter.data[2] == '0';
}

bool answer_accepts(const struct ask *ask, const char *type)
{
    struct lucid_span accept = kit_span(ask->host->call_header(ask->call, "accept"));
    size_t len = strlen(type);
    while (accept.len > 0) {
        struct lucid_span range = part_take(&accept, ',');
        struct lucid_span name = part_take(&range, ';');
        bool accepted = name.len == len && strncasecmp((const char *)name.data, type, len) == 0;
        while (accepted && range.len > 0) {
            accepted = !is_weight_zero(part_take(&range, ';'));
        }
        if (accepted) {
            return true;
        }
    }
    return false;
}

/* --- writing ---------------------------------------------------------------------------------- */

void answer_link(const struct ask *ask, const char *id, const char *after,
                 char ret[MODULE_LINK_BYTES_MAX])
{
    struct lucid_span base = module_of(ask)->base_url;
    (void)snprintf(ret, MODULE_LINK_BYTES_MAX, "%.*s/v1/passports/%s%s", (int)base.len,
                   base.len > 0 ? (const char *)base.data : "", id, after);
}

void answer_status_write(struct ask *ask, const struct passport_row *row)
{
    struct status_entry entry;
    answer_status(ask, row, &entry);
    lucid_json_member_cstr(&ask->out, "status", status_kind_name(entry.kind));
    if (answer_disallowed(ask, row)) {
        lucid_json_member_cstr(&ask->out, "disallowed", "mock");
    }
    if (entry.at_s != 0) {
        passport_date_write(&ask->out, "since", entry.at_s);
    }
    if (entry.kind == STATUS_REVOKED) {
        lucid_json_member_cstr(&ask->out, "reason", status_reason_name(entry.reason));
    }
    if (entry.by.len > 0) {
        lucid_json_member_str(&ask->out, "supersededBy", entry.by);
    }
}

/* Members that a list and the whole answer share. */
static void row_members(struct ask *ask, const struct passport_row *row)
{
    struct lucid_buf *out = &ask->out;
    lucid_json_member_cstr(out, "passportId", row->id);
    lucid_json_member_cstr(out, "application", row->application);
    canonical_digest(out, "digest", row->digest);
    answer_status_write(ask, row);
    passport_date_write(out, "issuedAt", row->issued_s);
    passport_date_write(out, "expiresAt", row->expires_s);
    passport_date_write(out, "renewAfter", row->renew_after_s);
    lucid_json_member_bool(out, "is_mock", row->mock);
    lucid_json_member_bool(out, "test", row->test);
}

void answer_row_write(struct ask *ask, const struct passport_row *row)
{
    struct lucid_buf *out = &ask->out;
    lucid_buf_char(out, '{');
    row_members(ask, row);
    lucid_json_member_u64(out, "sequence", row->sequence);
    lucid_json_member_u64(out, "leaf_index", row->leaf);
    lucid_json_member_time(out, "logged_at", row->logged_ms);
    lucid_buf_char(out, '}');
}

static void links_write(struct ask *ask, const struct passport_row *row)
{
    struct lucid_buf *out = &ask->out;
    struct lucid_span base = module_of(ask)->base_url;
    char link[MODULE_LINK_BYTES_MAX];
    lucid_json_member(out, "links");
    lucid_buf_char(out, '{');
    (void)snprintf(link, sizeof(link), "%.*s/passport/%s", (int)base.len,
                   base.len > 0 ? (const char *)base.data : "", row->id);
    lucid_json_member_cstr(out, "page", link);
    answer_link(ask, row->id, "?bundle=1", link);
    lucid_json_member_cstr(out, "bundle", link);
    if (row->quote) {
        answer_link(ask, row->id, "/evidence", link);
        lucid_json_member_cstr(out, "evidence", link);
    }
    answer_link(ask, "status", "", link);
    lucid_json_member_cstr(out, "status", link);
    lucid_buf_char(out, '}');
}

enum lucid_error answer_write(struct ask *ask, const struct passport_row *row)
{
    struct lucid_span document;
    struct lucid_buf *out = &ask->out;
    enum lucid_error error = answer_document(ask, row, &document);
    if (error != LUCID_OK) {
        return error;
    }
    lucid_buf_char(out, '{');
    row_members(ask, row);
    lucid_json_member(out, "passport");
    lucid_buf_span_put(out, document);
    error = ask_place_write(ask, row->leaf);
    links_write(ask, row);
    lucid_buf_char(out, '}');
    return error;
}

enum lucid_error answer_header_add(struct ask *ask, const struct passport_row *row,
                                   const struct passport *passport)
{
    char link[MODULE_LINK_BYTES_MAX];
    struct lucid_buf value;
    answer_link(ask, row->id, "?document=1", link);
    struct discovery discovery = {
        .passport = passport,
        .url = lucid_span_str(link),
        .application = answer_application(ask, row),
    };
    memcpy(discovery.digest, row->digest, sizeof(row->digest));
    lucid_buf_init(&value, DISCOVERY_HEADER_BYTES_MAX);
    discovery_header_write(&discovery, &value);
    lucid_buf_char(&value, '\0');
    bool ok = lucid_buf_ok(&value);
    if (ok) {
        ask->host->call_add_header(ask->call, DISCOVERY_HEADER, (const char *)value.data);
    }
    lucid_buf_fini(&value);
    return ok ? LUCID_OK : LUCID_RETRY_MEMORY;
}

/* --- packages --------------------------------------------------------------------------------- */

/* The bundle of an appraisal, of evidence or claims. */
static enum lucid_error bundle(struct ask *ask, const uint8_t id[LUCID_SHA256_BYTES],
                               struct lucid_span keys, struct lucid_buf *out, struct lucid_why *why)
{
    struct kind_row row;
    struct lucid_span record;
    struct lucid_span ear;
    struct lucid_span proof;
    struct lucid_buf members = {0};
    enum lucid_error error = kind_find(ask->host, ask->view, KIND_APPRAISAL, id, &row);
    if (error == LUCID_NOTE_ABSENT) {
        error = kind_find(ask->host, ask->view, KIND_CLAIMS, id, &row);
    }
    if (error == LUCID_OK) {
        error = ask_logged(ask, row.sequence, &record, &ear);
    }
    if (error == LUCID_OK && ear.data == NULL) {
        error = LUCID_NOTE_ERASED;
    }
    if (error != LUCID_OK) {
        return error;
    }
    error = ask_proof(ask, row.leaf, &proof);
    if (error == LUCID_OK) {
        lucid_buf_str(&members, "\"proof\":");
        lucid_buf_span_put(&members, proof);
    }
    error = error == LUCID_NOTE_ABSENT ? LUCID_OK : error;
    if (error == LUCID_OK && !lucid_buf_ok(&members)) {
        error = LUCID_RETRY_MEMORY;
    }
    if (error == LUCID_OK) {
        error = bundle_write(record, ear, keys, lucid_buf_span(&members), gather_blob, ask,
                             &ask->arena, out, why);
    }
    lucid_buf_fini(&members);
    return error;
}

/* A plugin's keys as a JWK set. */
static enum lucid_error keys_write(struct ask *ask, const char *plugin, struct lucid_buf *out)
{
    uint8_t keys[VERIFY_KEYS_MAX][KEY_BYTES];
    size_t count = 0;
    enum lucid_error error = ask_keys(ask, plugin, keys, VERIFY_KEYS_MAX, &count);
    return error == LUCID_OK && !key_set_write(keys, count, out) ? LUCID_RETRY_MEMORY : error;
}

/* The ids that a passport.issued names. */
static enum lucid_error appraisals_of(struct ask *ask, struct lucid_span record,
                                      uint8_t (*ret)[LUCID_SHA256_BYTES], size_t *ret_count)
{
    static const struct jcs_limits limits = {8, 4096};
    const struct jcs_value *root;
    enum lucid_error error = jcs_parse(record, &limits, &ask->arena, &root, NULL);
    if (error != LUCID_OK) {
        return lucid_category(error) == LUCID_CATEGORY_REFUSE ? LUCID_FATAL_CORRUPT : error;
    }
    const struct jcs_value *list = jcs_member(root, "appraisals");
    size_t count = 0;
    for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL; at = jcs_next(list, at)) {
        if (count == PASSPORT_APPRAISALS_MAX || jcs_type(at) != JCS_STRING ||
            !lucid_hex_decode(jcs_string(at), ret[count], LUCID_SHA256_BYTES)) {
            return LUCID_FATAL_CORRUPT;
        }
        count++;
    }
    *ret_count = count;
    return count > 0 ? LUCID_OK : LUCID_FATAL_CORRUPT;
}

/* The ids that the passport itself shows: not those of claims that it hides. */
static enum lucid_error appraisals_shown(struct ask *ask, const struct passport_row *row,
                                         uint8_t (*ret)[LUCID_SHA256_BYTES], size_t *ret_count)
{
    struct lucid_span document;
    struct passport *passport = lucid_arena_zalloc(&ask->arena, sizeof(*passport));
    enum lucid_error error =
        passport != NULL ? answer_passport(ask, row, passport, &document) : LUCID_RETRY_MEMORY;
    if (error == LUCID_OK) {
        memcpy(ret, passport->appraisals, sizeof(passport->appraisals));
        *ret_count = passport->appraisal_count;
    }
    return error;
}

static enum lucid_error appraisals_logged(struct ask *ask, const struct passport_row *row,
                                          uint8_t (*ret)[LUCID_SHA256_BYTES], size_t *ret_count)
{
    struct lucid_span record;
    struct lucid_span body;
    enum lucid_error error = ask_logged(ask, row->sequence, &record, &body);
    return error == LUCID_OK ? appraisals_of(ask, record, ret, ret_count) : error;
}

/* One bundle after the other; ends: where each one does. */
static enum lucid_error bundles(struct ask *ask, const struct passport_row *row, bool hidden,
                                struct lucid_buf *out, size_t ends[PASSPORT_APPRAISALS_MAX],
                                size_t *ret_count, struct lucid_why *why)
{
    uint8_t ids[PASSPORT_APPRAISALS_MAX][LUCID_SHA256_BYTES];
    struct lucid_buf keys = {0};
    size_t count = 0;
    enum lucid_error error =
        hidden ? appraisals_logged(ask, row, ids, &count) : appraisals_shown(ask, row, ids, &count);
    if (error == LUCID_OK) {
        error = keys_write(ask, "verifier", &keys);
    }
    for (size_t i = 0; i < count && error == LUCID_OK; i++) {
        lucid_buf_str(out, i > 0 ? "," : "");
        error = bundle(ask, ids[i], lucid_buf_span(&keys), out, why);
        ends[i] = out->len;
    }
    lucid_buf_fini(&keys);
    if (error == LUCID_OK && !lucid_buf_ok(out)) {
        error = LUCID_RETRY_MEMORY;
    }
    *ret_count = count;
    /* What the log names is there, or was erased: never just absent. */
    return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
}

enum lucid_error answer_bundles_write(struct ask *ask, const struct passport_row *row, bool hidden,
                                      struct lucid_buf *out, struct lucid_why *why)
{
    size_t ends[PASSPORT_APPRAISALS_MAX];
    size_t count = 0;
    return bundles(ask, row, hidden, out, ends, &count, why);
}

/* The members of a package that the log gives, but for the appraisals. */
static enum lucid_error package_log(struct ask *ask, const struct passport_row *row,
                                    struct package *ret)
{
    struct lucid_plugin_event event;
    enum lucid_error error = answer_document(ask, row, &ret->passport);
    if (error == LUCID_OK) {
        error = kit_error(ask->host->view_event(ask->view, row->sequence, &event));
        error = error == LUCID_OK && event.entry == NULL ? LUCID_FATAL_CORRUPT : error;
    }
    if (error != LUCID_OK) {
        return error == LUCID_NOTE_ABSENT ? LUCID_FATAL_CORRUPT : error;
    }
    ret->record = kit_span(event.payload);
    ret->has_entry = true;
    memcpy(ret->entry, event.entry, sizeof(ret->entry));
    error = ask_proof(ask, row->leaf, &ret->proof);
    if (error == LUCID_OK || error == LUCID_NOTE_ABSENT) {
        error = status_now(ask, &ret->status);
    }
    return error;
}

static enum lucid_error package_fill(struct ask *ask, const struct passport_row *row,
                                     struct package *package, struct lucid_buf *keys,
                                     struct lucid_buf *list, struct lucid_why *why)
{
    size_t ends[PASSPORT_APPRAISALS_MAX] = {0};
    enum lucid_error error = package_log(ask, row, package);
    if (error == LUCID_OK) {
        error = keys_write(ask, NULL, keys);
        package->keys = lucid_buf_span(keys);
    }
    if (error == LUCID_OK && row->quote) {
        error = bundles(ask, row, false, list, ends, &package->appraisal_count, why);
        if (error == LUCID_NOTE_ERASED) { /* the rest of it is good without */
            package->appraisal_count = 0;
            error = LUCID_OK;
        }
    }
    size_t begin = 0;
    for (size_t i = 0; i < package->appraisal_count && error == LUCID_OK; i++) {
        package->appraisals[i] = lucid_span(list->data + begin, ends[i] - begin);
        begin = ends[i] + 1;
    }
    return error;
}

enum lucid_error answer_package(struct ask *ask, const struct passport_row *row,
                                struct lucid_why *why)
{
    struct lucid_buf keys = {0};
    struct lucid_buf list;
    lucid_buf_init(&list, PACKAGE_BYTES_MAX);
    struct package *package = lucid_arena_zalloc(&ask->arena, sizeof(*package));
    enum lucid_error error = LUCID_RETRY_MEMORY;
    if (package != NULL) {
        error = package_fill(ask, row, package, &keys, &list, why);
    }
    if (error == LUCID_OK) {
        package_write(package, &ask->out);
        error = lucid_buf_ok(&ask->out) ? LUCID_OK : LUCID_RETRY_MEMORY;
    }
    lucid_buf_fini(&keys);
    lucid_buf_fini(&list);
    if (error == LUCID_OK) {
        ask->host->call_respond_tagged(ask->call, PACKAGE_MEDIA_TYPE,
                                       kit_bytes(lucid_buf_span(&ask->out)), 0);
    }
    return error;
}
