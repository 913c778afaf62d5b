#include "http/parser_internal.h"

#include "base/assert.h"

enum { METHOD_BYTES_MAX = 16, LENGTH_DIGITS_MAX = 18, VERSION_BYTES = 8 };

const struct http_refusal_text *http_refusal_text(enum http_refusal refusal)
{
    static const struct http_refusal_text texts[HTTP_REFUSAL_COUNT] = {
        [HTTP_REFUSED_FIRST_BYTE] = {400, "BAD_REQUEST", "this is not HTTP"},
        [HTTP_REFUSED_LINE_END] = {400, "BAD_REQUEST", "a line does not end in CR LF"},
        [HTTP_REFUSED_EMPTY_LINES] = {400, "BAD_REQUEST", "empty lines before the request"},
        [HTTP_REFUSED_HEAD_BYTES] = {431, "HEADERS_TOO_LARGE", "the headers are too large"},
        [HTTP_REFUSED_HEADER_COUNT] = {431, "HEADERS_TOO_LARGE", "there are too many headers"},
        [HTTP_REFUSED_TARGET_BYTES] = {414, "URI_TOO_LONG", "the request target is too long"},
        [HTTP_REFUSED_REQUEST_LINE] = {400, "BAD_REQUEST", "the request line is malformed"},
        [HTTP_REFUSED_METHOD] = {400, "BAD_REQUEST", "the method is malformed"},
        [HTTP_REFUSED_TARGET] = {400, "BAD_REQUEST",
                                 "the target must start with '/' and be printable ASCII"},
        [HTTP_REFUSED_ESCAPE] = {400, "BAD_REQUEST", "a percent escape in the target is broken"},
        [HTTP_REFUSED_DOTS] = {400, "BAD_REQUEST", "the path has a '..' segment"},
        [HTTP_REFUSED_VERSION] = {505, "HTTP_VERSION_NOT_SUPPORTED",
                                  "only HTTP/1.0 and HTTP/1.1 are spoken here"},
        [HTTP_REFUSED_FOLD] = {400, "BAD_REQUEST", "folded headers are not accepted"},
        [HTTP_REFUSED_NAME] = {400, "BAD_REQUEST", "a header's name is malformed"},
        [HTTP_REFUSED_VALUE] = {400, "BAD_REQUEST", "a header's value has a control character"},
        [HTTP_REFUSED_HOST_MISSING] = {400, "BAD_REQUEST", "the Host header is missing"},
        [HTTP_REFUSED_REPEATED] = {400, "BAD_REQUEST",
                                   "a header that may occur once occurs repeatedly"},
        [HTTP_REFUSED_LENGTH] = {400, "BAD_REQUEST", "the Content-Length is not a usable number"},
        [HTTP_REFUSED_LENGTH_AND_CODING] = {400, "BAD_REQUEST",
                                            "Content-Length together with Transfer-Encoding"},
        [HTTP_REFUSED_CODING] = {501, "NOT_IMPLEMENTED",
                                 "no transfer coding but chunked is supported"},
        [HTTP_REFUSED_CODING_VERSION] = {400, "BAD_REQUEST", "Transfer-Encoding in HTTP/1.0"},
        [HTTP_REFUSED_EXPECT] = {417, "EXPECTATION_FAILED",
                                 "no expectation but 100-continue is supported"},
        [HTTP_REFUSED_CHUNK] = {400, "BAD_REQUEST", "the chunked body is malformed"},
        [HTTP_REFUSED_CHUNK_EXTRAS] = {400, "BAD_REQUEST",
                                       "chunk extensions and trailers are too large"},
        [HTTP_REFUSED_BODY_BYTES] = {413, "BODY_TOO_LARGE", "the body is too large"},
        [HTTP_REFUSED_INFLIGHT] = {503, "OVERLOADED", "too many request bodies are under way"},
        [HTTP_REFUSED_SLOW] = {408, "REQUEST_TIMEOUT", "the request took too long to arrive"},
        [HTTP_REFUSED_MEMORY] = {503, "OVERLOADED", "out of memory for this request"},
    };
    lucid_assert(refusal > HTTP_ACCEPTED && refusal < HTTP_REFUSAL_COUNT);
    return &texts[refusal];
}

/* tchar of RFC 9110 5.6.2 */
static const uint8_t token_bytes[256] = {
    ['!'] = 1, ['#'] = 1, ['$'] = 1,  ['%'] = 1,         ['&'] = 1,         ['*'] = 1,
    ['+'] = 1, ['-'] = 1, ['.'] = 1,  ['^'] = 1,         ['_'] = 1,         ['`'] = 1,
    ['|'] = 1, ['~'] = 1, ['\''] = 1, ['0' ... '9'] = 1, ['A' ... 'Z'] = 1, ['a' ... 'z'] = 1,
};

