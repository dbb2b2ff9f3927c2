// openid-client (npm) as a relying party: it knows discovery and nothing of wallets. The wallet is
// tegata's command line. Everything over http, and again over https under the demo's private root,
// where the client is as strict as it comes.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { readFile, writeFile } from 'node:fs/promises';
import { connect } from 'node:http2';
import { join } from 'node:path';
import * as jose from 'jose';
import * as client from 'openid-client';
import { Browser, Stage, agree, crossLink, typeNumber, walletLink } from './stage.js';

for (const [name, flags] of [['over http', []], ['over https', ['--tls']]]) {
  describe(name, () => {
    let stage;
    before(async () => {
      stage = await Stage.open(...flags);
      await stage.tegata('init', '--trust', stage.trust_file);
      for (const { uri, tx_code } of stage.offers) {
        await stage.tegata('accept', uri, ...(tx_code ? ['--tx-code', tx_code] : []));
      }
    }, { timeout: 60_000 });
    after(() => stage.close(), { timeout: 60_000 });

    /** What a relying party knows of the provider: its issuer, and what it was registered as. */
    function discovered(registered, authentication, metadata) {
      const { client_id, client_secret } = registered;
      return client.discovery(new URL(stage.issuer), client_id, metadata, authentication(client_secret), {
        execute: stage.insecure ? [client.allowInsecureRequests] : [],
      });
    }

    /** An authorization request, and what its answer is held to. */
    async function request(config, redirect_uri, parameters) {
      const pkceCodeVerifier = client.randomPKCECodeVerifier();
      const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
      const url = client.buildAuthorizationUrl(config, {
        redirect_uri,
        code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
        code_challenge_method: 'S256',
        state: expectedState,
        nonce: expectedNonce,
        ...parameters,
      });
      return { url, checks: { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true } };
    }

    /** The wallet on this device and consent, as far as they are asked for: where the code goes. */
    async function logIn(browser, url, redirect_uri) {
      let page = await browser.follow(await browser.get(url.href), redirect_uri);
      if (page.body.includes('id="wallet-open"')) {
        const shown = await stage.tegata('present', walletLink(page), '--yes');
        page = await browser.follow(await browser.get(shown.redirect_uri), redirect_uri);
      }
      return page.location ?? agree(browser, page);
    }

    test('a wallet on another device; PKCE, state, nonce, ID token, userinfo', { timeout: 60_000 }, async () => {
      const registered = stage.client('demo-rp');
      const [redirect_uri] = registered.redirect_uris;
      const config = await discovered(registered, client.ClientSecretBasic);
      const { url, checks } = await request(config, redirect_uri, { scope: 'openid profile organization' });
      const browser = new Browser();
      const login = await browser.follow(await browser.get(url.href), redirect_uri);
      const shown = await stage.tegata('present', crossLink(login), '--yes');
      const after = await typeNumber(browser, login, shown.redirect_uri);
      const location = new URL(await agree(browser, await browser.follow(after, redirect_uri)));

      // A verifier that is not ours uses nothing up.
      const stranger = { ...checks, pkceCodeVerifier: client.randomPKCECodeVerifier() };
      await assert.rejects(client.authorizationCodeGrant(config, location, stranger), { error: 'invalid_grant' });
      const tokens = await client.authorizationCodeGrant(config, location, checks);
      const { sub, acr } = tokens.claims();
      assert.equal(acr, undefined, 'another device is not phishing-resistant');
      const userinfo = await client.fetchUserInfo(config, tokens.access_token, sub);
      assert.equal(userinfo.sub, sub);
      assert.equal(userinfo.name, '山田 太郎');
      assert.equal(userinfo.organization.corporate_number, '7900000000002');

      // The very same answer again is refused, and ends what it gave.
      await assert.rejects(client.authorizationCodeGrant(config, location, checks), { error: 'invalid_grant' });
      await assert.rejects(client.fetchUserInfo(config, tokens.access_token, sub), { status: 401 });
    });

    test('GPUs asked for by authorization_details are granted in the token and in userinfo', { timeout: 60_000 }, async () => {
      const registered = stage.client('demo-rp');
      const [redirect_uri] = registered.redirect_uris;
      const config = await discovered(registered, client.ClientSecretBasic);
      const details = [{ type: 'gpu_access', service: 'gpu-console', actions: ['submit'], gpus: 4, gpu_hours: 8 }];
      const { url, checks } = await request(config, redirect_uri, {
        scope: 'openid', authorization_details: JSON.stringify(details),
      });
      const location = await logIn(new Browser(), url, redirect_uri);
      const tokens = await client.authorizationCodeGrant(config, new URL(location), checks);
      assert.equal(tokens.claims().acr, 'phr');
      const userinfo = await client.fetchUserInfo(config, tokens.access_token, tokens.claims().sub);
      for (const [granted] of [tokens.authorization_details, userinfo.authorization_details]) {
        assert.equal(granted.type, 'gpu_access');
        assert.equal(granted.gpus, 4);
      }
    });

    // Every way of authenticating that discovery names, and both algorithms of ID tokens. All are
    // answered from one session after the first.
    test('each way to authenticate, each algorithm of ID tokens', { timeout: 60_000 }, async () => {
      const browser = new Browser();
      const redirect_uri = 'http://127.0.0.1:8888/callback';
      const ways = [
        ['client_secret_basic', 'ES256', client.ClientSecretBasic],
        ['client_secret_post', 'RS256', client.ClientSecretPost],
        ['none', 'ES256', client.None],
      ];
      for (const [auth, algorithm, authentication] of ways) {
        const added = await stage.sekisho(
          'client', 'add', '--id', `by-${auth.replaceAll('_', '-')}`, '--auth', auth, '--id-token-alg', algorithm,
          '--native', '--redirect-uri', redirect_uri, '--scope', 'openid email',
          '--name-ja', '試験', '--name-en', 'Test', '--purpose-ja', '試験のため', '--purpose-en', 'To test',
        );
        const metadata = { id_token_signed_response_alg: algorithm };
        const config = await discovered(added, authentication, metadata);
        assert.ok(config.serverMetadata().token_endpoint_auth_methods_supported.includes(auth));
        const { url, checks } = await request(config, redirect_uri, { scope: 'openid' });
        const location = await logIn(browser, url, redirect_uri);
        const tokens = await client.authorizationCodeGrant(config, new URL(location), checks);
        const header = JSON.parse(Buffer.from(tokens.id_token.split('.')[0], 'base64url'));
        assert.equal(header.alg, algorithm);
      }
    });

    test('private_key_jwt: log in, refresh, introspect, revoke, log out', { timeout: 60_000 }, async () => {
      const redirect_uri = 'http://127.0.0.1:8888/callback';
      const goodbye = 'http://127.0.0.1:8888/goodbye';
      const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
      const kid = 'first';
      const jwks = { keys: [{ ...await jose.exportJWK(publicKey), kid, alg: 'ES256', use: 'sig' }] };
      const file = join(stage.folder, 'jwks.json');
      await writeFile(file, JSON.stringify(jwks));
      const added = await stage.sekisho(
        'client', 'add', '--id', 'by-key', '--auth', 'private_key_jwt', '--jwks', file, '--native',
        '--redirect-uri', redirect_uri, '--post-logout-redirect-uri', goodbye,
        '--scope', 'openid profile offline_access',
        '--name-ja', '試験', '--name-en', 'Test', '--purpose-ja', '試験のため', '--purpose-en', 'To test',
      );
      assert.equal(added.client_secret, null);
      const config = await discovered(added, () => client.PrivateKeyJwt({ key: privateKey, kid }));
      const { url, checks } = await request(config, redirect_uri, { scope: 'openid profile offline_access', prompt: 'consent' });
      const browser = new Browser();
      const location = await logIn(browser, url, redirect_uri);
      const tokens = await client.authorizationCodeGrant(config, new URL(location), checks);
      const { sub, sid } = tokens.claims();

      const next = await client.refreshTokenGrant(config, tokens.refresh_token);
      assert.equal(next.claims().sub, sub);
      assert.equal(next.claims().sid, sid);
      assert.notEqual(next.refresh_token, tokens.refresh_token);
      // An answer that was lost is given again.
      const again = await client.refreshTokenGrant(config, tokens.refresh_token);
      assert.equal(again.refresh_token, next.refresh_token);
      const described = await client.tokenIntrospection(config, again.access_token);
      assert.equal(described.active, true);
      assert.equal(described.sub, sub);

      const leave = client.buildEndSessionUrl(config, {
        id_token_hint: next.id_token, post_logout_redirect_uri: goodbye, state: 'bye',
      });
      const left = await browser.get(leave.href);
      assert.equal(left.location, `${goodbye}?state=bye`);
      const silent = await request(config, redirect_uri, { scope: 'openid', prompt: 'none' });
      const refused = await browser.get(silent.url.href);
      await assert.rejects(
        client.authorizationCodeGrant(config, new URL(refused.location), silent.checks), { error: 'login_required' },
      );

      // Offline access outlives the session, and ends when the client gives it back.
      const offline = await client.refreshTokenGrant(config, next.refresh_token);
      await client.tokenRevocation(config, offline.refresh_token);
      await assert.rejects(client.refreshTokenGrant(config, offline.refresh_token), { error: 'invalid_grant' });
      assert.deepEqual(await client.tokenIntrospection(config, offline.access_token), { active: false });
      await assert.rejects(client.fetchUserInfo(config, offline.access_token, sub), { status: 401 });
    });

    // GEN-21: attestations with chains, proofs and cookies come together in one request.
    test('33 KiB of headers are read, over HTTP/2 too', { timeout: 60_000, skip: flags.length === 0 }, async () => {
      const session = connect(stage.issuer, { ca: await readFile(stage.ca_file), maxSendHeaderBlockLength: 1 << 20 });
      const headers = Object.fromEntries(['a', 'b', 'c'].map((name) => [`x-${name}`, 'x'.repeat(11 * 1024)]));
      const request = session.request({ ':path': '/.well-known/openid-configuration', ...headers });
      const status = await new Promise((resolve, reject) => {
        request.on('response', (answer) => resolve(answer[':status']));
        request.on('error', reject);
        request.end();
      });
      session.destroy();
      assert.equal(status, 200);
    });

    test('an error of the authorization endpoint arrives as one', { timeout: 60_000 }, async () => {
      const registered = stage.client('demo-rp');
      const [redirect_uri] = registered.redirect_uris;
      const config = await discovered(registered, client.ClientSecretBasic);
      const { url, checks } = await request(config, redirect_uri, { scope: 'openid', prompt: 'none' });
      const { location } = await new Browser().get(url.href);
      await assert.rejects(client.authorizationCodeGrant(config, new URL(location), checks), { error: 'login_required' });
    });
  });
}
