// What the tests of real services share: a clock that they move, a program of their own, people with
// wallets, and a login.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import * as client from 'openid-client';
import { Browser, agree, bounded, walletLink } from './stage.js';

export const HOST = '127.0.0.1';
export const ORGANIZATION = '7900000000002';

/** A clock that programs under it read, unchanged as they are (Debian's libfaketime), and that a test moves. */
export class Clock {
  static async open({ monotonic = false, ahead = 0 } = {}) {
    const library = ['x86_64-linux-gnu', 'aarch64-linux-gnu']
      .map((machine) => `/usr/lib/${machine}/faketime/libfaketime.so.1`).find(existsSync);
    if (!library) throw new Error('libfaketime is missing: apt-get install libfaketime');
    const clock = new Clock();
    clock.folder = await mkdtemp(join(tmpdir(), 'sekisho-clock-'));
    clock.file = join(clock.folder, 'offset');
    clock.ahead = 0;
    await clock.advance(ahead);
    clock.env = {
      LD_PRELOAD: library, FAKETIME_TIMESTAMP_FILE: clock.file, FAKETIME_NO_CACHE: '1',
      FAKETIME_DONT_FAKE_MONOTONIC: monotonic ? '0' : '1',
    };
    return clock;
  }

  async advance(seconds) {
    this.ahead += seconds;
    await writeFile(this.file, `${this.ahead < 0 ? '' : '+'}${this.ahead}\n`);
  }

  close() { return rm(this.folder, { recursive: true, force: true }); }
}

/** A service of the test's own, until it is closed. */
export class Program {
  /** Starts it, and waits for a line that says it is ready. */
  static async open(command, args, { ready, env = {}, limit = 60_000, ...more }) {
    const program = new Program();
    program.log = [];
    // A group of its own: some programs start others, and leave them.
    const options = { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env }, detached: true, ...more };
    program.child = spawn(command, args, options);
    program.ended = new Promise((resolve) => {
      program.child.on('close', resolve);
      program.child.on('error', (error) => resolve(program.log.push(error.message)));
    });
    const said = new Promise((resolve) => {
      for (const input of [program.child.stdout, program.child.stderr]) {
        createInterface({ input }).on('line', (line) => {
          program.log.push(line);
          if (ready.test(line)) resolve(line);
        });
      }
    });
    const failed = program.ended.then(() => { throw new Error(`${command} ended: ${program.log.join('\n')}`); });
    failed.catch(() => {});
    try {
      program.ready = await bounded(Promise.race([said, failed]), limit);
    } catch (error) {
      await program.close();
      throw new Error(`${error.message}: ${program.log.join('\n')}`);
    }
    return program;
  }

  async close() {
    const end = (signal) => {
      if (this.child.exitCode === null && this.child.signalCode === null) process.kill(-this.child.pid, signal);
    };
    end('SIGTERM');
    // What it keeps is thrown away: nothing is worth a long wait.
    const late = setTimeout(end, 15_000, 'SIGKILL');
    await bounded(this.ended).finally(() => clearTimeout(late));
  }
}

/** A port that nobody has now, for a program that must be told one. */
export async function freePort() {
  const server = createServer();
  await new Promise((resolve) => server.listen(0, HOST, resolve));
  const { port } = server.address();
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** The demo's person takes all that is offered. */
export async function taro(stage) {
  await stage.tegata('init', '--trust', stage.trust_file);
  for (const { uri, tx_code } of stage.offers) {
    await stage.tegata('accept', uri, ...(tx_code ? ['--tx-code', tx_code] : []));
  }
  return stage;
}

/** The ids of all affiliations. */
export async function affiliations(stage) {
  const { credentials } = await stage.sekisho('credential', 'list', '--type', 'affiliation');
  return credentials.map(({ id }) => id);
}

/** Another person of the organization, with a wallet of their own and these claims. */
export async function colleague(stage, member_ref, name, more) {
  const wallet = Object.assign(Object.create(stage), { folder: join(stage.folder, member_ref) });
  await wallet.tegata('init', '--trust', stage.trust_file);
  const claims = {
    org_corporate_number: ORGANIZATION, org_name: '瀬戸内精密工業株式会社', affiliation_type: 'regular',
    member_ref, name, 'name#ja-Hani-JP': name, ...more,
  };
  const file = join(stage.folder, `${member_ref}.json`);
  await writeFile(file, JSON.stringify(claims));
  const offer = await stage.sekisho('credential', 'offer', '--org', ORGANIZATION, '--type', 'affiliation', '--claims', file);
  const before = await affiliations(stage);
  await wallet.tegata('accept', offer.uri);
  [wallet.credential] = (await affiliations(stage)).filter((id) => !before.includes(id));
  return wallet;
}

/** Opens the address; the wallet on this device and consent, as far as they are asked for, and back. */
export async function logIn(browser, url, wallet, stop = 'none:') {
  let page = await browser.follow(await browser.get(url), stop);
  if (page.body?.includes('id="wallet-open"')) {
    const shown = await wallet.tegata('present', walletLink(page), '--yes');
    page = await browser.follow(await browser.get(shown.redirect_uri), stop);
  }
  if (!page.body?.includes('id="consent-allow"')) return page;
  const location = await agree(browser, page);
  return location.startsWith(stop) ? { location } : browser.follow(await browser.get(location), stop);
}

/** Types the code of another device on a phone, and logs in there; whatever the wallet said. */
export async function approve(verification_uri, user_code, wallet) {
  const browser = new Browser();
  const page = await browser.follow(await browser.get(verification_uri), 'none:');
  const form_token = page.body.match(/name="form_token" value="([^"]*)"/)[1];
  const typed = await browser.post(page.url, { form_token, user_code });
  assert.ok(typed.location, typed.body);
  return logIn(browser, typed.location, wallet);
}

/** A program on the person's own device (openid-client): logs in, and has tokens. */
export class Native {
  /** Its device's clock is so many seconds ahead. */
  static async open(stage, client_id, ahead = 0) {
    const execute = stage.insecure ? [client.allowInsecureRequests] : [];
    const config = await client.discovery(
      new URL(stage.issuer), client_id, { [client.clockSkew]: ahead }, client.None(), { execute },
    );
    return Object.assign(new Native(), { config, redirect_uri: 'http://127.0.0.1:8888/callback' });
  }

  /** `more` goes into the authorization request. */
  async logIn(wallet, scope, more = {}) {
    const pkceCodeVerifier = client.randomPKCECodeVerifier();
    const expectedState = client.randomState();
    const url = client.buildAuthorizationUrl(this.config, {
      redirect_uri: this.redirect_uri, scope, state: expectedState, code_challenge_method: 'S256', ...more,
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
    });
    const { location } = await logIn(new Browser(), url.href, wallet, this.redirect_uri);
    return client.authorizationCodeGrant(this.config, new URL(location), { pkceCodeVerifier, expectedState });
  }

  refresh({ refresh_token }) { return client.refreshTokenGrant(this.config, refresh_token); }
}
