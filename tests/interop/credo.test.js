// Credo (npm: @credo-ts/core, @credo-ts/openid4vc), unchanged, as the user's wallet: a whole wallet
// with its own checks of certificates, credentials and requests. Its keys and records would be in
// Askar, whose binary does not come from npm; so both are kept in memory, behind the interfaces that
// Credo offers for that. Over http, and over https with nothing insecure allowed.

import assert from 'node:assert/strict';
import * as crypto from 'node:crypto';
import { EventEmitter } from 'node:events';
import { readFile } from 'node:fs/promises';
import { after, before, describe, mock, test } from 'node:test';
import * as credo from '@credo-ts/core';
import { OpenId4VcModule } from '@credo-ts/openid4vc';
import { setGlobalConfig } from '@openid4vc/oauth2';
import * as client from 'openid-client';
import { Browser, Rotating, Stage, agree, crossLink, typeNumber, walletLink } from './stage.js';

const CURVE = { namedCurve: 'P-256', dsaEncoding: 'ieee-p1363' };

/** Keys on P-256 in memory: what Credo leaves to a key management service. */
class Keys {
  backend = 'memory';
  held = new Map();

  isOperationSupported(context, { operation, algorithm = 'ES256', type = { crv: 'P-256' } }) {
    const known = ['createKey', 'deleteKey', 'sign', 'verify', 'encrypt', 'randomBytes'].includes(operation);
    return known && algorithm === 'ES256' && type.crv === 'P-256';
  }

  async createKey(context, { keyId = crypto.randomUUID() }) {
    this.held.set(keyId, crypto.generateKeyPairSync('ec', CURVE));
    return { keyId, publicJwk: await this.getPublicKey(context, keyId) };
  }

  async getPublicKey(context, keyId) {
    const pair = this.held.get(keyId);
    return pair ? { ...pair.publicKey.export({ format: 'jwk' }), kid: keyId } : null;
  }

  async deleteKey(context, { keyId }) { return this.held.delete(keyId); }

  async sign(context, { keyId, data }) {
    const key = this.held.get(keyId).privateKey;
    return { signature: crypto.sign('sha256', data, { key, ...CURVE }) };
  }

  async verify(context, { key: { publicJwk }, data, signature }) {
    const key = crypto.createPublicKey({ key: publicJwk, format: 'jwk' });
    const verified = crypto.verify('sha256', data, { key, ...CURVE }, signature);
    return verified ? { verified, publicJwk } : { verified };
  }

  /** ECDH-ES (RFC 7518, 4.6) and AES-GCM, by which a wallet's answer is encrypted. */
  async encrypt(context, { key: { keyAgreement }, encryption, data }) {
    const bits = { A128GCM: 128, A256GCM: 256 }[encryption.algorithm];
    assert.equal(keyAgreement.algorithm, 'ECDH-ES');
    const publicKey = crypto.createPublicKey({ key: keyAgreement.externalPublicJwk, format: 'jwk' });
    const secret = crypto.diffieHellman({ privateKey: this.held.get(keyAgreement.keyId).privateKey, publicKey });
    const number = (value) => Buffer.from([0, 0, value >> 8, value & 255]);
    const field = (value = '') => [number(value.length), Buffer.from(value)];
    const parts = [number(1), secret, ...field(encryption.algorithm), ...field(keyAgreement.apu), ...field(keyAgreement.apv), number(bits)];
    const derived = crypto.createHash('sha256').update(Buffer.concat(parts)).digest().subarray(0, bits / 8);
    const iv = crypto.randomBytes(12);
    const cipher = crypto.createCipheriv(`aes-${bits}-gcm`, derived, iv).setAAD(encryption.aad);
    const encrypted = Buffer.concat([cipher.update(data), cipher.final()]);
    return { encrypted, iv, tag: cipher.getAuthTag() };
  }

  randomBytes(context, { length }) { return crypto.randomBytes(length); }
}

/** Records in memory: what Credo leaves to a storage. */
class Records {
  supportsCursorPagination = false;
  held = new Map();

  async save(context, record) {
    if (this.held.has(record.id)) throw new credo.RecordDuplicateError('saved twice', { recordType: record.type });
    this.held.set(record.id, record.clone());
  }

  async update(context, record) {
    await this.getById(context, record.constructor, record.id);
    this.held.set(record.id, record.clone());
  }

  async delete(context, record) { return this.deleteById(context, record.constructor, record.id); }

  async deleteById(context, { type }, id) {
    await this.getById(context, { type }, id);
    this.held.delete(id);
  }

  async getById(context, { type }, id) {
    const record = this.held.get(id);
    if (record?.type !== type) throw new credo.RecordNotFoundError('not here', { recordType: type });
    return record.clone();
  }

