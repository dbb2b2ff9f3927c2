// A wallet on @openid4vc/openid4vci and @openid4vc/openid4vp (npm), with dcql and @sd-jwt/core: none
// of its code is ours. It accepts an offer with a transaction code, and logs in with it, on this
// device and on another; over http, and over https with nothing insecure allowed.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { X509Certificate, createHash, randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { after, before, describe, test } from 'node:test';
import { clientAuthenticationAnonymous, preAuthorizedCodeGrantIdentifier } from '@openid4vc/oauth2';
import { Openid4vciClient } from '@openid4vc/openid4vci';
import { Openid4vpClient } from '@openid4vc/openid4vp';
import { SDJwtInstance } from '@sd-jwt/core';
import { SDJwtVcInstance } from '@sd-jwt/sd-jwt-vc';
import { ES256, digest, generateSalt } from '@sd-jwt/crypto-nodejs';
import { DcqlQuery } from 'dcql';
import * as jose from 'jose';
import { setGlobalConfig } from '@openid4vc/oauth2';
import { Browser, Stage, agree, crossLink, typeNumber, target, walletLink } from './stage.js';

/** What the libraries leave to a wallet: cryptography. */
async function wallet() {
  const { publicKey, privateKey } = await jose.generateKeyPair('ES256', { extractable: true });
  const jwk = await jose.exportJWK(publicKey);
  const callbacks = {
    fetch,
    hash: (data, alg) => createHash(alg.replace('-', '')).update(data).digest(),
    generateRandom: (length) => randomBytes(length),
    clientAuthentication: clientAuthenticationAnonymous(),
    getX509CertificateMetadata: (certificate) => {
      const names = new X509Certificate(Buffer.from(certificate, 'base64')).subjectAltName ?? '';
      const of = (kind) => names.split(', ').filter((n) => n.startsWith(kind)).map((n) => n.slice(kind.length));
      return { sanDnsNames: of('DNS:'), sanUriNames: of('URI:') };
    },
    signJwt: async (signer, { header, payload }) => ({
      jwt: await new jose.SignJWT(payload).setProtectedHeader({ ...header, alg: 'ES256' }).sign(privateKey),
      signerJwk: jwk,
    }),
    verifyJwt: async (signer, { compact }) => {
      assert.equal(signer.method, 'x5c');
      const leaf = new X509Certificate(Buffer.from(signer.x5c[0], 'base64'));
      const { protectedHeader } = await jose.compactVerify(compact, leaf.publicKey);
      return { verified: true, signerJwk: { ...leaf.publicKey.export({ format: 'jwk' }), alg: protectedHeader.alg } };
    },
    encryptJwe: async (encryptor, data) => {
      const key = await jose.importJWK(encryptor.publicJwk, encryptor.alg);
      const jwe = await new jose.CompactEncrypt(new TextEncoder().encode(data))
        .setProtectedHeader({ alg: encryptor.alg, enc: encryptor.enc, kid: encryptor.publicJwk.kid })
        .encrypt(key);
      return { jwe, encryptionJwk: encryptor.publicJwk };
    },
    decryptJwe: async () => ({ decrypted: false }),
  };
  return { jwk, callbacks, privateJwk: await jose.exportJWK(privateKey), held: [] };
}

/** Accepts the offer of this type. */
async function accept(holder, { uri, tx_code }) {
  const vci = new Openid4vciClient({ callbacks: holder.callbacks });
  const credentialOffer = await vci.resolveCredentialOffer(uri);
  assert.ok(credentialOffer.grants[preAuthorizedCodeGrantIdentifier]);
  const issuerMetadata = await vci.resolveIssuerMetadata(credentialOffer.credential_issuer);
  const redeem = (txCode) => vci.retrievePreAuthorizedCodeAccessTokenFromOffer({
    credentialOffer, issuerMetadata, ...(txCode && { txCode }),
  });
  if (tx_code) {
    // A mistyped code is a counted try, and the offer is as good as before.
    const mistyped = tx_code.replace(/^./, (digit) => (Number(digit) + 1) % 10);
    await assert.rejects(redeem(mistyped), (error) => error.errorResponse.error === 'invalid_grant');
  }
  const { accessTokenResponse } = await redeem(tx_code);
  const [credentialConfigurationId] = credentialOffer.credential_configuration_ids;
  const { c_nonce: nonce } = await vci.requestNonce({ issuerMetadata });
  const { jwt } = await vci.createCredentialRequestJwtProof({
    issuerMetadata, credentialConfigurationId, nonce,
    signer: { method: 'jwk', alg: 'ES256', publicJwk: holder.jwk },
  });
  const { credentialResponse } = await vci.retrieveCredentials({
    issuerMetadata, credentialConfigurationId,
    accessToken: accessTokenResponse.access_token,
    proofs: { jwt: [jwt] },
  });
  const [{ credential }] = credentialResponse.credentials;
  await verifyElsewhere(credential);
  holder.held.push(credential);
}

