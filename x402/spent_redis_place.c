/* Where Redis is, and whether it is fit. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "x402/spent_redis_internal.h"

#define PORT_DEFAULT 6379

static enum lucid_error url_refuse(struct lucid_why *why, const char *text)
{
    return lucid_refuse(why, LUCID_REFUSE_INVALID, "CONFIG_INVALID", "redis_url", "%s", text);
}

/* Copies with a NUL; false: empty, too long, or with bytes that have no place there. */
static bool text_copy(struct lucid_span from, char *to, size_t bytes)
{
    bool fits = from.len > 0 && from.len < bytes;
    for (size_t i = 0; fits && i < from.len; i++) {
        fits = from.data[i] > 0x20 && from.data[i] < 0x7f;
    }
    if (fits) {
        memcpy(to, from.data, from.len);
        to[from.len] = '\0';
    }
    return fits;
}

static bool number_read(struct lucid_span text, uint32_t max, uint32_t *ret)
{
    uint32_t value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (text.data[i] < '0' || text.data[i] > '9' || i == 9) {
            return false;
        }
        value = value * 10 + (uint32_t)(text.data[i] - '0');
    }
    if (text.len == 0 || value > max) {
        return false;
    }
    *ret = value;
    return true;
}

/* The part before the last (or first) c; it and c are taken off *text. False: there is no c. */
static bool part_take(struct lucid_span *text, char c, bool last, struct lucid_span *ret)
{
    const uint8_t *at = last ? memrchr(text->data, c, text->len) : memchr(text->data, c, text->len);
    if (at == NULL) {
        return false;
    }
    size_t len = (size_t)(at - text->data);
    *ret = lucid_span(text->data, len);
    *text = lucid_span(at + 1, text->len - len - 1);
    return true;
}

/* HOST, [HOST], with or without :PORT. */
static bool host_read(struct lucid_span text, struct redis_place *place)
{
    struct lucid_span host = text;
    struct lucid_span port = text;
    bool named;
    if (text.len > 0 && text.data[0] == '[') {
        struct lucid_span rest = lucid_span(text.data + 1, text.len - 1);
        struct lucid_span nothing;
        if (!part_take(&rest, ']', false, &host)) {
            return false;
        }
        named = rest.len > 0;
        if (named && (!part_take(&rest, ':', false, &nothing) || nothing.len > 0)) {
            return false;
        }
        port = rest;
    } else {
        named = part_take(&port, ':', false, &host);
    }
    uint32_t number = PORT_DEFAULT;
    if (named && (!number_read(port, UINT16_MAX, &number) || number == 0)) {
        return false;
    }
    place->port = (uint16_t)number;
    return text_copy(host, place->host, sizeof(place->host));
}

static enum lucid_error url_read(struct lucid_span url, struct redis_place *place,
                                 struct lucid_why *why)
{
    static const char tcp[] = "redis://";
    static const char local[] = "unix:";
    if (url.len > strlen(local) && memcmp(url.data, local, strlen(local)) == 0) {
        struct lucid_span path = lucid_span(url.data + strlen(local), url.len - strlen(local));
        return text_copy(path, place->path, sizeof(place->path))
                   ? LUCID_OK
                   : url_refuse(why, "the path of the socket is empty, too long or unprintable");
    }
    if (url.len <= strlen(tcp) || memcmp(url.data, tcp, strlen(tcp)) != 0) {
        return url_refuse(why, "redis://[[USER]:PASSWORD@]HOST[:PORT][/DATABASE] or unix:PATH; "
                               "for TLS put a tunnel in between");
    }
    struct lucid_span rest = lucid_span(url.data + strlen(tcp), url.len - strlen(tcp));
    struct lucid_span who;
    if (part_take(&rest, '@', true, &who)) {
        struct lucid_span user = who;
        bool has_password = part_take(&who, ':', false, &user);
        if ((user.len > 0 && !text_copy(user, place->user, sizeof(place->user))) ||
            (has_password && !text_copy(who, place->password, sizeof(place->password)))) {
            return url_refuse(why, "user or password is empty, too long or unprintable");
        }
    }
    struct lucid_span host = rest;
    if (part_take(&rest, '/', false, &host) && rest.len > 0 &&
        !number_read(rest, INT16_MAX, &place->database)) {
        return url_refuse(why, "the database is a number");
    }
    return host_read(host, place) ? LUCID_OK : url_refuse(why, "no host, or a port out of range");
}

/* The first line of the file. */
static enum lucid_error password_read(const char *path, struct redis_place *place,
                                      struct lucid_why *why)
{
    char text[REDIS_PASSWORD_BYTES_MAX + 3];
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t len = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
    int reason = errno;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (len < 0) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "CONFIG_INVALID", "redis_password_file",
                            "cannot read it: %s", strerror(reason));
    }
    struct lucid_span line = lucid_span(text, (size_t)len);
    while (line.len > 0 && (text[line.len - 1] == '\n' || text[line.len - 1] == '\r')) {
        line.len--;
    }
    bool good = text_copy(line, place->password, sizeof(place->password));
    lucid_wipe(text, sizeof(text));
    return good ? LUCID_OK
                : lucid_refuse(why, LUCID_REFUSE_INVALID, "CONFIG_INVALID", "redis_password_file",
                               "it must hold one line of at most %d printable bytes",
                               REDIS_PASSWORD_BYTES_MAX);
}

