// The rest of what supabase-js's `auth` can do: wallets, keys of a browser, other apps and places, and the small things.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import bs58 from "bs58";
import { Wallet } from "ethers";
import nacl from "tweetnacl";
import { PASSWORD, member, ok, refused, scenario, totp } from "./auth_scenarios.mjs";
import { Page } from "./browser.mjs";

const SITE = "https://app.example.com";

// --- wallets ---

// EIP-1193, as a browser's wallet has it.
function ethereum(wallet = Wallet.createRandom()) {
  return {
    address: wallet.address.toLowerCase(),
    request: async ({ method, params }) => {
      if (method === "eth_requestAccounts") return [wallet.address];
      if (method === "eth_chainId") return "0x89";
      assert.equal(method, "personal_sign");
      assert.equal(params[1].toLowerCase(), wallet.address.toLowerCase());
      return wallet.signMessage(Buffer.from(params[0].slice(2), "hex").toString());
    },
  };
}

// A wallet that signs messages, and one that builds them itself (Wallet Standard's solana:signIn).
function solana({ builds } = {}) {
  const { publicKey, secretKey } = nacl.sign.keyPair();
  const address = bs58.encode(publicKey);
  const signed = (bytes) => nacl.sign.detached(bytes, secretKey);
  if (!builds) return { address, publicKey: { toBase58: () => address }, signMessage: async (bytes) => signed(bytes) };
  return {
    address,
    signIn: async ({ domain, uri, version, statement, issuedAt }) => {
      const text = [
        `${domain} wants you to sign in with your Solana account:`, address, "", ...(statement ? [statement, ""] : []),
        `URI: ${uri}`, `Version: ${version}`, "Chain ID: mainnet", `Issued At: ${issuedAt}`,
      ].join("\n");
      const signedMessage = new TextEncoder().encode(text);
      return [{ signedMessage, signature: signed(signedMessage) }];
    },
  };
}

async function entered({ open }, chain, wallet, statement) {
  const device = open.client();
  const given = { chain, wallet, statement, options: { url: `${SITE}/in?a=b` } };
  const { user, session } = await ok(device.auth.signInWithWeb3(given));
  assert.equal(user.identities[0].id, `web3:${chain}:${wallet.address}`);
  assert.equal(user.identities[0].identity_data.custom_claims.statement, statement ?? "");
  assert.equal((await ok(device.auth.getClaims(session.access_token))).claims.amr[0].method, "web3");
  return user.id;
}

scenario("signInWithWeb3: Ethereum", async (worlds) => {
  const wallet = ethereum();
  const first = await entered(worlds, "ethereum", wallet, "I accept the terms at https://app.example.com/terms");
  assert.equal(await entered(worlds, "ethereum", wallet), first);
  assert.notEqual(await entered(worlds, "ethereum", ethereum()), first);
});
for (const builds of [false, true]) {
  scenario(`signInWithWeb3: Solana, by a wallet that ${builds ? "builds the message" : "signs a message"}`, async (worlds) => {
    const wallet = solana({ builds });
    const first = await entered(worlds, "solana", wallet, "I accept");
    assert.equal(await entered(worlds, "solana", wallet), first);
  });
}
scenario("signInWithWeb3 of another page's message, and of one that was used", async ({ open }) => {
  const wallet = Wallet.createRandom();
  const given = { chain: "ethereum", wallet: ethereum(wallet), options: { url: "https://evil.example/" } };
  await refused(open.client().auth.signInWithWeb3(given), "invalid_credentials", 400);
  const message = [
    "app.example.com wants you to sign in with your Ethereum account:", wallet.address, "", "", `URI: ${SITE}`,
    "Version: 1", "Chain ID: 1", `Issued At: ${new Date().toISOString()}`,
  ].join("\n");
  const signed = { chain: "ethereum", message, signature: await wallet.signMessage(message) };
  await ok(open.client().auth.signInWithWeb3(signed));
  await refused(open.client().auth.signInWithWeb3(signed), "invalid_credentials", 400);
});

// --- keys of a browser ---

const experimental = { passkey: true, recoveryCodes: true };

