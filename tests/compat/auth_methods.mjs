// Which methods a release of auth-js has for others to call, and which of them scenarios called.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

const NAMESPACES = new Set(["admin", "customProviders", "mfa", "oauth", "passkey", "recoveryCodes", "webauthn"]);

// What its declarations keep for itself.
function kept(library) {
  const near = createRequire(createRequire(import.meta.url).resolve(library));
  const folder = dirname(near.resolve("@supabase/auth-js"));
  const text = ["GoTrueClient", "GoTrueAdminApi", "lib/webauthn"]
    .map((name) => readFileSync(join(folder, `${name}.d.ts`), "utf8")).join("\n");
  return new Set([...text.matchAll(/^\s+(?:private|protected)\s+(?:static\s+)?(?:[gs]et\s+)?(\w+)/gm)].map((each) => each[1]));
}

function names(held) {
  const found = new Set();
  for (let each = held; each && each !== Object.prototype; each = Object.getPrototypeOf(each)) {
    Object.getOwnPropertyNames(each).forEach((name) => found.add(name));
  }
  return [...found].filter((name) => !name.startsWith("_") && name !== "constructor");
}

export function methods(library, auth) {
  const own = kept(library);
  const below = (held, path) => names(held).filter((name) => !own.has(name)).flatMap((name) => {
    if (typeof held[name] === "function") return [path + name];
    return NAMESPACES.has(name) && held[name] ? below(held[name], `${path}${name}.`) : [];
  });
  return [...new Set(below(auth, ""))].sort();
}

// The same client, whose calls by others are noted; those that it makes of its own methods are not.
export function noting(client, note) {
  const within = (held, path) => new Proxy(held, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      if (typeof value === "function") {
        return (...given) => {
          note(path + String(name));
          return value.apply(target, given);
        };
      }
      return NAMESPACES.has(name) && value ? within(value, `${path}${String(name)}.`) : value;
    },
  });
  const auth = within(client.auth, "");
  return new Proxy(client, {
    get(target, name) {
      if (name === "auth") return auth;
      const value = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}
