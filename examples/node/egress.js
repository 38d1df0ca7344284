import { lookup } from 'node:dns/promises';
import { invalid } from './error.js';

/** Returns the request that a call may send. */
export function allowedRequest(operation, api, { serviceId, version }) {
  // A server resolves these to another path (RFC 3986, 5.2.4).
  if (['', '.', '..'].includes(serviceId)) throw invalid('the service ID is empty, `.` or `..`');
  const prefix = api.pathname.replace(/\/+$/, '');
  const versions = `${prefix}/service/${segment(serviceId)}/version`;
  const [method, path] = operation === 'list' ? ['get', versions] : [operation, `${versions}/${version}/package`];
  return { method, protocol: api.protocol, host: api.host, path };
}

/** Checks that the token is sent only over HTTPS, or over HTTP to a loopback address. */
export async function checkUrlIsSecure({ protocol, hostname }) {
  if (protocol === 'https:') return;
  if (protocol === 'http:' && (await isLoopback(hostname))) return;
  throw invalid('apiUrl must be https, or http to a loopback address: the token would be sent unencrypted');
}

async function isLoopback(hostname) {
  // The URL parser normalizes addresses.
  if (/^127\.\d+\.\d+\.\d+$/.test(hostname) || hostname === '[::1]') return true;
  if (hostname !== 'localhost') return false;
  const addresses = await lookup(hostname, { all: true }).catch(() => []);
  return addresses.length > 0 && addresses.every(({ address }) => /^(127\.|::1$)/.test(address));
}

/** Percent-encodes all but RFC 3986's unreserved characters, as the component does, so that the paths are equal. */
function segment(id) {
  const percent = (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(id.toWellFormed()).replace(/[!'()*]/g, percent);
}
