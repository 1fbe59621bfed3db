// What an app does through supabase-js, as a table: a name, the capabilities of the client that it shows, and the doing.
// `covers` uses the names of the client's own list of capabilities, those of its database part less "database.".
import assert from "node:assert/strict";

export const scenarios = [];
const scenario = (name, covers, run) => scenarios.push({ name, covers: covers.split(" ").filter(Boolean), run });

// --- what an answer must be ---

async function rows(query, expected, status = 200) {
  const answer = await query;
  assert.equal(answer.error, null, JSON.stringify(answer.error));
  assert.deepEqual(answer.data, expected);
  assert.equal(answer.status, status);
  return answer;
}

async function ids(query, expected) {
  const answer = await query;
  assert.equal(answer.error, null, JSON.stringify(answer.error));
  assert.deepEqual(answer.data.map((row) => row.id), expected);
}

async function refused(query, code, status, hint) {
  const answer = await query;
  assert.equal(answer.data, null);
  assert.ok(answer.error, "it was not refused");
  assert.equal(answer.error.code, code, JSON.stringify(answer.error));
  assert.equal(answer.status, status);
  if (hint !== undefined) assert.match(answer.error.hint ?? "", hint);
  assert.ok(answer.error.message);
  return answer.error;
}

// --- reading ---

scenario("select all columns", "query.select query.from_table", async ({ anon }) => {
  await rows(anon.from("people").select().eq("id", 1), [
    { id: 1, name: "Ada", age: 36, user_id: "0a000000-0000-4000-8000-000000000001", mentor_id: null },
  ]);
});
scenario("select keeps every type", "query.select", async ({ anon }) => {
  await rows(anon.from("projects").select("id,title,status,budget,done,details,due,created_at").eq("id", 1), [{
    id: 1, title: "Engine", status: "open", budget: 1200.5, done: false, due: "2027-01-31",
    details: { kind: "brass", size: { wheels: 8 }, tags: ["old", "big"] }, created_at: "2026-01-01T00:00:00+00:00",
  }]);
});
scenario("select with alias, cast and JSON path", "query.select", async ({ anon }) => {
  await rows(anon.from("projects").select("name:title,id::text,details->>kind,wheels:details->size->wheels").eq("id", 1), [
    { name: "Engine", id: "1", kind: "brass", wheels: 8 },
  ]);
});
scenario("select with blanks and line breaks in the columns", "query.select", async ({ anon }) => {
  await rows(anon.from("people").select("id,\n   name,\n   mentor ( name )\n").eq("id", 2), [
    { id: 2, name: "Grace", mentor: { name: "Ada" } },
  ]);
});
scenario("a policy hides rows without a word", "query.select", async ({ anon, user, service }) => {
  await ids(anon.from("projects").select("id").order("id"), [1, 2, 3]);
  await ids(user.from("projects").select("id").order("id"), [1, 2, 3, 4]);
  await ids(service.from("tasks").select("id").order("id"), [1, 2, 3, 4, 5, 6]);
});

// --- embedding ---

scenario("embed one, by the key's column", "using_modifiers.relationship_embed", async ({ anon }) => {
  await rows(anon.from("projects").select("id,owner:owner_id(name)").eq("id", 2), [{ id: 2, owner: { name: "Grace" } }]);
});
scenario("embed one, by the model's name", "using_modifiers.relationship_embed", async ({ anon }) => {
  await rows(anon.from("tasks").select("id,project(title)").in("id", [1, 5]).order("id"), [
    { id: 1, project: { title: "Engine" } }, { id: 5, project: null },
  ]);
});
scenario("embed many", "using_modifiers.relationship_embed", async ({ anon }) => {
  await rows(anon.from("projects").select("id,tasks(id,title)").eq("id", 3), [{ id: 3, tasks: [{ id: 4, title: "boot" }] }]);
});
scenario("embed through a junction", "using_modifiers.relationship_embed", async ({ anon }) => {
  await rows(anon.from("projects").select("id,people!memberships(name)").eq("id", 1).order("name", { referencedTable: "people" }), [
    { id: 1, people: [{ name: "Ada" }, { name: "Grace" }] },
  ]);
});
scenario("embed itself, both ways", "using_modifiers.relationship_embed", async ({ anon }) => {
  await rows(anon.from("people").select("name,mentor(name),pupils(name)").eq("id", 2), [
    { name: "Grace", mentor: { name: "Ada" }, pupils: [{ name: "Ken, B." }] },
  ]);
});
scenario("embed with a hint where two keys lead there", "using_modifiers.relationship_embed", async ({ anon }) => {
  await rows(
    anon.from("projects").select("id,owner:people!projects_owner_id_fkey(name),reviewer:people!reviewer_id(name)").eq("id", 1),
    [{ id: 1, owner: { name: "Ada" }, reviewer: { name: "Grace" } }],
  );
});
scenario("an ambiguous embed is refused with the choices", "using_modifiers.relationship_embed", async ({ anon }) => {
  const error = await refused(anon.from("projects").select("id,people(name)"), "PGRST201", 300, /people!projects_owner_id_fkey/);
  assert.ok(Array.isArray(error.details) && error.details.length === 3);
});
scenario("inner embed keeps the rows that have one", "using_modifiers.relationship_embed", async ({ anon }) => {
  await ids(anon.from("projects").select("id,tasks!inner(id)").eq("tasks.title", "parse"), [2]);
  await ids(anon.from("projects").select("id,tasks(id)").eq("tasks.title", "parse").order("id"), [1, 2, 3]);
});
scenario("embed three levels deep, with filters at each", "using_modifiers.relationship_embed", async ({ anon }) => {
  await rows(
    anon.from("people").select("name,projects!projects_owner_id_fkey(title,tasks(title,project(title)))").eq("id", 1)
      .eq("projects.done", false).gt("projects.tasks.points", 3),
    [{ name: "Ada", projects: [{ title: "Engine", tasks: [{ title: "build", project: { title: "Engine" } }] }] }],
  );
});
scenario("order and limit inside an embed", "using_modifiers.relationship_embed using_modifiers.order", async ({ anon }) => {
  await rows(
    anon.from("projects").select("id,tasks(title)").eq("id", 1).order("points", { referencedTable: "tasks", ascending: false })
      .limit(1, { referencedTable: "tasks" }),
    [{ id: 1, tasks: [{ title: "build" }] }],
  );
});
scenario("range inside an embed", "using_modifiers.range", async ({ anon }) => {
  await rows(anon.from("projects").select("id,tasks(id)").eq("id", 1).order("id", { referencedTable: "tasks" })
    .range(1, 1, { referencedTable: "tasks" }), [{ id: 1, tasks: [{ id: 2 }] }]);
});
scenario("spread an embed", "using_modifiers.relationship_embed", async ({ anon }) => {
  await rows(anon.from("tasks").select("title,...project(project_title:title)").eq("id", 3), [
    { title: "parse", project_title: "Compiler" },
  ]);
});
scenario("order by a column of an embed", "using_modifiers.order", async ({ anon }) => {
  await ids(anon.from("tasks").select("id,project!inner(title)").order("project(title)").order("id"), [3, 1, 2, 4]);
});
scenario("rows without an embed", "using_filters.is", async ({ anon }) => {
  await ids(anon.from("people").select("id,pupils(id)").is("pupils", null).order("id"), [3, 4]);
  await ids(anon.from("people").select("id,pupils()").not("pupils", "is", null).order("id"), [1, 2]);
});
scenario("or inside an embed", "using_filters.or", async ({ anon }) => {
  await rows(anon.from("projects").select("id,tasks(id)").eq("id", 1).or("title.eq.draw,points.eq.100", { referencedTable: "tasks" }), [
    { id: 1, tasks: [{ id: 1 }] },
  ]);
});

