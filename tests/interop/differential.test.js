// The same requests to our server and to oidc-provider (npm), and the answers side by side: what kind
// of answer, where it goes, which error, whether it may be kept. Where the two differ, the table says
// what each answers and why; a difference without a reason fails, and a reason without a difference.

import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, describe, test } from 'node:test';
import Provider from 'oidc-provider';
import { Browser, Stage, agree, walletLink } from './stage.js';

const client_id = 'side-by-side';
const redirect_uri = 'https://rp.example/callback';
const goodbye = 'https://rp.example/goodbye';
const LIMIT = 60_000;
const random = () => randomBytes(32).toString('base64url');
const challenge = (verifier) => createHash('sha256').update(verifier).digest('base64url');

/** What both know of: endpoints, the client's secret, and a browser that is logged in. */
class Server {
  constructor(issuer, client_secret, logIn) {
    Object.assign(this, { issuer, client_secret, logIn, browser: new Browser() });
  }

  async discover() {
    this.endpoints = await (await this.send(`${this.issuer}/.well-known/openid-configuration`)).json();
    await this.code();
  }

  send(url, init = {}) {
    return fetch(url, { ...init, redirect: 'manual', signal: AbortSignal.timeout(LIMIT) });
  }

  /** As a browser asks: for a page. */
  visit(endpoint, parameters, headers = {}) {
    return this.send(`${this.endpoints[endpoint]}?${parameters}`, { headers: { accept: 'text/html', ...headers } });
  }

  /** The cookies of the browser that is logged in. */
  session() {
    return { cookie: this.browser.cookie(this.endpoints.authorization_endpoint) };
  }

  /** A flawless authorization request with these changes; null takes away, a list repeats. */
  parameters(changes) {
    const all = {
      client_id, redirect_uri, response_type: 'code', scope: 'openid', state: 'as-it-was', nonce: random(),
      code_challenge: challenge(random()), code_challenge_method: 'S256', ...changes,
    };
    return new URLSearchParams(Object.entries(all)
      .flatMap(([name, value]) => (value === null ? [] : [value].flat().map((one) => [name, one]))));
  }

  authorize(changes = {}, headers = {}) {
    return this.visit('authorization_endpoint', this.parameters(changes), headers);
  }

  /** The same by a form; ours turns a form into an address first, for cookies that keep to their site. */
  async submit(changes = {}) {
    const answer = await this.post('authorization_endpoint', this.parameters(changes), { accept: 'text/html' });
    const to = new URL(answer.headers.get('location') ?? answer.url, answer.url).href;
    return to.startsWith(`${this.endpoints.authorization_endpoint}?`) ? this.send(to) : answer;
  }

  /** A fresh code, as the browser that is logged in gets it, and its verifier. */
  async code(changes = {}) {
    const code_verifier = random();
    const asked = this.parameters({ code_challenge: challenge(code_verifier), ...changes });
    const location = await this.logIn(this.browser, `${this.endpoints.authorization_endpoint}?${asked}`);
    const code = new URL(location).searchParams.get('code');
    assert.ok(code, location);
    return { grant_type: 'authorization_code', code, redirect_uri, code_verifier };
  }

  /** Posts a form to an endpoint; authenticated, unless told otherwise. */
  post(endpoint, form, headers = this.basic(), query = '') {
    return this.send(this.endpoints[endpoint] + query, { method: 'POST', body: new URLSearchParams(form), headers });
  }

  bearer(token) { return this.send(this.endpoints.userinfo_endpoint, { headers: { authorization: `Bearer ${token}` } }); }

  token(form, headers) { return this.post('token_endpoint', form, headers); }

  basic(secret = this.client_secret, id = client_id) {
    return { authorization: `Basic ${Buffer.from(`${id}:${encodeURIComponent(secret)}`).toString('base64')}` };
  }

  async tokens() { return (await this.token(await this.code())).json(); }

  leave(parameters, headers = {}) {
    return this.visit('end_session_endpoint', new URLSearchParams(parameters), headers);
  }
}

