#include "http/posts_internal.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include "base/assert.h"

enum lucid_error http_posts_open(struct http_posts *posts)
{
    atomic_init(&posts->newest, NULL);
    posts->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return posts->wake_fd >= 0 ? LUCID_OK : LUCID_RETRY_IO;
}

void http_posts_close(struct http_posts *posts)
{
    if (posts->wake_fd >= 0) {
        close(posts->wake_fd);
        posts->wake_fd = -1;
    }
}

static struct http_post *reversed(struct http_post *post)
{
    struct http_post *out = NULL;
    while (post != NULL) {
        struct http_post *next = post->next;
        post->next = out;
        out = post;
        post = next;
    }
    return out;
}

void http_posts_wake(struct http_posts *posts)
{
    uint64_t one = 1;
    ssize_t len = write(posts->wake_fd, &one, sizeof(one));
    (void)len; /* a full counter has woken it already */
}

void http_posts_put(struct http_posts *posts, struct http_post *first)
{
    lucid_assert(first != NULL);
    struct http_post *tail = first; /* the last one on the stack, once reversed */
    struct http_post *head = reversed(first);
    struct http_post *old = atomic_load_explicit(&posts->newest, memory_order_relaxed);
    do {
        tail->next = old;
    } while (!atomic_compare_exchange_weak_explicit(&posts->newest, &old, head,
                                                    memory_order_acq_rel, memory_order_relaxed));
    if (old == NULL) {
        http_posts_wake(posts); /* else whoever found it empty wakes, and the loop takes all */
    }
}

void http_post_list_add(struct http_post_list *list, struct http_post *post)
{
    while (post != NULL) {
        struct http_post *next = post->next;
        post->next = NULL;
        if (list->last == NULL) {
            list->first = post;
        } else {
            list->last->next = post;
        }
        list->last = post;
        post = next;
    }
}

void http_posts_take(struct http_posts *posts, struct http_post_list *list)
{
    uint64_t count;
    ssize_t len = read(posts->wake_fd, &count, sizeof(count));
    (void)len;
    struct http_post *newest = atomic_exchange_explicit(&posts->newest, NULL, memory_order_acq_rel);
    http_post_list_add(list, reversed(newest));
}

void http_post_list_run(struct http_post_list *list, size_t max)
{
    for (size_t i = 0; i < max && list->first != NULL; i++) {
        struct http_post *post = list->first;
        list->first = post->next;
        if (list->first == NULL) {
            list->last = NULL;
        }
        post->run(post);
    }
}