/**
 * What is issued verifies with @sd-jwt/sd-jwt-vc (its status list, too) and with sd-jwt of PyPI, and
 * both read the same claims.
 */
async function verifyElsewhere(credential) {
  const header = jose.decodeProtectedHeader(credential.split('~')[0]);
  assert.equal(header.typ, 'dc+sd-jwt');
  const leaf = (x5c) => new X509Certificate(Buffer.from(x5c[0], 'base64')).publicKey.export({ format: 'jwk' });
  const jwk = leaf(header.x5c);
  const instance = new SDJwtVcInstance({
    hasher: digest, hashAlg: 'sha-256', saltGenerator: generateSalt,
    verifier: await ES256.getVerifier(jwk),
    statusVerifier: async (data, signature) => {
      const { x5c, typ } = JSON.parse(Buffer.from(data.split('.')[0], 'base64url'));
      assert.equal(typ, 'statuslist+jwt');
      return (await ES256.getVerifier(leaf(x5c)))(data, signature);
    },
  });
  const { payload } = await instance.verify(credential);
  assert.match(payload.vct, /\/types\//);
  const child = spawn(join(target, 'python/bin/python3'), [new URL('sd_jwt_check.py', import.meta.url).pathname]);
  child.stdin.end(JSON.stringify({ credential, jwk }));
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr)]);
  assert.ok(out, err);
  assert.deepEqual(JSON.parse(out), JSON.parse(JSON.stringify(payload)));
  // One bit of a disclosure, and both refuse.
  const changed = credential.replace(/~(.)/, (_, first) => `~${first === 'W' ? 'X' : 'W'}`);
  await assert.rejects(instance.verify(changed));
}

/** `{a: {b: true}}` for the path `['a', 'b']`; `null` is every element. */
function frame(claims, paths) {
  const disclose = {};
  for (const path of paths) mark(disclose, claims, path);
  return disclose;
}

function mark(into, claims, [head, ...rest]) {
  const keys = head === null ? Object.keys(claims) : [head];
  for (const key of keys) {
    if (rest.length === 0) into[key] ??= true;
    else mark(into[key] = into[key] === true ? {} : into[key] ?? {}, claims[key], rest);
  }
}

