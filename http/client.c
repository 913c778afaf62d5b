#include "http/client.h"

#include <curl/curl.h>
#include <stdlib.h>

#include "base/assert.h"

struct client {
    CURL *curl;
    const char *ca; /* NULL: the system's */
};

/* One transfer on its way. */
struct transfer {
    const struct client_question *question;
    struct client_answer *answer;
    CURL *curl;
    struct lucid_buf line; /* the unfinished line of a streamed answer */
    size_t bytes;
    size_t bytes_max;
    size_t line_bytes_max;
    enum lucid_error error; /* why our own callback stopped the transfer */
};

enum lucid_error client_open(struct client **ret)
{
    lucid_assert(ret != NULL);
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        return LUCID_RETRY_MEMORY;
    }
    struct client *client = calloc(1, sizeof(*client));
    if (client == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    client->curl = curl_easy_init();
    if (client->curl == NULL) {
        free(client);
        return LUCID_RETRY_MEMORY;
    }
    *ret = client;
    return LUCID_OK;
}

void client_close(struct client *client)
{
    if (client == NULL) {
        return;
    }
    curl_easy_cleanup(client->curl);
    free(client);
}

void client_set_ca(struct client *client, const char *path)
{
    client->ca = path;
}

void client_answer_fini(struct client_answer *answer)
{
    lucid_buf_fini(&answer->body);
    answer->status = 0;
}

static bool host_is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0 || strcmp(host, "::1") == 0;
}

/* Takes a URL apart. False when it is none of ours: other schemes, or with credentials in it. */
static bool url_look(const char *url, bool *ret_loopback, bool *ret_https)
{
    CURLU *parts = curl_url();
    if (parts == NULL) {
        return false;
    }
    char *scheme = NULL;
    char *host = NULL;
    char *user = NULL;
    bool ok = curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              curl_url_get(parts, CURLUPART_USER, &user, 0) != CURLUE_OK;
    if (ok) {
        *ret_https = strcmp(scheme, "https") == 0;
        *ret_loopback = host_is_loopback(host);
        ok = *ret_https || strcmp(scheme, "http") == 0;
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(parts);
    return ok;
}

bool client_url_is_loopback(const char *url)
{
    bool loopback = false;
    bool https = false;
    return url_look(url, &loopback, &https) && loopback;
}

bool client_url_ok(const char *url)
{
    bool loopback = false;
    bool https = false;
    return url_look(url, &loopback, &https);
}

bool client_url_is_https(const char *url)
{
    bool loopback = false;
    bool https = false;
    return url_look(url, &loopback, &https) && https;
}

/* Hands out the complete lines in the piece; keeps the rest. */
static enum lucid_error lines_take(struct transfer *transfer, struct lucid_span piece)
{
    const struct client_question *question = transfer->question;
    size_t at = 0;
    while (at < piece.len) {
        const uint8_t *start = piece.data + at;
        const uint8_t *end = memchr(start, '\n', piece.len - at);
        size_t len = end != NULL ? (size_t)(end - start) : piece.len - at;
        lucid_buf_put(&transfer->line, start, len);
        if (!lucid_buf_ok(&transfer->line) || transfer->line.len > transfer->line_bytes_max) {
            return LUCID_REFUSE_TOO_LARGE;
        }
        at += len;
        if (end == NULL) {
            break;
        }
        at++;
        struct lucid_span line = lucid_buf_span(&transfer->line);
        if (line.len > 0 && line.data[line.len - 1] == '\r') {
            line.len--;
        }
        enum lucid_error error = question->line(question->context, line);
        if (error != LUCID_OK) {
            return error;
        }
        lucid_buf_clear(&transfer->line);
    }
    return LUCID_OK;
}

static size_t body_take(char *data, size_t size, size_t count, void *context)
{
    struct transfer *transfer = context;
    size_t len = size * count;
    if (len > transfer->bytes_max - transfer->bytes) {
        transfer->error = LUCID_REFUSE_TOO_LARGE;
        return 0;
    }
    transfer->bytes += len;
    long status = 0;
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (transfer->question->line != NULL && status >= 200 && status < 300) {
        transfer->error = lines_take(transfer, lucid_span(data, len));
        return transfer->error == LUCID_OK ? len : 0;
    }
    lucid_buf_put(&transfer->answer->body, data, len);
    if (!lucid_buf_ok(&transfer->answer->body)) {
        transfer->error = LUCID_RETRY_MEMORY;
        return 0;
    }
    return len;
}

/* Called by libcurl about once a second, also while nothing comes. */
static int stop_look(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                     curl_off_t up)
{
    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    struct transfer *transfer = context;
    /* Set by a signal handler, or by another thread. */
    if (__atomic_load_n(transfer->question->stop, __ATOMIC_RELAXED) == 0) {
        return 0;
    }
    transfer->error = LUCID_NOTE_END;
    return 1;
}

static uint32_t seconds_parse(const char *text)
{
    uint32_t seconds = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        seconds = seconds * 10 + (uint32_t)(*text - '0');
        if (seconds > CLIENT_RETRY_AFTER_SECONDS_MAX) {
            return CLIENT_RETRY_AFTER_SECONDS_MAX;
        }
    }
    return seconds;
}

