/* The operator's file of facilitators. */
#include <stdio.h>

#include "base/assert.h"
#include "base/jcs/jcs.h"
#include "gas/amount.h"
#include "x402/file_place.h"
#include "x402/network_internal.h"
#include "x402/roster.h"

enum {
    ARENA_BYTES = 2 << 20,
    TIMEOUT_MS_MIN = 100,
    TIMEOUT_MS_MAX = 60000,
    TIMEOUT_MS = 10000,
    SETTLE_TIMEOUT_MS = 30000,
};
#define CDP_URL   "https://api.cdp.coinbase.com/platform/v2/x402"
#define PAYAI_URL "https://facilitator.payai.network"

static const struct jcs_limits limits = {.depth_max = 6, .values_max = 4096};

/* --- members ---------------------------------------------------------------------------------- */

static enum lucid_error names_check(const struct file_place *place, const struct jcs_value *object,
                                    const char *const *names, size_t count)
{
    if (jcs_type(object) != JCS_OBJECT) {
        return file_place_refuse(place, "", "must be an object");
    }
    return file_place_known(place, object, "", names, count);
}

/* A string of 1 … size − 1 visible ASCII characters that stands in headers and JSON as it is. */
static enum lucid_error string_read(const struct file_place *place, const struct jcs_value *value,
                                    const char *member, char *ret, size_t size)
{
    if (value == NULL || jcs_type(value) != JCS_STRING) {
        return file_place_refuse(place, member, "must be a string");
    }
    struct lucid_span text = jcs_string(value);
    if (text.len == 0 || text.len >= size) {
        return file_place_refuse(place, member, "must have 1 to %zu bytes", size - 1);
    }
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.data[i];
        if (c <= 0x20 || c >= 0x7f || c == '"' || c == '\\') {
            return file_place_refuse(
                place, member,
                "must be of visible ASCII characters, without quotes and backslashes");
        }
    }
    memcpy(ret, text.data, text.len);
    ret[text.len] = '\0';
    return LUCID_OK;
}

static enum lucid_error string_read_if(const struct file_place *place,
                                       const struct jcs_value *entry, const char *member, char *ret,
                                       size_t size)
{
    const struct jcs_value *value = jcs_member(entry, member);
    return value == NULL ? LUCID_OK : string_read(place, value, member, ret, size);
}

/* --- facilitators ----------------------------------------------------------------------------- */

static size_t member_find(const struct x402_roster_file *file, struct lucid_span name)
{
    size_t i = 0;
    while (i < file->member_count && !lucid_span_is(name, file->members[i].name)) {
        i++;
    }
    return i;
}

static enum lucid_error name_read(const struct file_place *place, const struct jcs_value *entry,
                                  const struct x402_roster_file *file, struct x402_member *member)
{
    enum lucid_error e =
        string_read(place, jcs_member(entry, "name"), "name", member->name, sizeof(member->name));
    if (e != LUCID_OK) {
        return e;
    }
    if (!gas_name_ok(lucid_span_str(member->name), GAS_NAME_BYTES_MAX)) {
        return file_place_refuse(place, "name", "must be of letters, digits, - _ . :");
    }
    if (member_find(file, lucid_span_str(member->name)) < file->member_count) {
        return file_place_refuse(place, "name", "%s is there twice", member->name);
    }
    return LUCID_OK;
}

static enum lucid_error url_read(const struct file_place *place, const struct jcs_value *entry,
                                 struct x402_member *member)
{
    bool insecure;
    enum lucid_error e = string_read_if(place, entry, "url", member->url, sizeof(member->url));
    if (e == LUCID_OK) {
        e = file_place_bool(place, entry, "insecure", false, &insecure);
    }
    if (e != LUCID_OK) {
        return e;
    }
    if (member->url[0] == '\0') {
        return file_place_refuse(place, "url",
                                 "is missing: only those of coinbase and payai are known");
    }
    const char *fault = x402_url_fault(lucid_span_str(member->url), insecure);
    if (fault != NULL) {
        return file_place_refuse(place, "url", "%s", fault);
    }
    if (strpbrk(member->url, "?#") != NULL || member->url[strlen(member->url) - 1] == '/') {
        return file_place_refuse(place, "url",
                                 "must have no query, no fragment and no slash at its end");
    }
    return LUCID_OK;
}

