#!/usr/bin/env node
// Builds the connector in the current folder: `muster-connector [OUTPUT]`.
//
// It checks the types, bundles everything into build/component.js, to which the line numbers of
// stack traces refer, and writes a component. The tools that it uses are in the project's
// package.json.

import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const project = process.cwd();
const require = createRequire(join(project, "package.json"));

function fail(text) {
  console.error(`muster-connector: ${text}`);
  process.exit(1);
}

function json(file) {
  try {
    return JSON.parse(readFileSync(join(project, file), "utf8"));
  } catch (error) {
    return fail(`${file}: ${error.message}`);
  }
}

/** A package of the project, an ES module or a CommonJS module. */
async function tool(name) {
  try {
    return await import(pathToFileURL(require.resolve(name)).href);
  } catch {
    return fail(`${name} is not installed; run: npm ci`);
  }
}

/** The interface: next to this file or two folders above, as in projects and in muster's repository. */
function wit() {
  const found = ["./wit", "../../wit"]
    .map((folder) => fileURLToPath(new URL(folder, import.meta.url)))
    .find((folder) => existsSync(join(folder, "world.wit")));
  return found ?? fail("the interface is missing: there is no folder `wit` in the project");
}

function checkTypes() {
  if (!existsSync(join(project, "tsconfig.json"))) {
    return;
  }
  const tsc = join(project, "node_modules", ".bin", "tsc");
  const { status, error } = spawnSync(tsc, ["--noEmit"], { cwd: project, stdio: "inherit" });
  if (error) {
    fail("typescript is not installed; run: npm ci");
  }
  if (status !== 0) {
    process.exit(1);
  }
}

async function bundled(main, manifest) {
  const { build } = await tool("esbuild");
  const entry = `
    import { component } from "muster-connector/component";
    import connector from ${JSON.stringify(`./${main}`)};
    export const lifecycle = component(connector, ${JSON.stringify(manifest)});
  `;
  const { outputFiles } = await build({
    stdin: { contents: entry, resolveDir: project },
    bundle: true,
    charset: "utf8",
    external: ["muster:*"],
    format: "esm",
    legalComments: "none",
    platform: "neutral",
    mainFields: ["module", "main"],
    target: "es2023",
    write: false,
  }).catch(() => process.exit(1)); // esbuild has printed the error.
  return outputFiles[0].text;
}

const { main, name } = json("package.json");
const manifest = json("manifest.json");
if (typeof main !== "string") {
  fail('package.json has no "main", the file that exports the connector');
}
checkTypes();
const jsSource = await bundled(main, manifest);
mkdirSync(join(project, "build"), { recursive: true });
const jsPath = join(project, "build", "component.js");
writeFileSync(jsPath, jsSource);

const { componentize } = await tool("componentize-qjs");
const options = { witPath: wit(), world: "connector", jsSource, jsPath, sync: true };
const { component } = await componentize(options).catch((error) => fail(error.message));
const output = process.argv[2] ?? `${name}.wasm`;
writeFileSync(output, component);
console.log(`${output}  ${(statSync(output).size / 2 ** 20).toFixed(1)} MiB`);
