// Compiled by `npm run check`, never run: checks which code the types accept and reject.
import { createReadStream } from 'node:fs';
import { FastlyPackageError, getPackage, listVersions, putPackage, type GetOptions, type PutOptions, type Source } from 'fastly-package-node';

// An undefined option is equal to an absent one.
const unset = undefined as string | undefined;
export const get: GetOptions = { token: unset, apiUrl: unset, userAgent: unset, signal: undefined };
export const put: PutOptions = { ...get, size: undefined, expectContinue: undefined, filename: unset, onProgress: undefined };
export const withUrl: GetOptions = { apiUrl: new URL('https://api.fastly.com') };
export const withPromise: PutOptions = { onProgress: async (read, size) => console.log(read / size) };

export const sources: Source[] = [
  'app.tar.gz',
  new URL('file:///app.tar.gz'),
  new Uint8Array(),
  Buffer.from(''),
  new ArrayBuffer(0),
  new Blob([]),
  createReadStream('app.tar.gz'),
  new ReadableStream<Uint8Array>(),
  (async function* () {
    yield new Uint8Array();
  })(),
];
// @ts-expect-error
putPackage({ serviceId: 's', version: 1 }, 7);

export const size: Promise<number | undefined> = getPackage({ serviceId: 's', version: 1 }).then((reply) => reply.package.metadata?.size);

export const numbers: Promise<number[]> = listVersions('s', get).then((versions) => versions.map(({ number }) => number));

// @ts-expect-error
new FastlyPackageError('x');

export function fieldsOf(error: unknown): (string | number | undefined)[] {
  if (!(error instanceof FastlyPackageError)) return [];
  // @ts-expect-error
  error.status;
  switch (error.kind) {
    case 'invalid-argument':
    case 'component':
      return [error.detail];
    case 'content':
      return [error.code, error.payload, error.detail];
    case 'transport':
      return [error.code, error.detail];
    case 'api':
      return [error.status, error.title, error.errors.length, error.errors[0]?.index, error.rateLimit?.remaining];
    case 'unexpected-response':
      return [error.status, error.reason, error.excerpt];
  }
}