enum lucid_error redis_place_read(const struct x402_spent_redis_options *options,
                                  struct redis_place *ret, struct lucid_why *why)
{
    struct redis_place place = {.path = ""};
    enum lucid_error error = url_read(lucid_span_str(options->url), &place, why);
    if (error == LUCID_OK && options->password_file != NULL && options->password_file[0] != '\0') {
        error = password_read(options->password_file, &place, why);
    }
    if (error == LUCID_OK && place.user[0] != '\0' && place.password[0] == '\0') {
        error = url_refuse(why, "a user needs a password");
    }
    if (error == LUCID_OK) {
        *ret = place;
    }
    lucid_wipe(&place, sizeof(place));
    return error;
}

/* --- INFO ------------------------------------------------------------------------------------- */

/* The value of a "name:value" line; empty when there is none. */
static struct lucid_span info_value(struct lucid_span info, const char *name)
{
    size_t name_len = strlen(name);
    struct lucid_span line;
    for (bool more = true; more;) {
        more = part_take(&info, '\n', false, &line);
        line = more ? line : info;
        if (line.len > name_len && line.data[name_len] == ':' &&
            memcmp(line.data, name, name_len) == 0) {
            struct lucid_span value = lucid_span(line.data + name_len + 1, line.len - name_len - 1);
            bool cr = value.len > 0 && value.data[value.len - 1] == '\r';
            return lucid_span(value.data, value.len - cr);
        }
    }
    return lucid_span("", 0);
}

enum lucid_error redis_info_judge(struct lucid_span info, char ret_run_id[REDIS_RUN_ID_HEX + 1],
                                  struct lucid_why *why)
{
    if (lucid_span_is(info_value(info, "loading"), "1")) {
        return lucid_refuse(why, LUCID_RETRY_IO, NULL, NULL, "Redis is still loading its data");
    }
    if (!lucid_span_is(info_value(info, "role"), "master")) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "REDIS_REPLICA", "redis_url",
                            "this Redis is a replica: claims must be made where all are made");
    }
    if (!lucid_span_is(info_value(info, "maxmemory_policy"), "noeviction")) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "REDIS_EVICTS", "redis_url",
                            "this Redis may forget spent proofs when memory is short: set "
                            "maxmemory-policy noeviction");
    }
    if (!lucid_span_is(info_value(info, "aof_enabled"), "1")) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, "REDIS_VOLATILE", "redis_url",
                            "this Redis forgets spent proofs when it ends: set appendonly yes");
    }
    struct lucid_span run_id = info_value(info, "run_id");
    if (!lucid_is_hex(run_id, REDIS_RUN_ID_HEX)) {
        return lucid_refuse(why, LUCID_RETRY_IO, NULL, NULL, "INFO without a run_id");
    }
    memcpy(ret_run_id, run_id.data, REDIS_RUN_ID_HEX);
    ret_run_id[REDIS_RUN_ID_HEX] = '\0';
    return LUCID_OK;
}

/* --- asked at the start ------------------------------------------------------------------------
 */

static redisContext *place_connect(const struct redis_place *place, uint32_t timeout_ms)
{
    struct timeval limit = {.tv_sec = timeout_ms / 1000,
                            .tv_usec = (suseconds_t)(timeout_ms % 1000) * 1000};
    redisContext *context = place->path[0] != '\0'
                                ? redisConnectUnixWithTimeout(place->path, limit)
                                : redisConnectWithTimeout(place->host, place->port, limit);
    if (context != NULL && (context->err != 0 || redisSetTimeout(context, limit) != REDIS_OK)) {
        redisFree(context);
        context = NULL;
    }
    return context;
}

/* Takes the reply. */
static enum lucid_error reply_judge(redisReply *reply, const char *what, struct lucid_why *why)
{
    enum lucid_error error = LUCID_OK;
    if (reply == NULL) {
        error = lucid_refuse(why, LUCID_RETRY_IO, NULL, NULL, "Redis did not answer %s", what);
    } else if (reply->type == REDIS_REPLY_ERROR) {
        error = lucid_refuse(why, LUCID_REFUSE_INVALID, "REDIS_AUTH", "redis_url",
                             "Redis refuses %s: %.100s", what, reply->str);
    }
    freeReplyObject(reply);
    return error;
}

static enum lucid_error place_check(redisContext *context, const struct redis_place *place,
                                    struct lucid_why *why)
{
    enum lucid_error error = LUCID_OK;
    if (place->password[0] != '\0') {
        redisReply *reply = place->user[0] != '\0'
                                ? redisCommand(context, "AUTH %s %s", place->user, place->password)
                                : redisCommand(context, "AUTH %s", place->password);
        error = reply_judge(reply, "the password", why);
    }
    if (error == LUCID_OK) {
        error =
            reply_judge(redisCommand(context, "SELECT %u", place->database), "the database", why);
    }
    if (error != LUCID_OK) {
        return error;
    }
    redisReply *info = redisCommand(context, "INFO");
    if (info == NULL || info->type == REDIS_REPLY_ERROR) {
        return reply_judge(info, "INFO", why);
    }
    char run_id[REDIS_RUN_ID_HEX + 1];
    bool text = info->type == REDIS_REPLY_STRING;
    error = redis_info_judge(lucid_span(text ? info->str : "", text ? info->len : 0), run_id, why);
    freeReplyObject(info);
    return error;
}

enum lucid_error x402_spent_redis_check(const struct x402_spent_redis_options *options,
                                        struct lucid_why *why)
{
    struct redis_place place;
    enum lucid_error error = redis_place_read(options, &place, why);
    if (error != LUCID_OK) {
        return error;
    }
    redisContext *context = place_connect(&place, options->timeout_ms);
    error = context != NULL
                ? place_check(context, &place, why)
                : lucid_refuse(why, LUCID_RETRY_IO, NULL, "redis_url", "Redis does not answer");
    if (context != NULL) {
        redisFree(context);
    }
    lucid_wipe(&place, sizeof(place));
    return error;
}
