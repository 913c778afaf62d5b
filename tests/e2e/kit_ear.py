"""The claims of an attestation result judged by the rules of draft-ietf-rats-ear-04 (its CDDL, for
JSON, with the types of RFC 9711 and AR4SI that it names), each rule by its name. Written from the
documents; SPOILT shows that every rule can fail."""

import copy
import re

PROFILE = "tag:ietf.org,2026:rats/ear#04"
TIERS = {"none": 0, "affirming": 2, "warning": 32, "contraindicated": 96}
CATEGORIES = ("instance-identity", "configuration", "executables", "file-system", "hardware",
              "runtime-opaque", "storage-opaque", "sourced-data")
TOP = ("eat_profile", "iat", "exp", "ear_verifier_id", "ear_status", "ear_raw_evidence", "submods",
       "eat_nonce", "ear_device_topology")
SUBMOD = ("eat_profile", "ear_status", "ear_trustworthiness_vector", "ear_appraisal_policy_ids",
          "eat_nonce", "ear_attester_claims", "ear_verifier_claims",
          "ear_veraison_key_attestation")
OWN = "lucid."  # extensions are allowed; ours carry this name


def is_int(value):
    return isinstance(value, int) and not isinstance(value, bool)


def is_base64url(value):
    return isinstance(value, str) and re.fullmatch("[A-Za-z0-9_-]+", value) is not None


def is_nonce(value):
    """Text of 8 to 88 characters, or an array of at least two."""
    if isinstance(value, list):
        return len(value) >= 2 and all(isinstance(one, str) and is_nonce(one) for one in value)
    return isinstance(value, str) and 8 <= len(value) <= 88


def is_claims(value):
    return isinstance(value, dict) and len(value) > 0


def is_cmw_record(value):
    """[media type or content format, base64url, indicator?]"""
    return (isinstance(value, list) and len(value) in (2, 3) and
            (isinstance(value[0], str) and "/" in value[0] or is_int(value[0])) and
            is_base64url(value[1]) and all(is_int(one) for one in value[2:]))


def is_vector(value):
    return is_claims(value) and all(
        name in CATEGORIES and is_int(claim) and -128 <= claim <= 127
        for name, claim in value.items())


def tier(claim):
    """The tier of one number of a vector, as AR4SI ranges them."""
    if -1 <= claim <= 1:
        return 0
    return 2 if -32 <= claim <= 31 else 32 if -96 <= claim <= 95 else 96


def submod_faults(mod):
    if not isinstance(mod, dict):
        return ["submod"]
    vector = mod.get("ear_trustworthiness_vector")
    ids = mod.get("ear_appraisal_policy_ids", ["-"])
    key = mod.get("ear_veraison_key_attestation", {"akpub": "-"})
    faults = [name for name, good in (
        ("submod.status", mod.get("ear_status") in TIERS),
        ("submod.vector", "ear_trustworthiness_vector" not in mod or is_vector(vector)),
        ("submod.policy_ids", isinstance(ids, list) and ids != [] and
         all(isinstance(one, str) for one in ids)),
        ("submod.nonce", is_nonce(mod.get("eat_nonce", "--------"))),
        ("submod.attester_claims", is_claims(mod.get("ear_attester_claims", {"-": 0}))),
        ("submod.verifier_claims", is_claims(mod.get("ear_verifier_claims", {"-": 0}))),
        ("submod.key_attestation", isinstance(key, dict) and set(key) == {"akpub"} and
         is_base64url(key["akpub"])),
        ("submod.profile", isinstance(mod.get("eat_profile", ""), str)),
        ("submod.members", all(name in SUBMOD or name.startswith(OWN) for name in mod)),
    ) if not good]
    if not faults and vector:
        worst = max(tier(claim) for claim in vector.values())
        if TIERS[mod["ear_status"]] < worst:
            faults.append("submod.too_good")
    return faults