  async getAll(context, { type }) {
    return [...this.held.values()].filter((record) => record.type === type).map((record) => record.clone());
  }

  async findByQuery(context, kind, query) {
    return (await this.getAll(context, kind)).filter((record) => matches(record.getTags(), query));
  }
}

/** As much of Credo's query language as a holder uses, over the tags of a record. */
function matches(tags, { $or, ...asked }) {
  return ($or?.some((query) => matches(tags, query)) ?? true)
    && Object.entries(asked).every(([name, value]) => Array.isArray(value)
      ? value.every((one) => tags[name]?.includes(one))
      : tags[name] === value);
}

/** A wallet that trusts what this root signed. */
async function wallet(root, keys, insecure) {
  // Once allowed, the module does not forbid it again.
  setGlobalConfig({ allowInsecureUrls: false });
  const records = new Records();
  const agent = new credo.Agent({
    config: { allowInsecureHttpUrls: insecure, autoUpdateStorageOnStartup: true },
    dependencies: { FileSystem: class {}, EventEmitterClass: EventEmitter, fetch, WebSocketClass: class {} },
    modules: {
      storage: { register: (manager) => manager.registerInstance(credo.InjectionSymbols.StorageService, records) },
      kms: new credo.Kms.KeyManagementModule({ backends: [keys] }),
      x509: new credo.X509Module({ trustedCertificates: [root] }),
      openid4vc: new OpenId4VcModule(),
    },
  });
  await agent.initialize();
  return agent;
}

/** Accepts an offer, and keeps what it gives. */
async function accept(agent, { uri, tx_code }) {
  const { holder } = agent.openid4vc;
  const resolvedCredentialOffer = await holder.resolveCredentialOffer(uri);
  const tokens = await holder.requestToken({ resolvedCredentialOffer, ...(tx_code && { txCode: tx_code }) });
  const { credentials } = await holder.requestCredentials({
    resolvedCredentialOffer,
    ...tokens,
    credentialBindingResolver: async ({ supportsJwk, proofTypes }) => {
      assert.ok(supportsJwk);
      assert.ok(proofTypes.jwt.supportedSignatureAlgorithms.includes('ES256'));
      const { publicJwk } = await agent.kms.createKeyForSignatureAlgorithm({ algorithm: 'ES256' });
      return { method: 'jwk', keys: [credo.Kms.PublicJwk.fromPublicJwk(publicJwk)] };
    },
  });
  assert.equal(credentials.length, 1);
  const [{ record }] = credentials;
  await agent.sdJwtVc.store({ record });
  return record;
}

/** Answers a presentation request with whatever fits; gives where the browser goes on. */
async function present(agent, link) {
  const { holder } = agent.openid4vc;
  const { authorizationRequestPayload, verifier, dcql } = await holder.resolveOpenId4VpAuthorizationRequest(link);
  assert.equal(verifier.clientIdPrefix, 'x509_hash');
  assert.equal(dcql.queryResult.can_be_satisfied, true);
  const answer = await holder.acceptOpenId4VpAuthorizationRequest({
    authorizationRequestPayload,
    dcql: { credentials: holder.selectCredentialsForDcqlRequest(dcql.queryResult) },
  });
  assert.equal(answer.ok, true, JSON.stringify(answer.serverResponse));
  assert.ok(answer.authorizationResponse.response, 'the answer is encrypted');
  return answer.redirectUri;
}

/** The relying party's request, to the page where a wallet is asked for. */
async function begin(browser, { issuer, insecure, client: { client_id, client_secret, redirect_uris: [redirect_uri] } }) {
  const config = await client.discovery(new URL(issuer), client_id, {}, client.ClientSecretBasic(client_secret), {
    execute: insecure ? [client.allowInsecureRequests] : [],
  });
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
  const login = await browser.follow(await browser.get(url.href), redirect_uri);
  const checks = { pkceCodeVerifier, expectedState, expectedNonce, idTokenExpected: true };
  return { config, checks, login, redirect_uri };
}

/** Consent, and what the relying party learns. */
async function finish(browser, { config, checks, redirect_uri }, page) {
  page = await browser.follow(page, redirect_uri);
  const location = new URL(page.location ?? await agree(browser, page));
  const tokens = await client.authorizationCodeGrant(config, location, checks);
  const claims = tokens.claims();
  const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub);
  assert.equal(userinfo.name, '山田 太郎');
  assert.equal(userinfo.organization.corporate_number, '7900000000002');
  return claims;
}

