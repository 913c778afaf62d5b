/* lucid verifier fetch: certificates and revocation lists from AMD's key distribution service (AMD
 * 57230, VCEK Certificate and KDS Interface Specification). Never by itself, and never while
 * something is appraised. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lucidd/datadir.h"
#include "plugins/verifier/schemes/snp_report.h"
#include "tools/lucid/commands.h"
#include "tools/lucid/remote.h"
#include "tools/lucid/verifier.h"

#define KDS_URL        "https://kdsintf.amd.com"
#define URL_BYTES_MAX  512
#define NAME_BYTES_MAX 200
#define WAIT_S_MAX     600 /* at a time, whatever the service asks for */
#define WAIT_S_DEFAULT 10

/* What is wanted. */
struct wanted {
    enum snp_product product;
    bool has_chip;
    uint8_t chip_id[SNP_CHIP_ID_BYTES];
    struct snp_tcb tcb;
};

/* --- which ------------------------------------------------------------------------------------ */

static enum cli_exit product_read(struct cli *cli, struct wanted *ret)
{
    const char *name = cli_value(cli, "product", NULL);
    if (name == NULL) {
        return CLI_OK;
    }
    ret->product = snp_product_find(lucid_span_str(name));
    return ret->product != SNP_UNKNOWN
               ? CLI_OK
               : cli_fail(cli, CLI_USAGE, NULL, "product", "--product is Milan, Genoa or Turin");
}

/* The chip and the TCB of a report. */
static enum cli_exit report_take(struct cli *cli, struct lucid_span bytes, struct wanted *ret)
{
    struct snp_report report;
    const char *field = "";
    const char *wrong = snp_report_read(bytes, &report, &field);
    if (wrong != NULL) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "%s is no report: %s %s", cli->arguments[0],
                        wrong, field);
    }
    enum snp_product told = snp_report_product(&report);
    if (told != SNP_UNKNOWN && ret->product != SNP_UNKNOWN && told != ret->product) {
        return cli_fail(cli, CLI_USAGE, NULL, "product", "the report is of %s",
                        snp_product_name(told));
    }
    ret->product = told != SNP_UNKNOWN ? told : ret->product;
    if (ret->product == SNP_UNKNOWN) {
        return cli_fail(cli, CLI_USAGE, NULL, "product",
                        "the report does not name its product: --product is needed");
    }
    if (report.signing_key != SNP_VCEK || report.chip_masked) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL,
                        "nothing can be fetched for it: it is signed by a VLEK, or hides its chip");
    }
    if (!snp_tcb_read(report.reported_tcb, ret->product, &ret->tcb)) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "its TCB is not one of %s",
                        snp_product_name(ret->product));
    }
    memcpy(ret->chip_id, report.chip_id.data, SNP_CHIP_ID_BYTES);
    ret->has_chip = true;
    return CLI_OK;
}

/* The same from --chip and --tcb, hex as reports have them. */
static enum cli_exit chip_take(struct cli *cli, struct wanted *ret)
{
    const char *chip = cli_value(cli, "chip", NULL);
    const char *tcb = cli_value(cli, "tcb", NULL);
    uint8_t bytes[8];
    if (chip == NULL && tcb == NULL) {
        return CLI_OK;
    }
    if (chip == NULL || tcb == NULL || ret->product == SNP_UNKNOWN) {
        return cli_fail(cli, CLI_USAGE, NULL, "chip", "--chip, --tcb and --product go together");
    }
    size_t digits = strlen(chip);
    if ((digits != 2 * SNP_CHIP_ID_BYTES && !(digits == 16 && ret->product == SNP_TURIN)) ||
        !lucid_hex_decode(lucid_span_str(chip), ret->chip_id, digits / 2) ||
        !lucid_hex_decode(lucid_span_str(tcb), bytes, sizeof(bytes)) ||
        !snp_tcb_read(lucid_span(bytes, sizeof(bytes)), ret->product, &ret->tcb)) {
        return cli_fail(cli, CLI_USAGE, NULL, "chip",
                        "--chip is 128 hex digits, --tcb 16, as they stand in the report");
    }
    ret->has_chip = true;
    return CLI_OK;
}

