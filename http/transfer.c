#include "http/transfer_internal.h"

#include "base/assert.h"

static bool host_is_loopback(const char *host)
{
    return strcmp(host, "localhost") == 0 || strncmp(host, "127.", 4) == 0 ||
           strcmp(host, "[::1]") == 0 || strcmp(host, "::1") == 0;
}

bool http_transfer_url_look(const char *url, bool *ret_loopback, bool *ret_https)
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
        bool https = strcmp(scheme, "https") == 0;
        ok = https || strcmp(scheme, "http") == 0;
        *ret_https = https;
        *ret_loopback = host_is_loopback(host);
    }
    curl_free(scheme);
    curl_free(host);
    curl_free(user);
    curl_url_cleanup(parts);
    return ok;
}

/* --- callbacks of libcurl --------------------------------------------------------------------- */

static size_t head_take(char *data, size_t size, size_t count, void *context)
{
    struct http_transfer *transfer = context;
    size_t len = size * count;
    if (len > HTTP_ANSWER_HEAD_BYTES_MAX - transfer->head_bytes) {
        transfer->error = LUCID_REFUSE_TOO_LARGE;
        return 0;
    }
    transfer->head_bytes += len;
    bool empty = len > 0 && (data[0] == '\r' || data[0] == '\n');
    bool first = len >= 5 && memcmp(data, "HTTP/", 5) == 0;
    transfer->head_ended = empty || (transfer->head_ended && !first);
    return len;
}

static size_t body_take(char *data, size_t size, size_t count, void *context)
{
    struct http_transfer *transfer = context;
    size_t len = size * count;
    if (len > transfer->bytes_max - transfer->bytes) {
        transfer->error = LUCID_REFUSE_TOO_LARGE;
        return 0;
    }
    transfer->bytes += len;
    transfer->error = transfer->take(transfer, lucid_span(data, len));
    return transfer->error == LUCID_OK ? len : 0;
}

/* --- the question ----------------------------------------------------------------------------- */

static bool method_set(CURL *curl, const struct http_transfer_question *question)
{
    bool ok = curl_easy_setopt(curl, CURLOPT_CUSTOMREQUEST, question->method) == CURLE_OK;
    struct lucid_span body = question->body;
    if (body.data == NULL && strcmp(question->method, "POST") == 0) {
        /* An empty body with its length said, not one that is read from standard input. */
        body = lucid_span("", 0);
    }
    if (body.data != NULL) {
        ok =
            ok && curl_easy_setopt(curl, CURLOPT_POST, 1L) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.len) == CURLE_OK &&
            curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body.data) == CURLE_OK;
    }
    return ok;
}

/* The header list; Expect is switched off because it costs a round trip. NULL: no memory. */
static struct curl_slist *headers_build(const struct http_transfer_question *question)
{
    struct curl_slist *list = curl_slist_append(NULL, "Expect:");
    for (size_t i = 0; list != NULL && i < question->headers_max; i++) {
        if (question->headers[i] == NULL) {
            break;
        }
        lucid_assert(strpbrk(question->headers[i], "\r\n") == NULL);
        struct curl_slist *longer = curl_slist_append(list, question->headers[i]);
        if (longer == NULL) {
            curl_slist_free_all(list);
        }
        list = longer;
    }
    return list;
}

static bool options_set(struct http_transfer *transfer,
                        const struct http_transfer_question *question, bool loopback)
{
    CURL *curl = transfer->curl;
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
        curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, question->connect_ms) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, question->total_ms) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, transfer->text) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HEADERFUNCTION, head_take) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_HEADERDATA, transfer) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, body_take) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, transfer) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_FRESH_CONNECT, question->once ? 1L : 0L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_FORBID_REUSE, question->once ? 1L : 0L) == CURLE_OK &&
        curl_easy_setopt(curl, CURLOPT_USERAGENT, "lucid") == CURLE_OK;
    if (question->ca != NULL) {
        ok = ok && curl_easy_setopt(curl, CURLOPT_CAINFO, question->ca) == CURLE_OK;
    }
    if (loopback) {
        ok = ok && curl_easy_setopt(curl, CURLOPT_PROXY, "") == CURLE_OK;
    }
    return ok && method_set(curl, question);
}

