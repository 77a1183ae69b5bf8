// Makes the front-end assets out of this folder and node_modules:
//
//     node bundle.mjs OUT
//
// OUT gets every file under its fingerprinted name, `.gz` and `.br` beside those worth compressing, and
// `manifest.tsv`: one line each of logical name, file name, content type, tab between. build.rs runs this
// in a copy of the folder and embeds what the manifest lists; `axe.min.js` is left for the browser tests.
// Order matters: style sheets name fonts, so fonts are fingerprinted first.

import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { build, transform } from "esbuild";
import { ACTS, ICONS } from "./icons.mjs";

const out = process.argv[2];
if (!out) throw new Error("usage: node bundle.mjs OUT");
mkdirSync(out, { recursive: true });

const here = import.meta.dirname ?? new URL(".", import.meta.url).pathname;
const FACE = join(here, "node_modules/@fontsource-variable/source-serif-4");
const LUCIDE = join(here, "node_modules/lucide-static");
// The opsz files are left out on purpose: 122 KB for a gain seen only at headline size.
const SUBSETS = ["latin", "latin-ext", "greek", "cyrillic", "vietnamese"];
const STYLES = ["normal", "italic"];
const TYPES = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
  ico: "image/x-icon",
  woff2: "font/woff2",
  txt: "text/plain; charset=utf-8",
};

const manifest = [];

/** Writes one asset and its compressed forms; returns its address. */
function emit(name, content) {
  const bytes = Buffer.from(content);
  const dot = name.lastIndexOf(".");
  const extension = name.slice(dot + 1);
  const hash = createHash("sha256").update(bytes).digest("hex").slice(0, 12);
  const file = `${name.slice(0, dot)}.${hash}.${extension}`;
  writeFileSync(join(out, file), bytes);
  if (extension !== "woff2") {
    keepIfSmaller(`${file}.gz`, bytes, gzipSync(bytes, { level: 9 }));
    keepIfSmaller(
      `${file}.br`,
      bytes,
      brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
    );
  }
  manifest.push(`${name}\t${file}\t${TYPES[extension]}`);
  return `/static/${file}`;
}

function keepIfSmaller(file, plain, packed) {
  if (packed.length < plain.length * 0.9) writeFileSync(join(out, file), packed);
}

/** The `@font-face` rules, with the ranges the package itself states. */
function fonts() {
  const ranges = JSON.parse(readFileSync(join(FACE, "unicode.json"), "utf8"));
  const rules = [];
  for (const subset of SUBSETS) {
    if (!ranges[subset]) throw new Error(`source-serif-4 has no range for ${subset}`);
    for (const style of STYLES) {
      const name = `source-serif-4-${subset}-wght-${style}.woff2`;
      const url = emit(name, readFileSync(join(FACE, "files", name)));
      rules.push(
        `@font-face{font-family:"Source Serif 4 Variable";src:url("${url}") format("woff2");` +
          `font-weight:200 900;font-style:${style};font-display:swap;unicode-range:${ranges[subset]}}`,
      );
    }
  }
  emit("source-serif-4-licence.txt", readFileSync(join(FACE, "LICENSE")));
  return rules.join("\n");
}

/** A drawing without its size, class and ink: lucide's, or our own of that name. */
function drawing(name) {
  const own = join(here, "icons", `${name}.svg`);
  const svg = readFileSync(existsSync(own) ? own : join(LUCIDE, "icons", `${name}.svg`), "utf8");
  const box = /viewBox="([^"]+)"/.exec(svg);
  const lines = /<svg[^>]*>([\s\S]*)<\/svg>/.exec(svg);
  if (!box || !lines) throw new Error(`cannot read the icon ${name}`);
  return { box: box[1], lines: lines[1].replace(/\s*\n\s*/g, "").replace(/ \/>/g, "/>") };
}

