// Debian's Caddy, unchanged, by `forward_auth` as spec/integrations/caddy.md says.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Program, block, each, fill, guarded } from './forward.js';

guarded('Caddy', async ({ sites, issuer, folder }) => {
  const page = await block('caddy.md', 'caddyfile');
  return each(sites, async ({ id, origin, port, backend }) => {
    const site = fill(page, {
      'https://auth.example.jp': issuer, '127.0.0.1:3000': backend, 'X-Forwarded-Proto https': 'X-Forwarded-Proto http',
      'lab.example.jp {': `${origin} {`, 'X-Forwarded-Host lab.example.jp': `X-Forwarded-Host ${new URL(origin).host}`,
    });
    const file = join(folder, `${id}.caddyfile`);
    await writeFile(file, `{\n\tadmin off\n\tauto_https off\n}\n${site}\n`);
    const home = join(folder, id);
    const env = { PATH: process.env.PATH, HOME: home, XDG_DATA_HOME: home, XDG_CONFIG_HOME: home };
    return Program.open('caddy', ['run', '--adapter', 'caddyfile', '--config', file], { ready: [port], env });
  });
});