enum lucid_error http_transfer_begin(struct http_transfer *transfer, CURL *curl,
                                     const struct http_transfer_question *question,
                                     struct lucid_why *why)
{
    bool loopback = false;
    bool https = false;
    lucid_assert(question->method != NULL && question->url != NULL && transfer->take != NULL);
    if (!http_transfer_url_look(question->url, &loopback, &https)) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, "url",
                            "the address must be http:// or https:// without user or password");
    }
    transfer->headers = headers_build(question);
    if (transfer->headers == NULL) {
        return LUCID_RETRY_MEMORY;
    }
    transfer->curl = curl;
    transfer->text[0] = '\0';
    if (!options_set(transfer, question, loopback)) {
        http_transfer_end(transfer);
        return LUCID_RETRY_MEMORY;
    }
    return LUCID_OK;
}

void http_transfer_end(struct http_transfer *transfer)
{
    (void)curl_easy_setopt(transfer->curl, CURLOPT_ERRORBUFFER, NULL);
    (void)curl_easy_setopt(transfer->curl, CURLOPT_HTTPHEADER, NULL);
    curl_slist_free_all(transfer->headers);
    transfer->headers = NULL;
}

/* --- the answer ------------------------------------------------------------------------------- */

static uint32_t seconds_parse(const char *text)
{
    uint32_t seconds = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        seconds = seconds * 10 + (uint32_t)(*text - '0');
        if (seconds > HTTP_RETRY_AFTER_SECONDS_MAX) {
            return HTTP_RETRY_AFTER_SECONDS_MAX;
        }
    }
    return seconds;
}

void http_transfer_status(const struct http_transfer *transfer, int *ret_status,
                          uint32_t *ret_retry_after_s)
{
    long status = 0;
    struct curl_header *header = NULL;
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    *ret_status = (int)status;
    *ret_retry_after_s = 0;
    if (curl_easy_header(transfer->curl, "Retry-After", 0, CURLH_HEADER, -1, &header) ==
        CURLHE_OK) {
        *ret_retry_after_s = seconds_parse(header->value);
    }
}

bool http_transfer_is_unsent(const struct http_transfer *transfer)
{
    long sent = 1;
    return curl_easy_getinfo(transfer->curl, CURLINFO_REQUEST_SIZE, &sent) == CURLE_OK && sent == 0;
}

enum lucid_error http_transfer_result(const struct http_transfer *transfer, CURLcode code,
                                      struct lucid_why *why)
{
    if (code == CURLE_OK && transfer->head_ended) {
        return LUCID_OK;
    }
    if (code == CURLE_OK) { /* what libcurl says of one that closes in the middle of a head */
        return lucid_refuse(why, LUCID_RETRY_IO, NULL, NULL, "the answer breaks off in its head");
    }
    if (transfer->error == LUCID_REFUSE_TOO_LARGE) {
        return lucid_refuse(why, LUCID_REFUSE_TOO_LARGE, NULL, NULL,
                            "the answer is larger than it may be");
    }
    if (transfer->error != LUCID_OK) {
        return transfer->error;
    }
    const char *text = transfer->text[0] != '\0' ? transfer->text : curl_easy_strerror(code);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE ||
        code == CURLE_SSL_ISSUER_ERROR) {
        return lucid_refuse(why, LUCID_REFUSE_FORBIDDEN, NULL, NULL, "%s", text);
    }
    if (code == CURLE_URL_MALFORMAT) {
        return lucid_refuse(why, LUCID_REFUSE_INVALID, NULL, NULL, "%s", text);
    }
    if (code == CURLE_OUT_OF_MEMORY) {
        return LUCID_RETRY_MEMORY;
    }
    return lucid_refuse(why, LUCID_RETRY_IO, NULL, NULL, "%s", text);
}
