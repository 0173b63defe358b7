// A release that fer-quantize browser has given float32 edges, run by LiteRT's WebAssembly. Nothing leaves the page.

// @ts-expect-error: make.sh brings the runtime
import { loadAndCompile, loadLiteRt, Tensor } from "./runtime/core/dist/index.js";

let runtime = null; // loaded once

/**
 * The release in a folder: its manifest, a function from float32 values to the outputs in the manifest's order, and the
 * release of a detector's second stage if it has one.
 */
export async function openRelease(folder) {
  runtime ??= loadLiteRt(new URL("./runtime/core/wasm/", import.meta.url).href);
  await runtime;
  const [manifest, model] = await Promise.all([
    fetchJson(`${folder}/model.json`),
    loadAndCompile(`${folder}/model.tflite`, { accelerator: "wasm" }),
  ]);
  const refiner = manifest.refiner_sha256 ? await openRelease(`${folder}/refiner`) : null;
  return { manifest, refiner, run: (values) => run(model, values, manifest.input.shape) };
}

async function run(model, values, shape) {
  const input = new Tensor(values, shape);
  const outputs = await model.run([input]);
  const results = outputs.map((output) => output.toTypedArray().slice());
  for (const tensor of [input, ...outputs]) tensor.delete();
  return results;
}

async function fetchJson(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${address}: ${answer.status} ${answer.statusText}`);
  return answer.json();
}