static bool is_token(struct lucid_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (token_bytes[text.data[i]] == 0) {
            return false;
        }
    }
    return text.len > 0;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool equal_fold(struct lucid_span name, const char *want, size_t len)
{
    if (name.len != len) {
        return false;
    }
    for (size_t i = 0; i < len; i++) {
        if (lower(name.data[i]) != (uint8_t)want[i]) {
            return false;
        }
    }
    return true;
}

bool http_name_is(struct lucid_span name, const char *want)
{
    return equal_fold(name, want, strlen(want));
}

/* --- scan ------------------------------------------------------------------------------------- */

/* The first byte that must not be reached by the line that is looked at, and the refusal if it
 * is. Limits are judged before anything else about a byte, so that cuts change nothing. */
static size_t scan_limit(const struct http_scan *scan, const struct http_parse_limits *limits,
                         enum http_refusal *ret_refusal)
{
    size_t first_line = limits->target_bytes_max + METHOD_BYTES_MAX + VERSION_BYTES + 6;
    if (scan->line_start == scan->head_start && first_line < limits->header_bytes_max) {
        *ret_refusal = HTTP_REFUSED_TARGET_BYTES;
        return first_line;
    }
    *ret_refusal = HTTP_REFUSED_HEAD_BYTES;
    return limits->header_bytes_max;
}

/* One line, whose LF is at scan->at. */
static enum http_step scan_line(struct http_scan *scan, struct lucid_span bytes,
                                enum http_refusal *ret_refusal)
{
    size_t at = scan->at;
    if (at == scan->line_start || bytes.data[at - 1] != '\r') {
        *ret_refusal = HTTP_REFUSED_LINE_END;
        return HTTP_STEP_REFUSED;
    }
    bool empty = at == scan->line_start + 1;
    bool first = scan->line_start == scan->head_start;
    scan->at = at + 1;
    scan->line_start = scan->at;
    if (!empty) {
        return HTTP_STEP_MORE;
    }
    if (!first) {
        return HTTP_STEP_DONE;
    }
    if (scan->head_start != 0) {
        *ret_refusal = HTTP_REFUSED_EMPTY_LINES;
        return HTTP_STEP_REFUSED;
    }
    scan->head_start = scan->at;
    return HTTP_STEP_MORE;
}

enum http_step http_head_scan(struct http_scan *scan, struct lucid_span bytes,
                              const struct http_parse_limits *limits, size_t *ret_end,
                              enum http_refusal *ret_refusal)
{
    if (bytes.len > 0 && token_bytes[bytes.data[0]] == 0 && bytes.data[0] != '\r') {
        /* TLS on the plain port, or noise: it might never send a line end. */
        *ret_refusal = bytes.data[0] == '\n' ? HTTP_REFUSED_LINE_END : HTTP_REFUSED_FIRST_BYTE;
        return HTTP_STEP_REFUSED;
    }
    for (;;) {
        enum http_refusal over = HTTP_ACCEPTED;
        size_t limit = scan_limit(scan, limits, &over);
        size_t end = bytes.len < limit ? bytes.len : limit;
        const uint8_t *found =
            end > scan->at ? memchr(bytes.data + scan->at, '\n', end - scan->at) : NULL;
        if (found == NULL && bytes.len >= limit) {
            *ret_refusal = over;
            return HTTP_STEP_REFUSED;
        }
        if (found == NULL) {
            scan->at = bytes.len;
            return HTTP_STEP_MORE;
        }
        scan->at = (size_t)(found - bytes.data);
        enum http_step step = scan_line(scan, bytes, ret_refusal);
        if (step == HTTP_STEP_DONE) {
            *ret_end = scan->at;
        }
        if (step != HTTP_STEP_MORE) {
            return step;
        }
    }
}

/* --- parse ------------------------------------------------------------------------------------ */

