#include "http/client.h"

#include <stdlib.h>

#include "base/assert.h"
#include "http/transfer_internal.h"

struct client {
    CURL *curl;
    const char *ca; /* NULL: the system's */
};

/* One question on its way. */
struct asking {
    struct http_transfer transfer; /* first */
    const struct client_question *question;
    struct client_answer *answer;
    struct lucid_buf line; /* the unfinished line of a streamed answer */
    size_t line_bytes_max;
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

bool client_url_is_loopback(const char *url)
{
    bool loopback = false;
    bool https = false;
    return http_transfer_url_look(url, &loopback, &https) && loopback;
}

bool client_url_ok(const char *url)
{
    bool loopback = false;
    bool https = false;
    return http_transfer_url_look(url, &loopback, &https);
}

bool client_url_is_https(const char *url)
{
    bool loopback = false;
    bool https = false;
    return http_transfer_url_look(url, &loopback, &https) && https;
}

/* Hands out the complete lines in the piece; keeps the rest. */
static enum lucid_error lines_take(struct asking *asking, struct lucid_span piece)
{
    const struct client_question *question = asking->question;
    size_t at = 0;
    while (at < piece.len) {
        const uint8_t *start = piece.data + at;
        const uint8_t *end = memchr(start, '\n', piece.len - at);
        size_t len = end != NULL ? (size_t)(end - start) : piece.len - at;
        lucid_buf_put(&asking->line, start, len);
        if (!lucid_buf_ok(&asking->line) || asking->line.len > asking->line_bytes_max) {
            return LUCID_REFUSE_TOO_LARGE;
        }
        at += len;
        if (end == NULL) {
            break;
        }
        at++;
        struct lucid_span line = lucid_buf_span(&asking->line);
        if (line.len > 0 && line.data[line.len - 1] == '\r') {
            line.len--;
        }
        enum lucid_error error = question->line(question->context, line);
        if (error != LUCID_OK) {
            return error;
        }
        lucid_buf_clear(&asking->line);
    }
    return LUCID_OK;
}

static enum lucid_error body_take(struct http_transfer *transfer, struct lucid_span piece)
{
    struct asking *asking = (struct asking *)transfer;
    long status = 0;
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_RESPONSE_CODE, &status);
    if (asking->question->line != NULL && status >= 200 && status < 300) {
        return lines_take(asking, piece);
    }
    lucid_buf_span_put(&asking->answer->body, piece);
    return lucid_buf_ok(&asking->answer->body) ? LUCID_OK : LUCID_RETRY_MEMORY;
}

/* Called by libcurl about once a second, also while nothing comes. */
static int stop_look(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                     curl_off_t up)
{
    (void)down_total;
    (void)down;
    (void)up_total;
    (void)up;
    struct asking *asking = context;
    /* Set by a signal handler, or by another thread. */
    if (__atomic_load_n(asking->question->stop, __ATOMIC_RELAXED) == 0) {
        return 0;
    }
    asking->transfer.error = LUCID_NOTE_END;
    return 1;
}

static void answer_head_read(const struct http_transfer *transfer, struct client_answer *answer)
{
    const char *type = NULL;
    http_transfer_status(transfer, &answer->status, &answer->retry_after_s);
    (void)curl_easy_getinfo(transfer->curl, CURLINFO_CONTENT_TYPE, &type);
    size_t len = type != NULL ? strnlen(type, CLIENT_CONTENT_TYPE_MAX) : 0;
    if (type != NULL) {
        memcpy(answer->content_type, type, len);
    }
    answer->content_type[len] = '\0';
}

/* False: no memory. */
static bool captures_take(CURL *curl, const struct client_question *question)
{
    bool ok = true;
    for (size_t i = 0; i < question->capture_count; i++) {
        struct client_capture *capture = &question->captures[i];
        struct curl_header *header = NULL;
        lucid_buf_clear(&capture->value);
        if (curl_easy_header(curl, capture->name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK &&
            header->amount == 1 && strlen(header->value) <= CLIENT_CAPTURE_BYTES_MAX) {
            lucid_buf_str(&capture->value, header->value);
        }
        ok = ok && lucid_buf_ok(&capture->value);
    }
    return ok;
}

static long milliseconds(uint32_t value, uint32_t otherwise)
{
    return (long)(value != 0 ? value : otherwise);
}

/* What only a client that waits can do: answers without end, and a flag that stops it. */
static bool waiting_set(struct asking *asking)
{
    const struct client_question *question = asking->question;
    CURL *curl = asking->transfer.curl;
    bool ok = true;
    if (question->idle_s_max != 0) {
        ok = curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 0L) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)question->idle_s_max) == CURLE_OK;
    }
    if (question->stop != NULL) {
        ok = ok && curl_easy_setopt(curl, CURLOPT_NOPROGRESS, 0L) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, stop_look) == CURLE_OK &&
             curl_easy_setopt(curl, CURLOPT_XFERINFODATA, asking) == CURLE_OK;
    }
    return ok;
}

enum lucid_error client_request(struct client *client, const struct client_question *question,
                                struct client_answer *answer, struct lucid_why *why)
{
    lucid_assert(client != NULL && question != NULL && answer != NULL);
    lucid_buf_clear(&answer->body);
    answer->status = 0;
    struct asking asking = {.question = question, .answer = answer};
    asking.transfer.take = body_take;
    asking.transfer.bytes_max =
        question->answer_bytes_max != 0 ? question->answer_bytes_max : CLIENT_ANSWER_BYTES_DEFAULT;
    asking.line_bytes_max =
        question->line_bytes_max != 0 ? question->line_bytes_max : CLIENT_LINE_BYTES_DEFAULT;
    struct http_transfer_question what = {
        .method = question->method,
        .url = question->url,
        .headers = question->headers,
        .headers_max = CLIENT_HEADERS_MAX,
        .body = question->body,
        .connect_ms = milliseconds(question->connect_ms_max, CLIENT_CONNECT_MS_DEFAULT),
        .total_ms = milliseconds(question->total_ms_max, CLIENT_TOTAL_MS_DEFAULT),
        .ca = client->ca};
    enum lucid_error error = http_transfer_begin(&asking.transfer, client->curl, &what, why);
    if (error != LUCID_OK) {
        return error;
    }
    error = LUCID_RETRY_MEMORY;
    if (waiting_set(&asking)) {
        CURLcode code = curl_easy_perform(client->curl);
        answer_head_read(&asking.transfer, answer);
        bool captured = captures_take(client->curl, question);
        error = http_transfer_result(&asking.transfer, code, why);
        error = error == LUCID_OK && !captured ? LUCID_RETRY_MEMORY : error;
    }
    http_transfer_end(&asking.transfer);
    lucid_buf_fini(&asking.line);
    return error;
}
