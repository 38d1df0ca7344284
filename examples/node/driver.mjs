// Makes one call, for the tests that compare all hosts:
//   node driver.mjs get SERVICE VERSION
//   node driver.mjs put SERVICE VERSION FILE [SIZE]
//   node driver.mjs denied SERVICE VERSION OTHER_URL
// Prints one line of JSON on stdout and exits with 0 or 1. FASTLY_API_TOKEN and FASTLY_API_ENDPOINT set the token and the API.
import { call } from './call.js';
import { FastlyPackageError, getPackage, putPackage } from './index.js';

const [operation, serviceId, version, argument, size] = process.argv.slice(2);
const target = { serviceId, version: Number(version) };

const operations = {
  get: () => getPackage(target),
  put: () => putPackage(target, argument, { size: size && Number(size) }),
  denied: () => call('get', target, undefined, {}, argument),
};

try {
  const { package: { id, serviceId: service_id, version, metadata } } = await operations[operation]();
  console.log(JSON.stringify({ package: { id, service_id, version, hashsum: metadata?.hashsum ?? null } }));
} catch (error) {
  if (!(error instanceof FastlyPackageError)) throw error;
  const { kind, status = null, title = null, detail = null } = error;
  const code = kind === 'transport' ? error.code : null;
  console.log(JSON.stringify({ error: { case: kind, status, title, detail, code } }));
  process.exitCode = 1;
}
