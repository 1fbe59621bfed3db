// Runs the scenarios of GraphQL through each client, and graphql-http's audits of servers, and writes what came of them.
// usage: node graphql_run.mjs < {"url": …, "anon": …, "user": …, "service": …}     (keys and tokens)
import { readFileSync } from "node:fs";
import { Client, fetchExchange } from "@urql/core";
import { persistedExchange } from "@urql/exchange-persisted";
import { auditServer } from "graphql-http";
import { GraphQLClient } from "graphql-request";
import { scenarios } from "./graphql_scenarios.mjs";

const given = JSON.parse(readFileSync(0, "utf8"));
const url = `${given.url}/graphql/v1`;
const headersOf = (who = "anon") => ({ apikey: given.anon, authorization: `Bearer ${given[who]}` });

class Refused extends Error {
  constructor(errors) {
    super(JSON.stringify(errors));
    this.errors = errors;
  }
}

async function byGraphqlRequest(document, variables, who) {
  try {
    return await new GraphQLClient(url, { headers: headersOf(who) }).request(document, variables);
  } catch (error) {
    throw error.response?.errors ? new Refused(error.response.errors) : error;
  }
}

const byUrql = (...exchanges) => {
  const clients = {};
  return async (document, variables, who = "anon") => {
    clients[who] ??= new Client({
      url,
      exchanges: [...exchanges, fetchExchange],
      fetchOptions: { headers: headersOf(who) },
      preferGetMethod: false,
    });
    const mutates = /^\s*mutation\b/.test(document);
    const { data, error } = await clients[who][mutates ? "mutation" : "query"](document, variables ?? {}).toPromise();
    if (error?.graphQLErrors.length) throw new Refused(error.graphQLErrors);
    if (error) throw error;
    return data;
  };
};

const clients = {
  "graphql-request": byGraphqlRequest,
  urql: byUrql(),
  "urql with persisted documents": byUrql(
    persistedExchange({ preferGetForPersistedQueries: "force", enforcePersistedQueries: false }),
  ),
};

const results = [];
const tell = (name, error) => results.push({ name, error: error === null ? null : String(error.stack ?? error) });
for (const [client, ask] of Object.entries(clients)) {
  for (const { name, run } of scenarios) {
    try {
      await run(ask);
      tell(`${client}: ${name}`, null);
    } catch (error) {
      tell(`${client}: ${name}`, error);
    }
  }
}
// Some of the audits ask for the schema, which the service may.
const fetchFn = (url, init) => fetch(url, { ...init, headers: { ...init?.headers, apikey: given.service } });
const audits = (await auditServer({ url, fetchFn })).map(({ id, name, status, reason }) => ({ id, name, status, reason }));
process.stdout.write(JSON.stringify({ results, audits }), () => process.exit(0));
