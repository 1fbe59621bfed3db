// People sign in through supabase-js and samlify's identity providers: each kind of them, in both flows.
// usage: node saml_run.mjs PACKAGE < {"url": …, "anon": …, "service": …, "idp": "http://…"}; output: what went wrong.
import { readFileSync } from "node:fs";
import assert from "node:assert/strict";
import ws from "ws";

const library = await import(process.argv[2]);
const { url, anon, service, idp } = JSON.parse(readFileSync(0, "utf8"));
const release = process.argv[2];

async function admin(method, path, body) {
  const headers = { authorization: `Bearer ${service}`, "content-type": "application/json" };
  const answer = await fetch(`${url}/auth/v1/admin/sso/providers${path}`, { method, headers, body: body && JSON.stringify(body) });
  assert.equal(answer.status, 200, await answer.clone().text());
  return answer.json();
}

const held = new Map();
const client = (flowType) => library.createClient(url, anon, {
  auth: {
    flowType, autoRefreshToken: false, detectSessionInUrl: false, storageKey: `device-${Math.random()}`,
    storage: { getItem: async (key) => held.get(key) ?? null, setItem: async (key, value) => void held.set(key, value), removeItem: async (key) => void held.delete(key) },
  },
  realtime: { transport: ws },
});

// A browser: to our address, to the identity provider, and back by its form.
async function through(address, person) {
  const left = await fetch(address, { redirect: "manual" });
  const cookie = left.headers.get("set-cookie").split(";")[0];
  const headers = { "x-person": person };
  let there;
  if (left.status === 302) {
    there = await fetch(left.headers.get("location"), { headers });
  } else {
    const page = await left.text();
    const value = (name) => page.match(new RegExp(`name="${name}" value="([^"]*)"`))[1];
    const body = new URLSearchParams({ SAMLRequest: value("SAMLRequest"), RelayState: value("RelayState") });
    there = await fetch(page.match(/action="([^"]*)"/)[1], { method: "POST", headers, body });
  }
  return back(there, { cookie });
}

async function back(there, headers) {
  assert.equal(there.status, 200, await there.clone().text());
  const { acs, ...form } = await there.json();
  const answer = await fetch(acs, { method: "POST", headers, body: new URLSearchParams(form), redirect: "manual" });
  assert.equal(answer.status, 302, await answer.clone().text());
  return new URL(answer.headers.get("location"));
}

async function session(auth, landed) {
  const told = new URLSearchParams(landed.hash.slice(1));
  assert.ok(told.get("access_token"), landed.href);
  const { data, error } = await auth.setSession({ access_token: told.get("access_token"), refresh_token: told.get("refresh_token") });
  assert.equal(error, null);
  return data;
}

for (const name of ["redirect", "post", "gcm", "cbc"]) {
  const { items } = await admin("GET", "");
  let provider = items.find((each) => each.saml.entity_id === `${idp}/${name}/metadata`);
  provider ??= await admin("POST", "", {
    type: "saml", metadata_url: `${idp}/${name}/metadata`, domains: [`${name}.example.com`],
    attribute_mapping: { keys: { full_name: { name: "displayName" } } },
  });
  const person = `ada-${release}`;

  const pkce = client("pkce").auth;
  const asked = await pkce.signInWithSSO({ domain: `${name}.example.com`, options: { redirectTo: "https://app.example.com/in" } });
  assert.equal(asked.error, null);
  const landed = await through(asked.data.url, person);
  assert.equal(landed.searchParams.get("error_description"), null, name);
  assert.equal(landed.origin + landed.pathname, "https://app.example.com/in", landed.href);
  const exchanged = await pkce.exchangeCodeForSession(landed.searchParams.get("code"));
  assert.equal(exchanged.error, null, landed.href);
  const { user } = exchanged.data;
  assert.equal(user.email, `${person}@${name}.example.com`);
  assert.equal(user.user_metadata.full_name, person.toUpperCase());
  assert.equal(user.app_metadata.provider, `sso:${provider.id}`);

  const implicit = client("implicit").auth;
  const other = await implicit.signInWithSSO({ providerId: provider.id });
  const again = await session(implicit, await through(other.data.url, person));
  assert.equal(again.user.id, user.id);
  const claims = JSON.parse(Buffer.from(again.session.access_token.split(".")[1], "base64url"));
  assert.deepEqual([claims.amr[0].method, claims.amr[0].provider], ["sso/saml", provider.id]);
  assert.equal((await implicit.refreshSession()).error, null);
  const refused = await implicit.updateUser({ password: "correct horse battery" });
  assert.equal(refused.error.code, "user_sso_managed");

  const walkIn = client("implicit").auth;
  const there = await fetch(`${idp}/${name}/start?RelayState=${encodeURIComponent("https://app.example.com/inbox")}`, { headers: { "x-person": person } });
  const inside = await back(there, {});
  assert.equal(inside.pathname, "/inbox");
  assert.equal((await session(walkIn, inside)).user.id, user.id);
}
const nobody = await client("pkce").auth.signInWithSSO({ domain: "nobody.example" });
assert.equal(nobody.error.code, "sso_provider_not_found");
process.stdout.write("done", () => process.exit(0));