static void answer_headers_read(CURL *curl, struct client_answer *answer)
{
    long status = 0;
    (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    answer->status = (int)status;
    const char *type = NULL;
    (void)curl_easy_getinfo(curl, CURLINFO_CONTENT_TYPE, &type);
    size_t len = type != NULL ? strnlen(type, CLIENT_CONTENT_TYPE_MAX) : 0;
    if (type != NULL) {
        memcpy(answer->content_type, type, len);
    }
    answer->content_type[len] = '\0';
    struct curl_header *header = NULL;
    answer->retry_after_s = 0;
    if (curl_easy_header(curl, "Retry-After", 0, CURLH_HEADER, -1, &header) == CURLHE_OK) {
        answer->retry_after_s = seconds_parse(header->value);
    }
}

static enum lucid_error failure_name(CURLcode code, const struct transfer *transfer,
                                     const char *text, struct lucid_why *why)
{
    if (transfer->error != LUCID_OK) {
        if (transfer->error == LUCID_REFUSE_TOO_LARGE) {
            return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, NULL, NULL,
                                "the answer is larger than it may be");
        }
        return transfer->error;
    }
    if (text[0] == '\0') {
        text = curl_easy_strerror(code);
    }
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
        code == CURLE_SSL_ISSUER_ERROR) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, NULL, NULL, "%s", text);
    }
    if (code == CURLE_URL_MALFORMAT || code == CURLE_UNSUPPORTED_PROTOCOL) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, NULL, "%s", text);
    }
    if (code == CURLE_OUT_OF_MEMORY) {
        return LUCID_RETRY_MEMORY;
    }
    return lucid_refuse(why, LUCID_RETRY_IO, NULL, NULL, "%s", text);
}

static long milliseconds(uint32_t value, uint32_t otherwise)
{
    return (long)(value != 0 ? value : otherwise);
}

static bool method_set(CURL *curl, const struct client_question *question)
{
    bool ok = curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, question->method) == CURLE_OK;
    if (question->body.data != NULL) {
        ok = ok && curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)question->body.len) ==
                 CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_POSTFIELDS, question->body.data) == CURLE_OK;
    } else if (strcmp(question->method, "POST") == 0) {
        /* An empty body with its length said, not one that is read from standard input. */
        ok = ok && curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)0) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_POSTFIELDS, "") == CURLE_OK;
    }
    return ok;
}

/* The header list; Expect is switched off because it costs a round trip. False: no memory. */
static bool headers_build(const struct client_question *question, struct curl_slist **ret)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; list != NULL && i < CLIENT_HEADERS_MAX; i++) {
        if (question->headers[i] == NULL) {
            break;
        }
        lucid_assert(strpbrk(question->headers[i], "\r\n") == NULL);
        struct curl_slist *longer = curl_slist_append(list, question->headers[i]);
        if (longer == NULL) {
            curl_slist_free_all(list);
            return false;
        }
        list = longer;
    }
    *ret = list;
    return list != NULL;
}

static bool options_set(CURL *curl, struct transfer *transfer, struct curl_slist *headers,
                        bool loopback, char *text)
{
    const struct client_question *question = transfer->question;
    long connect_ms = milliseconds(question->connect_ms_max, CLIENT_CONNECT_MS_DEFAULT);
    long total_ms = milliseconds(question->total_ms_max, CLIENT_TOTAL_MS_DEFAULT);
    curl_easy_reset(curl);
    bool ok =
        curl_easy_setopt(curl, CURLOPT_URL, question->url) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_TCP_NODELAY, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, connect_ms) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, total_ms) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, text) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "lucid") == CURLE_OK;
    if (question->idle_s_max != 0) {
        ok = ok && curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 0L) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)question->idle_s_max) == CURLE_OK;
    }
    if (question->stop != NULL) {
        ok = ok && curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_look) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_XFERINFODATA, transfer) == CURLE_OK;
    }
    if (loopback) {
        ok = ok && curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK;
    }
    return ok && method_set(curl, question);
}

enum lucid_error client_request(struct client *client, const struct client_question *question,
                                struct client_answer *answer, struct lucid_why *why)
{
    lucid_assert(client != NULL && question != NULL && answer != NULL);
    lucid_assert(question->method != NULL && question->url != NULL);
    bool loopback = false;
    bool https = false;
    lucid_buf_clear(&answer->body);
    answer->status = 0;
    if (!url_look(question->url, &loopback, &https)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "url",
                            "the address must be http:// or https:// without user or password");
    }
    struct curl_slist *headers = NULL;
    if (!headers_build(question, &headers)) {
        return LUCID_RETRY_MEMORY;
    }
    struct transfer transfer = {.question = question, .answer = answer, .curl = client->curl};
    transfer.bytes_max =
        question->answer_bytes_max != 0 ? question->answer_bytes_max : CLIENT_ANSWER_BYTES_DEFAULT;
    transfer.line_bytes_max =
        question->line_bytes_max != 0 ? question->line_bytes_max : CLIENT_LINE_BYTES_DEFAULT;
    char text[CURL_ERROR_SIZE] = "";
    enum lucid_error error = LUCID_RETRY_MEMORY;
    if (options_set(client->curl, &transfer, headers, loopback, text) &&
        (client->ca == NULL ||
         curl_easy_setopt(client->curl, CURLOPT_CAINFO, client->ca) == CURLE_OK)) {
        CURLcode code = curl_easy_perform(client->curl);
        answer_headers_read(client->curl, answer);
        error = code == CURLE_OK ? LUCID_OK : failure_name(code, &transfer, text, why);
    }
    /* The error buffer and the headers die with this frame: take them out of the handle. */
    (void)curl_easy_setopt(client->curl, CURLOPT_ERRORBUFFER, NULL);
    (void)curl_easy_setopt(client->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(headers);
    lucid_buf_fini(&transfer.line);
    return error;
}
