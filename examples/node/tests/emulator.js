import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { after } from 'node:test';

/** Returns the emulator at FASTLY_API_ENDPOINT, or else starts one with the command at the path FASTLY_PACKAGE. */
export async function emulator() {
  const { FASTLY_API_ENDPOINT: apiUrl, FASTLY_API_TOKEN: token, FASTLY_PACKAGE: command } = process.env;
  if (apiUrl) return { apiUrl, token };
  if (!command) throw new Error('set FASTLY_PACKAGE to the path of the command fastly-package');
  const started = { token: 'the-token-of-the-tests' };
  const child = spawn(command, ['emulate', '--listen', '127.0.0.1:0', '--token', started.token], {
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  after(() => child.kill());
  for await (const line of createInterface(child.stdout)) {
    started.apiUrl = line;
    break;
  }
  child.stdout.resume();
  return started;
}