/* The next line without its CR LF; the scan made sure that it has one. */
static struct lucid_span line_next(struct lucid_span *rest)
{
    const uint8_t *end = memchr(rest->data, '\n', rest->len);
    lucid_assert(end != NULL && end > rest->data);
    size_t len = (size_t)(end - rest->data);
    struct lucid_span line = lucid_span(rest->data, len - 1);
    *rest = lucid_span(rest->data + len + 1, rest->len - len - 1);
    return line;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static enum http_refusal target_check(struct lucid_span target)
{
    if (target.len == 0 || target.data[0] != '/') {
        return HTTP_REFUSED_TARGET;
    }
    for (size_t i = 0; i < target.len; i++) {
        uint8_t c = target.data[i];
        if (c <= ' ' || c >= 0x7f || c == '#') {
            return HTTP_REFUSED_TARGET;
        }
        if (c != '%') {
            continue;
        }
        if (target.len - i < 3 || hex_digit(target.data[i + 1]) < 0 ||
            hex_digit(target.data[i + 2]) < 0 || memcmp(target.data + i + 1, "00", 2) == 0) {
            return HTTP_REFUSED_ESCAPE;
        }
    }
    return HTTP_ACCEPTED;
}

static enum http_refusal version_check(struct lucid_span version, bool *ret_1_0)
{
    if (version.len != VERSION_BYTES || memcmp(version.data, "HTTP/", 5) != 0 ||
        version.data[5] < '0' || version.data[5] > '9' || version.data[6] != '.' ||
        version.data[7] < '0' || version.data[7] > '9') {
        return HTTP_REFUSED_REQUEST_LINE;
    }
    if (version.data[5] != '1' || version.data[7] > '1') {
        return HTTP_REFUSED_VERSION;
    }
    *ret_1_0 = version.data[7] == '0';
    return HTTP_ACCEPTED;
}

static enum http_refusal
request_line(struct lucid_span line, const struct http_parse_limits *limits, struct http_head *head)
{
    const uint8_t *space = memchr(line.data, ' ', line.len);
    if (space == NULL) {
        return HTTP_REFUSED_REQUEST_LINE;
    }
    head->method = lucid_span(line.data, (size_t)(space - line.data));
    struct lucid_span rest = lucid_span(space + 1, line.len - head->method.len - 1);
    space = memchr(rest.data, ' ', rest.len);
    if (space == NULL) {
        return HTTP_REFUSED_REQUEST_LINE;
    }
    head->target = lucid_span(rest.data, (size_t)(space - rest.data));
    if (!is_token(head->method) || head->method.len > METHOD_BYTES_MAX) {
        return HTTP_REFUSED_METHOD;
    }
    if (head->target.len > limits->target_bytes_max) {
        return HTTP_REFUSED_TARGET_BYTES;
    }
    enum http_refusal refusal =
        version_check(lucid_span(space + 1, rest.len - head->target.len - 1), &head->version_1_0);
    if (refusal == HTTP_ACCEPTED) {
        refusal = target_check(head->target);
    }
    if (refusal != HTTP_ACCEPTED) {
        return refusal;
    }
    const uint8_t *mark = memchr(head->target.data, '?', head->target.len);
    head->path = head->target;
    if (mark != NULL) {
        head->path.len = (size_t)(mark - head->target.data);
        head->query = lucid_span(mark + 1, head->target.len - head->path.len - 1);
    }
    return HTTP_ACCEPTED;
}

static struct lucid_span trim(struct lucid_span text)
{
    while (text.len > 0 && (text.data[0] == ' ' || text.data[0] == '\t')) {
        text = lucid_span(text.data + 1, text.len - 1);
    }
    while (text.len > 0 && (text.data[text.len - 1] == ' ' || text.data[text.len - 1] == '\t')) {
        text.len--;
    }
    return text;
}

static enum http_refusal header_line(struct lucid_span line, struct http_header *ret)
{
    if (line.data[0] == ' ' || line.data[0] == '\t') {
        return HTTP_REFUSED_FOLD;
    }
    const uint8_t *colon = memchr(line.data, ':', line.len);
    if (colon == NULL) {
        return HTTP_REFUSED_NAME;
    }
    ret->name = lucid_span(line.data, (size_t)(colon - line.data));
    if (!is_token(ret->name)) {
        return HTTP_REFUSED_NAME;
    }
    ret->value = trim(lucid_span(colon + 1, line.len - ret->name.len - 1));
    for (size_t i = 0; i < ret->value.len; i++) {
        uint8_t c = ret->value.data[i];
        if ((c < ' ' && c != '\t') || c == 0x7f) {
            return HTTP_REFUSED_VALUE;
        }
    }
    return HTTP_ACCEPTED;
}

/* What the framing needs to know, gathered while the headers go by. */
struct framing {
    bool host;
    bool authorization;
    bool idempotency_key;
    bool coding;
    bool close;
    bool keep_alive;
};

static enum http_refusal content_length(struct lucid_span value, struct http_head *head)
{
    if (head->content_length >= 0) {
        return HTTP_REFUSED_REPEATED;
    }
    if (value.len == 0 || value.len > LENGTH_DIGITS_MAX) {
        return HTTP_REFUSED_LENGTH;
    }
    int64_t length = 0;
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < '0' || value.data[i] > '9') {
            return HTTP_REFUSED_LENGTH;
        }
        length = length * 10 + (value.data[i] - '0');
    }
    head->content_length = length;
    return HTTP_ACCEPTED;
}