// --- filters ---

const people = (client) => client.from("people").select("id").order("id");
const filters = [
  ["eq", (q) => q.eq("name", "Ada"), [1]],
  ["eq with a comma and a dot in the value", (q) => q.eq("name", "Ken, B."), [4]],
  ["neq", (q) => q.neq("id", 1), [2, 3, 4]],
  ["gt", (q) => q.gt("age", 36), [2]],
  ["gte", (q) => q.gte("age", 36), [1, 2]],
  ["lt", (q) => q.lt("age", 36), [3]],
  ["lte", (q) => q.lte("age", 36), [1, 3]],
  ["like", (q) => q.like("name", "%a%"), [1, 2]],
  ["ilike", (q) => q.ilike("name", "%A%"), [1, 2]],
  ["like_all", (q) => q.likeAllOf("name", ["%r%", "%a%"]), [2]],
  ["like_any", (q) => q.likeAnyOf("name", ["A%", "L%"]), [1, 3]],
  ["ilike_all", (q) => q.ilikeAllOf("name", ["%R%", "%A%"]), [2]],
  ["ilike_any", (q) => q.ilikeAnyOf("name", ["a%", "l%"]), [1, 3]],
  ["is", (q) => q.is("age", null), [4]],
  ["is_distinct", (q) => q.isDistinct("age", 36), [2, 3, 4]],
  ["in", (q) => q.in("id", [1, 3, 99]), [1, 3]],
  ["in with commas and quotes in the values", (q) => q.in("name", ["Ken, B.", 'a"b', "(x)"]), [4]],
  ["in of nothing", (q) => q.in("id", []), []],
  ["not_in", (q) => q.notIn("id", [1, 3]), [2, 4]],
  ["not", (q) => q.not("age", "is", null), [1, 2, 3]],
  ["not with in", (q) => q.not("id", "in", "(1,2)"), [3, 4]],
  ["match", (q) => q.match({ name: "Ada", age: 36 }), [1]],
  ["or", (q) => q.or("age.gt.80,name.eq.Linus"), [2, 3]],
  ["or with and inside", (q) => q.or("and(age.gt.30,age.lt.40),id.eq.4"), [1, 4]],
  ["or negated", (q) => q.or("id.not.in.(1,2),not.and(id.gt.0)"), [3, 4]],
  ["filter", (q) => q.filter("age", "gte", 36), [1, 2]],
  ["filter with any", (q) => q.filter("id", "eq(any)", "{1,4}"), [1, 4]],
  ["two on one column", (q) => q.gt("id", 1).lt("id", 4), [2, 3]],
  ["text with every hostile character", (q) => q.eq("name", "';--\"%_\\&?#/+*\u00e9\u{1f600}"), []],
];
const CAPABILITY = { match: "match", filter: "raw", "filter with any": "raw" };
for (const [name, apply, expected] of filters) {
  const word = CAPABILITY[name] ?? name.split(" ")[0];
  const known = ["two", "text"].includes(word) ? "" : `using_filters.${word}`;
  scenario(`filter: ${name}`, known, async ({ anon }) => ids(apply(people(anon)), expected));
}
scenario("filter: is true, false and null", "using_filters.is", async ({ anon }) => {
  await ids(anon.from("projects").select("id").is("done", true), [2]);
  await ids(anon.from("projects").select("id").is("done", false).order("id"), [1, 3]);
  await ids(anon.from("projects").select("id").is("details", null), [3]);
});
scenario("filter: on dates, decimals and enums", "using_filters.gte", async ({ anon }) => {
  await ids(anon.from("projects").select("id").gte("created_at", "2026-02-01T12:30:00Z").order("id"), [2, 3]);
  await ids(anon.from("projects").select("id").lt("due", "2027-01-01"), [3]);
  await ids(anon.from("projects").select("id").eq("budget", 99.9), [2]);
  await ids(anon.from("projects").select("id").eq("status", "done"), [2]);
});
scenario("filter: on a JSON path", "using_filters.eq", async ({ anon }) => {
  await ids(anon.from("projects").select("id").eq("details->>kind", "words"), [2]);
  await ids(anon.from("projects").select("id").gt("details->size->wheels", 4), [1]);
});

