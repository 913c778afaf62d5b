/* Assertions that stay on in every build: they guard against our own mistakes, never against
 * input. A failed one prints where and aborts; the store is crash-safe by design. */
#ifndef LUCID_BASE_ASSERT_H
#define LUCID_BASE_ASSERT_H

/* Prints "FILE:LINE: assertion failed: TEXT" to standard error and aborts. */
_Noreturn void lucid_assert_failed(const char *file, int line, const char *text);

#define lucid_assert(condition)                                                                    \
    do {                                                                                           \
        if (__builtin_expect(!(condition), 0)) {                                                   \
            lucid_assert_failed(__FILE__, __LINE__, #condition);                                   \
        }                                                                                          \
    } while (0)

#endif
