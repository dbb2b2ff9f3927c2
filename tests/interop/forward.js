// What the reverse proxies have in common: a demo with two guarded sites, a service that says what it
// was told, a person at a browser, and what must hold whichever proxy stands in front.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { appendFile, chmod, mkdtemp, readFile, rm } from 'node:fs/promises';
import http from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { Browser, Stage, agree, bounded, walletLink } from './stage.js';

const HOST = '127.0.0.1';
const SCOPE = 'openid profile organization';
const TOLD = ['user', 'preferred-username', 'email', 'groups', 'authorization-details'];

/** The block of this language on a page of spec/integrations. */
export async function block(page, language) {
  const text = await readFile(new URL(`../../spec/integrations/${page}`, import.meta.url), 'utf8');
  const found = text.split(`\n\`\`\`${language}\n`);
  assert.equal(found.length, 2, `one block of ${language} on ${page}`);
  return found[1].split('\n```')[0];
}

/** Replaces what a page has as an example; each has to be there. */
export function fill(text, values) {
  for (const [example, value] of Object.entries(values)) {
    assert.ok(text.includes(example), `${example} is not on the page`);
    text = text.replaceAll(example, value);
  }
  return text;
}

export async function freePort() {
  const server = http.createServer();
  await new Promise((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** A program of somebody else's, in the foreground, until it says that it is ready or answers. */
export class Program {
  static async open(command, args, { ready, ...options }) {
    const program = new Program();
    program.child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], ...options });
    program.log = [];
    program.ended = new Promise((resolve) => {
      program.child.on('error', (error) => { program.log.push(String(error)); resolve(); });
      program.child.on('close', resolve);
    });
    for (const input of [program.child.stdout, program.child.stderr]) {
      createInterface({ input }).on('line', (line) => program.log.push(line));
    }
    const failed = program.ended.then(() => { throw new Error(`${command} ended: ${program.log.join('\n')}`); });
    try {
      for (const port of ready) await bounded(Promise.race([answers(port), failed]), 20_000);
    } catch (error) {
      await program.close();
      throw error;
    }
    failed.catch(() => {});
    return program;
  }

  async close() {
    this.child.kill('SIGTERM');
    await bounded(this.ended);
  }
}