// What only PostgreSQL has is refused by name, and never answered differently.
const refusals = [
  ["contains", (q) => q.contains("name", ["a"])],
  ["contained_by", (q) => q.containedBy("name", ["a"])],
  ["overlaps", (q) => q.overlaps("name", ["a"])],
  ["range_gt", (q) => q.rangeGt("age", "[1,5)")],
  ["range_gte", (q) => q.rangeGte("age", "[1,5)")],
  ["range_lt", (q) => q.rangeLt("age", "[1,5)")],
  ["range_lte", (q) => q.rangeLte("age", "[1,5)")],
  ["range_adjacent", (q) => q.rangeAdjacent("age", "[1,5)")],
];
for (const [name, apply] of refusals) {
  scenario(`refused by name on SQLite: ${name}`, `using_filters.${name}`, async ({ anon }) => {
    const error = await refused(apply(people(anon)), "0A000", 400);
    assert.match(error.message, /SQLite/i);
  });
}

scenario("filter: full text", "using_filters.text_search", async ({ anon }) => {
  const searching = () => people(anon);
  const found = async (query) => (await query.throwOnError()).data.map((row) => row.id);
  const ada = await found(searching().ilike("name", "ada%"));
  assert.ok(ada.length > 0);
  for (const type of [undefined, "plain", "phrase", "websearch"]) {
    assert.deepEqual(await found(searching().textSearch("name", "ada", { type, config: "english" })), ada);
    assert.deepEqual(await found(searching().textSearch("name", "nobody", { type })), []);
  }
});
scenario("filter: regular expressions", "using_filters.regex using_filters.regex_icase", async ({ anon }) => {
  const found = async (query) => (await query.throwOnError()).data.map((row) => row.id);
  const capital = await found(people(anon).like("name", "A%"));
  assert.ok(capital.length > 0);
  assert.deepEqual(await found(people(anon).regexMatch("name", "^A")), capital);
  assert.deepEqual(await found(people(anon).regexMatch("name", "^a")), []);
  assert.deepEqual(await found(people(anon).regexIMatch("name", "^a")), capital);
  const error = await refused(people(anon).regexMatch("name", "("), "2201B", 400);
  assert.match(error.message, /regular expression/i);
});

// --- order, ranges, counts, forms of the answer ---

scenario("order, with nulls first and last", "using_modifiers.order", async ({ anon }) => {
  const of = (options) => anon.from("people").select("id").order("age", options).order("id");
  await ids(of({ ascending: true }), [3, 1, 2, 4]);
  await ids(of({ ascending: false }), [4, 2, 1, 3]);
  await ids(of({ ascending: false, nullsFirst: false }), [2, 1, 3, 4]);
  await ids(of({ ascending: true, nullsFirst: true }), [4, 3, 1, 2]);
});
scenario("limit", "using_modifiers.limit", async ({ anon }) => ids(people(anon).limit(2), [1, 2]));
scenario("range", "using_modifiers.range", async ({ anon }) => ids(people(anon).range(1, 2), [2, 3]));
scenario("range behind the end", "using_modifiers.range", async ({ anon }) => ids(people(anon).range(50, 60), []));
scenario("count beside the rows", "query.select", async ({ anon }) => {
  const answer = await anon.from("people").select("id", { count: "exact" }).order("id").range(0, 1);
  assert.deepEqual([answer.data.length, answer.count, answer.status], [2, 4, 206]);
});
scenario("count without the rows", "query.select", async ({ anon }) => {
  const answer = await anon.from("people").select("*", { count: "exact", head: true }).gt("age", 30);
  assert.deepEqual([answer.data, answer.count, answer.error], [null, 2, null]);
});
scenario("count planned and estimated", "query.select", async ({ anon }) => {
  for (const count of ["planned", "estimated"]) {
    const answer = await anon.from("people").select("id", { count });
    assert.deepEqual([answer.error, answer.count], [null, 4]);
  }
});
scenario("count behind the end is refused", "using_modifiers.range", async ({ anon }) => {
  await refused(anon.from("people").select("id", { count: "exact" }).range(50, 60), "PGRST103", 416);
});
scenario("csv", "using_modifiers.format_csv", async ({ anon }) => {
  const answer = await anon.from("people").select("id,name,age").order("id").csv();
  assert.equal(answer.error, null);
  assert.equal(answer.data.trimEnd(), 'id,name,age\n1,Ada,36\n2,Grace,85\n3,Linus,21\n4,"Ken, B.",');
});
scenario("single", "using_modifiers.single_row", async ({ anon }) => rows(anon.from("people").select("name").eq("id", 1).single(), { name: "Ada" }));
scenario("single of none and of many is refused", "using_modifiers.single_row", async ({ anon }) => {
  assert.match((await refused(anon.from("people").select().eq("id", 99).single(), "PGRST116", 406)).details, /0 rows/);
  assert.match((await refused(anon.from("people").select().single(), "PGRST116", 406)).details, /4 rows/);
});
scenario("maybeSingle", "using_modifiers.maybe_single_row", async ({ anon }) => {
  await rows(anon.from("people").select("name").eq("id", 1).maybeSingle(), { name: "Ada" });
  const none = await anon.from("people").select("name").eq("id", 99).maybeSingle();
  assert.deepEqual([none.data, none.error], [null, null]);
  await refused(anon.from("people").select("name").maybeSingle(), "PGRST116", 406);
});
scenario("stripNulls", "using_modifiers.strip_nulls", async ({ anon }) => {
  await rows(anon.from("people").select("id,age,mentor_id").order("id").limit(1).stripNulls(), [{ id: 1, age: 36 }]);
  await rows(anon.from("people").select("id,age,mentor_id").eq("id", 1).stripNulls().single(), { id: 1, age: 36 });
});
scenario("explain is refused", "using_modifiers.explain", async ({ anon }) => {
  await refused(anon.from("people").select().explain(), "PGRST107", 406);
});
scenario("geojson is refused", "using_modifiers.format_geojson", async ({ anon }) => {
  await refused(anon.from("people").select().geojson(), "PGRST107", 406);
});
scenario("aborted by a signal", "using_modifiers.request_cancellation configuration.request_timeout", async ({ anon }) => {
  const stopped = new AbortController();
  stopped.abort();
  const answer = await anon.from("people").select().abortSignal(stopped.signal);
  assert.match(answer.error.message, /abort/i);
  await ids(people(anon).abortSignal(new AbortController().signal), [1, 2, 3, 4]);
});
scenario("throwOnError", "", async ({ anon }) => {
  await assert.rejects(async () => anon.from("peeple").select().throwOnError(), { code: "PGRST205" });
});
scenario("another schema is refused, our own is served", "query.schema_selection", async ({ anon }) => {
  await ids(anon.schema("public").from("people").select("id").eq("id", 1), [1]);
  await refused(anon.schema("auth").from("users").select(), "PGRST106", 406, /public/);
});
scenario("a retried request is answered", "configuration.auto_retry", async ({ anon }) => ids(people(anon).retry(true).limit(1), [1]));
scenario("the API describes itself", "", async ({ anon }) => {
  if (typeof anon.rest.getOpenApiSpec !== "function") return;
  const { data, error } = await anon.rest.getOpenApiSpec();
  assert.equal(error, null, JSON.stringify(error));
  assert.ok(data.paths["/people"].get && !data.paths["/letters"]);
});

