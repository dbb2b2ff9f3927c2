"""A relying party of Authlib (PyPI).

The first line of standard input says who it is; each one after that is [name, argument, …] and has one
line for an answer, {"is": …} or {"error": …}.
"""

import json
import sys

from authlib.integrations.base_client.sync_app import BaseApp, OAuth2Mixin
from authlib.integrations.base_client.sync_openid import OpenIDMixin
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from authlib.oidc import discovery, rpinitiated
from joserfc.jwk import ECKey


class App(OAuth2Mixin, OpenIDMixin, BaseApp):
    """What Authlib's integrations for Flask and Django consist of, without the frameworks."""

    client_cls = OAuth2Session


class Party:
    def __init__(self, issuer, client_id, secret, key, redirect_uri, scope):
        method = "private_key_jwt" if key else "client_secret_basic"
        self.session = {
            "token_endpoint_auth_method": method,
            "revocation_endpoint_auth_method": method,
            "redirect_uri": redirect_uri,
            "scope": scope,
            "code_challenge_method": "S256",
        }
        self.secret = ECKey.import_key(key) if key else secret
        self.app = App(
            None,
            client_id=client_id,
            client_secret=self.secret,
            client_kwargs=self.session,
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
        )
        self.metadata = self.app.load_server_metadata()
        assert self.metadata["issuer"] == issuer
        self.client = OAuth2Session(
            client_id,
            self.secret,
            token_endpoint=self.metadata["token_endpoint"],
            update_token=self.updated,
            **self.session,
        )
        if key:
            # Each assertion is for the endpoint that it is sent to.
            self.client.register_client_auth_method(PrivateKeyJWT(headers={"kid": key["kid"]}, alg="ES256"))
        self.updates = 0

    def updated(self, token, refresh_token=None, access_token=None):
        self.updates += 1

    def check_metadata(self):
        found = discovery.OpenIDProviderMetadata(self.metadata)
        found.validate(metadata_classes=[rpinitiated.OpenIDProviderMetadata])

    def authorize(self, more):
        self.began = self.app.create_authorization_url(**more)
        return self.began["url"]

    def take(self, answer, verifier=None, nonce=None):
        """The answer that came to the redirect URI: the ID token's claims."""
        token = self.client.fetch_token(
            authorization_response=answer,
            state=self.began["state"],
            code_verifier=verifier or self.began["code_verifier"],
        )
        return self.app.parse_id_token(token, nonce or self.began["nonce"])

    def token(self):
        return self.client.token

    def userinfo(self, leeway=60):
        """Refreshes by itself when the token would end within this time."""
        self.client.leeway = leeway
        answer = self.client.get(self.metadata["userinfo_endpoint"])
        body = answer.json() if answer.ok else None
        return {"status": answer.status_code, "body": body, "updates": self.updates}

    def refresh(self, refresh_token=None):
        token = self.client.refresh_token(refresh_token=refresh_token)
        return self.app.parse_id_token(token, None)

    def introspect(self, kind):
        url = self.metadata["introspection_endpoint"]
        return self.client.introspect_token(url, token=self.client.token[kind], token_type_hint=kind).json()

    def revoke(self, kind):
        url = self.metadata["revocation_endpoint"]
        return self.client.revoke_token(url, token=self.client.token[kind], token_type_hint=kind).status_code

    def leave(self, uri, state):
        hint = self.client.token["id_token"]
        return self.app.create_logout_url(post_logout_redirect_uri=uri, id_token_hint=hint, state=state)["url"]


party = Party(**json.loads(sys.stdin.readline()))
for line in sys.stdin:
    name, *arguments = json.loads(line)
    try:
        answer = {"is": getattr(party, name)(*arguments)}
    except Exception as error:  # whatever it is, the test judges it
        answer = {"error": getattr(error, "error", None) or type(error).__name__, "text": str(error)}
    print(json.dumps(answer), flush=True)
