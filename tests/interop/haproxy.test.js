// Debian's HAProxy, unchanged, by the Lua file and the configuration of spec/integrations/haproxy.md.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Program, block, each, fill, guarded } from './forward.js';

guarded('HAProxy', async ({ sites, issuer, folder }) => {
  const page = await block('haproxy.md', 'haproxy');
  const lua = new URL('../../spec/integrations/sekisho.lua', import.meta.url).pathname;
  // HAProxy's client asks name servers, which do not know this machine.
  const broker = issuer.replace('localhost', '127.0.0.1');
  const [server] = page.match(/auth\.example\.jp:443 ssl .*/);
  return each(sites, async ({ id, origin, port, backend }) => {
    const file = join(folder, `${id}.cfg`);
    await writeFile(file, `${fill(page, {
      [server]: new URL(broker).host, 'https://auth.example.jp': broker, '127.0.0.1:3000': backend,
      '/etc/haproxy/sekisho.lua': lua, ':443 ssl crt /etc/haproxy/lab.example.jp.pem': `127.0.0.1:${port}`,
      'X-Forwarded-Proto https': 'X-Forwarded-Proto http',
      'X-Forwarded-Host lab.example.jp': `X-Forwarded-Host ${new URL(origin).host}`,
    })}\n`);
    // Otherwise it would open a way to the system's name servers, which is out of this machine.
    const names = join(folder, 'names.cfg');
    await writeFile(names, 'resolvers default\n    nameserver none 127.0.0.1:9\n');
    return Program.open('/usr/sbin/haproxy', ['-db', '-f', names, '-f', file], { ready: [port] });
  });
});
