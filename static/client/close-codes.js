// The close codes of the protocol, and what a client does after each. 4000 to 4499: come back. 4500 to 4999: do not, until
// something changes.

/** @typedef {{ action: "retry" | "pause" | "refresh" | "end" | "refuse", reason: string }} Closing */

/** @type {Record<number, string>} */
const REFUSALS = {
  4501: "The server did not understand this client",
  4502: "The server did not get an access token in time",
  4503: "The conversation is not open to you",
  4505: "Too many connections of yours are open",
};

/** @type {Record<number, string>} */
const LOSSES = {
  1001: "The server restarts",
  1009: "A message was too big for the server",
  1012: "The server restarts",
  1013: "The server is overloaded",
  4008: "This device did not keep up",
  4012: "The server heard nothing from this device",
};

export const TOO_BIG = 1009; // a frame was too big for the server, or for a proxy

/**
 * Returns what to do after a connection was closed with this code.
 * @param {number} code
 * @returns {Closing}
 */
export function closing(code) {
  if (code === 4504) return { action: "end", reason: "You have been logged out. Please log in again." };
  if (code === 4500 || code === 4040) return { action: "refresh", reason: "" };
  if (code === 4029) return { action: "pause", reason: "Messages came too fast" };
  if (code >= 4500 && code < 5000) return { action: "refuse", reason: REFUSALS[code] ?? `The server closed the connection (${code})` };
  return { action: "retry", reason: LOSSES[code] ?? "The connection was lost" };
}
