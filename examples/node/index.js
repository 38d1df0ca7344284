import { call } from './call.js';

export { FastlyPackageError } from './error.js';

export function getPackage(target, options = {}) {
  return call('get', target, undefined, options);
}

export function listVersions(serviceId, options = {}) {
  return call('list', { serviceId }, undefined, options);
}

export function putPackage(target, source, options = {}) {
  return call('put', target, source, options);
}
