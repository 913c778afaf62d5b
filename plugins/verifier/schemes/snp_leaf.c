/* The extensions of a VCEK or VLEK. */
#include "plugins/verifier/crypto/der.h"
#include "plugins/verifier/schemes/snp_internal.h"

/* 1.3.6.1.4.1.3704.1: what AMD's own extensions begin with, as content octets. */
#define AMD_OID 0x2b, 0x06, 0x01, 0x04, 0x01, 0x9c, 0x78, 0x01

static const uint8_t oid_product[] = {AMD_OID, 2};
static const uint8_t oid_hwid[] = {AMD_OID, 4};
static const uint8_t oid_csp[] = {AMD_OID, 5};
static const uint8_t oid_parts[SNP_COMPONENTS] = {
    [SNP_FMC] = 9, [SNP_BOOT_LOADER] = 1, [SNP_TEE] = 2, [SNP_SNP] = 3, [SNP_MICROCODE] = 8};
static const uint8_t oid_reserved_parts[] = {4, 5, 6, 7};

/* An extension that may be missing (ret->data NULL). False: it stands there twice. */
static bool extension(const struct x509_cert *cert, const uint8_t *oid, size_t len,
                      struct lucid_span *ret)
{
    *ret = (struct lucid_span){.data = NULL};
    return x509_cert_extension(cert, lucid_span(oid, len), ret) == X509_IS_OK;
}

/* 1.3.6.1.4.1.3704.1.3.PART: an INTEGER 0 to 255. False: malformed. */
static bool part_read(const struct x509_cert *cert, uint8_t part, bool *ret_there, uint8_t *ret)
{
    const uint8_t oid[] = {AMD_OID, 3, part};
    struct lucid_span value;
    uint64_t number = 0;
    if (!extension(cert, oid, sizeof(oid), &value)) {
        return false;
    }
    *ret_there = value.data != NULL;
    if (*ret_there && (!der_uint(value, &number) || number > UINT8_MAX)) {
        return false;
    }
    *ret = (uint8_t)number;
    return true;
}

static bool tcb_read(const struct x509_cert *cert, enum snp_product product, struct snp_tcb *ret)
{
    bool there;
    for (unsigned i = 0; i < SNP_COMPONENTS; i++) {
        if (!part_read(cert, oid_parts[i], &there, &ret->parts[i])) {
            return false;
        }
        bool wanted = i != SNP_FMC || product == SNP_TURIN;
        if (there != wanted) {
            return false;
        }
    }
    for (size_t i = 0; i < sizeof(oid_reserved_parts); i++) {
        uint8_t zero;
        if (!part_read(cert, oid_reserved_parts[i], &there, &zero) || zero != 0) {
            return false;
        }
    }
    return true;
}

/* "Milan-B0" and "Milan" are Milan; Bergamo and Siena are endorsed by Genoa's keys. */
static bool product_read(const struct x509_cert *cert, enum snp_product *ret)
{
    struct lucid_span value;
    struct lucid_span name;
    if (!extension(cert, oid_product, sizeof(oid_product), &value) || value.data == NULL ||
        !der_ia5(value, &name)) {
        return false;
    }
    const uint8_t *dash = memchr(name.data, '-', name.len);
    if (dash != NULL) {
        name.len = (size_t)(dash - name.data);
    }
    *ret = lucid_span_is(name, "Bergamo") || lucid_span_is(name, "Siena") ? SNP_GENOA
                                                                          : snp_product_find(name);
    return *ret != SNP_UNKNOWN;
}

static bool hwid_len(size_t len)
{
    return len == SNP_CHIP_ID_BYTES || len == 8; /* 8 on Turin */
}

/* The raw bytes themselves in older certificates, an OCTET STRING in newer ones. */
static bool hwid_read(const struct x509_cert *cert, struct lucid_span *ret)
{
    struct lucid_span value;
    if (!extension(cert, oid_hwid, sizeof(oid_hwid), &value)) {
        return false;
    }
    *ret = value;
    if (value.data == NULL || hwid_len(value.len)) {
        return true;
    }
    return der_only(value, DER_OCTET_STRING, ret) && hwid_len(ret->len);
}

static bool csp_read(const struct x509_cert *cert, struct lucid_span *ret)
{
    struct lucid_span value;
    if (!extension(cert, oid_csp, sizeof(oid_csp), &value)) {
        return false;
    }
    *ret = value;
    return value.data == NULL || (der_ia5(value, ret) && ret->len > 0);
}

bool snp_leaf_is(const struct x509_cert *cert, enum snp_signing_key kind)
{
    char name[X509_NAME_BYTES_MAX + 1];
    return x509_cert_subject(cert, name) &&
           strcmp(name, kind == SNP_VLEK ? "SEV-VLEK" : "SEV-VCEK") == 0;
}

const char *snp_leaf_read(const struct x509_cert *cert, struct snp_leaf *ret)
{
    if (!product_read(cert, &ret->product)) {
        return "product";
    }
    if (!tcb_read(cert, ret->product, &ret->tcb)) {
        return "tcb";
    }
    if (!hwid_read(cert, &ret->hwid)) {
        return "hwid";
    }
    return csp_read(cert, &ret->csp) ? NULL : "csp";
}

const char *snp_leaf_kind_wrong(const struct snp_leaf *leaf, enum snp_signing_key kind)
{
    if (kind == SNP_VLEK) {
        return leaf->hwid.len == 0 && leaf->csp.len != 0 ? NULL
                                                         : "a VLEK names its operator and no chip";
    }
    return leaf->hwid.len != 0 && leaf->csp.len == 0 ? NULL : "a VCEK names its chip";
}
