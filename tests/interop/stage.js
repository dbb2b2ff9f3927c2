// Starts `sekisho demo --json`, and gives what scripts need: its one line of JSON, a browser without
// JavaScript, the wallet's command line, and the end of it all.

import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import { Agent, setGlobalDispatcher } from 'undici';

const run = promisify(execFile);
export const target = process.env.CARGO_TARGET_DIR ?? new URL('../../target', import.meta.url).pathname;
const binaries = process.env.SEKISHO_BINARIES ?? resolve(target, 'debug');
const LIMIT = 60_000;

/** A broker with its console and wallet page, on free ports. */
export class Stage {
  static open(...more) { return Stage.openUnder(null, ...more); }

  /** The same, where it is as late as a clock of services.js says. */
  static async openUnder(clock, ...more) {
    const env = { ...process.env, ...clock?.env };
    const child = spawn(join(binaries, 'sekisho'), ['demo', '--json', '--listen', '127.0.0.1:0', ...more], {
      stdio: ['ignore', 'pipe', 'pipe'], env,
    });
    const [said, log] = [[], []];
    createInterface({ input: child.stderr }).on('line', (line) => log.push(line));
    const out = createInterface({ input: child.stdout }).on('line', (line) => said.push(line));
    const stage = new Stage();
    Object.assign(stage, { child, said, log, env });
    stage.ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
    try {
      const first = new Promise((resolve) => out.once('line', resolve));
      const failed = stage.ended.then(() => { throw new Error(`demo ended: ${log.join('\n')}`); });
      Object.assign(stage, JSON.parse(await bounded(Promise.race([first, failed]))));
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
    stage.folder = await mkdtemp(join(tmpdir(), 'sekisho-interop-'));
    // With --tls, its private root is all that anybody here trusts.
    if (stage.ca_file) setGlobalDispatcher(new Agent({ connect: { ca: await readFile(stage.ca_file) } }));
    return stage;
  }

  client(id) { return this.clients.find((client) => client.client_id === id); }

  offer(type) { return this.offers.find((offer) => offer.type === type); }

  /** Runs the operator's command line; gives its JSON. */
  async sekisho(...args) {
    const all = ['--config', this.config, '--json', ...args];
    return JSON.parse((await run(join(binaries, 'sekisho'), all, { timeout: LIMIT, env: this.env })).stdout);
  }

  /** Runs the wallet's command line; gives its JSON. */
  async tegata(...args) {
    const root = this.ca_file ? ['--ca', this.ca_file] : [];
    const all = ['--wallet', join(this.folder, 'wallet'), '--json', ...root, ...args];
    return JSON.parse((await run(join(binaries, 'tegata'), all, { timeout: LIMIT, env: this.env })).stdout);
  }

  /** Whether outside clients must be told that http is meant. */
  get insecure() { return this.issuer.startsWith('http:'); }

  /** Ends the demo as an operator does. */
  async close() {
    this.child.kill('SIGTERM');
    const end = await bounded(this.ended);
    await rm(this.folder, { recursive: true, force: true });
    assert.deepEqual(end, { code: 0, signal: null }, this.log.join('\n'));
    assert.equal(this.said.length, 1, 'one line for scripts, and nothing more');
  }
}

export function bounded(promise, limit = LIMIT) {
  let timer;
  const late = new Promise((_, reject) => { timer = setTimeout(() => reject(new Error('too late')), limit); });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** A broker whose credential keys rotate by command, and with them its clock (tests/rotating.rs). */
export class Rotating {
  static async open() {
    const child = spawn(join(binaries, 'examples', 'rotating'), { stdio: ['pipe', 'pipe', 'inherit'] });
    const broker = new Rotating();
    broker.ended = new Promise((resolve) => child.on('close', (code, signal) => resolve({ code, signal })));
    Object.assign(broker, { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() });
    return Object.assign(broker, await broker.said());
  }

  async said() { return JSON.parse((await bounded(this.lines.next())).value); }

  async say(command) {
    this.child.stdin.write(`${command}\n`);
    return this.said();
  }

  async close() {
    this.child.stdin.end();
    assert.deepEqual(await bounded(this.ended), { code: 0, signal: null });
  }
}

/** Cookies and redirects, one at a time. */
export class Browser {
  cookies = new Map();

  async get(url) { return this.send(url, {}); }

  async post(url, form) { return this.send(url, { method: 'POST', body: new URLSearchParams(form) }); }

  /** Follows redirects until a page, or until the next hop begins with `stop`. */
  async follow(page, stop) {
    while (page.location && !page.location.startsWith(stop)) page = await this.get(page.location);
    return page;
  }

  /** What this browser would send there of its cookies. */
  cookie(url) {
    const { hostname, pathname } = new URL(url);
    const all = [...this.cookies.get(hostname)?.values() ?? []];
    const fit = ({ path }) => pathname === path || pathname.startsWith(path.endsWith('/') ? path : `${path}/`);
    return all.filter(fit).map(({ name, value }) => `${name}=${value}`).join('; ');
  }

  /** Keeps a cookie, or drops one that has ended. Where no path is said, all paths: laxer than a browser. */
  keep(hostname, line) {
    const jar = this.cookies.get(hostname) ?? new Map();
    this.cookies.set(hostname, jar);
    const [, name, value] = line.match(/^([^=;]*)=([^;]*)/);
    const path = line.match(/; *path=([^;]+)/i)?.[1] ?? '/';
    const over = /; *max-age=0(;|$)/i.test(line) || Date.parse(line.match(/; *expires=([^;]+)/i)?.[1]) < Date.now();
    if (over) jar.delete(`${name} ${path}`);
    else jar.set(`${name} ${path}`, { name, value, path });
  }

  async send(url, init) {
    const host = new URL(url).hostname;
    const cookie = this.cookie(url);
    const answer = await fetch(url, {
      ...init,
      redirect: 'manual',
      headers: { 'accept-language': 'ja', ...(cookie && { cookie }) },
      signal: AbortSignal.timeout(LIMIT),
    });
    for (const line of answer.headers.getSetCookie()) this.keep(host, line);
    const to = answer.headers.get('location');
    const body = await answer.text();
    return { url, status: answer.status, location: to && new URL(to, url).href, body };
  }
}

/** The attribute of the element with this id. */
export function attribute(page, id, name) {
  const tag = page.body.match(new RegExp(`<[^>]*id="${id}"[^>]*>`))?.[0];
  assert.ok(tag, `no ${id} on ${page.url}: ${page.status} ${page.body}`);
  const value = tag.match(new RegExp(` ${name}="([^"]*)"`))[1];
  return value.replace(/&#38;|&amp;/g, '&').replace(/&#34;|&quot;/g, '"').replace(/&#39;/g, "'");
}

/** The answer to a consent page. */
export async function agree(browser, page) {
  assert.match(page.body, /id="consent-allow"/);
  const form_token = page.body.match(/name="form_token" value="([^"]*)"/)[1];
  return (await browser.post(page.url, { form_token, decision: 'allow' })).location;
}

/** The link for a wallet on this device: by its own scheme, as any wallet would be opened. */
export function walletLink(page) {
  return attribute(page, 'wallet-open', 'href').replace(/^[^?]*\?/, 'openid4vp://?');
}

/** The link for a wallet on another device: a custom scheme, as a QR code holds it. */
export function crossLink(page) { return attribute(page, 'qr-link', 'value'); }

/** Types the number that the wallet's device was sent to. */
export async function typeNumber(browser, login, redirectUri) {
  const phone = await new Browser().get(redirectUri);
  const number = phone.body.match(/id="match-number"[^>]*>(\d{4})</)[1];
  const entry = await browser.get(login.url);
  const form_token = entry.body.match(/name="form_token" value="([^"]*)"/)[1];
  return browser.post(`${login.url}/number`, { form_token, number });
}
