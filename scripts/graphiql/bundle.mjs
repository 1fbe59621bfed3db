// usage: node bundle.mjs FOLDER        one script and one style sheet, with no font, map or address to load from elsewhere
import { readFile, writeFile } from "node:fs/promises";
import { build } from "esbuild";

const withoutFonts = {
  name: "without fonts",
  setup: (build) =>
    build.onLoad({ filter: /\.css$/ }, async ({ path }) => ({
      contents: (await readFile(path, "utf8")).replace(/@font-face\s*{[^}]*}/g, ""),
      loader: "css",
    })),
};

const { metafile } = await build({
  metafile: true,
  entryPoints: { graphiql: "page.jsx" },
  outdir: process.argv[2],
  bundle: true,
  minify: true,
  format: "iife",
  target: ["chrome109", "firefox115", "safari16"],
  jsx: "automatic",
  define: { "process.env.NODE_ENV": '"production"' },
  legalComments: "external",
  alias: { "react-style-singleton": "./no-styles.js" },
  plugins: [withoutFonts],
});
await writeFile(`${process.argv[2]}/meta.json`, JSON.stringify(metafile));