// --- faults ---

scenario("a missing table, with a hint", "", async ({ anon }) => {
  await refused(anon.from("peopl").select(), "PGRST205", 404, /people/);
});
scenario("a table without a policy is missing", "", async ({ anon }) => {
  await refused(anon.from("canary_vault").select(), "PGRST205", 404);
  await refused(anon.from("letters").select(), "PGRST205", 404);
});
scenario("a missing column, with a hint", "", async ({ anon }) => {
  await refused(anon.from("people").select("nam"), "42703", 400, /name/);
  await refused(anon.from("people").select().eq("nme", 1), "42703", 400, /name/);
});
scenario("a hidden column is missing", "", async ({ anon }) => {
  const hidden = await refused(anon.from("people").select("diary"), "42703", 400);
  const missing = await refused(anon.from("people").select("diarz"), "42703", 400);
  assert.equal(hidden.message.replace("diary", "diarz"), missing.message);
  assert.equal(hidden.hint, missing.hint);
});
scenario("a missing relation", "", async ({ anon }) => refused(anon.from("people").select("id,suggestions(id)"), "PGRST200", 400));
scenario("a value of another type", "", async ({ anon }) => refused(anon.from("people").select().eq("id", "x"), "22P02", 400));
scenario("a select that does not parse", "", async ({ anon }) => refused(anon.from("people").select("id,("), "PGRST100", 400));
scenario("a key that is none", "", async ({ connect }) => refused(connect("nonsense").from("people").select(), "PGRST301", 401));

// --- writing ---