/** The addresses of the icons under a comment, for the style sheet: `--icon-flag` and so on. */
function acts() {
  const rules = ACTS.map((name) => {
    const { box, lines } = drawing(name);
    const svg =
      `<svg xmlns="http://www.w3.org/2000/svg" viewBox="${box}" fill="none" stroke="#000" stroke-width="1.75" ` +
      `stroke-linecap="round" stroke-linejoin="round">${lines}</svg>`;
    return `--icon-${name}:url("${emit(`${name}.svg`, svg)}")`;
  });
  return `:root{${rules.join(";")}}`;
}

/** One sprite of symbols. */
function sprite() {
  const symbols = ICONS.map((name) => {
    const { box, lines } = drawing(name);
    return `<symbol id="${name}" viewBox="${box}" fill="none" stroke="currentColor">${lines}</symbol>`;
  });
  emit("icons.svg", `<svg xmlns="http://www.w3.org/2000/svg">${symbols.join("")}</svg>`);
  emit("lucide-licence.txt", readFileSync(join(LUCIDE, "LICENSE")));
}

async function style(name, files, faces = "") {
  const parts = files.map((file) => readFileSync(join(here, "css", `${file}.css`), "utf8"));
  const source = [parts[0], faces, ...parts.slice(1)].join("\n");
  const { code, warnings } = await transform(source, { loader: "css", minify: true, logLevel: "silent" });
  refuse(name, warnings);
  emit(name, code);
}

async function script(name) {
  const { outputFiles, warnings } = await build({
    entryPoints: [join(here, "js", name)],
    bundle: true,
    format: "esm",
    minify: true,
    target: "es2022",
    legalComments: "none",
    write: false,
    logLevel: "silent",
  });
  refuse(name, warnings);
  emit(name, outputFiles[0].contents);
}

function refuse(name, warnings) {
  if (warnings.length > 0) throw new Error(`${name}: ${warnings.map((w) => w.text).join("; ")}`);
}

/**
 * The product mark at 32 pixels, for the browsers that ask for /favicon.ico: the dots under "let it stand".
 * An ICO of one 32-bit bitmap, bottom row first, then an empty mask.
 */
function favicon() {
  const size = 32;
  const pixels = Buffer.alloc(size * size * 4);
  const dots = [6, 16, 26];
  for (let y = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1) {
      const gap = Math.min(...dots.map((dot) => Math.hypot(x + 0.5 - dot, y + 0.5 - 16)));
      const cover = Math.max(0, Math.min(1, 4.5 - gap));
      pixels.set([0x6e, 0x80, 0x1a, Math.round(cover * 255)], ((size - 1 - y) * size + x) * 4);
    }
  }
  const mask = Buffer.alloc((size * size) / 8);
  const head = Buffer.alloc(22 + 40);
  head.writeUInt16LE(1, 2);
  head.writeUInt16LE(1, 4);
  head.set([size, size, 0, 0, 1, 0, 32, 0], 6);
  head.writeUInt32LE(40 + pixels.length + mask.length, 14);
  head.writeUInt32LE(22, 18);
  head.writeUInt32LE(40, 22);
  head.writeInt32LE(size, 26);
  head.writeInt32LE(size * 2, 30);
  head.writeUInt16LE(1, 34);
  head.writeUInt16LE(32, 36);
  emit("favicon.ico", Buffer.concat([head, pixels, mask]));
}

const faces = `${fonts()}\n${acts()}`;
sprite();
favicon();
emit("favicon.svg", readFileSync(join(here, "icons/favicon.svg")));
await style("reader.css", ["tokens", "base", "reader"], faces);
await style("staff.css", ["tokens", "base", "reader", "desk"], faces);
await style("print.css", ["print"]);
await script("reader.js");
await script("desk.js");
copyFileSync(join(here, "node_modules/axe-core/axe.min.js"), join(out, "axe.min.js"));
writeFileSync(join(out, "manifest.tsv"), `${manifest.sort().join("\n")}\n`);
