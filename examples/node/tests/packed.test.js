import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { server } from './server.js';

const run = promisify(execFile);
const own = fileURLToPath(new URL('..', import.meta.url));

// A project with the package installed.
const folder = await mkdtemp(join(tmpdir(), 'fastly-package-'));
after(() => rm(folder, { recursive: true }));
const installed = join(folder, 'node_modules/fastly-package-node');
await mkdir(installed, { recursive: true });
await symlink(join(own, 'node_modules/@bytecodealliance'), join(folder, 'node_modules/@bytecodealliance'));
// Without the scripts, which would replace component/ while other tests use it.
const packed = await run('npm', ['pack', '--ignore-scripts', '--silent', '--pack-destination', folder], { cwd: own });
await run('tar', ['-xf', join(folder, packed.stdout.trim()), '-C', installed, '--strip-components=1']);
const { getPackage } = await import(pathToFileURL(join(installed, 'index.js')));

const target = { serviceId: 'demo', version: 1 };

test('the packed package is complete', async (t) => {
  const { apiUrl } = await server(t, (socket) => socket.end('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'));
  await assert.rejects(getPackage(target, { apiUrl, token: 'T' }), { kind: 'api', status: 404 });
});

test('a component that is not built, or traps, is reported with the next step', async () => {
  const options = { apiUrl: 'http://127.0.0.1:9', token: 'T' };
  const component = join(installed, 'component');
  await rm(component, { recursive: true });
  await assert.rejects(getPackage(target, options), { kind: 'component', message: /npm run build/ });
  await mkdir(component);
  const trap = 'throw new WebAssembly.RuntimeError("unreachable")';
  await writeFile(join(component, 'plugin.js'), `export const instantiate = () => ({ packageApi: { getPackage() { ${trap} } } });`);
  await assert.rejects(getPackage(target, options), { kind: 'component', message: /trapped: unreachable/ });
});