scenario("insert", "mutate.insert", async ({ anon, service }) => {
  const answer = await anon.from("tasks").insert({ id: 1001, project_id: 1, title: "new" });
  assert.deepEqual([answer.status, answer.data, answer.error], [201, null, null]);
  await rows(service.from("tasks").select("title,points,note,stamp").eq("id", 1001), [
    { title: "new", points: 1, note: null, stamp: "stamped" },
  ]);
});
scenario("insert and select", "mutate.insert mutate.select_after_mutation", async ({ anon }) => {
  await rows(anon.from("tasks").insert({ id: 1001, project_id: 1, title: "new" }).select("id,title,project(title)"), [
    { id: 1001, title: "new", project: { title: "Engine" } },
  ], 201);
});
scenario("insert and select one", "mutate.select_after_mutation", async ({ anon }) => {
  const { data, status } = await anon.from("tasks").insert({ project_id: 1, title: "new" }).select().single();
  assert.ok(data.id > 6 && data.title === "new" && status === 201);
});
scenario("insert many", "mutate.insert", async ({ anon }) => {
  const many = Array.from({ length: 200 }, (_, n) => ({ id: 1001 + n, project_id: 1, title: `t${n}`, points: n }));
  const answer = await anon.from("tasks").insert(many, { count: "exact" }).select("id");
  assert.deepEqual([answer.error, answer.count, answer.data.length], [null, 200, 200]);
});
scenario("insert with a key, twice", "mutate.insert", async ({ anon, service }) => {
  const key = crypto.randomUUID();
  const insert = () => anon.from("tasks").insert({ project_id: 1, title: "once" }).select("id,title").setHeader("Idempotency-Key", key);
  const [first, second] = await Promise.all([insert(), insert()]);
  assert.deepEqual([first.error, first.status, second.status], [null, 201, 201]);
  assert.deepEqual(second.data, first.data);
  await ids(service.from("tasks").select("id").eq("title", "once"), [first.data[0].id]);
  const other = await anon.from("tasks").insert({ project_id: 1, title: "other" }).setHeader("Idempotency-Key", key);
  assert.deepEqual([other.status, other.error.code], [422, "UC422"]);
});
scenario("insert uneven rows: null, or the default", "mutate.insert", async ({ anon }) => {
  const uneven = [{ id: 1001, project_id: 1, title: "a", note: "n" }, { id: 1002, project_id: 1, title: "b" }];
  await rows(anon.from("tasks").insert(uneven).select("id,note").order("id"), [{ id: 1001, note: "n" }, { id: 1002, note: null }], 201);
  const points = [{ id: 1003, project_id: 1, title: "c", points: 5 }, { id: 1004, project_id: 1, title: "d" }];
  await refused(anon.from("tasks").insert(points), "23502", 400);
  await rows(anon.from("tasks").insert(points, { defaultToNull: false }).select("id,points").order("id"), [
    { id: 1003, points: 5 }, { id: 1004, points: 1 },
  ], 201);
});
scenario("insert is all or nothing", "mutate.insert", async ({ anon, service }) => {
  await refused(anon.from("tasks").insert([{ id: 1001, project_id: 1, title: "a" }, { id: 1002, project_id: 999, title: "b" }]), "23503", 409);
  await ids(service.from("tasks").select("id").gt("id", 6), []);
});
scenario("insert of every type comes back as it went", "mutate.insert", async ({ user }) => {
  const sent = {
    id: 1001, title: "\u00dcml\u00e4ut \u{1f600} \"quoted\" \\ \n", slug: "x", status: "open", budget: 12345678.91, done: true,
    details: { a: [1, 2.5, null, { b: "c" }], "k\u00e9y": true }, due: "2030-02-28", created_at: "2030-01-01T10:00:00+02:00",
  };
  const { data, error } = await user.from("projects").insert(sent).select().single();
  assert.equal(error, null, JSON.stringify(error));
  assert.deepEqual(data, { ...sent, created_at: "2030-01-01T08:00:00+00:00", owner_id: null, reviewer_id: null });
});
scenario("insert without reading: nothing comes back, and nothing can be asked back", "mutate.insert", async ({ anon, service }) => {
  assert.equal((await anon.from("suggestions").insert({ text: "tea" })).status, 201);
  await rows(service.from("suggestions").select("text"), [{ text: "tea" }]);
});
scenario("upsert merges", "mutate.upsert", async ({ anon }) => {
  await anon.from("tasks").insert({ id: 1001, project_id: 1, title: "one", points: 2 });
  await rows(anon.from("tasks").upsert([{ id: 1001, project_id: 1, title: "uno" }, { id: 1002, project_id: 1, title: "due" }])
    .select("id,title").order("id"), [{ id: 1001, title: "uno" }, { id: 1002, title: "due" }], 201);
  await rows(anon.from("tasks").select("points").eq("id", 1001), [{ points: 2 }]);
});
scenario("upsert ignores duplicates", "mutate.upsert", async ({ anon }) => {
  await anon.from("tasks").insert({ id: 1001, project_id: 1, title: "one" });
  await rows(anon.from("tasks").upsert([{ id: 1001, project_id: 1, title: "uno" }, { id: 1002, project_id: 1, title: "due" }],
    { ignoreDuplicates: true }).select("id,title"), [{ id: 1002, title: "due" }], 201);
  await rows(anon.from("tasks").select("title").eq("id", 1001), [{ title: "one" }]);
});
scenario("upsert on another unique column", "mutate.upsert", async ({ user }) => {
  const created_at = "2030-01-01T00:00:00Z";
  await user.from("projects").insert({ id: 1001, title: "one", slug: "s", created_at });
  await rows(user.from("projects").upsert({ title: "uno", slug: "s", created_at }, { onConflict: "slug" }).select("id,title,slug"), [
    { id: 1001, title: "uno", slug: "s" },
  ]);
});
scenario("upsert with defaults for what is missing", "mutate.upsert", async ({ anon }) => {
  const sent = [{ id: 1001, project_id: 1, title: "a", points: 7 }, { id: 1002, project_id: 1, title: "b" }];
  await rows(anon.from("tasks").upsert(sent, { defaultToNull: false }).select("points").order("id"), [{ points: 7 }, { points: 1 }], 201);
});
scenario("update", "mutate.update", async ({ anon }) => {
  await anon.from("tasks").insert([{ id: 1001, project_id: 1, title: "a" }, { id: 1002, project_id: 1, title: "b" }]);
  const answer = await anon.from("tasks").update({ note: "seen" }).eq("id", 1001);
  assert.deepEqual([answer.status, answer.data, answer.error], [204, null, null]);
  await rows(anon.from("tasks").update({ note: "again" }).gt("id", 1000).select("id,note").order("id"), [
    { id: 1001, note: "again" }, { id: 1002, note: "again" },
  ]);
});
scenario("update of no row", "mutate.update", async ({ anon }) => {
  await rows(anon.from("tasks").update({ note: "x" }).eq("id", 999).select(), []);
  const answer = await anon.from("tasks").update({ note: "x" }, { count: "exact" }).eq("id", 999);
  assert.equal(answer.count, 0);
});
scenario("update to null, JSON and false", "mutate.update", async ({ user }) => {
  await user.from("projects").insert({ id: 1001, title: "p", done: true, details: { a: 1 }, budget: 3, created_at: "2030-01-01T00:00:00Z" });
  await rows(user.from("projects").update({ budget: null, details: [1, { b: null }], done: false }).eq("id", 1001)
    .select("budget,details,done").single(), { budget: null, details: [1, { b: null }], done: false });
});
scenario("update without a filter is refused", "mutate.update mutate.delete", async ({ anon }) => {
  await refused(anon.from("tasks").update({ note: "all" }), "21000", 400);
  await refused(anon.from("tasks").delete(), "21000", 400);
});
scenario("delete", "mutate.delete", async ({ anon }) => {
  await anon.from("tasks").insert([{ id: 1001, project_id: 1, title: "a" }, { id: 1002, project_id: 1, title: "b" }]);
  const answer = await anon.from("tasks").delete({ count: "exact" }).eq("id", 1001);
  assert.deepEqual([answer.status, answer.count], [204, 1]);
  await rows(anon.from("tasks").delete().eq("id", 1002).select("id,title,project(title)"), [
    { id: 1002, title: "b", project: { title: "Engine" } },
  ]);
  await ids(anon.from("tasks").select("id").gt("id", 1000), []);
});
scenario("maxAffected", "using_modifiers.max_affected_rows", async ({ anon }) => {
  await anon.from("tasks").insert([{ id: 1001, project_id: 1, title: "a" }, { id: 1002, project_id: 1, title: "b" }]);
  await refused(anon.from("tasks").update({ note: "x" }).gt("id", 1000).maxAffected(1), "PGRST124", 400);
  await rows(anon.from("tasks").update({ note: "y" }).gt("id", 1000).maxAffected(2).select("note"), [{ note: "y" }, { note: "y" }]);
});
scenario("rollback is not heeded unless the server allows it", "using_modifiers.dry_run", async ({ anon }) => {
  const answer = await anon.from("tasks").insert({ id: 1001, project_id: 1, title: "a" }).select("id").rollback();
  assert.equal(answer.error, null);
  await ids(anon.from("tasks").select("id").eq("id", 1001), [1001]);
});
scenario("select one after a write that touched none is refused and undone", "mutate.select_after_mutation", async ({ anon }) => {
  await refused(anon.from("tasks").update({ note: "x" }).eq("id", 999).select().single(), "PGRST116", 406);
  await anon.from("tasks").insert([{ id: 1001, project_id: 1, title: "a" }, { id: 1002, project_id: 1, title: "b" }]);
  await refused(anon.from("tasks").delete().gt("id", 1000).select().single(), "PGRST116", 406);
  await ids(anon.from("tasks").select("id").gt("id", 1000).order("id"), [1001, 1002]);
});

