// The settings of the user, which all devices share.

/** @import { Emitter } from "./emitter.js" */
/** @import { Rest } from "./rest.js" */
/** @import { Frame, Settings as Values } from "./types.js" */

const ME = "/v1/users/me";

export class Settings {
  /** @type {Values | null} null until they are loaded */
  values = null;
  #rest;
  #emitter;
  #changes = 0; // an answer that was asked for before a change may be older than it

  /** @param {Rest} rest @param {Emitter} emitter */
  constructor(rest, emitter) {
    this.#rest = rest;
    this.#emitter = emitter;
  }

  /** Loads the settings. A failure leaves them as they are; the next connection loads them again. */
  async load() {
    const changes = this.#changes;
    const me = await this.#rest.get(ME).catch(() => null);
    if (me?.settings && this.#changes === changes) this.#set(me.settings);
  }

  /** Changes settings, for all devices of the user. @param {Partial<Values>} changes */
  async update(changes) {
    const { settings } = await this.#rest.patch(ME, { settings: changes });
    this.#changes += 1;
    this.#set(settings);
  }

  /** The settings have changed on a device of the user. @param {Frame} frame */
  apply({ settings }) {
    this.#changes += 1;
    this.#set(settings);
  }

  wipe() {
    this.#changes += 1;
    this.values = null;
  }

  /** @param {Values} values */
  #set(values) {
    this.values = values;
    this.#emitter.changed("settings");
  }
}
