// Runs the scenarios of auth_scenarios.mjs one after another, through one release of supabase-js.
// usage: node auth_run.mjs PACKAGE < {"worlds": {"open": {"url": …, "anon": …, "service": …}, "confirming": …}, "names": […]}
import { readFileSync } from "node:fs";
import ws from "ws";
import { methods, noting } from "./auth_methods.mjs";
import "./auth_more_scenarios.mjs";
import { scenarios } from "./auth_scenarios.mjs";

const library = await import(process.argv[2]);
const given = JSON.parse(readFileSync(0, "utf8"));

const kept = () => {
  const held = new Map();
  return {
    getItem: async (key) => held.get(key) ?? null,
    setItem: async (key, value) => void held.set(key, value),
    removeItem: async (key) => void held.delete(key),
  };
};

let count = 0, called = new Set();
const worlds = Object.fromEntries(Object.entries(given.worlds).map(([name, { url, anon, service }]) => {
  const connect = (key, auth = {}) => noting(library.createClient(url, key, {
    auth: { storage: kept(), storageKey: `device-${++count}`, autoRefreshToken: false, detectSessionInUrl: false, ...auth },
    realtime: { transport: ws },  // without it, supabase-js does not start on Node 20
  }), (name) => called.add(name));
  const reader = connect(service);
  const mails = async (address) => {
    const { data, error } = await reader.rpc("mails", { address });
    if (error) throw new Error(JSON.stringify(error));
    return data;
  };
  return [name, {
    url,
    client: (auth) => connect(anon, auth),
    service: (auth) => connect(service, auth),
    fresh: () => `person${++count}-${process.pid}@example.com`,
    mails,
    code: async (address) => (await mails(address))[0].text.match(/\b\d{6}\b/)[0],
    link: async (address) => new URL((await mails(address))[0].text.match(/https?:\/\/\S+\/verify\?\S+/)[0]),
  }];
}));

const results = [];
const everything = new Set();
for (const { name, run } of scenarios.filter((each) => given.names.includes(each.name))) {
  const result = { name, error: null };
  called = new Set();
  try {
    await run(worlds, library);
    called.forEach((each) => everything.add(each));
  } catch (error) {
    result.error = String(error.stack ?? error);
  }
  results.push(result);
}
// Clients keep connections open; the exit waits until everything is written.
const whole = library.createClient("http://127.0.0.1:9", "key", {
  auth: { experimental: { passkey: true, recoveryCodes: true }, persistSession: false, autoRefreshToken: false },
  realtime: { transport: ws },
});
const told = { results, methods: methods(process.argv[2], whole.auth), called: [...everything].sort() };
process.stdout.write(JSON.stringify(told), () => process.exit(0));