static void connection_options(struct lucid_span value, struct framing *framing)
{
    while (value.len > 0) {
        const uint8_t *comma = memchr(value.data, ',', value.len);
        size_t len = comma == NULL ? value.len : (size_t)(comma - value.data);
        struct lucid_span option = trim(lucid_span(value.data, len));
        framing->close |= http_name_is(option, "close");
        framing->keep_alive |= http_name_is(option, "keep-alive");
        size_t used = comma == NULL ? len : len + 1;
        value = lucid_span(value.data + used, value.len - used);
    }
}

static bool once(bool *seen)
{
    bool first = !*seen;
    *seen = true;
    return first;
}

static enum http_refusal note_header(const struct http_header *header, struct http_head *head,
                                     struct framing *framing)
{
    struct lucid_span name = header->name;
    switch (name.len) {
    case 4:
        if (equal_fold(name, "host", 4) && !once(&framing->host)) {
            return HTTP_REFUSED_REPEATED;
        }
        break;
    case 6:
        if (equal_fold(name, "expect", 6)) {
            head->expect_continue = http_name_is(header->value, "100-continue");
            return head->expect_continue ? HTTP_ACCEPTED : HTTP_REFUSED_EXPECT;
        }
        break;
    case 10:
        if (equal_fold(name, "connection", 10)) {
            connection_options(header->value, framing);
        }
        break;
    case 13:
        if (equal_fold(name, "authorization", 13) && !once(&framing->authorization)) {
            return HTTP_REFUSED_REPEATED;
        }
        break;
    case 14:
        if (equal_fold(name, "content-length", 14)) {
            return content_length(header->value, head);
        }
        break;
    case 15: /* two keys: nobody can say under which of them it was done */
        if (equal_fold(name, "idempotency-key", 15) && !once(&framing->idempotency_key)) {
            return HTTP_REFUSED_REPEATED;
        }
        break;
    case 17:
        if (equal_fold(name, "transfer-encoding", 17)) {
            if (!once(&framing->coding)) {
                return HTTP_REFUSED_REPEATED;
            }
            head->chunked = http_name_is(header->value, "chunked");
        }
        break;
    default:
        break;
    }
    return HTTP_ACCEPTED;
}

static enum http_refusal framing_check(const struct http_head *head, const struct framing *framing)
{
    if (!framing->host && !head->version_1_0) {
        return HTTP_REFUSED_HOST_MISSING;
    }
    if (framing->coding && head->content_length >= 0) {
        return HTTP_REFUSED_LENGTH_AND_CODING;
    }
    if (framing->coding && head->version_1_0) {
        return HTTP_REFUSED_CODING_VERSION;
    }
    if (framing->coding && !head->chunked) {
        return HTTP_REFUSED_CODING;
    }
    return HTTP_ACCEPTED;
}

enum http_refusal http_head_parse(struct lucid_span text, const struct http_parse_limits *limits,
                                  struct http_header *headers, struct http_head *ret)
{
    struct http_head head = {.headers = headers, .content_length = -1};
    struct framing framing = {0};
    struct lucid_span rest = text;
    enum http_refusal refusal = request_line(line_next(&rest), limits, &head);
    while (refusal == HTTP_ACCEPTED) {
        struct lucid_span line = line_next(&rest);
        if (line.len == 0) {
            break;
        }
        if (head.header_count == limits->header_count_max) {
            return HTTP_REFUSED_HEADER_COUNT;
        }
        struct http_header *header = &headers[head.header_count];
        refusal = header_line(line, header);
        if (refusal == HTTP_ACCEPTED) {
            refusal = note_header(header, &head, &framing);
        }
        head.header_count++;
    }
    if (refusal == HTTP_ACCEPTED) {
        refusal = framing_check(&head, &framing);
    }
    if (refusal != HTTP_ACCEPTED) {
        return refusal;
    }
    head.keep_alive = !framing.close && (!head.version_1_0 || framing.keep_alive);
    *ret = head;
    return HTTP_ACCEPTED;
}

struct lucid_span http_head_find(const struct http_head *head, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < head->header_count; i++) {
        if (equal_fold(head->headers[i].name, name, len)) {
            return head->headers[i].value;
        }
    }
    return lucid_span(NULL, 0);
}
