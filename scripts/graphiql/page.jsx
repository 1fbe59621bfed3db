// The page: GraphiQL on the address that it was loaded from.
import { GraphiQL } from "graphiql";
import { createRoot } from "react-dom/client";
import "graphiql/graphiql.css";
import "./page.css";

const QUERY = `# Ask on the left, and read the answer on the right.
#
# You are nobody in particular until "Headers", below, say who you are:
#   {"apikey": "…", "Authorization": "Bearer …"}
# Then fetch the schema again: what there is depends on who asks.

{
  __typename
}
`;

async function fetcher(message, options) {
  const answer = await fetch(location.pathname, {
    method: "POST",
    headers: { "content-type": "application/json", accept: "application/json", ...options?.headers },
    body: JSON.stringify(message),
  });
  const text = await answer.text();
  try {
    return JSON.parse(text);
  } catch {
    return { errors: [{ message: `${answer.status} ${answer.statusText}` }] };
  }
}

createRoot(document.getElementById("graphiql")).render(
  <GraphiQL fetcher={fetcher} defaultQuery={QUERY} defaultEditorToolsVisibility="headers" shouldPersistHeaders={false} />,
);
