/**
 * Writes ONNX models for onnxruntime: as much of the format as the benchmarks' models need. Field numbers are those of onnx.proto
 * (ONNX 1.14, IR version 8).
 */
const schema = `
syntax = "proto2";
message ModelProto { optional int64 ir_version = 1; repeated OperatorSetId opset_import = 8; optional GraphProto graph = 7; }
message OperatorSetId { optional string domain = 1; optional int64 version = 2; }
message GraphProto {
  repeated NodeProto node = 1; optional string name = 2; repeated TensorProto initializer = 5;
  repeated ValueInfoProto input = 11; repeated ValueInfoProto output = 12;
}
message NodeProto {
  repeated string input = 1; repeated string output = 2; optional string name = 3; optional string op_type = 4;
  repeated AttributeProto attribute = 5;
}
message AttributeProto {
  optional string name = 1; optional float f = 2; optional int64 i = 3; repeated int64 ints = 8; optional int32 type = 20;
}
message TensorProto { repeated int64 dims = 1; optional int32 data_type = 2; optional string name = 8; optional bytes raw_data = 9; }
message ValueInfoProto { optional string name = 1; optional TypeProto type = 2; }
message TypeProto { optional TensorType tensor_type = 1; }
message TensorType { optional int32 elem_type = 1; optional Shape shape = 2; }
message Shape { repeated Dimension dim = 1; }
message Dimension { optional int64 dim_value = 1; }
`;

const FLOAT = 1;
const INT32 = 6;
const INT64 = 7;
const OPSET = 17;
const attributeTypes = { f: 1, i: 2, ints: 7 };

function attribute(name, value) {
  if (Array.isArray(value)) return { name, ints: value, type: attributeTypes.ints };
  // An attribute given as a number object is a float, whatever its value.
  if (typeof value === 'object') return { name, f: value.float, type: attributeTypes.f };
  return { name, i: value, type: attributeTypes.i };
}

function valueInfo({ name, shape, classes }) {
  return {
    name,
    type: {
      tensorType: {
        elemType: classes === undefined ? FLOAT : INT32,
        shape: { dim: shape.map((dimValue) => ({ dimValue })) },
      },
    },
  };
}

/** A graph under construction: `node` adds an operation and gives the name of its result. */
export class OnnxGraph {
  #nodes = [];
  #initializers = [];
  #inputs = [];

  /** Floats, or class numbers where it is said how many classes there are. */
  input(name, shape, classes) {
    this.#inputs.push({ name, shape, classes });
    return name;
  }

  constant({ data, shape }) {
    return this.#initializer(data, shape, FLOAT);
  }

  integers({ data, shape }) {
    return this.#initializer(data, shape, INT64);
  }

  #initializer(data, dims, dataType) {
    const name = `w${this.#initializers.length}`;
    const rawData = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    this.#initializers.push({ name, dims, dataType, rawData });
    return name;
  }

  node(opType, input, attributes = {}) {
    return this.nodes(opType, input, 1, attributes)[0];
  }

  /** An operation with several results. */
  nodes(opType, input, results, attributes = {}) {
    const name = `n${this.#nodes.length}`;
    const output = Array.from({ length: results }, (_, i) => (i === 0 ? name : `${name}.${i}`));
    this.#nodes.push({
      name,
      opType,
      input,
      output,
      attribute: Object.entries(attributes).map(([key, value]) => attribute(key, value)),
    });
    return output;
  }

  /** The bytes of a model with these results, each `{ name, shape }`. */
  encode(protobuf, outputs) {
    const Model = protobuf.parse(schema).root.lookupType('ModelProto');
    const model = {
      irVersion: 8,
      opsetImport: [{ domain: '', version: OPSET }],
      graph: {
        name: 'benchmark',
        node: this.#nodes,
        initializer: this.#initializers,
        input: this.#inputs.map(valueInfo),
        output: outputs.map(valueInfo),
      },
    };
    return Model.encode(Model.create(model)).finish();
  }
}