// --- faults of writes ---

scenario("a duplicate key", "", async ({ anon }) => {
  const error = await refused(anon.from("tasks").insert({ id: 1, project_id: 1, title: "again" }), "23505", 409);
  assert.match(error.message, /tasks_pkey/);
});
scenario("a foreign key to nowhere", "", async ({ anon }) => refused(anon.from("tasks").insert({ project_id: 999, title: "x" }), "23503", 409));
scenario("a null where none may be", "", async ({ anon }) => refused(anon.from("tasks").insert({ project_id: 1, title: null }), "23502", 400));
scenario("a check that fails", "", async ({ anon }) => refused(anon.from("tasks").insert({ project_id: 1, title: "x", points: -1 }), "23514", 400));
scenario("a column that is not there", "", async ({ anon }) => refused(anon.from("tasks").insert({ project_id: 1, title: "x", colour: 1 }), "PGRST204", 400));
scenario("a row that a policy refuses", "", async ({ anon, user }) => {
  await refused(anon.from("tasks").insert({ project_id: 1, title: "locked" }), "42501", 401);
  await refused(user.from("tasks").insert({ project_id: 1, title: "locked" }), "42501", 403);
  await refused(user.from("projects").insert({ title: "", created_at: "2030-01-01T00:00:00Z" }), "42501", 403);
});
scenario("a table that may only be read", "", async ({ anon }) => refused(anon.from("people").insert({ name: "Eve" }), "42501", 401));
scenario("a column that is preset or read-only", "", async ({ anon, user }) => {
  await refused(anon.from("tasks").insert({ project_id: 1, title: "x", stamp: "mine" }), "42501", 401);
  await refused(anon.from("tasks").update({ stamp: "mine" }).eq("id", 1), "42501", 401);
  await refused(user.from("letters").insert({ author_id: "0a000000-0000-4000-8000-000000000002", body: "forged" }), "42501", 403);
});

// --- whose it is ---

scenario("a user's own rows, from end to end", "mutate.insert mutate.update mutate.delete", async ({ user, other }) => {
  const { data } = await user.from("letters").insert({ body: "dear" }).select().single();
  assert.equal(data.author_id, "0a000000-0000-4000-8000-000000000001");
  await rows(other.from("letters").select(), []);
  await rows(other.from("letters").update({ body: "hm" }).eq("id", data.id).select(), []);
  await rows(other.from("letters").delete().eq("id", data.id).select(), []);
  await rows(user.from("letters").update({ body: "dearest" }).eq("id", data.id).select("body").single(), { body: "dearest" });
  await rows(user.from("letters").delete().eq("id", data.id).select("body"), [{ body: "dearest" }]);
});

// --- functions ---

