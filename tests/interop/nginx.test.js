// Debian's nginx, unchanged, by `auth_request` as spec/integrations/nginx.md says.

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Program, block, fill, guarded } from './forward.js';

guarded('nginx', async ({ sites, issuer, folder }) => {
  const page = await block('nginx.md', 'nginx');
  const servers = sites.map(({ port, origin, backend }) => `
    server {
      listen 127.0.0.1:${port};
      ${fill(page, {
        'https://auth.example.jp': issuer, 'https://lab.example.jp': origin, '127.0.0.1:3000': backend,
      })}
    }`);
  const inside = join(folder, 'nginx');
  await mkdir(inside);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  await writeFile(join(inside, 'nginx.conf'), `
    daemon off;
    pid ${inside}/nginx.pid;
    error_log stderr notice;
    events {}
    http {
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${inside}/${name};`).join('\n')}
      ${servers.join('\n')}
    }
  `);
  const ready = sites.map(({ port }) => port);
  return Program.open('/usr/sbin/nginx', ['-c', join(inside, 'nginx.conf'), '-p', inside], { ready });
});