static enum cli_exit wanted_read(struct cli *cli, struct wanted *ret)
{
    struct lucid_buf bytes = {0};
    enum cli_exit code = product_read(cli, ret);
    if (code == CLI_OK) {
        code = chip_take(cli, ret);
    }
    if (code == CLI_OK && cli->argument_count > 0) {
        code = verifier_file_read(cli, cli->arguments[0], &bytes);
        if (code == CLI_OK) {
            code = report_take(cli, lucid_buf_span(&bytes), ret);
        }
        lucid_buf_fini(&bytes);
    }
    if (code == CLI_OK && !ret->has_chip && !cli_flag(cli, "crl")) {
        code = cli_fail(cli, CLI_USAGE, NULL, NULL,
                        "what for? a report, or --chip and --tcb, or --crl");
    }
    if (code == CLI_OK && cli_flag(cli, "vlek") && (ret->has_chip || !cli_flag(cli, "crl"))) {
        code = cli_fail(cli, CLI_USAGE, NULL, "vlek",
                        "AMD gives VLEKs to operators alone: --vlek is for --crl by itself");
    }
    if (code == CLI_OK && ret->product == SNP_UNKNOWN) {
        code = cli_fail(cli, CLI_USAGE, NULL, "product", "--product is missing");
    }
    return code;
}

/* --- where ------------------------------------------------------------------------------------ */

static const char *base_of(const struct cli *cli)
{
    return cli_value(cli, "kds", KDS_URL);
}

static bool vcek_url(const struct cli *cli, const struct wanted *wanted, char ret[URL_BYTES_MAX])
{
    char chip[2 * SNP_CHIP_ID_BYTES + 1] = "";
    char fmc[32] = "";
    const uint8_t *parts = wanted->tcb.parts;
    size_t chip_bytes = wanted->product == SNP_TURIN ? 8 : SNP_CHIP_ID_BYTES;
    lucid_hex_encode(wanted->chip_id, chip_bytes, chip);
    if (wanted->product == SNP_TURIN) {
        (void)snprintf(fmc, sizeof(fmc), "fmcSPL=%02u&", (unsigned)parts[SNP_FMC]);
    }
    int len = snprintf(ret, URL_BYTES_MAX,
                       "%s/vcek/v1/%s/%s?%sblSPL=%02u&teeSPL=%02u&snpSPL=%02u&ucodeSPL=%02u",
                       base_of(cli), snp_product_name(wanted->product), chip, fmc,
                       (unsigned)parts[SNP_BOOT_LOADER], (unsigned)parts[SNP_TEE],
                       (unsigned)parts[SNP_SNP], (unsigned)parts[SNP_MICROCODE]);
    return len > 0 && len < URL_BYTES_MAX;
}

static bool crl_url(const struct cli *cli, const struct wanted *wanted, char ret[URL_BYTES_MAX])
{
    int len = snprintf(ret, URL_BYTES_MAX, "%s/%s/v1/%s/crl", base_of(cli),
                       cli_flag(cli, "vlek") ? "vlek" : "vcek", snp_product_name(wanted->product));
    return len > 0 && len < URL_BYTES_MAX;
}

/* --- getting ---------------------------------------------------------------------------------- */

static void wait_for(const struct cli *cli, uint32_t asked_s)
{
    uint32_t wait_s = asked_s == 0 ? WAIT_S_DEFAULT : asked_s;
    struct timespec time = {.tv_sec = wait_s < WAIT_S_MAX ? wait_s : WAIT_S_MAX};
    cli_note(cli, "the service asks to wait: %u s", (unsigned)time.tv_sec);
    while (nanosleep(&time, &time) != 0) {
    }
}

/* GET; a 429 or 503 is waited for as it says, at most --tries times. */
static enum cli_exit get(struct cli *cli, struct client *client, const char *url,
                         struct lucid_buf *ret)
{
    uint64_t tries = 0;
    if (!cli_value_u64(cli, "tries", 5, 1, 100, &tries)) {
        return CLI_USAGE;
    }
    for (uint64_t i = 1;; i++) {
        struct client_answer answer = {.status = 0};
        struct lucid_why why = {.code = NULL};
        const struct client_question question = {
            .method = "GET", .url = url, .answer_bytes_max = APPRAISAL_COLLATERAL_BYTES_MAX};
        enum lucid_error error = client_request(client, &question, &answer, &why);
        if (error == LUCID_OK && answer.status == 200 && answer.body.len > 0) {
            *ret = answer.body;
            return CLI_OK;
        }
        bool again = error == LUCID_OK && (answer.status == 429 || answer.status == 503);
        uint32_t wait_s = answer.retry_after_s;
        int status = answer.status;
        client_answer_fini(&answer);
        if (error != LUCID_OK) {
            return verifier_fail_peer(cli, url, error, &why);
        }
        if (!again || i >= tries) {
            return cli_fail(cli, again ? CLI_UNREACHABLE : CLI_REFUSED, NULL, NULL, "%s answers %d",
                            url, status);
        }
        wait_for(cli, wait_s);
    }
}

