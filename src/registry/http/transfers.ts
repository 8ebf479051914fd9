/** Counts the bodies that a server sends at the moment, from files to connections without TLS. */
export class Transfers {
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** One more, until disposed. */
  begin(): Disposable {
    this.#count++;
    return { [Symbol.dispose]: () => void this.#count-- };
  }
}
