// openid-client (npm) as a relying party: it knows discovery and nothing of wallets. The wallet is
// tegata's command line.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import * as client from 'openid-client';
import { Browser, Stage, agree, crossLink, typeNumber } from './stage.js';

let stage;
before(async () => {
  stage = await Stage.open();
  await stage.tegata('init', '--trust', stage.trust_file);
  const offer = stage.offer('affiliation');
  await stage.tegata('accept', offer.uri, '--tx-code', offer.tx_code);
}, { timeout: 60_000 });
after(() => stage.close(), { timeout: 60_000 });

async function discovered() {
  const { client_id, client_secret } = stage.client('demo-rp');
  const basic = client.ClientSecretBasic(client_secret);
  return client.discovery(new URL(stage.issuer), client_id, undefined, basic, {
    execute: [client.allowInsecureRequests],
  });
}

test('a login with PKCE, state, nonce, ID token and userinfo', { timeout: 60_000 }, async () => {
  const config = await discovered();
  const [redirect_uri] = stage.client('demo-rp').redirect_uris;
  const pkceCodeVerifier = client.randomPKCECodeVerifier();
  const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()];
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri,
    scope: 'openid profile organization',
    code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    code_challenge_method: 'S256',
    state: expectedState,
    nonce: expectedNonce,
  });
  const browser = new Browser();
  const login = await browser.follow(await browser.get(url.href), redirect_uri);
  const shown = await stage.tegata('present', crossLink(login), '--yes');
  const after = await typeNumber(browser, login, shown.redirect_uri);
  const consent = await browser.follow(after, redirect_uri);
  const location = await agree(browser, consent);

  const tokens = await client.authorizationCodeGrant(config, new URL(location), {
    pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true,
  });
  const { sub } = tokens.claims();
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, sub);
  assert.equal(userinfo.sub, sub);
  assert.ok(userinfo.name);
  assert.ok(userinfo.organization.corporate_number);

  // The very same answer again is refused.
  await assert.rejects(
    client.authorizationCodeGrant(config, new URL(location), { pkceCodeVerifier, expectedState, expectedNonce }),
    { error: 'invalid_grant' },
  );
  await assert.rejects(client.fetchUserInfo(config, tokens.access_token, sub), { status: 401 });
});

test('an error of the authorization endpoint arrives as one', { timeout: 60_000 }, async () => {
  const config = await discovered();
  const [redirect_uri] = stage.client('demo-rp').redirect_uris;
  const expectedState = client.randomState();
  const url = client.buildAuthorizationUrl(config, {
    redirect_uri, scope: 'openid', state: expectedState, prompt: 'none',
  });
  const { location } = await new Browser().get(url.href);
  await assert.rejects(
    client.authorizationCodeGrant(config, new URL(location), { expectedState }),
    { error: 'login_required' },
  );
});
