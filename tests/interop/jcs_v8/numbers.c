/* Writes doubles and what jcs_number_format makes of them, one a line: 16 hex digits of the bits, a
 * comma, the text. Deterministic; compare.js holds the text against V8's. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/jcs/jcs.h"

static uint64_t bits_of(double number)
{
    uint64_t bits;
    memcpy(&bits, &number, sizeof(bits));
    return bits;
}

static double double_of(uint64_t bits)
{
    double number;
    memcpy(&number, &bits, sizeof(number));
    return number;
}

/* splitmix64 (S. Vigna, public domain) */
static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void number_print(uint64_t bits)
{
    double number = double_of(bits);
    if (!isfinite(number)) {
        return;
    }
    char text[JCS_NUMBER_BYTES_MAX];
    size_t len = jcs_number_format(number, text);
    printf("%016" PRIx64 ",%.*s\n", bits, (int)len, text);
}

/* A number, its negative and its neighbours up to reach steps away. */
static void neighbours_print(double number, int reach)
{
    uint64_t bits = bits_of(number);
    for (int step = -reach; step <= reach; step++) {
        uint64_t at = bits + (uint64_t)(int64_t)step;
        number_print(at);
        number_print(at ^ UINT64_C(1) << 63);
    }
}

static void edges_print(void)
{
    neighbours_print(0.0, 1000);
    neighbours_print(0x1p-1022, 1000);
    neighbours_print(0x1.fffffffffffffp1023, 1000);
    for (int e = -1074; e <= 1023; e++) {
        neighbours_print(ldexp(1.0, e), 4);
    }
    for (int e = -324; e <= 308; e++) {
        for (int digit = 1; digit <= 9; digit++) {
            char text[16];
            double number;
            snprintf(text, sizeof(text), "%de%d", digit, e);
            if (sscanf(text, "%lf", &number) == 1) {
                neighbours_print(number, digit == 1 ? 16 : 2);
            }
        }
    }
    /* Where integers stop being exact, and where ECMAScript changes to exponents. */
    neighbours_print(0x1p53, 5000);
    neighbours_print(0x1p54, 500);
    neighbours_print(0x1p63, 500);
    neighbours_print(0x1p64, 500);
    neighbours_print(1e21, 5000);
    neighbours_print(1e-6, 5000);
    neighbours_print(1e-7, 500);
}

static void random_print(void)
{
    static const double powers[] = {1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12};
    uint64_t state = 20261121;
    for (unsigned i = 0; i < 1000000; i++) {
        number_print(random_next(&state));
    }
    for (unsigned i = 0; i < 100000; i++) {
        /* Subnormals of every length. */
        number_print(random_next(&state) >> (12 + random_next(&state) % 52));
        /* Short decimals, as people write them. */
        double whole = (double)(random_next(&state) >> (30 + random_next(&state) % 30));
        number_print(bits_of(whole / powers[random_next(&state) % 12]));
        /* Integers of every length. */
        number_print(bits_of((double)(random_next(&state) >> random_next(&state) % 64)));
        /* Everyday magnitudes, all 53 bits in use: 2^-40 to 2^87. */
        uint64_t exponent = 983 + random_next(&state) % 128;
        number_print(exponent << 52 | random_next(&state) >> 12);
    }
}

int main(void)
{
    static char buffer[1 << 20];
    setvbuf(stdout, buffer, _IOFBF, sizeof(buffer));
    edges_print();
    random_print();
    return fflush(stdout) == 0 && ferror(stdout) == 0 ? 0 : 1;
}