static enum lucid_error auth_read(const struct file_place *place, const struct jcs_value *entry,
                                  struct x402_member *member)
{
    const struct jcs_value *value = jcs_member(entry, "auth");
    enum lucid_error e =
        string_read_if(place, entry, "key_id", member->key_id, sizeof(member->key_id));
    if (e == LUCID_OK) {
        e = string_read_if(place, entry, "key_secret_file", member->key_secret_file,
                           sizeof(member->key_secret_file));
    }
    if (e != LUCID_OK) {
        return e;
    }
    bool has_key = member->key_id[0] != '\0';
    if (has_key != (member->key_secret_file[0] != '\0')) {
        return file_place_refuse(place, has_key ? "key_secret_file" : "key_id",
                                 "is missing: key_id and key_secret_file belong together");
    }
    struct lucid_span auth = lucid_span(NULL, 0);
    if (value != NULL && jcs_type(value) == JCS_STRING) {
        auth = jcs_string(value);
    }
    if (value == NULL) {
        bool payai = strcmp(member->name, "payai") == 0;
        member->auth = strcmp(member->name, "coinbase") == 0 ? X402_AUTH_CDP
                       : payai && has_key                    ? X402_AUTH_PAYAI
                                                             : X402_AUTH_NONE;
    } else if (lucid_span_is(auth, "cdp")) {
        member->auth = X402_AUTH_CDP;
    } else if (lucid_span_is(auth, "payai")) {
        member->auth = X402_AUTH_PAYAI;
    } else if (!lucid_span_is(auth, "none")) {
        return file_place_refuse(place, "auth", "must be \"none\", \"cdp\" or \"payai\"");
    }
    if (member->auth != X402_AUTH_NONE && !has_key) {
        return file_place_refuse(place, "key_id", "is missing: this facilitator wants a key");
    }
    if (member->auth == X402_AUTH_NONE && has_key) {
        return file_place_refuse(place, "key_id", "is of no use without \"auth\"");
    }
    return LUCID_OK;
}

static enum lucid_error networks_read(const struct file_place *place, const struct jcs_value *entry,
                                      struct x402_member *member)
{
    const struct jcs_value *list = jcs_member(entry, "networks");
    if (list == NULL) {
        return LUCID_OK;
    }
    if (jcs_type(list) != JCS_ARRAY || jcs_count(list) == 0 ||
        jcs_count(list) > X402_NETWORKS_MAX) {
        return file_place_refuse(place, "networks", "must be a list of 1 to %d networks",
                                 X402_NETWORKS_MAX);
    }
    for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL; at = jcs_next(list, at)) {
        char name[24];
        char *network = member->networks[member->network_count];
        (void)snprintf(name, sizeof(name), "networks[%zu]", member->network_count);
        enum lucid_error e = string_read(place, at, name, network, sizeof(member->networks[0]));
        if (e != LUCID_OK) {
            return e;
        }
        if (strchr(network, ':') == NULL) {
            return file_place_refuse(place, name, "must be a CAIP-2 name, as \"eip155:8453\"");
        }
        member->network_count++;
    }
    return LUCID_OK;
}