for (const [name, flags] of [['over http', []], ['over https', ['--tls']]]) {
  describe(name, () => {
    let stage, root, agent, party;
    before(async () => {
      stage = await Stage.open(...flags);
      root = await readFile(stage.trust_file, 'utf8');
      agent = await wallet(root, new Keys(), stage.insecure);
      party = { issuer: stage.issuer, insecure: stage.insecure, client: stage.client('demo-rp') };
    }, { timeout: 60_000 });
    after(async () => {
      await agent.shutdown();
      await stage.close();
    }, { timeout: 60_000 });

    test('an offer with a transaction code is accepted, and the credential is kept', { timeout: 60_000 }, async () => {
      const record = await accept(agent, stage.offer('affiliation'));
      const [held] = await agent.sdJwtVc.getAll();
      assert.equal(held.id, record.id);
      assert.equal(held.firstCredential.header.typ, 'dc+sd-jwt');
      assert.match(held.firstCredential.payload.vct, /\/types\//);
      // Metadata of a type are fetched over https only, and held to vct#integrity.
      assert.equal(held.typeMetadata?.vct, stage.insecure ? undefined : held.firstCredential.payload.vct);

      // Its status list is checked with the key of the credential itself.
      const { isValid } = await agent.sdJwtVc.verify({ compactSdJwtVc: held.encoded });
      assert.equal(isValid, true);
    });

    test('an offer without one is accepted, too', { timeout: 60_000 }, async () => {
      await accept(agent, stage.offer('ai-training'));
      assert.equal((await agent.sdJwtVc.getAll()).length, 2);
    });

    test('it logs in on this device', { timeout: 60_000 }, async () => {
      const browser = new Browser();
      const begun = await begin(browser, party);
      const redirectUri = await present(agent, walletLink(begun.login));
      const claims = await finish(browser, begun, await browser.get(redirectUri));
      assert.equal(claims.acr, 'phr');
    });

    test('it logs in on another device', { timeout: 60_000 }, async () => {
      const browser = new Browser();
      const begun = await begin(browser, party);
      const redirectUri = await present(agent, crossLink(begun.login));
      const claims = await finish(browser, begun, await typeNumber(browser, begun.login, redirectUri));
      assert.equal(claims.acr, undefined);
    });

    test('it sees that a credential was revoked', { timeout: 60_000 }, async () => {
      const kept = await agent.sdJwtVc.getAll();
      const { encoded } = kept.find(({ firstCredential }) => firstCredential.payload.vct.includes('/affiliation/'));
      assert.equal((await agent.sdJwtVc.verify({ compactSdJwtVc: encoded })).isValid, true);
      await stage.sekisho('credential', 'revoke', '--last', 'affiliation', '--yes');
      const { isValid, error } = await agent.sdJwtVc.verify({ compactSdJwtVc: encoded });
      assert.equal(isValid, false);
      assert.match(error.message, /Status is not valid/);
    });
  });
}

describe('while the credential key of the issuer rotates', () => {
  const keys = new Keys();
  let broker, agent;
  before(async () => {
    broker = await Rotating.open();
    // The wallet's clock is the broker's.
    mock.timers.enable({ apis: ['Date'], now: broker.now });
    agent = await wallet(broker.root, keys, true);
  }, { timeout: 60_000 });
  after(async () => {
    await agent.shutdown();
    mock.timers.reset();
    await broker.close();
  }, { timeout: 60_000 });

  test('credentials of three keys are kept, verify and log in', { timeout: 120_000 }, async () => {
    const held = [];
    for (let rotations = 0; rotations <= 2; rotations += 1) {
      if (rotations > 0) {
        const { keys: ours, now } = await broker.say('rotate');
        mock.timers.setTime(now);
        assert.equal(ours.filter(({ state, signs_only_lists: only }) => state === 'retiring' && only).length, rotations);
      }
      held.push(await accept(agent, await broker.say('offer')));
    }
    const kids = held.map(({ firstCredential }) => firstCredential.header.kid);
    assert.equal(new Set(kids).size, 3);
    const kept = await agent.sdJwtVc.getAll();
    assert.equal(kept.length, 3);
    for (const { id, encoded } of kept) {
      const { isValid, error } = await agent.sdJwtVc.verify({ compactSdJwtVc: encoded });
      assert.equal(isValid, true, error?.message);
      // Alone in the wallet, each logs in.
      const only = await wallet(broker.root, keys, true);
      await only.sdJwtVc.store({ record: kept.find((record) => record.id === id) });
      const browser = new Browser();
      const begun = await begin(browser, { ...broker, insecure: true });
      const redirectUri = await present(only, walletLink(begun.login));
      await finish(browser, begun, await browser.get(redirectUri));
      await only.shutdown();
    }
  });
});
