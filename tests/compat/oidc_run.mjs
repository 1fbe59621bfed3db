// openid-client and supabase-js, unmodified, against a provider: an app is let in by a person, stays, and goes.
// usage: node oidc_run.mjs < {"url": …, "anon": …, "service": …}
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createClient } from "supabase-js";
import * as oidc from "openid-client";
import ws from "ws";

const given = JSON.parse(readFileSync(0, "utf8"));
const issuer = `${given.url}/auth/v1`;
const back = "https://client.example.com/callback";
const supabase = (key) =>
  createClient(given.url, key, { auth: { persistSession: false, autoRefreshToken: false }, realtime: { transport: ws } });
const insecure = { execute: [oidc.allowInsecureRequests] };
let people = 0;

async function ok(asked) {
  const { data, error } = await asked;
  assert.equal(error, null, JSON.stringify(error));
  return data;
}

async function person() {
  const device = supabase(given.anon);
  await ok(device.auth.signUp({ email: `oidc${process.pid}-${people++}@example.com`, password: "correct horse battery" }));
  return device;
}

async function app(how, more = {}) {
  const made = await ok(supabase(given.service).auth.admin.oauth.createClient({
    client_name: "Reader", redirect_uris: [back], ...more,
  }));
  const config = await oidc.discovery(new URL(issuer), made.client_id, made.client_secret, how(made.client_secret), insecure);
  oidc.enableNonRepudiationChecks(config); // the ID token's signature, too
  return { made, config };
}

async function begin(config, more = {}) {
  const verifier = oidc.randomPKCECodeVerifier();
  const checks = { pkceCodeVerifier: verifier, expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() };
  const url = oidc.buildAuthorizationUrl(config, {
    redirect_uri: back, scope: "openid email profile", code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
    code_challenge_method: "S256", state: checks.expectedState, nonce: checks.expectedNonce, ...more,
  });
  const answer = await fetch(url, { redirect: "manual" });
  assert.equal(answer.status, 302);
  return { checks, page: new URL(answer.headers.get("location")) };
}

async function letIn(config, device, more) {
  const { checks, page } = await begin(config, more);
  const id = page.searchParams.get("authorization_id");
  const details = await ok(device.auth.oauth.getAuthorizationDetails(id));
  const { redirect_url } = details.redirect_url
    ? details
    : await ok(device.auth.oauth.approveAuthorization(id, { skipBrowserRedirect: true }));
  return { asked: !details.redirect_url, tokens: await oidc.authorizationCodeGrant(config, new URL(redirect_url), checks) };
}

const scenarios = {
  async "an app is let in, reads who it is, stays, and is let in no more"() {
    for (const how of [oidc.ClientSecretPost, oidc.ClientSecretBasic]) {
      const { made, config } = await app(how);
      const device = await person();
      const user = (await device.auth.getUser()).data.user;
      const { asked, tokens } = await letIn(config, device);
      assert.equal(asked, true);
      assert.equal(tokens.claims().sub, user.id);
      assert.equal(tokens.claims().email, user.email);
      assert.equal((await oidc.fetchUserInfo(config, tokens.access_token, user.id)).email, user.email);
      const next = await oidc.refreshTokenGrant(config, tokens.refresh_token);
      assert.notEqual(next.refresh_token, tokens.refresh_token);
      assert.equal((await letIn(config, device)).asked, false);
      const grants = await ok(device.auth.oauth.listGrants());
      assert.deepEqual(grants.map((grant) => grant.client.id), [made.client_id]);
      await ok(device.auth.oauth.revokeGrant({ clientId: made.client_id }));
      await assert.rejects(oidc.refreshTokenGrant(config, next.refresh_token), { error: "invalid_grant" });
      assert.equal((await letIn(config, device)).asked, true);
    }
  },
  async "somebody denies"() {
    const { config } = await app(oidc.ClientSecretPost);
    const device = await person();
    const { checks, page } = await begin(config);
    const { redirect_url } = await ok(
      device.auth.oauth.denyAuthorization(page.searchParams.get("authorization_id"), { skipBrowserRedirect: true }),
    );
    await assert.rejects(oidc.authorizationCodeGrant(config, new URL(redirect_url), checks), { error: "access_denied" });
  },
  async "an error comes back with its state and issuer"() {
    const { config } = await app(oidc.ClientSecretPost);
    const { checks, page } = await begin(config, { scope: "openid everything" });
    await assert.rejects(oidc.authorizationCodeGrant(config, page, checks), { error: "invalid_scope" });
    page.searchParams.set("iss", "https://evil.example");
    await assert.rejects(oidc.authorizationCodeGrant(config, page, checks), (error) => /iss/.test(error.cause?.message));
  },
  async "an app registers itself, is let in, and gives up what it has"() {
    const config = await oidc.dynamicClientRegistration(
      new URL(issuer), { client_name: "Agent", redirect_uris: [back], token_endpoint_auth_method: "none" }, oidc.None(), insecure,
    );
    oidc.enableNonRepudiationChecks(config);
    const { tokens } = await letIn(config, await person());
    await oidc.tokenRevocation(config, tokens.refresh_token);
    await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), { error: "invalid_grant" });
  },
  async "the description of RFC 8414 is found, too"() {
    const options = { ...insecure, algorithm: "oauth2" };
    const config = await oidc.discovery(new URL(issuer), "x", undefined, oidc.None(), options);
    assert.equal(config.serverMetadata().issuer, issuer);
  },
  async "a wrong secret is told as one"() {
    const { made, config } = await app(oidc.ClientSecretPost);
    const wrong = await oidc.discovery(new URL(issuer), made.client_id, "wrong", oidc.ClientSecretBasic("wrong"), insecure);
    const challenged = (error) => error.cause?.error === "invalid_client" || error.error === "invalid_client" || error.status === 401;
    await assert.rejects(oidc.refreshTokenGrant(wrong, "x"), challenged);
    assert.ok(config);
  },
  async "clients are looked after by auth-js"() {
    const admin = supabase(given.service).auth.admin.oauth;
    const made = await ok(admin.createClient({ client_name: "Old", redirect_uris: [back] }));
    assert.equal((await ok(admin.updateClient(made.client_id, { client_name: "New" }))).client_name, "New");
    assert.equal((await ok(admin.getClient(made.client_id))).client_name, "New");
    assert.notEqual((await ok(admin.regenerateClientSecret(made.client_id))).client_secret, made.client_secret);
    const { clients, total } = await ok(admin.listClients({ page: 1, perPage: 1000 }));
    assert.ok(clients.some((each) => each.client_id === made.client_id));
    assert.equal(total, clients.length);
    await ok(admin.deleteClient(made.client_id));
    assert.equal((await admin.getClient(made.client_id)).error.code, "oauth_client_not_found");
  },
};

const results = {};
for (const [name, run] of Object.entries(scenarios)) {
  try {
    await run();
    results[name] = null;
  } catch (error) {
    results[name] = `${error.stack}\n${error.cause?.stack ?? ""} ${JSON.stringify(error.cause?.parameters ?? {})}`;
  }
}
process.stdout.write(JSON.stringify(results), () => process.exit(0));