static enum lucid_error member_read(const struct file_place *place, const struct jcs_value *entry,
                                    struct x402_roster_file *file)
{
    static const char *const names[] = {"name",
                                        "auth",
                                        "url",
                                        "key_id",
                                        "key_secret_file",
                                        "networks",
                                        "smart_wallets",
                                        "timeout_ms",
                                        "settle_timeout_ms",
                                        "insecure"};
    uint64_t timeout_ms = 0;
    uint64_t settle_timeout_ms = 0;
    struct x402_member *member = &file->members[file->member_count];
    enum lucid_error e = names_check(place, entry, names, sizeof(names) / sizeof(names[0]));
    if (e == LUCID_OK) {
        e = name_read(place, entry, file, member);
    }
    if (e != LUCID_OK) {
        return e;
    }
    bool coinbase = strcmp(member->name, "coinbase") == 0;
    bool payai = strcmp(member->name, "payai") == 0;
    (void)snprintf(member->url, sizeof(member->url), "%s",
                   coinbase ? CDP_URL
                   : payai  ? PAYAI_URL
                            : "");
    e = url_read(place, entry, member);
    if (e == LUCID_OK) {
        e = auth_read(place, entry, member);
    }
    if (e == LUCID_OK) {
        e = networks_read(place, entry, member);
    }
    if (e == LUCID_OK) {
        e = file_place_bool(place, entry, "smart_wallets", coinbase || payai,
                            &member->smart_wallets);
    }
    if (e == LUCID_OK) {
        e = file_place_number(place, entry, "timeout_ms", TIMEOUT_MS, TIMEOUT_MS_MIN,
                              TIMEOUT_MS_MAX, &timeout_ms);
    }
    if (e == LUCID_OK) {
        e = file_place_number(place, entry, "settle_timeout_ms", SETTLE_TIMEOUT_MS, TIMEOUT_MS_MIN,
                              TIMEOUT_MS_MAX, &settle_timeout_ms);
    }
    member->timeout_ms = (uint32_t)timeout_ms;
    member->settle_timeout_ms = (uint32_t)settle_timeout_ms;
    file->member_count += e == LUCID_OK ? 1 : 0;
    return e;
}

/* --- orders ----------------------------------------------------------------------------------- */

static enum lucid_error order_read(const struct file_place *place, const struct jcs_value *list,
                                   const struct x402_roster_file *file,
                                   struct x402_roster_order *ret)
{
    if (list == NULL || jcs_type(list) != JCS_ARRAY || jcs_count(list) == 0 ||
        jcs_count(list) > file->member_count) {
        return file_place_refuse(place, "order", "must be a list of 1 to %zu names of facilitators",
                                 file->member_count);
    }
    for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL; at = jcs_next(list, at)) {
        char name[24];
        (void)snprintf(name, sizeof(name), "order[%zu]", ret->count);
        size_t member =
            jcs_type(at) == JCS_STRING ? member_find(file, jcs_string(at)) : file->member_count;
        if (member == file->member_count) {
            return file_place_refuse(place, name, "must be \"direct\" or a name of facilitators");
        }
        for (size_t i = 0; i < ret->count; i++) {
            if (ret->members[i] == member) {
                return file_place_refuse(place, name, "is there twice");
            }
        }
        ret->members[ret->count++] = (uint8_t)member;
    }
    return LUCID_OK;
}

static enum lucid_error asset_read(const struct file_place *place, const struct jcs_value *entry,
                                   struct x402_roster_file *file)
{
    static const char *const names[] = {"asset", "order"};
    struct x402_roster_order *order = &file->orders[file->order_count];
    enum lucid_error e = names_check(place, entry, names, 2);
    if (e == LUCID_OK) {
        e = string_read(place, jcs_member(entry, "asset"), "asset", order->asset,
                        sizeof(order->asset));
    }
    if (e != LUCID_OK) {
        return e;
    }
    if (!gas_name_ok(lucid_span_str(order->asset), GAS_NAME_BYTES_MAX)) {
        return file_place_refuse(place, "asset", "is not the name of an asset");
    }
    for (size_t i = 1; i < file->order_count; i++) {
        if (strcmp(file->orders[i].asset, order->asset) == 0) {
            return file_place_refuse(place, "asset", "is there twice");
        }
    }
    e = order_read(place, jcs_member(entry, "order"), file, order);
    file->order_count += e == LUCID_OK ? 1 : 0;
    return e;
}

/* --- the file --------------------------------------------------------------------------------- */

typedef enum lucid_error entry_fn(const struct file_place *place, const struct jcs_value *entry,
                                  struct x402_roster_file *file);

/* Each of a list of at most max; the list may be absent. */
static enum lucid_error list_read(const struct jcs_value *root, const char *name, size_t max,
                                  entry_fn *read, struct x402_roster_file *file,
                                  struct lucid_why *why)
{
    const struct jcs_value *list = jcs_member(root, name);
    struct file_place place = {.why = why};
    if (list == NULL) {
        return LUCID_OK;
    }
    if (jcs_type(list) != JCS_ARRAY || jcs_count(list) > max) {
        return file_place_refuse(&place, name, "must be a list of at most %zu", max);
    }
    place.list = name;
    for (const struct jcs_value *at = jcs_next(list, NULL); at != NULL; at = jcs_next(list, at)) {
        enum lucid_error e = read(&place, at, file);
        if (e != LUCID_OK) {
            return e;
        }
        place.index++;
    }
    return LUCID_OK;
}

