// Runs the scenarios of auth_scenarios.mjs one after another, through one release of supabase-js.
// usage: node auth_run.mjs PACKAGE < {"worlds": {"open": {"url": …, "anon": …, "service": …}, "confirming": …}, "names": […]}
import { readFileSync } from "node:fs";
import ws from "ws";
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

let count = 0;
const worlds = Object.fromEntries(Object.entries(given.worlds).map(([name, { url, anon, service }]) => {
  const connect = (key, auth = {}) => library.createClient(url, key, {
    auth: { storage: kept(), storageKey: `device-${++count}`, autoRefreshToken: false, detectSessionInUrl: false, ...auth },
    realtime: { transport: ws },  // without it, supabase-js does not start on Node 20
  });
  const reader = connect(service);
  const mails = async (address) => {
    const { data, error } = await reader.rpc("mails", { address });
    if (error) throw new Error(JSON.stringify(error));
    return data;
  };
  return [name, {
    url,
    client: (auth) => connect(anon, auth),
    service: () => connect(service),
    fresh: () => `person${++count}-${process.pid}@example.com`,
    mails,
    code: async (address) => (await mails(address))[0].text.match(/\b\d{6}\b/)[0],
    link: async (address) => new URL((await mails(address))[0].text.match(/https?:\/\/\S+\/verify\?\S+/)[0]),
  }];
}));

const results = [];
for (const { name, run } of scenarios.filter((each) => given.names.includes(each.name))) {
  const result = { name, error: null };
  try {
    await run(worlds, library);
  } catch (error) {
    result.error = String(error.stack ?? error);
  }
  results.push(result);
}
// Clients keep connections open; the exit waits until everything is written.
process.stdout.write(JSON.stringify(results), () => process.exit(0));