/** Answers a presentation request; gives where the browser goes on. */
async function present(holder, link) {
  const vp = new Openid4vpClient({ callbacks: holder.callbacks });
  const { params } = vp.parseOpenid4vpAuthorizationRequest({ authorizationRequest: link });
  const resolved = await vp.resolveOpenId4vpAuthorizationRequest({ authorizationRequestPayload: params });
  assert.equal(resolved.client.prefix, 'x509_hash');
  const request = resolved.authorizationRequestPayload;

  const sdJwt = new SDJwtInstance({
    hasher: digest, hashAlg: 'sha-256', saltGenerator: generateSalt,
    kbSigner: await ES256.getSigner(holder.privateJwk), kbSignAlg: 'ES256',
  });
  const candidates = [];
  for (const text of holder.held) {
    const claims = await sdJwt.getClaims(text);
    candidates.push({ credential_format: 'dc+sd-jwt', vct: claims.vct, claims, cryptographic_holder_binding: true });
  }
  const query = DcqlQuery.parse(resolved.dcql.query);
  DcqlQuery.validate(query);
  const result = DcqlQuery.query(query, candidates);
  assert.equal(result.can_be_satisfied, true);
  const vp_token = {};
  for (const [id, match] of Object.entries(result.credential_matches)) {
    if (!match.success) continue;
    const [best] = match.valid_credentials;
    const asked = query.credentials.find((credential) => credential.id === id);
    const set = best.claims.valid_claim_sets[0].valid_claim_indexes ?? [];
    const paths = set.map((index) => asked.claims[index].path);
    const held = holder.held[best.input_credential_index];
    const claims = candidates[best.input_credential_index].claims;
    vp_token[id] = [await sdJwt.present(held, frame(claims, paths), {
      kb: { payload: { iat: Math.floor(Date.now() / 1000), aud: request.client_id, nonce: request.nonce } },
    })];
  }
  const response = await vp.createOpenid4vpAuthorizationResponse({
    authorizationRequestPayload: request,
    clientMetadata: request.client_metadata,
    authorizationResponsePayload: { vp_token },
    jarm: {
      encryption: { nonce: randomBytes(16).toString('base64url') },
      serverMetadata: {
        authorization_signing_alg_values_supported: [],
        authorization_encryption_alg_values_supported: ['ECDH-ES'],
        authorization_encryption_enc_values_supported: ['A128GCM', 'A256GCM'],
      },
    },
  });
  assert.ok(response.jarm.responseJwt, 'the answer is encrypted');
  const { response: answer } = await vp.submitOpenid4vpAuthorizationResponse({
    authorizationRequestPayload: request,
    authorizationResponsePayload: response.authorizationResponsePayload,
    jarm: response.jarm,
  });
  const body = await answer.json();
  assert.equal(answer.status, 200, JSON.stringify(body));
  return body.redirect_uri;
}

/** A login that is answered on this device. */
async function here(holder, browser, login) {
  return browser.get(await present(holder, walletLink(login)));
}

/** A login that is answered on another device, whose number is typed here. */
async function elsewhere(holder, browser, login) {
  return typeNumber(browser, login, await present(holder, crossLink(login)));
}

for (const [name, flags] of [['over http', []], ['over https', ['--tls']]]) {
  describe(name, () => {
    let stage;
    before(async () => {
      stage = await Stage.open(...flags);
      setGlobalConfig({ allowInsecureUrls: stage.insecure });
    }, { timeout: 60_000 });
    after(() => stage.close(), { timeout: 60_000 });

    /** The page after a request for 8 GPUs at the console, however it ends. */
    async function ask(browser, answer) {
      const login = await browser.follow(await browser.get(`${stage.console}/login?gpus=8`), 'openid4vp:');
      if (!login.body.includes('id="wallet-open"')) return login;
      return browser.follow(await answer(login), 'openid4vp:');
    }

    test('a wallet that is not ours is filled, refused, filled again, and gets the GPUs', { timeout: 120_000 }, async () => {
      const holder = await wallet();
      await accept(holder, stage.offer('affiliation'));
      const browser = new Browser();
      const denied = await ask(browser, (login) => here(holder, browser, login));
      assert.match(denied.body, /P-3201/);

      await accept(holder, stage.offer('ai-training'));
      const consent = await ask(browser, (login) => here(holder, browser, login));
      const location = await agree(browser, consent);
      const granted = await browser.follow(await browser.get(location), 'openid4vp:');
      assert.match(granted.body, /id="granted"/);
      assert.match(granted.body, />8</);

      // Another browser begins, and the same wallet answers from another device.
      const desk = new Browser();
      const again = await ask(desk, (login) => elsewhere(holder, desk, login));
      const there = again.body.includes('id="consent-allow"')
        ? await desk.follow(await desk.get(await agree(desk, again)), 'openid4vp:')
        : again;
      assert.match(there.body, /id="granted"/);

      // Revoked, whoever shows it and wherever.
      await stage.sekisho('credential', 'revoke', '--last', 'affiliation', '--yes');
      const late = await ask(browser, () => assert.fail('the session answers'));
      assert.match(late.body, /C-2001/);
    });
  });
}
