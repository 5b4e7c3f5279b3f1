// The reference: run a TensorFlow.js graph model in node: raw float32 input -> every output as raw float32.
//
//     npm install @tensorflow/tfjs
//     node run_tfjs.mjs MODEL.json INPUT.f32 SHAPE,… OUTPUT_FOLDER
//
// Writes OUTPUT_FOLDER/NAME.f32 for each output and prints {name: shape} as JSON.
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";

// The package is looked for where the command runs, not where this file lies.
const tf = createRequire(path.join(process.cwd(), "here.js"))("@tensorflow/tfjs");

const [modelPath, inputPath, shape, out] = process.argv.slice(2);

const floats = (buffer) => new Float32Array(buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.length));

const model = await tf.loadGraphModel({
  load: async () => {
    const { modelTopology, weightsManifest, ...rest } = JSON.parse(fs.readFileSync(modelPath, "utf8"));
    const parts = weightsManifest.flatMap((group) => group.paths).map((p) => fs.readFileSync(path.join(path.dirname(modelPath), p)));
    const blob = Buffer.concat(parts);
    return {
      ...rest,
      modelTopology,
      weightSpecs: weightsManifest.flatMap((group) => group.weights),
      weightData: blob.buffer.slice(blob.byteOffset, blob.byteOffset + blob.length),
    };
  },
});

const x = tf.tensor(floats(fs.readFileSync(inputPath)), shape.split(",").map(Number));
const names = model.outputs.map((o) => o.name);
const outputs = [model.execute(x, names)].flat();
const shapes = {};
names.forEach((name, i) => {
  const file = name.replaceAll("/", "_").replace(":0", "");
  fs.writeFileSync(path.join(out, `${file}.f32`), Buffer.from(new Float32Array(outputs[i].dataSync()).buffer));
  shapes[file] = outputs[i].shape;
});
console.log(JSON.stringify(shapes));
