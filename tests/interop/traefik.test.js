// Traefik, unchanged, by ForwardAuth as spec/integrations/traefik.md says.

import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Program, block, each, fill, guarded } from './forward.js';
import { target } from './stage.js';

guarded('Traefik', async ({ sites, issuer, folder }) => {
  const page = await block('traefik.md', 'yaml');
  return each(sites, async ({ id, origin, port, backend }) => {
    const dynamic = fill(page, {
      'https://auth.example.jp': issuer, '127.0.0.1:3000': backend, 'X-Forwarded-Proto: https': 'X-Forwarded-Proto: http',
      '`lab.example.jp`': '`127.0.0.1`', 'X-Forwarded-Host: lab.example.jp': `X-Forwarded-Host: ${new URL(origin).host}`,
    });
    const file = join(folder, `${id}.yaml`);
    await writeFile(file, dynamic);
    return Program.open(join(target, 'python/bin/traefik'), [
      `--entrypoints.websecure.address=127.0.0.1:${port}`, `--providers.file.filename=${file}`,
      '--providers.file.watch=false', '--global.checknewversion=false', '--global.sendanonymoususage=false',
    ], { ready: [port], cwd: folder });
  });
});