def faults(claims):
    """The names of the rules that do not hold, [] for a result that is as it should be."""
    if not isinstance(claims, dict):
        return ["object"]
    who = claims.get("ear_verifier_id")
    mods = claims.get("submods")
    topology = claims.get("ear_device_topology", {"-": ["-"]})
    found = [name for name, good in (
        ("profile", claims.get("eat_profile") == PROFILE),
        ("iat", is_int(claims.get("iat")) and claims["iat"] > 0),
        ("exp", is_int(claims.get("exp", 0))),
        ("verifier_id", isinstance(who, dict) and set(who) == {"developer", "build"} and
         all(isinstance(one, str) for one in who.values())),
        ("status", claims.get("ear_status", "none") in TIERS),
        ("raw_evidence", "ear_raw_evidence" not in claims or
         is_cmw_record(claims["ear_raw_evidence"])),
        ("nonce", is_nonce(claims.get("eat_nonce", "--------"))),
        ("topology", is_claims(topology) and all(
            isinstance(to, list) and to != [] and all(isinstance(one, str) for one in to)
            for to in topology.values())),
        ("submods", is_claims(mods)),
        ("members", all(name in TOP or name.startswith(OWN) for name in claims)),
    ) if not good]
    if "submods" not in found:
        for mod in mods.values():
            found += submod_faults(mod)
    if not found and claims.get("ear_status", "none") != "none":
        worst = max(TIERS[mod["ear_status"]] for mod in mods.values())
        if TIERS[claims["ear_status"]] < worst:
            found.append("too_good")
    return found


GONE = object()


def spoil(claims, path, value):
    """A copy with one member replaced; "*" stands for the first submodule."""
    whole = copy.deepcopy(claims)
    at = whole
    for name in path[:-1]:
        at = at[next(iter(at)) if name == "*" else name]
    name = next(iter(at)) if path[-1] == "*" else path[-1]
    if value is GONE:
        del at[name]
    else:
        at[name] = value
    return whole


MOD = ("submods", "*")
VECTOR = MOD + ("ear_trustworthiness_vector",)
SPOILT = [  # rule, where, what stands there instead
    ("profile", ("eat_profile",), "tag:github.com,2023:veraison/ear"),
    ("profile", ("eat_profile",), GONE),
    ("iat", ("iat",), 1.5e9),
    ("iat", ("iat",), GONE),
    ("exp", ("exp",), "1800000000"),
    ("verifier_id", ("ear_verifier_id",), {"developer": "x"}),
    ("verifier_id", ("ear_verifier_id", "build"), 1),
    ("verifier_id", ("ear_verifier_id", "more"), ""),
    ("status", ("ear_status",), 2),
    ("status", ("ear_status",), "good"),
    ("raw_evidence", ("ear_raw_evidence",), "AAAA"),
    ("raw_evidence", ("ear_raw_evidence",), ["application/octet-stream", "AA=="]),
    ("nonce", ("eat_nonce",), "short"),
    ("nonce", ("eat_nonce",), ["AAAAAAAAAAA"]),
    ("topology", ("ear_device_topology",), {"cpu0": []}),
    ("submods", ("submods",), {}),
    ("submods", ("submods",), [{"ear_status": "none"}]),
    ("members", ("ear.status",), "warning"),
    ("members", ("status",), "warning"),
    ("submod", MOD, "warning"),
    ("submod.status", MOD + ("ear_status",), GONE),
    ("submod.status", MOD + ("ear_status",), "bad"),
    ("submod.vector", VECTOR, {}),
    ("submod.vector", VECTOR + ("hardware",), 128),
    ("submod.vector", VECTOR + ("hardware",), 2.0),
    ("submod.vector", VECTOR + ("hardware",), True),
    ("submod.vector", VECTOR + ("firmware",), 2),
    ("submod.policy_ids", MOD + ("ear_appraisal_policy_ids",), []),
    ("submod.policy_ids", MOD + ("ear_appraisal_policy_ids",), "sha256:00"),
    ("submod.nonce", MOD + ("eat_nonce",), "A" * 89),
    ("submod.attester_claims", MOD + ("ear_attester_claims",), {}),
    ("submod.verifier_claims", MOD + ("ear_verifier_claims",), {}),
    ("submod.key_attestation", MOD + ("ear_veraison_key_attestation",), {"akpub": "A="}),
    ("submod.key_attestation", MOD + ("ear_veraison_key_attestation",), {}),
    ("submod.profile", MOD + ("eat_profile",), 4),
    ("submod.members", MOD + ("ear_appraisal_policy_id",), "x"),
]


def check(claims):
    """They hold to the draft; and each rule fails once something is against it."""
    found = faults(claims)
    assert found == [], (found, claims)
    for rule, path, value in SPOILT:
        found = faults(spoil(claims, path, value))
        assert found == [rule], (rule, path, value, found)
    mild = spoil(spoil(claims, MOD + ("ear_status",), "warning"), ("ear_status",), "none")
    assert faults(spoil(mild, VECTOR + ("storage-opaque",), 99)) == ["submod.too_good"], mild
    better = "none" if claims["ear_status"] == "affirming" else "affirming"
    found = faults(spoil(claims, ("ear_status",), better))
    assert found == ([] if better == "none" else ["too_good"]), (found, claims["ear_status"])
