// Runs the scenarios one after another against a server, through one release of supabase-js, and writes what came of each.
// usage: node run.mjs PACKAGE < {"url": …, "anon": …, "service": …, "user": …, "other": …}     (keys and tokens)
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import ws from "ws";
import { scenarios } from "./scenarios.mjs";

const { createClient } = await import(process.argv[2]);
const given = JSON.parse(readFileSync(0, "utf8"));

// Without `ws`, supabase-js does not start on Node 20.
const options = { auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false }, realtime: { transport: ws } };
const connect = (key, token) => createClient(given.url, key, token ? { ...options, accessToken: async () => token } : options);
const clients = {
  connect,
  anon: connect(given.anon),
  service: connect(given.service),
  user: connect(given.anon, given.user),
  other: connect(given.anon, given.other),
};

const TABLES = ["people", "projects", "tasks", "memberships", "letters", "suggestions", "canary_vault"];

async function everything() {
  const found = {};
  for (const table of TABLES) {
    const { data, error } = await clients.service.from(table).select();
    assert.equal(error, null, JSON.stringify(error));
    found[table] = data.map((row) => JSON.stringify(row)).sort();
  }
  return found;
}

// What scenarios write has ids of its own; the rest must be as it was.
async function putBack() {
  for (const table of ["tasks", "projects"]) await clients.service.from(table).delete().gt("id", table === "tasks" ? 6 : 4);
  await clients.service.from("letters").delete().not("id", "is", null);
  await clients.service.from("suggestions").delete().not("id", "is", null);
}

let before = await everything();
const results = [];
for (const { name, covers, run } of scenarios) {
  const result = { name, covers, error: null };
  try {
    await run(clients);
  } catch (error) {
    result.error = String(error.stack ?? error);
  }
  await putBack();
  const after = await everything();
  const changed = TABLES.filter((table) => JSON.stringify(before[table]) !== JSON.stringify(after[table]));
  if (changed.length) result.error = `it left something changed: ${changed}\n${result.error ?? ""}`;
  before = after; // only the guilty one is told
  results.push(result);
}
// Clients keep connections open; the exit waits until everything is written.
process.stdout.write(JSON.stringify(results), () => process.exit(0));