/** Ours: a wallet logs in, once; later requests are answered from the session. */
async function ours(stage) {
  const { client_secret } = await stage.sekisho(
    'client', 'add', '--id', client_id, '--redirect-uri', redirect_uri, '--post-logout-redirect-uri', goodbye,
    '--scope', 'openid profile', '--require-pkce',
    '--name-ja', '試験', '--name-en', 'Test', '--purpose-ja', '試験のため', '--purpose-en', 'To test',
  );
  return new Server(stage.issuer, client_secret, async (browser, url) => {
    let page = await browser.follow(await browser.get(url), redirect_uri);
    if (page.body.includes('id="wallet-open"')) {
      const shown = await stage.tegata('present', walletLink(page), '--yes');
      page = await browser.follow(await browser.get(shown.redirect_uri), redirect_uri);
    }
    return page.location ?? agree(browser, page);
  });
}

/** Theirs: its own pages for development log in and consent. */
function theirs(issuer, client_secret) {
  const provider = new Provider(issuer, {
    clients: [{
      client_id, client_secret, redirect_uris: [redirect_uri], post_logout_redirect_uris: [goodbye],
      token_endpoint_auth_method: 'client_secret_basic', scope: 'openid profile',
    }],
    scopes: ['openid', 'profile', 'offline_access'],
    claims: { profile: ['name'] },
    cookies: { keys: [random()], long: { sameSite: 'none' } },
    enableHttpPostMethods: true,
    pkce: { required: () => true },
    features: {
      claimsParameter: { enabled: true },
      introspection: { enabled: true },
      revocation: { enabled: true },
    },
  });
  const server = new Server(issuer, client_secret, async (browser, url) => {
    let page = await browser.follow(await browser.get(url), redirect_uri);
    while (!page.location) {
      const prompt = page.body.match(/name="prompt" value="(\w+)"/)[1];
      page = await browser.follow(await browser.post(page.url, { prompt, login: 'taro', password: 'any' }), redirect_uri);
    }
    return page.location;
  });
  return { provider, server };
}

/** What is compared of an answer. */
async function shape(answer, { issuer, endpoints }) {
  const header = (name) => answer.headers.get(name) ?? '';
  const seen = { status: answer.status, where: 'nothing', error: null };
  const body = await answer.text();
  if (answer.status >= 300 && answer.status < 400) {
    const to = new URL(header('location'), answer.url);
    const [query, fragment] = [to.searchParams, new URLSearchParams(to.hash.slice(1))];
    seen.status = 'redirect';
    seen.where = to.href.startsWith(issuer) ? 'its own page' : `${to.origin}${to.pathname}`;
    if (seen.where === redirect_uri) {
      const part = to.hash ? fragment : query;
      seen.error = part.get('error');
      seen.in = part === query ? 'query' : 'fragment';
      seen.code = part.has('code');
      seen.state = part.get('state');
      seen.iss = part.get('iss') === issuer;
    }
    if (seen.where === goodbye) seen.state = query.get('state');
  } else if (header('content-type').includes('json')) {
    seen.where = 'json';
    seen.error = JSON.parse(body).error ?? null;
  } else if (header('content-type').includes('html')) {
    // A page, at once or behind a redirect: which of them is taste.
    if (answer.status === 200) seen.status = 'redirect';
    seen.where = 'its own page';
  }
  seen.kept = !header('cache-control').includes('no-store');
  const asked = header('www-authenticate');
  seen.challenge = asked && [asked.split(' ')[0], asked.match(/error="([^"]*)"/)?.[1]].filter(Boolean).join(' ');
  if (answer.url === `${issuer}/.well-known/openid-configuration` && answer.status === 200) {
    for (const name of ANNOUNCED) seen[name] = endpoints[name];
  }
  return seen;
}

/** Members of the metadata that say what the requests below are about. */
const ANNOUNCED = [
  'authorization_response_iss_parameter_supported', 'claims_parameter_supported', 'code_challenge_methods_supported',
  'request_parameter_supported', 'request_uri_parameter_supported', 'response_types_supported',
];

