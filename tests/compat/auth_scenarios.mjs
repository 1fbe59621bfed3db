// What an app does through supabase-js's `auth`, as a table: a name, and the doing in one of two worlds: `open`, where
// whoever signs up is in, and `confirming`, where an address is confirmed first.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";

export const scenarios = [];
const scenario = (name, run) => scenarios.push({ name, run });

const PASSWORD = "correct horse battery";

// --- what an answer must be ---

async function ok(asked) {
  const { data, error } = await asked;
  assert.equal(error, null, JSON.stringify(error));
  return data;
}

async function refused(asked, code, status, type = "AuthApiError") {
  const { error } = await asked;
  assert.ok(error, "it was not refused");
  assert.equal(error.name, type, String(error.stack));
  assert.equal(error.code, code, JSON.stringify(error));
  assert.equal(error.status, status);
  assert.ok(error.message);
  return error;
}

async function member({ client, fresh }, options) {
  const device = client(options);
  const email = fresh();
  const { session, user } = await ok(device.auth.signUp({ email, password: PASSWORD }));
  return { device, email, session, user };
}

function totp(secret, ago = 0) {
  const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  const bits = [...secret.replace(/=+$/, "")].map((letter) => letters.indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from(bits.match(/.{8}/g).map((byte) => parseInt(byte, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30000) - ago));
  const digest = createHmac("sha1", key).update(step).digest();
  const at = digest[19] & 15;
  return String((digest.readUInt32BE(at) & 0x7fffffff) % 1000000).padStart(6, "0");
}

// --- in, and out ---

scenario("signUp gives a session where nothing is to be confirmed", async ({ open }) => {
  const { device, email, session, user } = await member(open);
  assert.equal(user.email, email);
  assert.equal(user.aud, "authenticated");
  assert.equal(session.token_type, "bearer");
  assert.ok(session.expires_at > Date.now() / 1000);
  assert.deepEqual(user.app_metadata, { provider: "email", providers: ["email"] });
  assert.deepEqual((await ok(device.auth.getSession())).session.access_token, session.access_token);
});
scenario("signUp with data", async ({ open }) => {
  const { user } = await ok(open.client().auth.signUp({
    email: open.fresh(), password: PASSWORD, options: { data: { nick: "Ada", age: 36 } },
  }));
  assert.equal(user.user_metadata.nick, "Ada");
  assert.equal(user.user_metadata.age, 36);
});
scenario("signUp with an address that is taken", async ({ open }) => {
  const { email } = await member(open);
  await refused(open.client().auth.signUp({ email, password: PASSWORD }), "user_already_exists", 422);
});
scenario("signUp with a weak password tells why", async ({ open }, { isAuthWeakPasswordError }) => {
  const error = await refused(
    open.client().auth.signUp({ email: open.fresh(), password: "abc" }), "weak_password", 422, "AuthWeakPasswordError",
  );
  assert.ok(isAuthWeakPasswordError?.(error) ?? true);
  assert.deepEqual(error.reasons, ["length"]);
});
scenario("signInWithPassword", async ({ open }) => {
  const { email, user } = await member(open);
  const device = open.client();
  const found = await ok(device.auth.signInWithPassword({ email: email.toUpperCase(), password: PASSWORD }));
  assert.equal(found.user.id, user.id);
  assert.equal(found.session.user.id, user.id);
});
scenario("signInWithPassword with a wrong password, and of nobody", async ({ open }, { isAuthApiError }) => {
  const { email } = await member(open);
  const wrong = await refused(
    open.client().auth.signInWithPassword({ email, password: "wrong horse" }), "invalid_credentials", 400,
  );
  assert.ok(isAuthApiError(wrong));
  const nobody = await refused(
    open.client().auth.signInWithPassword({ email: open.fresh(), password: PASSWORD }), "invalid_credentials", 400,
  );
  assert.equal(nobody.message, wrong.message);
});
scenario("signInAnonymously", async ({ open }) => {
  const device = open.client();
  const { user, session } = await ok(device.auth.signInAnonymously({ options: { data: { guest: true } } }));
  assert.equal(user.is_anonymous, true);
  assert.equal(user.user_metadata.guest, true);
  assert.ok(session.refresh_token);
});
scenario("rows are those of whoever signed in", async ({ open }) => {
  const one = (await member(open)).device;
  const other = (await member(open)).device;
  await ok(one.from("entries").insert({ body: "a secret" }));
  assert.equal((await ok(one.from("entries").select())).length, 1);
  assert.equal((await ok(other.from("entries").select())).length, 0);
  await ok(one.auth.signOut());
  assert.equal((await one.from("entries").select()).error.code, "PGRST205");
});
scenario("getUser", async ({ open }) => {
  const { device, user, session } = await member(open);
  assert.equal((await ok(device.auth.getUser())).user.id, user.id);
  assert.equal((await ok(open.client().auth.getUser(session.access_token))).user.id, user.id);
});
scenario("getUser without a session", async ({ open }, { isAuthSessionMissingError }) => {
  const { error } = await open.client().auth.getUser();
  assert.equal(error.name, "AuthSessionMissingError");
  assert.ok(isAuthSessionMissingError?.(error) ?? true);
});
scenario("getUser with a token that is none", async ({ open }) => {
  await refused(open.client().auth.getUser("a.b.c"), "bad_jwt", 403);
});
scenario("getUserIdentities", async ({ open }) => {
  const { device, user } = await member(open);
  const { identities } = await ok(device.auth.getUserIdentities());
  assert.deepEqual(identities.map((each) => [each.provider, each.user_id]), [["email", user.id]]);
});
scenario("getClaims", async ({ open }) => {
  const { device, user, email, session } = await member(open);
  const { claims } = await ok(device.auth.getClaims());
  assert.equal(claims.sub, user.id);
  assert.equal(claims.email, email);
  assert.equal(claims.role, "authenticated");
  assert.equal(claims.aal, "aal1");
  assert.equal(claims.is_anonymous, false);
  assert.equal(claims.amr[0].method, "password");
  assert.ok(claims.session_id);
  assert.equal((await ok(open.client().auth.getClaims(session.access_token))).claims.sub, user.id);
});

// --- sessions ---

scenario("refreshSession", async ({ open }) => {
  const { device, session } = await member(open);
  const next = (await ok(device.auth.refreshSession())).session;
  assert.notEqual(next.refresh_token, session.refresh_token);
  const last = (await ok(device.auth.refreshSession({ refresh_token: next.refresh_token }))).session;
  assert.notEqual(last.refresh_token, next.refresh_token);
  assert.equal(last.user.id, session.user.id);
});
scenario("refreshSession with a token that is none", async ({ open }) => {
  await refused(open.client().auth.refreshSession({ refresh_token: "nothing" }), "refresh_token_not_found", 400);
});
scenario("refreshSession without a session", async ({ open }) => {
  const { error } = await open.client().auth.refreshSession();
  assert.equal(error.name, "AuthSessionMissingError");
});
scenario("setSession", async ({ open }) => {
  const { session, user } = await member(open);
  const device = open.client();
  const { access_token, refresh_token } = session;
  assert.equal((await ok(device.auth.setSession({ access_token, refresh_token }))).user.id, user.id);
  assert.equal((await ok(device.auth.getUser())).user.id, user.id);
});
scenario("setSession with an access token that is over refreshes it", async ({ open }) => {
  const { session, user } = await member(open);
  const [head, body, signature] = session.access_token.split(".");
  const claims = JSON.parse(Buffer.from(body, "base64url"));
  const old = Buffer.from(JSON.stringify({ ...claims, exp: 1000 })).toString("base64url");
  const device = open.client();
  const given = { access_token: `${head}.${old}.${signature}`, refresh_token: session.refresh_token };
  const found = await ok(device.auth.setSession(given));
  assert.equal(found.user.id, user.id);
  assert.notEqual(found.session.refresh_token, session.refresh_token);
});
for (const [scope, here, there] of [["global", false, false], ["local", false, true], ["others", true, false]]) {
  scenario(`signOut: ${scope}`, async ({ open }) => {
    const { device, email } = await member(open);
    const other = open.client();
    await ok(other.auth.signInWithPassword({ email, password: PASSWORD }));
    await (async () => assert.equal((await device.auth.signOut({ scope })).error, null))();
    assert.equal((await device.auth.getUser()).error === null, here);
    assert.equal((await other.auth.refreshSession()).error === null, there);
  });
}
scenario("a session that ended elsewhere is told as one that is missing", async ({ open }) => {
  const { device, email } = await member(open);
  const other = open.client();
  await ok(other.auth.signInWithPassword({ email, password: PASSWORD }));
  await other.auth.signOut({ scope: "others" });
  const { error } = await device.auth.getUser();
  assert.equal(error.name, "AuthSessionMissingError", String(error.stack));
});
scenario("onAuthStateChange", async ({ open }) => {
  const device = open.client();
  const seen = [];
  const { data: { subscription } } = device.auth.onAuthStateChange((event) => void seen.push(event));
  const email = open.fresh();
  await ok(device.auth.signUp({ email, password: PASSWORD }));
  await ok(device.auth.refreshSession());
  await ok(device.auth.updateUser({ data: { nick: "Ada" } }));
  await device.auth.signOut();
  await ok(device.auth.signInWithPassword({ email, password: PASSWORD }));
  subscription.unsubscribe();
  assert.deepEqual(seen.filter((event) => event !== "INITIAL_SESSION"),
    ["SIGNED_IN", "TOKEN_REFRESHED", "USER_UPDATED", "SIGNED_OUT", "SIGNED_IN"]);
});
