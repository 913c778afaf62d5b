/* Forward-auth: the two routes that a reverse proxy asks about a request that it holds. authorize
 * takes a payment for it and says whether it may pass; explain says, without touching anything, why
 * it may not. */
#include "http/api/proxy_internal.h"

static void proxy_get(struct http_request *request, const struct http_route *route,
                      const struct paid_class *class)
{
    const struct api_sales *sales = api_of_route(route)->options.sales;
    if (sales == NULL || sales->proxy_family == PROXY_NONE) {
        api_problem(request, 404, "NOT_FOUND", NULL,
                    "nothing is sold behind a proxy here: proxy_headers is not configured");
        return;
    }
    paid_begin(request, route, class);
}

void api_proxy_authorize_get(struct http_request *request, const struct http_route *route)
{
    proxy_get(request, route, &proxy_authorize_class);
}

void api_proxy_explain_get(struct http_request *request, const struct http_route *route)
{
    proxy_get(request, route, &proxy_explain_class);
}
