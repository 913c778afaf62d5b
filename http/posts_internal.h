/* Calls posted to a loop from other threads: a stack without locks, and a descriptor that wakes. */
#ifndef LUCID_HTTP_POSTS_INTERNAL_H
#define LUCID_HTTP_POSTS_INTERNAL_H

#include <stdatomic.h>

#include "http/http.h"

struct http_posts {
    _Atomic(struct http_post *) newest;
    int wake_fd; /* readable once something came */
};

/* Posts in order. */
struct http_post_list {
    struct http_post *first;
    struct http_post *last;
};

/* LUCID_RETRY_IO: no descriptor. */
enum lucid_error http_posts_open(struct http_posts *posts) LUCID_WARN_UNUSED;
void http_posts_close(struct http_posts *posts);

/* Queues a chain and wakes whoever takes. Thread: any. */
void http_posts_put(struct http_posts *posts, struct http_post *first);
/* Only wakes. Thread: any. */
void http_posts_wake(struct http_posts *posts);

static inline bool http_posts_is_empty(struct http_posts *posts)
{
    return atomic_load(&posts->newest) == NULL;
}

/* Silences the descriptor and appends what has come. Thread: the loop's. */
void http_posts_take(struct http_posts *posts, struct http_post_list *list);

void http_post_list_add(struct http_post_list *list, struct http_post *post);
/* Runs the first ones; a post may free or post itself. */
void http_post_list_run(struct http_post_list *list, size_t max);

#endif