const SCHEME = 'RFC 6749, 5.2: the challenge names the scheme; the error is in the body';
const METHOD = 'RFC 9110, 15.5.6: the resource is there, the method is not';
const BARE = 'RFC 6750, 3: the challenge says it; there need be no body';
const STORED = 'RFC 7009, 2.2, does not ask for no-store';

/** Ours tells the client; theirs goes on to its own page. */
const refused = (error) => ({
  where: [redirect_uri, 'its own page'], error: [error, null], in: ['query', null],
  code: [false, null], state: ['as-it-was', null], iss: [true, null],
});

/** Theirs tells the client; ours goes on to its own page. */
const accepted = (error) => Object.fromEntries(Object.entries(refused(error)).map(([field, two]) => [field, two.reverse()]));

/** An error in the challenge alone. */
const bare = (error) => ({ where: ['nothing', 'json'], error: [null, error] });

/** Each request: its name, how it is sent, and where the answers differ: ours, theirs, and why. */
const TABLE = [
  ['discovery', (s) => s.send(`${s.issuer}/.well-known/openid-configuration`), {
    request_parameter_supported: [false, null],
    response_types_supported: [['code'], ['code id_token', 'code', 'id_token', 'none']],
  }, 'Discovery, 3: false is what absence means; ours has the code flow alone (RFC 9700, 2.1.2)'],
  ['keys', (s) => s.send(s.endpoints.jwks_uri)],
  ['discovery by POST', (s) => s.send(`${s.issuer}/.well-known/openid-configuration`, { method: 'POST' }),
    { status: [405, 404], kept: [false, true] }, METHOD],

  ['a flawless request', (s) => s.authorize()],
  ['a flawless request by POST', (s) => s.submit()],
  ['no PKCE by POST', (s) => s.submit({ code_challenge: null, code_challenge_method: null })],
  ['a foreign redirect_uri by POST', (s) => s.submit({ redirect_uri: 'https://evil.example/callback' })],
  ['by POST, with parameters in the query', (s) => s.post('authorization_endpoint', {}, {}, `?${s.parameters()}`), {
    status: ['redirect', 400],
  }, 'Core, 3.1.2.1: a form is for the body; without one, ours reads what the address says'],
  ['by PUT', (s) => s.send(s.endpoints.authorization_endpoint, { method: 'PUT', body: s.parameters() }),
    { status: [405, 404], kept: [false, true] }, METHOD],
  ['no client_id', (s) => s.authorize({ client_id: null })],
  ['an unknown client_id', (s) => s.authorize({ client_id: 'nobody' })],
  ['client_id twice', (s) => s.authorize({ client_id: [client_id, client_id] })],
  ['no redirect_uri', (s) => s.authorize({ redirect_uri: null }), {
    status: [400, 'redirect'],
  }, 'Core, 3.1.2.1: it is REQUIRED; theirs takes the only registered one (RFC 6749, 3.1.2.3)'],
  ['a foreign redirect_uri', (s) => s.authorize({ redirect_uri: 'https://evil.example/callback' })],
  ['a redirect_uri in capitals', (s) => s.authorize({ redirect_uri: 'https://RP.example/callback' })],
  ['a redirect_uri with a fragment', (s) => s.authorize({ redirect_uri: `${redirect_uri}#x` })],
  ['a redirect_uri with a query', (s) => s.authorize({ redirect_uri: `${redirect_uri}?more=1` })],
  ['no response_type', (s) => s.authorize({ response_type: null })],
  ['an unknown response_type', (s) => s.authorize({ response_type: 'poem' })],
  ['response_type=token', (s) => s.authorize({ response_type: 'token' }), {
    in: ['query', 'fragment'],
  }, 'RFC 6749, 4.1.2.1: in the query; the fragment belongs to flows that ours does not know'],
  ['response_type=id_token', (s) => s.authorize({ response_type: 'id_token' }), {
    error: ['unsupported_response_type', 'invalid_request'], in: ['query', 'fragment'],
  }, 'RFC 6749, 4.1.2.1: theirs knows the type, and not for this client'],
  ['response_mode=fragment', (s) => s.authorize({ response_mode: 'fragment' }),
    refused('invalid_request'), 'Multiple Response Types, 2.1: ours announces query alone'],
  ['response_mode=form_post', (s) => s.authorize({ response_mode: 'form_post', prompt: 'none' }), {
    status: ['redirect', 400],
  }, 'Form Post Response Mode, 2: the form that posts an error is an answer of its own; theirs has the status of an error'],
  ['an unknown response_mode', (s) => s.authorize({ response_mode: 'pigeon' }), {
    error: ['invalid_request', 'unsupported_response_mode'],
  }, 'RFC 6749, 4.1.2.1: an unsupported value; theirs has a name that is not registered'],
  ['no PKCE', (s) => s.authorize({ code_challenge: null, code_challenge_method: null })],
  ['a method without a challenge', (s) => s.authorize({ code_challenge: null })],
  ['PKCE by plain', (s) => s.authorize({ code_challenge_method: 'plain' })],
  ['PKCE by plain, unsaid', (s) => s.authorize({ code_challenge_method: null })],
  ['PKCE by an unknown method', (s) => s.authorize({ code_challenge_method: 'S512' })],
  ['a challenge that is too short', (s) => s.authorize({ code_challenge: 'a'.repeat(42) })],
  ['a challenge that is too long', (s) => s.authorize({ code_challenge: 'a'.repeat(129) })],
  ['a challenge of 44 characters', (s) => s.authorize({ code_challenge: 'a'.repeat(44) }),
    refused('invalid_request'), 'RFC 7636, 4.2: SHA-256 gives 43 characters; no verifier would ever fit'],
  ['a challenge of other characters', (s) => s.authorize({ code_challenge: '+'.repeat(43) })],
  ['prompt=none', (s) => s.authorize({ prompt: 'none' })],
  ['prompt=none, logged in', (s) => s.authorize({ prompt: 'none' }, s.session())],
  ['prompt=none, logged in too long ago', (s) => s.authorize({ prompt: 'none', max_age: '0' }, s.session())],
  ['prompt=none, logged in, for more', (s) => s.authorize({ prompt: 'none', scope: 'openid profile' }, s.session()), {
    error: ['login_required', 'consent_required'],
  }, 'Core, 3.1.2.6: a name comes from the wallet, which has to be asked again'],
  ['prompt=none login', (s) => s.authorize({ prompt: 'none login' })],
  ['an unknown prompt', (s) => s.authorize({ prompt: 'sing' }),
    accepted('invalid_request'), 'Core, 3.1.2.1 leaves it open; Prompt Create, 4.1, would have it refused (SHOULD)'],
  ['state twice', (s) => s.authorize({ state: ['one', 'two'] })],
  ['scope twice', (s) => s.authorize({ scope: ['openid', 'openid'] })],
  ['an unknown parameter twice', (s) => s.authorize({ weather: ['fine', 'fine'] }),
    refused('invalid_request'), 'RFC 6749, 3.1: no parameter may be there twice'],
  ['an unknown parameter', (s) => s.authorize({ weather: 'fine' })],
  ['resource twice', (s) => s.authorize({ resource: ['https://one.example', 'https://two.example'] })],
  ['an empty state', (s) => s.authorize({ state: '', prompt: 'none' })],
  ['max_age that is no number', (s) => s.authorize({ max_age: 'long' })],
  ['max_age below zero', (s) => s.authorize({ max_age: '-1' })],
  ['request', (s) => s.authorize({ request: 'e30.e30.' })],
  ['request_uri', (s) => s.authorize({ request_uri: 'https://rp.example/request' })],
  ['registration', (s) => s.authorize({ registration: '{}' })],
  ['an unknown scope', (s) => s.authorize({ scope: 'openid weather' })],
  ['no openid', (s) => s.authorize({ scope: 'profile' }),
    accepted('invalid_request'), 'Core, 3.1.2.1: unspecified; theirs takes offence at the nonce'],
  ['no scope', (s) => s.authorize({ scope: null }), {
    error: ['invalid_scope', 'invalid_request'],
  }, 'RFC 6749, 3.3: without a default, a missing scope is an invalid scope'],
  ['claims that are no JSON', (s) => s.authorize({ claims: '{' })],
  ['claims that are no object', (s) => s.authorize({ claims: '[]' })],
  ['claims for userinfo that are no object', (s) => s.authorize({ claims: '{"userinfo":1}' })],
  ['an id_token_hint that is none', (s) => s.authorize({ id_token_hint: 'e30.e30.e30' })],
  ['no nonce', (s) => s.authorize({ nonce: null })],

  ['a flawless exchange', async (s) => s.token(await s.code())],
  ['a flawless exchange by "basic"', async (s) => s.token(await s.code(), {
    authorization: s.basic().authorization.replace('Basic', 'basic'),
  })],
  ['a code in the query', async (s) => {
    const { code, ...form } = await s.code();
    return s.post('token_endpoint', form, s.basic(), `?code=${code}`);
  }],
  ['an unknown grant', (s) => s.token({ grant_type: 'poem' })],
  ['no grant', (s) => s.token({ code: 'x' })],
  ['no code', (s) => s.token({ grant_type: 'authorization_code', redirect_uri, code_verifier: random() })],
  ['a code that is none', (s) => s.token({ grant_type: 'authorization_code', code: 'x', redirect_uri, code_verifier: random() })],
  ['a wrong secret', async (s) => s.token(await s.code(), s.basic('wrong')),
    { challenge: ['Basic', 'Basic invalid_client'] }, SCHEME],
  ['an unknown client', async (s) => s.token(await s.code(), s.basic('wrong', 'nobody')),
    { challenge: ['Basic', 'Basic invalid_client'] }, SCHEME],
  ['no authentication', async (s) => s.token(await s.code(), {}), {
    status: [401, 400], error: ['invalid_client', 'invalid_request'],
  }, 'RFC 6749, 5.2: "no client authentication included" is invalid_client'],
  ['only a client_id', async (s) => s.token({ ...await s.code(), client_id }, {})],
  ['the secret in the form', async (s) => s.token({ ...await s.code(), client_id, client_secret: s.client_secret }, {}), {
    status: [401, 200], error: ['invalid_client', null],
  }, 'Registration, 2: the client has registered another method'],
  ['two authentications', async (s) => s.token({ ...await s.code(), client_id, client_secret: s.client_secret })],
  ['another client_id in the form', async (s) => s.token({ ...await s.code(), client_id: 'nobody' }), {
    status: [401, 400], error: ['invalid_client', 'invalid_request'], challenge: ['Basic', ''],
  }, 'RFC 6749, 5.2: the header was tried, so 401 and its scheme'],
  ['a scheme that is none', async (s) => s.token(await s.code(), { authorization: 'Basic ???' }), {
    status: [401, 400], error: ['invalid_client', 'invalid_request'], challenge: ['Basic', ''],
  }, 'RFC 6749, 5.2: the header was tried, so 401 and its scheme'],
  ['token by GET', async (s) => s.send(`${s.endpoints.token_endpoint}?${new URLSearchParams(await s.code())}`, { headers: s.basic() }),
    { status: [405, 404], kept: [false, true] }, 'RFC 6749, 3.2, and RFC 9110, 15.5.6: the resource is there, the method is not'],
  ['token by JSON', async (s) => s.send(s.endpoints.token_endpoint, {
    method: 'POST', body: JSON.stringify(await s.code()), headers: { ...s.basic(), 'content-type': 'application/json' },
  }), {
    status: [415, 400],
  }, 'RFC 9110, 15.5.16: the type of the body is what is wrong'],
  ['a wrong verifier', async (s) => s.token({ ...await s.code(), code_verifier: random() })],
  ['a verifier that is too short', async (s) => s.token({ ...await s.code(), code_verifier: 'short' }), {
    error: ['invalid_grant', 'invalid_request'],
  }, 'RFC 7636, 4.6: what does not fit the challenge is invalid_grant'],
  ['no verifier', async (s) => s.token({ ...await s.code(), code_verifier: '' })],
  ['another redirect_uri', async (s) => s.token({ ...await s.code(), redirect_uri: goodbye })],
  ['no redirect_uri at the token endpoint', async (s) => s.token({ ...await s.code(), redirect_uri: '' }), {
    status: [400, 200], error: ['invalid_grant', null],
  }, 'Core, 3.1.3.2: where only one is registered, either is allowed'],
  ['a code again', async (s) => {
    const form = await s.code();
    assert.equal((await s.token(form)).status, 200);
    return s.token(form);
  }],
  ['code twice', async (s) => {
    const form = await s.code();
    return s.token([...Object.entries(form), ['code', form.code]]);
  }],
  ['a refresh token that is none', (s) => s.token({ grant_type: 'refresh_token', refresh_token: 'x' }), {
    error: ['unauthorized_client', 'invalid_request'],
  }, 'RFC 6749, 5.2: the client may not use this grant'],

  ['userinfo', async (s) => s.bearer((await s.tokens()).access_token)],
  ['userinfo by "bearer"', async (s) => s.send(s.endpoints.userinfo_endpoint, {
    headers: { authorization: `bearer ${(await s.tokens()).access_token}` },
  })],
  ['userinfo with a token in the form', async (s) => s.post('userinfo_endpoint', { access_token: (await s.tokens()).access_token }, {})],
  ['userinfo without a token', (s) => s.send(s.endpoints.userinfo_endpoint), bare('invalid_token'), BARE],
  ['userinfo with a token that is none', (s) => s.bearer('x'), bare('invalid_token'), BARE],
  ['userinfo with another scheme', (s) => s.send(s.endpoints.userinfo_endpoint, { headers: s.basic() }), {
    status: [401, 400],
    where: ['nothing', 'json'],
    error: [null, 'invalid_request'],
    challenge: ['Bearer', 'Bearer invalid_request'],
  }, 'RFC 6750, 3.1: without a token, 401 and no error'],
  ['userinfo with a token in the query', async (s) => s.send(`${s.endpoints.userinfo_endpoint}?access_token=${(await s.tokens()).access_token}`),
    bare('invalid_request'), BARE],
  ['userinfo with two tokens', async (s) => {
    const { access_token } = await s.tokens();
    return s.post('userinfo_endpoint', { access_token }, { authorization: `Bearer ${access_token}` });
  }, bare('invalid_request'), BARE],
  ['userinfo after the code was used again', async (s) => {
    const form = await s.code();
    const { access_token } = await (await s.token(form)).json();
    await s.token(form);
    return s.bearer(access_token);
  }, bare('invalid_token'), BARE],

  ['introspection', async (s) => s.post('introspection_endpoint', { token: (await s.tokens()).access_token })],
  ['introspection of what is no token', (s) => s.post('introspection_endpoint', { token: 'x' })],
  ['introspection of nothing', (s) => s.post('introspection_endpoint', {})],
  ['introspection by nobody', (s) => s.post('introspection_endpoint', { token: 'x' }, {}), {
    status: [401, 400], error: ['invalid_client', 'invalid_request'],
  }, 'RFC 7662, 2.3, and RFC 6749, 5.2: no authentication is invalid_client'],
  ['introspection with a wrong secret', (s) => s.post('introspection_endpoint', { token: 'x' }, s.basic('wrong')),
    { challenge: ['Basic', 'Basic invalid_client'] }, SCHEME],

  ['revocation', async (s) => s.post('revocation_endpoint', { token: (await s.tokens()).access_token }),
    { kept: [false, true] }, STORED],
  ['revocation of what is no token', (s) => s.post('revocation_endpoint', { token: 'x' }),
    { kept: [false, true] }, STORED],
  ['revocation with an unknown hint', (s) => s.post('revocation_endpoint', { token: 'x', token_type_hint: 'poem' }),
    { kept: [false, true] }, STORED],
  ['revocation of nothing', (s) => s.post('revocation_endpoint', {}), { kept: [false, true] }, STORED],
  ['revocation by nobody', (s) => s.post('revocation_endpoint', { token: 'x' }, {}), {
    status: [401, 400], error: ['invalid_client', 'invalid_request'], kept: [false, true],
  }, 'RFC 7009, 2.2.1, and RFC 6749, 5.2: no authentication is invalid_client'],
  ['userinfo with a token that was revoked', async (s) => {
    const { access_token } = await s.tokens();
    await s.post('revocation_endpoint', { token: access_token });
    return s.bearer(access_token);
  }, bare('invalid_token'), BARE],
  ['introspection of a token that was revoked', async (s) => {
    const { access_token } = await s.tokens();
    await s.post('revocation_endpoint', { token: access_token });
    return s.post('introspection_endpoint', { token: access_token });
  }],

  ['log-out without anything', (s) => s.leave({})],
  ['log-out with a hint that is none', (s) => s.leave({ id_token_hint: 'x' }), {
    status: ['redirect', 400],
  }, 'RP-Initiated Logout, 4: what is invalid is not used; the person may log out all the same'],
  ['log-out to a foreign address', async (s) => s.leave({ id_token_hint: (await s.tokens()).id_token, post_logout_redirect_uri: 'https://evil.example/' })],
  ['log-out to an address, without a client', (s) => s.leave({ post_logout_redirect_uri: goodbye })],
  ['log-out to an address for a client', (s) => s.leave({ post_logout_redirect_uri: goodbye, client_id })],
  ['log-out for an unknown client', (s) => s.leave({ client_id: 'nobody' })],
  ['log-out with a hint of another client', async (s) => s.leave({ id_token_hint: (await s.tokens()).id_token, client_id: 'nobody' })],
  ['log-out to an address, with a hint that is none', (s) => s.leave({ id_token_hint: 'x', post_logout_redirect_uri: goodbye }), {
    status: ['redirect', 400],
  }, 'RP-Initiated Logout, 4: what is invalid is not used; ours does not go on to the address'],
  ['log-out of nobody, with a hint', async (s) => s.leave({
    id_token_hint: (await s.tokens()).id_token, post_logout_redirect_uri: goodbye, state: 'bye',
  }), {
    where: ['https://rp.example/goodbye', 'its own page'], state: ['bye', null],
  }, 'RP-Initiated Logout, 3: there is nobody to ask; theirs goes on by a page with a script'],
  ['log-out of the browser that is logged in', async (s) => s.leave({
    id_token_hint: (await s.tokens()).id_token, post_logout_redirect_uri: goodbye, state: 'bye',
  }, s.session()), {
    where: ['https://rp.example/goodbye', 'its own page'], state: ['bye', null],
  }, 'RP-Initiated Logout, 2: with a hint of this session nothing has to be asked'],
];

describe('side by side', () => {
  let stage, http, both;
  before(async () => {
    stage = await Stage.open();
    await stage.tegata('init', '--trust', stage.trust_file);
    for (const { uri, tx_code } of stage.offers) {
      await stage.tegata('accept', uri, ...(tx_code ? ['--tx-code', tx_code] : []));
    }
    const mine = await ours(stage);
    http = createServer().listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { provider, server } = theirs(`http://127.0.0.1:${http.address().port}`, mine.client_secret);
    http.on('request', provider.callback());
    both = [mine, server];
    for (const one of both) await one.discover();
  }, { timeout: 60_000 });
  after(async () => {
    http.close();
    http.closeAllConnections();
    await stage.close();
  }, { timeout: 60_000 });

  for (const [name, send, expected = {}, why] of TABLE) {
    test(name, { timeout: 60_000 }, async () => {
      const [mine, other] = await Promise.all(both.map(async (server) => shape(await send(server), server)));
      const differ = Object.keys({ ...mine, ...other })
        .filter((field) => JSON.stringify(mine[field]) !== JSON.stringify(other[field]))
        .map((field) => [field, [mine[field] ?? null, other[field] ?? null]]);
      assert.deepEqual(Object.fromEntries(differ), expected, why);
    });
  }
});