scenario("registerPasskey, signInWithPasskey, passkey.update and delete", async ({ open }) => {
  const { device, user } = await member(open, { experimental });
  const other = open.client({ experimental });
  const page = new Page(SITE);
  if (!device.auth.registerPasskey) return;
  const made = await page.shown(() => ok(device.auth.registerPasskey()));
  assert.equal((await page.shown(() => ok(other.auth.signInWithPasskey()))).user.id, user.id);
  const [listed] = await ok(device.auth.passkey.list());
  assert.equal(listed.id, made.id);
  assert.equal((await ok(device.auth.passkey.update({ passkeyId: made.id, friendlyName: "Laptop" }))).friendly_name, "Laptop");
  // By hand, step by step.
  const asked = await ok(device.auth.passkey.startRegistration());
  const created = page.create({ publicKey: decoded(asked.options) }).toJSON();
  const second = await ok(device.auth.passkey.verifyRegistration({ challengeId: asked.challenge_id, credential: created }));
  const login = await ok(open.client({ experimental }).auth.passkey.startAuthentication());
  const given = { challengeId: login.challenge_id, credential: page.get({ publicKey: decoded(login.options) }).toJSON() };
  assert.equal((await ok(open.client({ experimental }).auth.passkey.verifyAuthentication(given))).user.id, user.id);
  await ok(device.auth.passkey.delete({ passkeyId: made.id }));
  const { passkey } = open.service({ experimental }).auth.admin;
  assert.deepEqual((await ok(passkey.listPasskeys({ userId: user.id }))).map((each) => each.id), [second.id]);
  await ok(passkey.deletePasskey({ userId: user.id, passkeyId: second.id }));
  assert.deepEqual(await ok(device.auth.passkey.list()), []);
});

const bytes = (text) => Buffer.from(text, "base64url");
const decoded = (options) => ({
  ...options, challenge: bytes(options.challenge), ...(options.user && { user: { ...options.user, id: bytes(options.user.id) } }),
  allowCredentials: (options.allowCredentials ?? []).map((each) => ({ ...each, id: bytes(each.id) })),
});

scenario("mfa.webauthn: register, authenticate, and step by step", async ({ open }) => {
  const { device, email } = await member(open);
  const other = open.client();
  const page = new Page(SITE);
  await page.shown(() => ok(device.auth.mfa.webauthn.register({ friendlyName: "key" })));
  await ok(other.auth.signInWithPassword({ email, password: PASSWORD }));
  assert.equal((await ok(device.auth.mfa.getAuthenticatorAssuranceLevel())).currentLevel, "aal2");
  const [factor] = (await ok(other.auth.mfa.listFactors())).webauthn;
  await page.shown(() => ok(other.auth.mfa.webauthn.authenticate({ factorId: factor.id })));
  assert.equal((await ok(other.auth.mfa.getAuthenticatorAssuranceLevel())).currentLevel, "aal2");

  const { device: third } = await member(open);
  const { webauthn } = third.auth.mfa;
  const { id } = await ok(webauthn.enroll({ friendlyName: "another" }));
  await page.shown(async () => {
    const where = { rpId: "app.example.com", rpOrigins: [SITE] };
    const shown = await ok(webauthn.challenge({ factorId: id, friendlyName: "another", webauthn: where }));
    await ok(webauthn.verify({ ...shown, webauthn: { ...where, ...shown.webauthn } }));
  });
  assert.equal((await ok(third.auth.mfa.getAuthenticatorAssuranceLevel())).currentLevel, "aal2");
});
scenario("mfa.recoveryCodes.unenroll", async ({ open }) => {
  const { device } = await member(open, { experimental });
  const { mfa } = device.auth;
  if (!mfa.recoveryCodes) return;  // releases before 2.119
  const { id, totp: { secret } } = await ok(mfa.enroll({ factorType: "totp" }));
  await ok(mfa.challengeAndVerify({ factorId: id, code: totp(secret) }));
  await ok(mfa.recoveryCodes.generate({ friendlyName: "Paper" }));
  await ok(mfa.recoveryCodes.unenroll());
  await refused(mfa.recoveryCodes.getStatus(), "mfa_factor_not_found", 404);
});

// --- other apps ---

const BACK = "https://client.example.com/callback";
const VERIFIER = "v".repeat(50);

async function begun({ url }, clientId) {
  const query = new URLSearchParams({
    response_type: "code", client_id: clientId, redirect_uri: BACK, scope: "openid email", state: "some", code_challenge_method: "S256",
    code_challenge: createHash("sha256").update(VERIFIER).digest("base64url"),
  });
  const answer = await fetch(`${url}/auth/v1/oauth/authorize?${query}`, { redirect: "manual" });
  return new URL(answer.headers.get("location")).searchParams.get("authorization_id");
}

