#include "tools/listen.h"

#include <stdlib.h>
#include <string.h>

bool tools_listen_read(const char *text, char *host, size_t max, uint16_t *ret_port)
{
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    if (colon == NULL || colon == text || colon[1] < '0' || colon[1] > '9') {
        return false;
    }
    unsigned long port = strtoul(colon + 1, &end, 10);
    size_t len = (size_t)(colon - text);
    if (text[0] == '[' && colon[-1] == ']') {
        text++;
        len -= 2;
    }
    if (*end != '\0' || port > 65535 || len == 0 || len >= max) {
        return false;
    }
    memcpy(host, text, len);
    host[len] = '\0';
    *ret_port = (uint16_t)port;
    return true;
}
