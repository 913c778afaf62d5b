/* libevent's evhttp with the two routes of the comparison, and every limit that it offers. */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdio.h>
#include <stdlib.h>

static void answer(struct evhttp_request *request, void *context)
{
    (void)context;
    struct evbuffer *body = evbuffer_new();
    evbuffer_add(body, "{\"status\":\"ok\",\"size\":12}\n", 26);
    evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                      "application/json");
    evhttp_send_reply(request, 200, "OK", body);
    evbuffer_free(body);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: layer_evhttp PORT\n");
        return 2;
    }
    struct event_base *base = event_base_new();
    struct evhttp *http = base == NULL ? NULL : evhttp_new(base);
    if (http == NULL ||
        evhttp_bind_socket(http, "127.0.0.1", (unsigned short)strtoul(argv[1], NULL, 10)) != 0) {
        fprintf(stderr, "layer_evhttp: cannot listen\n");
        return 1;
    }
    evhttp_set_timeout(http, 3);
    evhttp_set_max_headers_size(http, 16 * 1024);
    evhttp_set_max_body_size(http, 1 << 20);
    evhttp_set_cb(http, "/health", answer, NULL);
    evhttp_set_cb(http, "/receipts", answer, NULL);
    event_base_dispatch(base);
    return 0;
}
