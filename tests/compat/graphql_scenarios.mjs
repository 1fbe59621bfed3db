// What a session with GraphQL does, whatever the client: `ask(document, variables, who)` gives the data, or throws the errors.
import assert from "node:assert/strict";

export const scenarios = [];
const scenario = (name, run) => scenarios.push({ name, run });

const refused = async (promise) => {
  try {
    await promise;
  } catch (error) {
    return error.errors[0];
  }
  return assert.fail("it was not refused");
};
const nodes = (connection) => connection.edges.map(({ node }) => node);

scenario("a question with filters, an order and relations both ways", async (ask) => {
  const { projectsCollection, peopleCollection } = await ask(`{
    projectsCollection(filter: { status: { eq: open } }, orderBy: [{ title: AscNullsLast }]) {
      edges { node { title budget status owner { name } tasksCollection(orderBy: [{ id: DescNullsLast }]) { edges { node { title } } } } }
    }
    peopleCollection(filter: { or: [{ age: { gt: 80 } }, { name: { startsWith: "Lin" } }] }) { edges { node { id } } }
  }`);
  assert.deepEqual(nodes(projectsCollection), [
    { title: "Engine", budget: "1200.50", status: "open", owner: { name: "Ada" }, tasksCollection: { edges: [{ node: { title: "build" } }, { node: { title: "draw" } }] } },
    { title: "Kernel", budget: null, status: "open", owner: { name: "Linus" }, tasksCollection: { edges: [{ node: { title: "boot" } }] } },
  ]);
  assert.deepEqual(nodes(peopleCollection), [{ id: 2 }, { id: 3 }]);
});

scenario("pages to the end, forwards and backwards", async (ask) => {
  const page = "pageInfo { hasNextPage hasPreviousPage startCursor endCursor } edges { cursor node { id } }";
  const forwards = `query Next($after: Cursor) { tasksCollection(first: 2, after: $after, orderBy: [{ points: DescNullsLast }]) { ${page} } }`;
  const backwards = `query Before($before: Cursor) { tasksCollection(last: 2, before: $before, orderBy: [{ points: DescNullsLast }]) { ${page} } }`;
  const walk = async (document, step) => {
    const pages = [];
    for (let variables = {}; variables; ) {
      const { tasksCollection: found } = await ask(document, variables);
      assert.equal(found.pageInfo.startCursor, found.edges[0].cursor);
      pages.push(nodes(found).map(({ id }) => id));
      variables = step(found.pageInfo);
    }
    return pages;
  };
  const there = await walk(forwards, (info) => (info.hasNextPage ? { after: info.endCursor } : null));
  const back = await walk(backwards, (info) => (info.hasPreviousPage ? { before: info.startCursor } : null));
  assert.deepEqual(there, [[2, 3], [1, 4], [5]]);
  assert.deepEqual(back, [[4, 5], [3, 1], [2]]);
});

scenario("a record by its id of all types", async (ask) => {
  const { peopleCollection } = await ask("{ peopleCollection(first: 1) { edges { node { nodeId name } } } }");
  const [person] = nodes(peopleCollection);
  const { node } = await ask("query One($id: ID!) { node(nodeId: $id) { __typename nodeId ... on People { name } } }", { id: person.nodeId });
  assert.deepEqual(node, { __typename: "People", ...person });
});

scenario("records are inserted, changed and deleted", async (ask) => {
  const objects = [{ projectId: 1, title: "of a client", points: 2 }, { projectId: 1, title: "of a client" }];
  const { made } = await ask(
    `mutation Make($objects: [TasksInsertInput!]!) {
      made: insertIntoTasksCollection(objects: $objects) { affectedCount records { id title points project { title } } }
    }`,
    { objects },
  );
  assert.equal(made.affectedCount, 2);
  assert.deepEqual(made.records.map(({ id: _, ...rest }) => rest), [
    { title: "of a client", points: 2, project: { title: "Engine" } },
    { title: "of a client", points: 1, project: { title: "Engine" } },
  ]);
  const filter = { id: { in: made.records.map(({ id }) => id) } };
  const { updateTasksCollection, deleteFromTasksCollection } = await ask(
    `mutation Change($filter: TasksFilter!) {
      updateTasksCollection(set: { note: "done" }, filter: $filter, atMost: 2) { affectedCount records { note } }
      deleteFromTasksCollection(filter: $filter, atMost: 2) { affectedCount }
    }`,
    { filter },
  );
  assert.deepEqual(updateTasksCollection, { affectedCount: 2, records: [{ note: "done" }, { note: "done" }] });
  assert.deepEqual(deleteFromTasksCollection, { affectedCount: 2 });
});

scenario("several mutations are one transaction", async (ask) => {
  const error = await refused(
    ask(`mutation {
      one: insertIntoTasksCollection(objects: [{ projectId: 1, title: "half" }]) { affectedCount }
      two: insertIntoTasksCollection(objects: [{ projectId: 999, title: "of nothing" }]) { affectedCount }
    }`),
  );
  assert.equal(error.extensions.code, "23503");
  const { tasksCollection } = await ask('{ tasksCollection(filter: { title: { eq: "half" } }) { edges { node { id } } } }');
  assert.deepEqual(tasksCollection, { edges: [] });
});

scenario("what the data refuses has its code", async (ask) => {
  const insert = 'mutation { insertIntoProjectsCollection(objects: [{ title: "Again", slug: "engine" }]) { affectedCount } }';
  assert.equal((await refused(ask(insert, {}, "user"))).extensions.code, "23505");
});

scenario("documents that are wrong are refused with the place", async (ask) => {
  const error = await refused(ask("{ peopleCollection { edges { node { nonsense } } } }"));
  assert.equal(error.extensions.code, "UC441");
  assert.ok(error.locations[0].line >= 1, JSON.stringify(error)); // urql writes documents anew
  assert.equal((await refused(ask("query Q($id: ID!) { node(nodeId: $id) { nodeId } }", {}))).extensions.code, "UC443");
});

scenario("what a visitor may not do is not there", async (ask) => {
  const insert = 'mutation { insertIntoProjectsCollection(objects: [{ title: "Mine" }]) { affectedCount } }';
  assert.equal((await refused(ask(insert))).extensions.code, "UC441");
  const count = async (who) => nodes((await ask("{ projectsCollection { edges { node { id } } } }", {}, who)).projectsCollection).length;
  assert.deepEqual([await count("anon"), await count("user")], [3, 4]);
});

scenario("functions are asked and told", async (ask) => {
  const { add, projectBySlug } = await ask('{ add(a: 2, b: 3) projectBySlug(slug: "engine") { title owner { name } } }');
  assert.deepEqual({ add, projectBySlug }, { add: 5, projectBySlug: { title: "Engine", owner: { name: "Ada" } } });
});
