"""What rich notifications need beside MiniGraph: an identity platform with one key, a token that it signed, and a
resource that is encrypted for a subscription's certificate. By the command line of OpenSSL, so that nothing but Python
is needed."""

import base64
import hashlib
import hmac
import json
import os
import re
import subprocess
import time

import mini_graph

PUBLISHER = "0bf30f3b-4a52-48df-9a82-234910c4a086"
KID = "bench-2026-a"


def _openssl(*arguments, text=b""):
    done = subprocess.run(["openssl", *arguments], input=text, capture_output=True, check=True)
    return done.stdout


def _plain(data):
    return base64.b64encode(data).decode()


def _url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


class RichGraph(mini_graph.MiniGraph):
    def __init__(self, certificate, private_key, folder):
        super().__init__(certificate, private_key)
        self.folder = folder
        self.key_file = os.path.join(folder, "token-signing.pem")
        _openssl("genrsa", "-out", self.key_file, "2048")
        modulus = _openssl("rsa", "-in", self.key_file, "-noout", "-modulus").decode()
        number = bytes.fromhex(re.search(r"=([0-9A-F]+)", modulus).group(1))
        key = {"kty": "RSA", "use": "sig", "kid": KID, "n": _url(number), "e": "AQAB"}
        for version, issuer in (("", f"{self.url}/{{tenantid}}/"), ("/v2.0", f"{self.url}/{{tenantid}}/v2.0")):
            place = f"/common/discovery{version}/keys"
            self.documents[f"/common{version}/.well-known/openid-configuration"] = {
                "issuer": issuer, "jwks_uri": self.url + place,
                "id_token_signing_alg_values_supported": ["RS256"],
            }
            self.documents[place] = {"keys": [key | {"issuer": issuer}]}

    def token(self, tenant_id, client_id):
        """A validation token with all that Graph's have, valid for a day."""
        now = int(time.time())
        unique = _url(os.urandom(64))
        header = {"typ": "JWT", "alg": "RS256", "kid": KID}
        claims = {
            "aud": client_id, "iss": f"{self.url}/{tenant_id}/v2.0", "iat": now, "nbf": now, "exp": now + 86_700,
            "aio": unique, "azp": PUBLISHER, "azpacr": "2", "oid": "3e0d5b8c-1111-4222-8333-444455556666",
            "rh": unique[:64], "sub": "3e0d5b8c-1111-4222-8333-444455556666", "tid": tenant_id,
            "uti": unique[:22], "ver": "2.0",
        }
        text = ".".join(_url(json.dumps(part, separators=(",", ":")).encode()) for part in (header, claims))
        signature = _openssl("dgst", "-sha256", "-sign", self.key_file, text=text.encode())
        return f"{text}.{_url(signature)}"

    def encrypted_content(self, subscription, plaintext):
        """`plaintext` (bytes) as Graph encrypts it for that subscription."""
        der = base64.b64decode(subscription["encryptionCertificate"])
        public_key = os.path.join(self.folder, "encryption-public.pem")
        with open(public_key, "wb") as file:
            file.write(_openssl("x509", "-inform", "DER", "-pubkey", "-noout", text=der))
        key = os.urandom(32)
        data = _openssl("enc", "-aes-256-cbc", "-K", key.hex(), "-iv", key[:16].hex(), text=plaintext)
        wrapped = _openssl("pkeyutl", "-encrypt", "-pubin", "-inkey", public_key, "-pkeyopt", "rsa_padding_mode:oaep",
                           text=key)
        return {
            "data": _plain(data),
            "dataKey": _plain(wrapped),
            "dataSignature": _plain(hmac.new(key, data, hashlib.sha256).digest()),
            "encryptionCertificateId": subscription["encryptionCertificateId"],
            "encryptionCertificateThumbprint": hashlib.sha1(der).hexdigest().upper(),
        }