scenario("admin.oauth, and oauth: details, approve, deny, grants", async ({ open }) => {
  const { oauth } = open.service().auth.admin;
  const app = await ok(oauth.createClient({ client_name: "Reader", redirect_uris: [BACK], token_endpoint_auth_method: "client_secret_basic" }));
  assert.ok(app.client_secret);
  assert.ok((await ok(oauth.listClients({ page: 1, perPage: 50 }))).clients.some((each) => each.client_id === app.client_id));
  assert.equal((await ok(oauth.getClient(app.client_id))).client_name, "Reader");
  assert.equal((await ok(oauth.updateClient(app.client_id, { client_name: "Writer" }))).client_name, "Writer");
  assert.notEqual((await ok(oauth.regenerateClientSecret(app.client_id))).client_secret, app.client_secret);

  const { device, user } = await member(open);
  const first = await begun(open, app.client_id);
  const details = await ok(device.auth.oauth.getAuthorizationDetails(first));
  assert.deepEqual([details.client.name, details.user.id, details.scope], ["Writer", user.id, "openid email"]);
  const denied = new URL((await ok(device.auth.oauth.denyAuthorization(first, { skipBrowserRedirect: true }))).redirect_url);
  assert.equal(denied.searchParams.get("error"), "access_denied");
  const second = await begun(open, app.client_id);
  await ok(device.auth.oauth.getAuthorizationDetails(second));
  const approved = new URL((await ok(device.auth.oauth.approveAuthorization(second, { skipBrowserRedirect: true }))).redirect_url);
  assert.ok(approved.searchParams.get("code"));
  assert.deepEqual((await ok(device.auth.oauth.listGrants())).map((each) => each.client.id), [app.client_id]);
  await ok(device.auth.oauth.revokeGrant({ clientId: app.client_id }));
  assert.deepEqual(await ok(device.auth.oauth.listGrants()), []);
  await ok(oauth.deleteClient(app.client_id));
  assert.ok((await oauth.getClient(app.client_id)).error);
});

// --- other places ---

scenario("admin.customProviders", async ({ open }) => {
  const { customProviders } = open.service().auth.admin;
  if (!customProviders) return;
  const identifier = `custom:${open.fresh().split("@")[0]}`;
  const made = await ok(customProviders.createProvider({
    provider_type: "oauth2", identifier, name: "Place", client_id: "app", client_secret: "secret",
    authorization_url: "https://place.example.com/authorize", token_url: "https://place.example.com/token",
    userinfo_url: "https://place.example.com/me",
  }));
  assert.equal(made.identifier, identifier);
  assert.ok((await ok(customProviders.listProviders({ type: "oauth2" }))).providers.some((each) => each.identifier === identifier));
  assert.equal((await ok(customProviders.getProvider(identifier))).name, "Place");
  assert.equal((await ok(customProviders.updateProvider(identifier, { name: "Inn" }))).name, "Inn");
  await ok(customProviders.deleteProvider(identifier));
  assert.ok((await customProviders.getProvider(identifier)).error);
});
scenario("linkIdentity leads to the place, once", async ({ open }) => {
  const { device } = await member(open);
  const { url } = await ok(device.auth.linkIdentity({ provider: "gitlab", options: { skipBrowserRedirect: true } }));
  const answer = await fetch(url, { redirect: "manual" });
  assert.ok(answer.headers.get("location").startsWith("https://gitlab.com/oauth/authorize?"), answer.headers.get("location"));
  assert.ok((await fetch(url, { redirect: "manual" })).status >= 400);
});
scenario("unlinkIdentity", async ({ open }) => {
  const email = open.fresh();
  await ok(open.service().auth.admin.createUser({
    email, phone: `1555${String(Date.now()).slice(-7)}`, password: PASSWORD, email_confirm: true, phone_confirm: true,
  }));
  const device = open.client();
  await ok(device.auth.signInWithPassword({ email, password: PASSWORD }));
  const { identities } = await ok(device.auth.getUserIdentities());
  await ok(device.auth.unlinkIdentity(identities.find((each) => each.provider === "phone")));
  const left = (await ok(device.auth.getUserIdentities())).identities;
  assert.deepEqual(left.map((each) => each.provider), ["email"]);
  await refused(device.auth.unlinkIdentity(left[0]), "single_identity_not_deletable", 422);
});

// --- a client's own ---

scenario("initialize, startAutoRefresh, stopAutoRefresh, dispose", async ({ open }) => {
  const { device, session } = await member(open);
  assert.equal((await device.auth.initialize()).error, null);
  if (device.auth.isThrowOnErrorEnabled) assert.ok(!device.auth.isThrowOnErrorEnabled());
  const seen = new Promise((done) => device.auth.onAuthStateChange((event) => event === "TOKEN_REFRESHED" && done()));
  await device.auth.startAutoRefresh();
  await ok(device.auth.refreshSession());
  await seen;
  await device.auth.stopAutoRefresh();
  assert.notEqual((await ok(device.auth.getSession())).session.refresh_token, session.refresh_token);
  if (device.auth.dispose) await device.auth.dispose();
});
