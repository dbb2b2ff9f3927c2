// oauth4webapi (npm) as a relying party: the lower layer, where each answer is checked by its own
// function, signatures of ID tokens too. Over http, and again over https under the demo's private
// root. The wallet is tegata's command line.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as jose from 'jose';
import * as oauth from 'oauth4webapi';
import { Browser, Stage, agree, walletLink } from './stage.js';

for (const [name, flags] of [['over http', []], ['over https', ['--tls']]]) {
  describe(name, () => {
    let stage, server, options;
    before(async () => {
      stage = await Stage.open(...flags);
      await stage.tegata('init', '--trust', stage.trust_file);
      for (const { uri, tx_code } of stage.offers) {
        await stage.tegata('accept', uri, ...(tx_code ? ['--tx-code', tx_code] : []));
      }
      options = { [oauth.allowInsecureRequests]: stage.insecure };
      const issuer = new URL(stage.issuer);
      server = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, options));
    }, { timeout: 60_000 });
    after(() => stage.close(), { timeout: 60_000 });

    /** An authorization request, and what its answer is held to. */
    async function request(client, redirect_uri, parameters) {
      const verifier = oauth.generateRandomCodeVerifier();
      const [state, nonce] = [oauth.generateRandomState(), oauth.generateRandomNonce()];
      const url = new URL(server.authorization_endpoint);
      url.search = new URLSearchParams({
        client_id: client.client_id,
        redirect_uri,
        response_type: 'code',
        code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
        ...parameters,
      });
      return { url: url.href, redirect_uri, verifier, state, nonce };
    }

    /** The wallet on this device and consent, as far as they are asked for: where the code goes. */
    async function logIn(browser, { url, redirect_uri }) {
      let page = await browser.follow(await browser.get(url), redirect_uri);
      if (page.body.includes('id="wallet-open"')) {
        const shown = await stage.tegata('present', walletLink(page), '--yes');
        page = await browser.follow(await browser.get(shown.redirect_uri), redirect_uri);
      }
      return new URL(page.location ?? await agree(browser, page));
    }

    /** Exchanges the code; the ID token's signature is checked against jwks_uri, too. */
    async function exchange(client, authentication, asked, location) {
      const callback = oauth.validateAuthResponse(server, client, location, asked.state);
      const answer = await oauth.authorizationCodeGrantRequest(
        server, client, authentication, callback, asked.redirect_uri, asked.verifier, options,
      );
      const tokens = await oauth.processAuthorizationCodeResponse(server, client, answer, {
        expectedNonce: asked.nonce, requireIdToken: true,
      });
      await oauth.validateApplicationLevelSignature(server, answer, options);
      return { ...tokens, claims: oauth.getValidatedIdTokenClaims(tokens) };
    }

    async function refresh(client, authentication, token) {
      const answer = await oauth.refreshTokenGrantRequest(server, client, authentication, token, options);
      const tokens = await oauth.processRefreshTokenResponse(server, client, answer);
      await oauth.validateApplicationLevelSignature(server, answer, options);
      return { ...tokens, claims: oauth.getValidatedIdTokenClaims(tokens) };
    }

    async function userinfo(client, token, sub) {
      const answer = await oauth.userInfoRequest(server, client, token, options);
      return oauth.processUserInfoResponse(server, client, sub, answer);
    }

    async function introspect(client, authentication, token) {
      const answer = await oauth.introspectionRequest(server, client, authentication, token, options);
      return oauth.processIntrospectionResponse(server, client, answer);
    }

    test('client_secret_basic: PKCE, state, nonce, iss, ID token, userinfo', { timeout: 60_000 }, async () => {
      const { client_id, client_secret, redirect_uris: [redirect_uri] } = stage.client('demo-rp');
      const client = { client_id };
      const authentication = oauth.ClientSecretBasic(client_secret);
      const asked = await request(client, redirect_uri, { scope: 'openid profile organization' });
      const location = await logIn(new Browser(), asked);

      // The library refuses an answer without iss only because discovery promises it.
      assert.equal(server.authorization_response_iss_parameter_supported, true);
      const mixedUp = new URL(location);
      mixedUp.searchParams.set('iss', 'https://elsewhere.example');
      assert.throws(() => oauth.validateAuthResponse(server, client, mixedUp, asked.state), /iss/);
      mixedUp.searchParams.delete('iss');
      assert.throws(() => oauth.validateAuthResponse(server, client, mixedUp, asked.state), /iss/);

      // Neither a stranger's secret nor a stranger's verifier uses the code up.
      const refused = (error) => ({ code: oauth.RESPONSE_BODY_ERROR, error });
      await assert.rejects(
        exchange(client, authentication, { ...asked, verifier: oauth.generateRandomCodeVerifier() }, location),
        refused('invalid_grant'),
      );
      await assert.rejects(
        exchange(client, oauth.ClientSecretBasic('not the secret: +/%&='), asked, location),
        (error) => error.status === 401 && error.cause[0].scheme === 'basic',
      );
      const tokens = await exchange(client, authentication, asked, location);
      assert.equal(tokens.claims.acr, 'phr');
      const about = await userinfo(client, tokens.access_token, tokens.claims.sub);
      assert.equal(about.name, '山田 太郎');
      assert.equal(about.organization.corporate_number, '7900000000002');

      // The very same answer again is refused, and ends what it gave.
      await assert.rejects(exchange(client, authentication, asked, location), refused('invalid_grant'));
      await assert.rejects(userinfo(client, tokens.access_token, tokens.claims.sub), (error) => {
        assert.equal(error.code, oauth.WWW_AUTHENTICATE_CHALLENGE);
        assert.equal(error.status, 401);
        assert.equal(error.cause[0].scheme, 'bearer');
        assert.equal(error.cause[0].parameters.error, 'invalid_token');
        return true;
      });
    });

    test('private_key_jwt: log in, refresh, introspect, revoke, log out', { timeout: 60_000 }, async () => {
      const redirect_uri = 'http://127.0.0.1:8888/callback';
      const goodbye = 'http://127.0.0.1:8888/goodbye';
      const { publicKey, privateKey } = await oauth.generateKeyPair('ES256', { extractable: true });
      const kid = 'first';
      const jwks = { keys: [{ ...await jose.exportJWK(publicKey), kid, alg: 'ES256', use: 'sig' }] };
      const file = join(stage.folder, 'jwks.json');
      await writeFile(file, JSON.stringify(jwks));
      const { client_id } = await stage.sekisho(
        'client', 'add', '--id', 'by-key', '--auth', 'private_key_jwt', '--jwks', file, '--native',
        '--redirect-uri', redirect_uri, '--post-logout-redirect-uri', goodbye,
        '--scope', 'openid profile offline_access',
        '--name-ja', '試験', '--name-en', 'Test', '--purpose-ja', '試験のため', '--purpose-en', 'To test',
      );
      const client = { client_id };
      const authentication = oauth.PrivateKeyJwt({ key: privateKey, kid });
      const asked = await request(client, redirect_uri, { scope: 'openid profile offline_access', prompt: 'consent' });
      const browser = new Browser();
      const tokens = await exchange(client, authentication, asked, await logIn(browser, asked));
      const { sub, sid, auth_time } = tokens.claims;

      // A refreshed ID token is of the same login, and carries no nonce of another request.
      const next = await refresh(client, authentication, tokens.refresh_token);
      assert.equal(next.claims.sub, sub);
      assert.equal(next.claims.sid, sid);
      assert.equal(next.claims.auth_time, auth_time);
      assert.notEqual(next.refresh_token, tokens.refresh_token);
      const described = await introspect(client, authentication, next.access_token);
      assert.equal(described.active, true);
      assert.equal(described.sub, sub);
      assert.equal(described.client_id, client_id);
      await userinfo(client, next.access_token, sub);

      const leave = new URL(server.end_session_endpoint);
      leave.search = new URLSearchParams({
        id_token_hint: next.id_token, post_logout_redirect_uri: goodbye, state: 'bye',
      });
      const left = await browser.get(leave.href);
      assert.equal(left.location, `${goodbye}?state=bye`);
      const silent = await request(client, redirect_uri, { scope: 'openid', prompt: 'none' });
      const nobody = new URL((await browser.get(silent.url)).location);
      assert.throws(() => oauth.validateAuthResponse(server, client, nobody, silent.state), { error: 'login_required' });

      // Offline access outlives the session, and ends when the client gives it back.
      const offline = await refresh(client, authentication, next.refresh_token);
      await oauth.processRevocationResponse(
        await oauth.revocationRequest(server, client, authentication, offline.refresh_token, options),
      );
      await assert.rejects(refresh(client, authentication, offline.refresh_token), { error: 'invalid_grant' });
      assert.deepEqual(await introspect(client, authentication, offline.access_token), { active: false });
      await assert.rejects(userinfo(client, offline.access_token, sub), { status: 401 });
    });

    test('an error of the authorization endpoint arrives as one', { timeout: 60_000 }, async () => {
      const { client_id, redirect_uris: [redirect_uri] } = stage.client('demo-rp');
      const client = { client_id };
      const cases = [
        [{ scope: 'openid', prompt: 'none' }, 'login_required'],
        [{ scope: 'openid', prompt: 'none login' }, 'invalid_request'],
        [{ scope: 'openid', response_type: 'token' }, 'unsupported_response_type'],
        [{ scope: 'openid', authorization_details: '[{"type":"unheard_of"}]' }, 'invalid_authorization_details'],
      ];
      for (const [parameters, error] of cases) {
        const asked = await request(client, redirect_uri, parameters);
        const { location } = await new Browser().get(asked.url);
        assert.throws(
          () => oauth.validateAuthResponse(server, client, new URL(location), asked.state),
          { code: oauth.AUTHORIZATION_RESPONSE_ERROR, error },
        );
      }
    });
  });
}
