"""Verifies a credential with the reference implementation of RFC 9901 (sd-jwt of PyPI).

Reads {"credential": …, "jwk": …} and prints the claims that it comes to.
"""

import json
import sys

from jwcrypto.jwk import JWK
from sd_jwt.verifier import SDJWTVerifier

asked = json.load(sys.stdin)
verifier = SDJWTVerifier(asked["credential"], lambda issuer, header: JWK(**asked["jwk"]))
print(json.dumps(verifier.get_verified_payload()))