/* Keeps it: a file of --out, the service (--import). */
static enum cli_exit keep(struct cli *cli, const struct wanted *wanted, const char *what,
                          struct lucid_span bytes)
{
    char name[NAME_BYTES_MAX];
    char path[1024];
    char chip[17] = "";
    struct lucid_why why = {.code = NULL};
    const char *product = snp_product_name(wanted->product);
    if (strcmp(what, "crl") != 0) {
        lucid_hex_encode(wanted->chip_id, 8, chip);
    }
    (void)snprintf(name, sizeof(name), "%s-%s%s%s.der", product, what, chip[0] != '\0' ? "-" : "",
                   chip);
    if (cli_flag(cli, "import")) {
        enum cli_exit code = verifier_import_bytes(cli, bytes, "snp", product, name);
        if (code != CLI_OK) {
            return code;
        }
    }
    const char *out = cli_value(cli, "out", cli_flag(cli, "import") ? NULL : ".");
    if (out == NULL) {
        return CLI_OK;
    }
    int len = snprintf(path, sizeof(path), "%s/%s", out, name);
    if (len <= 0 || (size_t)len >= sizeof(path)) {
        return cli_fail(cli, CLI_USAGE, NULL, "out", "the folder's name is too long");
    }
    enum lucid_error error = datadir_file_write(path, 0644, bytes, &why);
    if (error != LUCID_OK) {
        return cli_fail_why(cli, error, &why, path);
    }
    if (cli->json) {
        json_t *said = json_pack("{s:s}", "file", path);
        cli_print_json(said);
        json_decref(said);
    } else {
        printf("%s\n", path);
    }
    return CLI_OK;
}

static enum cli_exit fetch_one(struct cli *cli, struct client *client, const struct wanted *wanted,
                               const char *what, const char *url)
{
    struct lucid_buf bytes = {0};
    enum cli_exit code = get(cli, client, url, &bytes);
    if (code == CLI_OK) {
        code = keep(cli, wanted, what, lucid_buf_span(&bytes));
    }
    lucid_buf_fini(&bytes);
    return code;
}

static enum cli_exit verifier_fetch(struct cli *cli)
{
    struct wanted wanted = {.product = SNP_UNKNOWN};
    struct client *client = NULL;
    char url[URL_BYTES_MAX];
    enum cli_exit code = wanted_read(cli, &wanted);
    if (code != CLI_OK) {
        return code;
    }
    if (client_open(&client) != LUCID_OK) {
        return cli_fail(cli, CLI_REFUSED, NULL, NULL, "out of memory");
    }
    client_set_ca(client, cli->ca);
    bool ok = true;
    if (wanted.has_chip) {
        ok = vcek_url(cli, &wanted, url);
        code = ok ? fetch_one(cli, client, &wanted, "vcek", url) : code;
    }
    if (ok && code == CLI_OK && cli_flag(cli, "crl")) {
        ok = crl_url(cli, &wanted, url);
        code = ok ? fetch_one(cli, client, &wanted, "crl", url) : code;
    }
    client_close(client);
    return ok ? code : cli_fail(cli, CLI_USAGE, NULL, "kds", "the address is too long");
}

static const struct cli_option fetch_options[] = {
    {"product", 'p', "NAME", "Milan, Genoa or Turin, where the report does not say"},
    {"chip", 0, "HEX", "chip id, instead of a report"},
    {"tcb", 0, "HEX", "reported TCB, with --chip"},
    {"crl", 0, NULL, "also the product's revocation list"},
    {"vlek", 0, NULL, "with --crl: from where the issuer of VLEKs says that it is"},
    {"import", 'i', NULL, "give it to the service (admin)"},
    {"out", 'o', "DIR", "keep files there (.; with --import none)"},
    {"kds", 0, "URL", "the key distribution service (" KDS_URL ")"},
    {"tries", 0, "N", "so many times while it asks to wait (5)"},
    {"test-time", 0, "SECONDS", "of --import: judge it at that Unix time; test stores only"},
    {NULL, 0, NULL, NULL},
};

const struct cli_command command_verifier_fetch = {
    .group = "verifier",
    .name = "fetch",
    .arguments = "[REPORT]",
    .summary = "get certificates and revocation lists from AMD",
    .text = "AMD's service answers 429 where it is asked too much: then it is waited for, as it "
            "says.\n"
            "An appraisal never fetches anything; what it may use was imported before.\n",
    .examples = "  lucid verifier fetch report.bin --crl --import\n"
                "  lucid verifier fetch --product Genoa --crl -o collateral\n"
                "  lucid verifier fetch --product Milan --crl --vlek --import\n",
    .options = fetch_options,
    .arguments_max = 1,
    .run = verifier_fetch,
};