static enum lucid_error root_read(const struct jcs_value *root, struct x402_roster_file *file,
                                  struct lucid_why *why)
{
    static const char *const names[] = {"facilitators", "order", "assets"};
    const struct file_place place = {.why = why};
    enum lucid_error e = names_check(&place, root, names, 3);
    if (e == LUCID_OK) {
        e = list_read(root, "facilitators", X402_MEMBERS_MAX - 1, member_read, file, why);
    }
    if (e != LUCID_OK) {
        return e;
    }
    struct x402_roster_order *common = &file->orders[0];
    common->count = 0;
    if (jcs_member(root, "order") != NULL) {
        e = order_read(&place, jcs_member(root, "order"), file, common);
    } else {
        lucid_assert(file->member_count <= X402_MEMBERS_MAX);
        for (; common->count < file->member_count; common->count++) {
            common->members[common->count] = (uint8_t)common->count;
        }
    }
    return e != LUCID_OK ? e
                         : list_read(root, "assets", X402_ROSTER_ASSETS_MAX, asset_read, file, why);
}

void x402_roster_file_init(struct x402_roster_file *ret)
{
    memset(ret, 0, sizeof(*ret));
    ret->member_count = 1;
    (void)snprintf(ret->members[0].name, sizeof(ret->members[0].name), "direct");
    ret->order_count = 1;
    ret->orders[0].count = 1;
}

enum lucid_error x402_roster_parse(struct lucid_span json, struct x402_roster_file *ret,
                                   struct lucid_why *why)
{
    struct lucid_arena arena;
    const struct jcs_value *root;
    if (json.len > X402_ROSTER_FILE_BYTES_MAX) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, NULL, NULL, "more than %zu bytes",
                            X402_ROSTER_FILE_BYTES_MAX);
    }
    lucid_arena_init(&arena, ARENA_BYTES);
    struct x402_roster_file *file = lucid_arena_zalloc(&arena, sizeof(*file));
    enum lucid_error e =
        file == NULL ? LUCID_RETRY_MEMORY : jcs_parse(json, &limits, &arena, &root, why);
    if (e == LUCID_OK) {
        x402_roster_file_init(file);
        e = root_read(root, file, why);
    }
    if (e == LUCID_OK) {
        *ret = *file;
    }
    lucid_arena_fini(&arena);
    return e;
}

/* --- what it says ----------------------------------------------------------------------------- */

const struct x402_roster_order *x402_roster_order_of(const struct x402_roster_file *file,
                                                     struct lucid_span asset)
{
    for (size_t i = 1; asset.len > 0 && i < file->order_count; i++) {
        if (lucid_span_is(asset, file->orders[i].asset)) {
            return &file->orders[i];
        }
    }
    return &file->orders[0];
}

bool x402_member_takes(const struct x402_member *member, const struct x402_network *network,
                       bool smart_wallet)
{
    if (smart_wallet && !member->smart_wallets) {
        return false;
    }
    for (size_t i = 0; i < member->network_count; i++) {
        if (strcmp(member->networks[i], network->caip2) == 0) {
            return true;
        }
    }
    return member->network_count == 0;
}

bool x402_direct_settles(const struct x402_network *network)
{
    return !network->solana && network->eip3009 && network->gas_key_file[0] != '\0';
}

bool x402_roster_settles(const struct x402_roster_file *file, const struct x402_network *network,
                         struct lucid_span asset, bool smart_wallet)
{
    const struct x402_roster_order *order = x402_roster_order_of(file, asset);
    if (!network->solana && !network->eip3009) {
        return false;
    }
    for (size_t i = 0; i < order->count; i++) {
        const struct x402_member *member = &file->members[order->members[i]];
        if (order->members[i] == 0 ? !smart_wallet && x402_direct_settles(network)
                                   : x402_member_takes(member, network, smart_wallet)) {
            return true;
        }
    }
    return false;
}