scenario("rpc", "query.rpc", async ({ anon }) => {
  await rows(anon.rpc("add", { a: 2, b: 3 }), 5);
  await rows(anon.rpc("add", { a: 2 }), 3);
});
scenario("rpc by GET", "query.rpc", async ({ anon }) => {
  await rows(anon.rpc("add", { a: 2, b: 3 }, { get: true }), 5);
  await rows(anon.rpc("total", { values: [1, 2, 3] }, { get: true }), 6);
  await rows(anon.rpc("words", { text: "a,b (c) & d=1 é" }, { get: true }), ["a,b", "(c)", "&", "d=1", "é"]);
});
scenario("rpc by HEAD, for the count alone", "query.rpc", async ({ anon }) => {
  const answer = await anon.rpc("projects_of", { person: 1 }, { head: true, count: "exact" });
  assert.deepEqual([answer.data, answer.count, answer.error], [null, 1, null]);
});
scenario("rpc with arrays, objects and null", "query.rpc", async ({ anon }) => {
  await rows(anon.rpc("total", { values: [1, 2, 3] }), 6);
  await rows(anon.rpc("mirrored", { point: { x: 1, y: 2 } }), { x: 2, y: 1 });
  await rows(anon.rpc("echo", { value: { deep: [1, 2.5, null, "x"] } }), { deep: [1, 2.5, null, "x"] });
  await rows(anon.rpc("echo", { value: null }), null);
  await rows(anon.rpc("echo"), null);
});
scenario("rpc without a result", "query.rpc", async ({ anon }) => {
  const answer = await anon.rpc("nothing");
  assert.deepEqual([answer.status, answer.data, answer.error], [204, null, null]);
});
scenario("rpc that gives rows, queried further", "query.rpc", async ({ anon, user }) => {
  await ids(user.rpc("projects_of", { person: 1 }), [4, 1]);
  await ids(anon.rpc("projects_of", { person: 1 }), [1]);
  await rows(user.rpc("projects_of", { person: 1 }).select("title,tasks(title)").order("id").limit(1), [
    { title: "Engine", tasks: [{ title: "draw" }, { title: "build" }] },
  ]);
  await ids(user.rpc("every_project").gt("id", 1).neq("status", "draft").order("title").range(0, 1), [2, 3]);
  const counted = await user.rpc("every_project", {}, { count: "exact" }).select("id").limit(1);
  assert.deepEqual([counted.data.length, counted.count], [1, 4]);
});
scenario("rpc that gives one row", "query.rpc", async ({ anon }) => {
  const { data } = await anon.rpc("project_by_slug", { slug: "kernel" });
  assert.equal(data.title, "Kernel");
  await rows(anon.rpc("project_by_slug", { slug: "kernel" }).select("title").single(), { title: "Kernel" });
  await rows(anon.rpc("project_by_slug", { slug: "none" }), null);
  const maybe = await anon.rpc("project_by_slug", { slug: "none" }).maybeSingle();
  assert.deepEqual([maybe.data, maybe.error], [null, null]);
});
scenario("rpc as csv", "query.rpc using_modifiers.format_csv", async ({ anon }) => {
  const { data } = await anon.rpc("every_project").select("id,title").order("id").csv();
  assert.equal(data.trimEnd(), "id,title\n1,Engine\n2,Compiler\n3,Kernel");
});
scenario("rpc that writes, as the caller", "query.rpc", async ({ anon, user }) => {
  await refused(anon.rpc("finish", { project_id: 1 }), "PGRST202", 404);
  await user.from("projects").insert({ id: 1001, title: "p", created_at: "2030-01-01T00:00:00Z" });
  await rows(user.rpc("finish", { project_id: 1001 }).select("id,status,done"), { id: 1001, status: "done", done: true });
  await refused(user.rpc("finish", { project_id: 1001 }, { get: true }), "25006", 405);
});
scenario("rpc that is refused by the app", "query.rpc", async ({ anon, user }) => {
  const error = await refused(anon.rpc("write_then", { what: "raise" }), "P0001", 400, /tomorrow/);
  assert.deepEqual([error.message, error.details], ["no more tasks today", "all gone"]);
  await refused(user.rpc("finish", { project_id: 999 }), "PT404", 404, /projects/);
});
scenario("rpc that breaks tells nothing of itself", "query.rpc", async ({ anon }) => {
  const answer = await anon.rpc("write_then", { what: "crash" });
  assert.equal(answer.status, 500);
  assert.ok(!JSON.stringify(answer).includes("canary"));
});
scenario("rpc undoes what it wrote when it fails", "query.rpc", async ({ anon, service }) => {
  for (const what of ["raise", "crash", "break", "locked"]) {
    const { error } = await anon.rpc("write_then", { what });
    assert.ok(error);
  }
  await ids(service.from("tasks").select("id").eq("title", "of write_then"), []);
  assert.equal((await anon.rpc("write_then", { what: "nothing" })).error, null);
  assert.equal((await service.from("tasks").select("id").eq("title", "of write_then")).data.length, 1);
});
scenario("rpc that is not there, or with other arguments", "query.rpc", async ({ anon }) => {
  await refused(anon.rpc("ad", { a: 1 }), "PGRST202", 404, /add/);
  await refused(anon.rpc("add", { b: 1 }), "PGRST202", 404);
  await refused(anon.rpc("add", { a: 1, c: 1 }), "PGRST202", 404);
  await refused(anon.rpc("add", { a: "x" }), "22P02", 400);
  await refused(anon.rpc("canary_function", { canary_argument: 1 }), "PGRST202", 404);
});
scenario("rpc limited in what it may touch", "query.rpc using_modifiers.max_affected_rows", async ({ anon }) => {
  await ids(anon.rpc("every_project").select("id").order("id").maxAffected(3), [1, 2, 3]);
  await refused(anon.rpc("every_project").maxAffected(2), "PGRST124", 400);
  await refused(anon.rpc("add", { a: 1 }).maxAffected(2), "PGRST128", 400);
});

