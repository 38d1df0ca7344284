import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { FastlyPackageError, getPackage, putPackage, type Reply, type Target } from 'fastly-package-node';

export async function upload(target: Target, path: string): Promise<Reply | undefined> {
  try {
    return await putPackage(target, path, {
      expectContinue: true,
      onProgress: (read, size) => process.stderr.write(`\r${Math.floor((100 * read) / size)} %`),
      signal: AbortSignal.timeout(300_000),
    });
  } catch (error) {
    if (error instanceof FastlyPackageError && error.kind === 'api' && error.status === 429) {
      const { reset } = error.rateLimit ?? {};
      console.error('rate limit exhausted until', reset && new Date(reset * 1000));
      return undefined;
    }
    throw error;
  }
}

export async function uploadStream(target: Target, path: string): Promise<string | undefined> {
  const { size } = await stat(path);
  const reply = await putPackage(target, createReadStream(path), { size, filename: 'app.tar.gz' });
  return reply.package.metadata?.filesHash;
}

export async function isUploaded(target: Target, filesHash: string): Promise<boolean> {
  const reply = await getPackage(target, { userAgent: 'example/1.0' });
  return reply.package.metadata?.filesHash === filesHash;
}
