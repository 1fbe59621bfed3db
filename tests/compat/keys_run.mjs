// Verifies a token where it is, by the public keys of the server, through one release of supabase-js.
// usage: node keys_run.mjs PACKAGE < {"url": …, "anon": …, "service": …}
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import ws from "ws";

const { createClient } = await import(process.argv[2]);
const given = JSON.parse(readFileSync(0, "utf8"));
const asked = [];
const options = {
  auth: { persistSession: false, autoRefreshToken: false, detectSessionInUrl: false },
  realtime: { transport: ws },
  global: { fetch: (url, init) => (asked.push(new URL(url).pathname), fetch(url, init)) },
};
const client = createClient(given.url, given.anon, options);
const email = `ada${process.argv[2].length}@example.com`;

const { data, error } = await client.auth.signUp({ email, password: "correct horse" });
assert.equal(error, null, String(error));
const token = data.session.access_token;
asked.length = 0;

const found = await client.auth.getClaims(token);
assert.equal(found.error, null, String(found.error));
assert.equal(found.data.claims.sub, data.user.id);
assert.equal(found.data.claims.role, "authenticated");
assert.equal(found.data.header.alg, "ES256");
assert.deepEqual(asked, ["/auth/v1/.well-known/jwks.json"]);

await client.auth.getClaims(token);
assert.equal(asked.length, 1, "keys are kept");

const [head, body, signature] = token.split(".");
const other = Buffer.from(body, "base64url").toString().replace('"authenticated"', '"service_role"');
const forged = await client.auth.getClaims(`${head}.${Buffer.from(other).toString("base64url")}.${signature}`);
assert.notEqual(forged.error, null, "a forged token is refused where it is");

// The service looks after accounts: pages as this client reads them.
const service = createClient(given.url, given.service, options);
for (const number of [1, 2, 3]) {
  const made = await service.auth.admin.createUser({ email: `${number}.${email}`, email_confirm: true });
  assert.equal(made.error, null, String(made.error));
}
const page = await service.auth.admin.listUsers({ page: 1, perPage: 2 });
assert.equal(page.error, null, String(page.error));
assert.equal(page.data.users.length, 2);
assert.ok(page.data.total >= 4);
assert.equal(page.data.nextPage, 2);
assert.ok(page.data.lastPage >= 2);
const someone = page.data.users[0];
const changed = await service.auth.admin.updateUserById(someone.id, { ban_duration: "24h" });
assert.ok(changed.data.user.banned_until);
assert.equal((await service.auth.admin.getUserById(someone.id)).data.user.id, someone.id);
assert.deepEqual((await service.auth.admin.mfa.listFactors({ userId: someone.id })).data.factors, []);
assert.equal((await service.auth.admin.deleteUser(someone.id, true)).error, null);
assert.equal((await service.auth.admin.deleteUser(someone.id)).error, null);
assert.equal((await service.auth.admin.getUserById(someone.id)).error.code, "user_not_found");
assert.equal((await service.auth.admin.signOut(token, "global")).error, null);
assert.notEqual((await client.auth.getUser(token)).error, null, "the token is good no more");
process.stdout.write("fine", () => process.exit(0));