/** One program for each site. */
export async function each(sites, open) {
  const programs = [];
  const close = async () => { for (const program of programs) await program.close(); };
  try {
    for (const site of sites) programs.push(await open(site));
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

/** Waits until the proxy at this port asks the broker: before, Traefik answers 404. */
async function answers(port) {
  const once = () => new Promise((resolve) => {
    const asked = http.get({ host: HOST, port, path: '/ready', agent: false, timeout: 5_000 }, (answer) => {
      answer.resume();
      setTimeout(resolve, 20, answer.statusCode === 401);
    });
    asked.on('error', () => setTimeout(resolve, 50, false));
  });
  while (!await once());
}

/** A person's browser: it opens pages, as its headers say. */
class Person extends Browser {
  async send(url, { method = 'GET', body, headers = {} }) {
    const { hostname } = new URL(url);
    const jar = this.cookies.get(hostname) ?? new Map();
    this.cookies.set(hostname, jar);
    const cookie = [...jar].map((pair) => pair.join('=')).join('; ');
    const answer = await ask(url, {
      method, body: body?.toString(),
      headers: {
        accept: 'text/html,application/xhtml+xml,*/*;q=0.8', 'accept-language': 'ja',
        'sec-fetch-mode': 'navigate', 'sec-fetch-dest': 'document',
        ...(body && { 'content-type': 'application/x-www-form-urlencoded' }),
        ...(cookie && { cookie }), ...headers,
      },
    });
    for (const line of answer.headers['set-cookie'] ?? []) {
      const [name, value] = line.split(';')[0].split('=');
      if (line.includes('Max-Age=0')) jar.delete(name); else jar.set(name, value);
    }
    const to = answer.headers.location;
    return { ...answer, url, location: to ? new URL(to, url).href : null };
  }

  cookie(host = HOST) { return [...this.cookies.get(host) ?? []].map((pair) => pair.join('=')).join('; '); }
}

/** One request, with these headers and no others that a library would add. */
export function ask(url, { method = 'GET', headers = {}, body } = {}) {
  return bounded(new Promise((resolve, reject) => {
    const asked = http.request(url, { method, headers, agent: false }, (answer) => {
      let text = '';
      answer.setEncoding('utf8').on('data', (piece) => { text += piece; });
      answer.on('end', () => resolve({ status: answer.statusCode, headers: answer.headers, body: text }));
    });
    asked.on('error', reject);
    asked.end(body);
  }), 20_000);
}

/**
 * The two sites of a laboratory behind a proxy: one for everybody, one for those who lead. `open` starts
 * the proxy for these sites: { id, origin, port, backend }.
 */
export function guarded(name, open) {
  describe(name, () => {
    let stage, data, service, proxy, hands, leads;
    before(async () => {
      data = await mkdtemp(join(tmpdir(), 'sekisho-guarded-'));
      await (await Stage.open('--data', join(data, 'demo'))).close();
      [hands, leads] = [`http://${HOST}:${await freePort()}`, `http://${HOST}:${await freePort()}`];
      await appendFile(join(data, 'demo', 'sekisho.toml'), `
        [[guards]]
        id = "lab"
        origins = ["${hands}"]
        client = "lab"
        proxies = ["127.0.0.1", "::1"]
        scopes = ["openid", "profile", "organization"]

        [[guards]]
        id = "leads"
        origins = ["${leads}"]
        client = "leads"
        proxies = ["127.0.0.1", "::1"]
        scopes = ["openid", "profile", "organization"]
        groups = ["lead"]
      `);
      stage = await Stage.open('--data', join(data, 'demo'));
      await stage.tegata('init', '--trust', stage.trust_file);
      for (const { uri, tx_code } of stage.offers) {
        await stage.tegata('accept', uri, ...(tx_code ? ['--tx-code', tx_code] : []));
      }
      for (const [id, origin] of [['lab', hands], ['leads', leads]]) {
        const { client_secret } = await stage.sekisho(
          'client', 'add', '--id', id, '--redirect-uri', `${origin}/.sekisho/callback`, '--scope', SCOPE,
          '--name-ja', '研究室', '--name-en', 'Lab', '--purpose-ja', '試験のため', '--purpose-en', 'To test',
        );
        stage[id] = { id, origin, secret: client_secret };
      }
      service = await openService();
      await chmod(data, 0o755);
      const sites = [['lab', hands], ['leads', leads]].map(([id, origin]) => ({
        id, origin, port: Number(new URL(origin).port), backend: `${HOST}:${service.address().port}`,
      }));
      proxy = await open({ sites, issuer: stage.issuer, folder: data });
    }, { timeout: 120_000 });
    after(async () => {
      await proxy?.close();
      service?.close();
      await stage?.close();
      await rm(data, { recursive: true, force: true });
    }, { timeout: 60_000 });

    test('a person logs in with the wallet, and the service is told who it is', { timeout: 60_000 }, async () => {
      const person = new Person();
      const page = await logIn(person, `${hands}/notebooks?x=1&y=%20`, stage);
      assert.equal(page.url, `${hands}/notebooks?x=1&y=%20`);
      const seen = told(page);
      // 43 characters, or one more where the first would be a dash.
      assert.match(seen.user, /^(\w[\w-]{42}|s-[\w-]{42})$/);
      assert.match(seen['preferred-username'], /^u[0-9a-f]{16}$/);
      assert.equal(seen.groups, 'gpu-user');
      assert.deepEqual([seen.email, seen['authorization-details']], [undefined, undefined]);

      // What a visitor says of itself reaches the service neither in place of these nor beside them.
      // Services behind WSGI or CGI take an underscore in the name for a hyphen.
      const names = TOLD.flatMap((what) => [`x-auth-request-${what}`, `X_Auth_Request_${what.replace('-', '_')}`]);
      const spoofed = Object.fromEntries(names.map((name) => [name, 'root']));
      const again = await ask(`${hands}/`, { headers: { cookie: person.cookie(), ...spoofed } });
      assert.deepEqual(told(again), seen);
      assert.doesNotMatch(again.body, /root/);
    });

    test('a program gets a challenge, and passes with an access token', { timeout: 60_000 }, async () => {
      const refused = await ask(`${hands}/api`, { headers: { accept: 'application/json' } });
      const metadata = `${hands}/.sekisho/oauth-protected-resource`;
      const challenge = `Bearer resource_metadata="${metadata}", scope="${SCOPE}"`;
      assert.deepEqual([refused.status, refused.headers['www-authenticate']], [401, challenge]);
      assert.equal(JSON.parse((await ask(metadata)).body).authorization_servers[0], stage.issuer);

      const [whole, narrow, foreign] = [
        await accessToken(stage, stage.lab, SCOPE), await accessToken(stage, stage.lab, 'openid'),
        await accessToken(stage, stage.leads, SCOPE),
      ];
      const api = (token) => ask(`${hands}/api`, { headers: { authorization: `Bearer ${token}` } });
      const seen = told(await api(whole));
      assert.equal(seen.groups, 'gpu-user');
      for (const [token, status, error] of [
        [foreign, 401, 'invalid_token'], [`${whole}x`, 401, 'invalid_token'], [narrow, 403, 'insufficient_scope'],
      ]) {
        const answer = await api(token);
        assert.equal(answer.status, status);
        assert.ok(answer.headers['www-authenticate'].includes(`error="${error}"`), answer.headers['www-authenticate']);
        assert.ok(answer.headers['www-authenticate'].includes(metadata));
      }
    });

    test('who lacks the group does not pass, whatever the request says of itself', { timeout: 60_000 }, async () => {
      const person = new Person();
      told(await logIn(person, `${hands}/`, stage));
      const refused = await logIn(person, `${leads}/`, stage);
      assert.equal(refused.status, 403);
      assert.ok(refused.headers['www-authenticate'].includes('error="insufficient_scope"'));
      const { host } = new URL(hands);
      const lies = [
        { 'x-forwarded-host': host }, { 'x-forwarded-host': host, 'x-forwarded-proto': 'http', 'x-forwarded-uri': '/' },
        { 'x-original-url': `${hands}/` }, { 'x-original-url': `${hands}/`, 'x-forwarded-host': host },
        { forwarded: `host=${host};proto=http` }, { 'x-forwarded-uri': '/.sekisho/login' },
        { 'x-forwarded-method': 'OPTIONS', 'x-original-method': 'OPTIONS' }, { host },
      ];
      for (const lie of lies) {
        const answer = await ask(`${leads}/`, { headers: { cookie: person.cookie(), ...lie } });
        assert.notEqual(answer.status, 200, JSON.stringify(lie));
      }
    });

    test('log-out and revocation end what was open', { timeout: 60_000 }, async () => {
      const person = new Person();
      told(await logIn(person, `${hands}/`, stage));
      const stale = person.cookie();
      const left = await person.get(`${hands}/.sekisho/logout`);
      assert.ok(left.location.startsWith(`${stage.issuer}/logout`), left.location);
      assert.equal((await ask(`${hands}/`, { headers: { cookie: stale } })).status, 401);

      const token = await accessToken(stage, stage.lab, SCOPE);
      told(await logIn(person, `${hands}/`, stage));
      await stage.sekisho('credential', 'revoke', '--last', 'affiliation', '--yes');
      for (const headers of [{ cookie: person.cookie() }, { authorization: `Bearer ${token}` }]) {
        assert.equal((await ask(`${hands}/`, { headers })).status, 401);
      }
      const away = await person.get(`${hands}/`);
      assert.equal(away.location, `${hands}/.sekisho/login?to=%2F`, `${away.status} ${away.body}`);
    });
  });
}

/** The wallet on this device and consent, as far as they are asked for, and back. */
async function logIn(person, url, stage, stop = 'none:') {
  let page = await person.follow(await person.get(url), stop);
  if (page.body.includes('id="wallet-open"')) {
    const shown = await stage.tegata('present', walletLink(page), '--yes');
    page = await person.follow(await person.get(shown.redirect_uri), stop);
  }
  if (!page.body.includes('id="consent-allow"')) return page;
  const location = await agree(person, page);
  return location.startsWith(stop) ? { location } : person.follow(await person.get(location), stop);
}

/** An access token that a program of its own got for this client. */
async function accessToken(stage, client, scope) {
  const verifier = randomBytes(32).toString('base64url');
  const redirect_uri = `${client.origin}/.sekisho/callback`;
  const query = new URLSearchParams({
    response_type: 'code', client_id: client.id, redirect_uri, scope, state: 's', code_challenge_method: 'S256',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
  });
  const { location } = await logIn(new Person(), `${stage.issuer}/authorize?${query}`, stage, redirect_uri);
  const code = new URL(location).searchParams.get('code');
  const answer = await ask(`${stage.issuer}/token`, {
    method: 'POST',
    headers: {
      'content-type': 'application/x-www-form-urlencoded',
      authorization: `Basic ${Buffer.from(`${client.id}:${client.secret}`).toString('base64')}`,
    },
    body: new URLSearchParams({ grant_type: 'authorization_code', code, redirect_uri, code_verifier: verifier }).toString(),
  });
  assert.equal(answer.status, 200, answer.body);
  return JSON.parse(answer.body).access_token;
}

/** What the service was told, without the prefix. */
function told(page) {
  assert.equal(page.status, 200, `${page.url} ${page.location} ${page.body}`);
  const seen = JSON.parse(page.body);
  assert.equal(seen.authorization, undefined, 'the service gets no token');
  // Some proxies send an empty header for one that the broker did not send.
  return Object.fromEntries(TOLD.map((what) => [what, seen[`x-auth-request-${what}`] || undefined]));
}

/** A service behind the proxy: it answers with the headers that it got. */
async function openService() {
  const service = http.createServer((request, response) => response.end(JSON.stringify(request.headers)));
  await new Promise((resolve) => service.listen(0, HOST, resolve));
  return service;
}