// --- functions ---

async function invoked(call, expected) {
  const answer = await call;
  assert.equal(answer.error, null, String(answer.error));
  assert.deepEqual(answer.data, expected);
  return answer;
}

async function failed(call, status, code) {
  const { data, error, response } = await call;
  assert.equal(data, null);
  assert.equal(error.name, "FunctionsHttpError");
  assert.equal(error.context.status, status);
  const told = await (response ?? error.context).json();
  assert.equal(told.code, code);
  return told;
}

scenario("a function with a JSON body", "functions.invocation.invoke", async ({ anon, user }) => {
  await invoked(anon.functions.invoke("hello-world", { body: { x: 1.5, y: 2 } }), { sum: 3.5, shout: false, role: "anon" });
  await invoked(user.functions.invoke("hello-world?shout=true", { body: { x: 1 } }), { sum: 1, shout: true, role: "authenticated" });
});
scenario("a function with a text, a Blob and an ArrayBuffer", "", async ({ anon }) => {
  const mirror = async (body, headers) => (await anon.functions.invoke("mirror", { body, headers })).data;
  const text = await mirror("some text");
  assert.deepEqual([text.type, text.body, text.method], ["text/plain", "some text", "POST"]);
  const typed = await mirror(new Blob(["<svg/>"], { type: "image/svg+xml" }));
  assert.deepEqual([typed.body], ["<svg/>"]);
  const bytes = await mirror(new Uint8Array([0, 255, 7]).buffer);
  assert.deepEqual([bytes.type, bytes.body], ["application/octet-stream", "\x00\xff\x07"]);
  const own = await mirror("a,b", { "Content-Type": "text/csv", "x-mine": "7" });
  assert.deepEqual([own.type, own.body, own.mine], ["text/csv", "a,b", "7"]);
});
scenario("a function with a form", "", async ({ anon }) => {
  const form = new FormData();
  form.append("title", "Öl");
  form.append("file", new File(["inside"], "a b.txt", { type: "text/plain" }));
  await invoked(anon.functions.invoke("album", { body: form }), { title: "Öl", file: ["a b.txt", "text/plain", "inside"] });
});
scenario("a function by every method, in a region", "functions.invocation.method_override functions.invocation.region_selection", async ({ anon }) => {
  for (const method of ["GET", "POST", "PUT", "PATCH", "DELETE"]) {
    const { data } = await anon.functions.invoke("mirror", { method, region: "eu-west-1" });
    assert.deepEqual([data.method, data.region], [method, "eu-west-1"]);
  }
});
scenario("answers of every kind", "", async ({ anon }) => {
  const as = async (kind) => (await anon.functions.invoke(`as?kind=${kind}`)).data;
  assert.deepEqual(await as("json"), { a: [1] });
  assert.equal(await as("text"), "wörds");
  assert.equal(await as("nothing"), "");
  assert.deepEqual([...new Uint8Array(await (await as("blob")).arrayBuffer())], [0, 255]);
  assert.equal((await as("form")).get("a"), "1");
});
scenario("an answer that is a stream of events", "functions.invocation.streaming_response", async ({ anon }) => {
  const { data, error } = await anon.functions.invoke("ticks?count=3");
  assert.equal(error, null);
  const text = data instanceof Response ? await data.text() : data;
  assert.deepEqual(text.match(/data: .*/g), ['data: {"n":0}', 'data: {"n":1}', 'data: {"n":2}']);
});
scenario("functions that refuse", "", async ({ anon, user, service }) => {
  assert.equal((await failed(anon.functions.invoke("refuse?how=fault"), 418, "PT418")).hint, "It is a pot.");
  assert.ok(!JSON.stringify(await failed(anon.functions.invoke("refuse?how=crash"), 500, "XX000")).includes("canary"));
  await failed(anon.functions.invoke("hello-world", { body: { x: "much" } }), 400, "22P02");
  await failed(anon.functions.invoke("hello-world", { body: "x" }), 415, "UC415");
  await failed(anon.functions.invoke("hello-world", { method: "GET" }), 405, "UC405");
  await failed(anon.functions.invoke("hello"), 404, "UC404");
  await failed(anon.functions.invoke("letters"), 404, "UC404");
  await invoked(user.functions.invoke("letters"), []);
  await ids(service.from("tasks").select("id").eq("title", "of refuse"), []);
});
scenario("a call that is given up, or takes too long for its caller", "functions.invocation.request_cancellation functions.invocation.timeout", async ({ anon }) => {
  const giving = new AbortController();
  setTimeout(() => giving.abort(), 50);
  const given = await anon.functions.invoke("sleep", { signal: giving.signal });
  assert.equal(given.error.name, "FunctionsFetchError");
  const late = await anon.functions.invoke("sleep", { timeout: 50 });
  assert.equal(late.error.name, "FunctionsFetchError");
});
scenario("a token that is set for functions", "functions.invocation.set_auth_token", async ({ anon, user }) => {
  const { data } = await user.functions.invoke("hello-world", { body: { x: 1 } });
  assert.equal(data.role, "authenticated");
  const functions = anon.functions;
  functions.setAuth("of.some.body");
  await failed(functions.invoke("hello-world", { body: { x: 1 } }), 401, "PGRST301");
});
scenario("a function that writes, once for each key", "", async ({ user, service }) => {
  const headers = { "Idempotency-Key": crypto.randomUUID() };
  const first = await user.functions.invoke("write_task", { body: "by a function", headers });
  assert.equal(first.error, null);
  await invoked(user.functions.invoke("write_task", { body: "by a function", headers }), first.data);
  await ids(service.from("tasks").select("id").eq("title", "by a function"), [first.data]);
});
