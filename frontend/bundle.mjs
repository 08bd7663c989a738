// Bundles and minifies what the browser loads. Called by `cargo xtask build`:
//
//   node bundle.mjs [--dev] charts IN.ts OUT.js     Chart.js and our wrapper, one ES module
//   node bundle.mjs [--dev] js IN.js OUT.js         wasm-bindgen's glue or the loader of parts, imports left as they are
//   node bundle.mjs [--dev] css OUT.css IN.css...   the style sheets, in the order given
//
// Several jobs may follow each other, separated by `--`, so that Node starts once.

import { readFile, writeFile } from "node:fs/promises";
import { build, transform } from "esbuild";

let args = process.argv.slice(2);
const minify = args[0] !== "--dev";
if (!minify) args = args.slice(1);

for (const [kind, ...files] of split(args, "--")) {
  if (kind === "charts") await charts(files[0], files[1]);
  else if (kind === "js") await glue(files[0], files[1]);
  else if (kind === "css") await css(files[0], files.slice(1));
  else throw new Error(`unknown job ${kind}`);
}

async function charts(input, output) {
  await build({
    entryPoints: [input],
    outfile: output,
    bundle: true,
    format: "esm",
    target: "es2022",
    minify,
    treeShaking: true,
    sourcemap: minify ? false : "inline",
    legalComments: "eof",
    logLevel: "warning",
  });
}

async function glue(input, output) {
  const { code } = await transform(await readFile(input, "utf8"), {
    loader: "js",
    format: "esm",
    minify,
    logLevel: "warning",
    // wasm-bindgen names the loader of parts once for each part.
    logOverride: { "duplicate-object-key": "silent" },
  });
  await writeFile(output, code);
}

async function css(output, inputs) {
  const texts = await Promise.all(inputs.map((file) => readFile(file, "utf8")));
  // No target: the browsers we support know nesting and light-dark(), and an older target
  // would unfold both into something larger.
  const { code, warnings } = await transform(texts.join("\n"), { loader: "css", minify });
  for (const { text, location } of warnings) {
    console.warn(`style: ${text}${location ? ` (${location.lineText.trim()})` : ""}`);
  }
  await writeFile(output, code);
}

function split(list, separator) {
  const jobs = [[]];
  for (const item of list) {
    if (item === separator) jobs.push([]);
    else jobs.at(-1).push(item);
  }
  return jobs.filter((job) => job.length > 0);
}
