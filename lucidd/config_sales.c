/* What is sold, and how it is paid for. */
#include <string.h>

#include "gas/amount.h"
#include "http/api/proxy_place.h"
#include "lucidd/config.h"

enum { PUBLIC_URL_BYTES_MAX = 512, MEMBER_BYTES_MAX = 64 };

static enum lucid_error refuse(struct lucid_why *why, const char *name, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "INVALID_CONFIG", name, "%s %s", name, text);
}

struct class
{
    const char *name;
    const char *asset;
};
enum { CLASSES = 6 };

static void classes_list(const struct config *config, struct class ret[CLASSES])
{
    const struct class classes[CLASSES] = {
        {"price_class.proof", config->price_class_proof},
        {"price_class.receipt", config->price_class_receipt},
        {"price_class.batch", config->price_class_batch},
        {"price_class.match", config->price_class_match},
        {"price_class.appraise", config->price_class_appraise},
        {"price_class.passport", config->price_class_passport},
    };
    memcpy(ret, classes, sizeof(classes));
}

bool config_sells(const struct config *config)
{
    struct class classes[CLASSES];
    /* What stands behind a proxy, refunds and payouts need the networks alone. */
    bool sells = config->x402_networks_file[0] != '\0';
    classes_list(config, classes);
    for (size_t i = 0; i < CLASSES; i++) {
        sells = sells || classes[i].asset[0] != '\0';
    }
    return sells;
}

/* An absolute http or https URL to which a path can be put: no path of "/" alone, query, fragment
 * or user. */
static bool public_url_ok(const char *url)
{
    size_t scheme = strncmp(url, "https://", 8) == 0 ? 8 : strncmp(url, "http://", 7) == 0 ? 7 : 0;
    size_t len = strlen(url);
    bool ok = scheme > 0 && len > scheme && len <= PUBLIC_URL_BYTES_MAX && url[scheme] != '/' &&
              url[len - 1] != '/' && strpbrk(url, "?#@\"\\<>") == NULL;
    for (size_t i = 0; ok && i < len; i++) {
        ok = url[i] > 0x20 && url[i] < 0x7f;
    }
    return ok;
}

bool config_members(const struct config *config, struct config_members *ret)
{
    ret->count = 0;
    memcpy(ret->text, config->redis_members, sizeof(ret->text));
    for (char *at = ret->text, *end = at; end != NULL; at = end + 1) {
        end = strchr(at, ',');
        if (end != NULL) {
            *end = '\0';
        }
        if (ret->count == CONFIG_MEMBERS_MAX ||
            !gas_name_ok(lucid_span_str(at), MEMBER_BYTES_MAX)) {
            return false;
        }
        ret->names[ret->count++] = at;
    }
    return true;
}

static enum lucid_error redis_check(const struct config *config, struct lucid_why *why)
{
    struct config_members members;
    if (strncmp(config->redis_url, "redis://", 8) != 0 &&
        strncmp(config->redis_url, "unix:", 5) != 0) {
        return refuse(why, "redis_url", "must be redis://HOST:PORT/DB or unix:PATH");
    }
    if (!config_members(config, &members)) {
        return refuse(
            why, "redis_members",
            "must be names (letters, digits, - _ . :) with commas between them, at most 16");
    }
    bool found = false;
    for (size_t i = 0; i < members.count; i++) {
        found = found || strcmp(members.names[i], config->redis_self) == 0;
    }
    return found ? LUCID_OK : refuse(why, "redis_self", "must be one of redis_members");
}

enum lucid_error config_sales_check(const struct config *config, struct lucid_why *why)
{
    struct class classes[CLASSES];
    classes_list(config, classes);
    for (size_t i = 0; i < CLASSES; i++) {
        const char *asset = classes[i].asset;
        if (asset[0] != '\0' && !gas_name_ok(lucid_span_str(asset), GAS_NAME_BYTES_MAX)) {
            return refuse(why, classes[i].name, "is not the name of an asset");
        }
    }
    if (config->public_url[0] != '\0' && !public_url_ok(config->public_url)) {
        return refuse(why, "public_url", "must be https://HOST, without a slash at its end");
    }
    bool redis = strcmp(config->spent_store, "redis") == 0;
    if (!redis && strcmp(config->spent_store, "memory") != 0) {
        return refuse(why, "spent_store", "must be memory or redis");
    }
    enum proxy_family family;
    if (!proxy_family_parse(lucid_span_str(config->proxy_headers), &family)) {
        return refuse(why, "proxy_headers", "must be original, forwarded or nothing");
    }
    if (config->proxy_request_id_header[0] != '\0' &&
        !proxy_id_header_ok(lucid_span_str(config->proxy_request_id_header))) {
        return refuse(why, "proxy_request_id_header",
                      "must be the name of a header that has no other use");
    }
    if (family != PROXY_NONE && config->x402_networks_file[0] == '\0') {
        return refuse(why, "x402_networks_file", "is missing: proxy_headers sells by it");
    }
    if (config->x402_facilitators_file[0] != '\0' && config->x402_networks_file[0] == '\0') {
        return refuse(why, "x402_networks_file", "is missing: x402_facilitators_file needs it");
    }
    if (config_sells(config) && config->x402_networks_file[0] == '\0') {
        return refuse(why, "x402_networks_file", "is missing: what is sold must be paid somewhere");
    }
    if (config->x402_clients_file[0] != '\0' && config->x402_networks_file[0] == '\0') {
        return refuse(why, "x402_networks_file", "is missing: x402_clients_file needs networks");
    }
    return redis ? redis_check(config, why) : LUCID_OK;
}
