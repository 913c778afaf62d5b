/* Errands: what a request has done on the cashier's thread. */
#include "http/api/api_internal.h"

/* Of one loop, with the cashier. */
enum { ERRANDS_MAX = 256 };

static void errand_unlist(struct api_errand *errand)
{
    struct api_loop *loop = errand->loop;
    if (errand->previous != NULL) {
        errand->previous->next = errand->next;
    } else {
        loop->errands = errand->next;
    }
    if (errand->next != NULL) {
        errand->next->previous = errand->previous;
    }
    loop->errand_count--;
}

static void request_over(struct http_request *request, void *user)
{
    (void)request;
    ((struct api_errand *)user)->request = NULL;
}

bool api_errand_send(struct api_errand *errand, struct http_request *request)
{
    const struct api *api = api_of(request);
    struct api_loop *loop = http_loop_user(http_request_loop(request));
    const struct api_sales *sales = api->options.sales;
    if (sales == NULL || loop->errand_count >= ERRANDS_MAX) {
        api_problem(request, 503, "PAYMENT_UNAVAILABLE", NULL,
                    sales == NULL ? "this service has no networks to pay over (x402_networks_file)"
                                  : "too many such requests are under way; nothing was begun");
        errand->fini(errand);
        return false;
    }
    errand->loop = loop;
    errand->request = request;
    errand->previous = NULL;
    errand->next = loop->errands;
    if (errand->next != NULL) {
        errand->next->previous = errand;
    }
    loop->errands = errand;
    loop->errand_count++;
    http_set_user(request, errand, request_over);
    sales->errand(sales->context, errand);
    return true;
}

/* On the request's loop. */
static void errand_back(struct http_post *post)
{
    struct api_errand *errand = (struct api_errand *)post; /* post is the first member */
    struct http_request *request = errand->request;
    errand_unlist(errand);
    if (request != NULL) {
        http_set_user(request, NULL, NULL);
        errand->answer(errand, request);
    }
    errand->fini(errand);
}

void api_errand_return(struct api_errand *errand)
{
    errand->post = (struct http_post){.run = errand_back};
    http_loop_post(errand->loop->http, &errand->post);
}

void api_errand_loop_close(struct api_loop *loop)
{
    while (loop->errands != NULL) {
        struct api_errand *errand = loop->errands;
        loop->errands = errand->next;
        errand->fini(errand);
    }
    loop->errand_count = 0;
}
