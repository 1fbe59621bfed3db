// A page of a browser with a security key, for as long as some work takes: what auth-js asks `navigator.credentials` for.
import { createHash, generateKeyPairSync, randomBytes, sign } from "node:crypto";

const b64 = (bytes) => Buffer.from(bytes).toString("base64url");

function cbor(value) {
  const head = (major, size) => size < 24 ? [major << 5 | size]
    : size < 256 ? [major << 5 | 24, size] : [major << 5 | 25, size >> 8, size & 255];
  if (typeof value === "number") return Buffer.from(value < 0 ? head(1, -1 - value) : head(0, value));
  if (typeof value === "string") return Buffer.concat([Buffer.from(head(3, Buffer.byteLength(value))), Buffer.from(value)]);
  if (Buffer.isBuffer(value)) return Buffer.concat([Buffer.from(head(2, value.length)), value]);
  return Buffer.concat([Buffer.from(head(5, value.length)), ...value.flat().map(cbor)]);  // a map, as pairs
}

class Credential {
  constructor(told) {
    Object.assign(this, told);
  }

  toJSON() {
    return { ...this };
  }
}

export class Page {
  // `origin` is where the page is. The key holds a credential for each person.
  constructor(origin) {
    this.origin = origin;
    this.held = new Map();
  }

  create({ publicKey: asked }) {
    const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    const { x, y } = publicKey.export({ format: "jwk" });
    const id = randomBytes(32);
    const cose = [[1, 2], [3, -7], [-1, 1], [-2, Buffer.from(x, "base64url")], [-3, Buffer.from(y, "base64url")]];
    const length = Buffer.alloc(2);
    length.writeUInt16BE(id.length);
    const data = Buffer.concat([this.#data(asked.rp.id, 0x45, 0), Buffer.alloc(16), length, id, cbor(cose)]);
    this.held.set(b64(id), { privateKey, user: b64(Buffer.from(asked.user.id)), count: 0 });
    return this.#told(b64(id), "create", asked.challenge, {
      attestationObject: b64(cbor([["fmt", "none"], ["attStmt", []], ["authData", data]])), transports: ["internal"],
    });
  }

  get({ publicKey: asked }) {
    const wanted = (asked.allowCredentials ?? []).map((each) => b64(Buffer.from(each.id)));
    const id = wanted.find((each) => this.held.has(each)) ?? [...this.held.keys()][0];
    const kept = this.held.get(id);
    const data = this.#data(asked.rpId, 0x05, ++kept.count);
    const client = this.#client("get", asked.challenge);
    const digest = createHash("sha256").update(client).digest();
    const signature = sign("sha256", Buffer.concat([data, digest]), kept.privateKey);
    return this.#told(id, "get", asked.challenge, {
      authenticatorData: b64(data), signature: b64(signature), userHandle: kept.user,
    });
  }

  #data(domain, flags, count) {
    const counted = Buffer.alloc(4);
    counted.writeUInt32BE(count);
    return Buffer.concat([createHash("sha256").update(domain).digest(), Buffer.from([flags]), counted]);
  }

  #client(what, challenge) {
    const told = { type: `webauthn.${what}`, challenge: b64(Buffer.from(challenge)), origin: this.origin, crossOrigin: false };
    return Buffer.from(JSON.stringify(told));
  }

  #told(id, what, challenge, response) {
    return new Credential({
      id, rawId: id, type: "public-key", clientExtensionResults: {}, authenticatorAttachment: "platform",
      response: { clientDataJSON: b64(this.#client(what, challenge)), ...response },
    });
  }

  // Clients are made before: one that is made in a page looks for more of a browser than there is.
  async shown(work) {
    const before = Object.getOwnPropertyDescriptor(globalThis, "navigator");
    const credentials = { create: async (asked) => this.create(asked), get: async (asked) => this.get(asked) };
    Object.assign(globalThis, {
      window: { location: new URL(this.origin), PublicKeyCredential: Credential }, document: {}, PublicKeyCredential: Credential,
    });
    Object.defineProperty(globalThis, "navigator", { value: { credentials }, configurable: true, writable: true });
    try {
      return await work();
    } finally {
      for (const name of ["window", "document", "PublicKeyCredential"]) delete globalThis[name];
      if (before) Object.defineProperty(globalThis, "navigator", before);
      else delete globalThis.navigator;
    }
  }
}
