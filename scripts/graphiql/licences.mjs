// usage: node licences.mjs FOLDER        the licence of every package whose code is in the bundle of FOLDER
import { readFileSync, readdirSync } from "node:fs";

const folder = process.argv[2];
const { inputs } = JSON.parse(readFileSync(`${folder}/out/meta.json`, "utf8")).outputs["out/graphiql.js"];
const packages = new Set(Object.keys(inputs).flatMap((path) => path.match(/.*node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? []));
const texts = new Map();
for (const path of [...packages].sort()) {
  const { name, version, license } = JSON.parse(readFileSync(`${folder}/${path}/package.json`, "utf8"));
  const file = readdirSync(`${folder}/${path}`).find((each) => /^licen[cs]e/i.test(each));
  const text = file ? readFileSync(`${folder}/${path}/${file}`, "utf8").replace(/\r/g, "").trim() : `(${license})`;
  texts.set(text, [...(texts.get(text) ?? []), `${name} ${version}: ${license}`]);
}
for (const [text, names] of texts) process.stdout.write(`${names.join("\n")}\n\n${text}\n\n${"-".repeat(72)}\n\n`);
