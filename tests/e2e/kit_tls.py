"""Certificates for the tests, made with openssl when they are needed."""

import os
import ssl
import subprocess


def openssl(*arguments, cwd=None):
    subprocess.run(["openssl", *arguments], check=True, capture_output=True, timeout=60, cwd=cwd)


class Authority:
    """A CA in a directory of its own, and what it issued."""

    def __init__(self, directory):
        self.directory = directory
        self.certificate = os.path.join(directory, "ca.pem")
        self.key = os.path.join(directory, "ca.key")
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                "-nodes", "-keyout", self.key, "-out", self.certificate, "-days", "30",
                "-subj", "/CN=lucid test CA")

    def issue(self, name, days=30, host="IP:127.0.0.1,DNS:localhost", key="ec"):
        """(certificate path, key path). days may be negative: expired."""
        path = os.path.join(self.directory, name)
        kind = (["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"] if key == "ec"
                else ["-newkey", key])
        openssl("req", *kind, "-nodes", "-keyout", path + ".key", "-out", path + ".csr",
                "-subj", f"/CN={name}")
        os.chmod(path + ".key", 0o600)
        with open(path + ".ext", "w", encoding="ascii") as file:
            file.write(f"subjectAltName={host}\n")
        if days > 0:
            openssl("x509", "-req", "-in", path + ".csr", "-CA", self.certificate, "-CAkey",
                    self.key, "-CAcreateserial", "-out", path + ".pem", "-days", str(days),
                    "-extfile", path + ".ext")
        else:
            self._issue_past(path)
        return path + ".pem", path + ".key"

    def _issue_past(self, path):
        """`openssl x509` of Debian 12 knows no dates in the past, `openssl ca` does."""
        config = path + ".cnf"
        with open(config, "w", encoding="ascii") as file:
            file.write(f"[ca]\ndefault_ca=d\n[d]\ndatabase={path}.db\nserial={path}.srl\n"
                       f"new_certs_dir={self.directory}\ndefault_md=sha256\npolicy=p\n"
                       "[p]\ncommonName=supplied\n")
        with open(path + ".db", "w", encoding="ascii"):
            pass
        with open(path + ".srl", "w", encoding="ascii") as file:
            file.write("1000\n")
        openssl("ca", "-batch", "-config", config, "-in", path + ".csr", "-cert",
                self.certificate, "-keyfile", self.key, "-out", path + ".pem", "-notext",
                "-startdate", "20200101000000Z", "-enddate", "20200201000000Z",
                "-extfile", path + ".ext")

    def trust(self, most=None, least=None):
        """A client's context that trusts this CA alone."""
        context = ssl.create_default_context(cafile=self.certificate)
        if least:
            context.minimum_version = least
        if most:
            context.maximum_version = most
        return context


def settings(directory):
    """What makes a kit.Service speak TLS and nothing else, with clients that trust it."""
    authority = Authority(directory)
    certificate, key = authority.issue("service")
    return {"listen": "", "tls_listen": "127.0.0.1:0", "tls_certificate": certificate,
            "tls_key": key, "tls": authority.trust()}
