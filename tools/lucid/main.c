/* `lucid`: the command line of Lucid ledger. docs/CLI.md is its reference. */
#include <locale.h>
#include <signal.h>

#include "tools/lucid/cli.h"

int main(int argc, char **argv)
{
    /* A reader that went away is an error of write(2), not a death in the middle of a batch. */
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    (void)sigaction(SIGPIPE, &ignore, NULL);
    (void)setlocale(LC_CTYPE, "");
    return cli_main(argc, argv);
}
