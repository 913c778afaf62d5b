/* The HTTP layer of this project with the two routes of the comparison (see README.md). */
#include <stdio.h>
#include <stdlib.h>

#include "http/http.h"

static void answer(struct http_request *request, const struct http_route *route)
{
    (void)route;
    struct lucid_buf body;
    lucid_buf_init(&body, 0);
    lucid_buf_str(&body, "{\"status\":\"ok\",\"size\":12}\n");
    http_respond(request, 200, "application/json", &body);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: layer_ours PORT\n");
        return 2;
    }
    const struct http_route routes[] = {
        {.method = "GET", .pattern = "/health", .handle = answer},
        {.method = "POST", .pattern = "/receipts", .body_bytes_max = 1 << 20, .handle = answer},
    };
    struct http_server_options options = {
        .host = "127.0.0.1",
        .port = (uint16_t)strtoul(argv[1], NULL, 10),
        .clock = lucid_clock_system(),
        .routes = routes,
        .route_count = sizeof(routes) / sizeof(routes[0]),
    };
    http_limits_default(&options.limits);
    options.limits.header_ms_max = 3000; /* what the others are given as their time-out */
    struct http_server *server = NULL;
    struct http_loop *loop = NULL;
    struct lucid_why why = {0};
    if (http_server_open(&options, &server, &why) != LUCID_OK ||
        http_loop_open(server, &loop) != LUCID_OK) {
        fprintf(stderr, "layer_ours: %s\n", why.text);
        return 1;
    }
    http_loop_run(loop); /* until killed */
    return 0;
}
