// One attempt of one buyer in one sale, kept in localStorage: a reload, a crash or a second tab goes on with the same key, so that
// a buy is never made twice. An attempt ends when its reservation has ended, and the next one has a new key.
//
//   {key, sent, token, claim, payment}: the key; whether a buy with it went out; what has come of it

export class Attempt {
  #name;

  constructor(buyer, sale) {
    this.#name = `shop:${buyer}:${sale}`;
  }

  get() {
    try {
      return JSON.parse(localStorage.getItem(this.#name)) ?? {};
    } catch {
      return {}; // somebody else's text
    }
  }

  note(what) {
    localStorage.setItem(this.#name, JSON.stringify({ ...this.get(), ...what }));
  }

  forget() {
    localStorage.removeItem(this.#name);
  }
}
