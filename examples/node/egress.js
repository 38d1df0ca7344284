import { lookup } from 'node:dns/promises';
import { invalid } from './error.js';

/** The one request that a call may send. */
export function allowedRequest(method, api, { serviceId, version }) {
  // A server takes these for another path (RFC 3986, 5.2.4).
  if (['', '.', '..'].includes(serviceId)) throw invalid('the service ID is empty or a path of dots');
  const prefix = api.pathname.replace(/\/+$/, '');
  const path = `${prefix}/service/${segment(serviceId)}/version/${version}/package`;
  return { method, protocol: api.protocol, host: api.host, path };
}

/** A token goes over TLS, or stays on this machine. */
export async function checkTokenMayGo({ protocol, hostname }) {
  if (protocol === 'https:') return;
  if (protocol === 'http:' && (await isLoopback(hostname))) return;
  throw invalid('the token would go unencrypted: apiUrl must be https, or http to a loopback address');
}

async function isLoopback(hostname) {
  // The URL parser has brought every spelling of an address into one form.
  if (/^127\.\d+\.\d+\.\d+$/.test(hostname) || hostname === '[::1]') return true;
  if (hostname !== 'localhost') return false;
  const addresses = await lookup(hostname, { all: true }).catch(() => []);
  return addresses.length > 0 && addresses.every(({ address }) => /^(127\.|::1$)/.test(address));
}

/** Percent-encodes all but RFC 3986's unreserved characters, as the component does: the paths have to be equal. */
function segment(id) {
  const percent = (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
  return encodeURIComponent(id.toWellFormed()).replace(/[!'()*]/g, percent);
}
