/** Assembles a WebAssembly module of functions over one imported memory. */
import { ByteWriter } from './bytes.js';
import { valueType, type WasmType } from './opcodes.js';

export interface MemoryImport {
  /** A shared memory must state its maximum; the importer's may not be below the memory's own. */
  readonly shared: boolean;
}

export interface ModuleFunction {
  readonly params: readonly WasmType[];
  /** An entry of the code section. */
  readonly body: Uint8Array;
}

/** Pages of a 32-bit address space. */
const MAX_PAGES = 65536;

const section = { type: 1, import: 2, function: 3, export: 7, code: 10 } as const;
const FUNCTION_TYPE = 0x60;
const EXPORT_FUNCTION = 0;
const IMPORT_MEMORY = 2;
const LIMITS_UNBOUNDED = 0;
const LIMITS_SHARED = 3;

export function writeModule(
  memory: MemoryImport,
  functions: readonly ModuleFunction[],
  exported: string,
): Uint8Array {
  const out = new ByteWriter();
  out.append(Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0));

  function add(id: number, write: (body: ByteWriter) => void): void {
    const body = new ByteWriter();
    write(body);
    out.u8(id);
    out.sized(body.view());
  }

  add(section.type, (body) => {
    body.unsigned(functions.length);
    for (const fn of functions) {
      body.u8(FUNCTION_TYPE);
      body.unsigned(fn.params.length);
      for (const param of fn.params) body.u8(valueType[param]);
      body.unsigned(0);
    }
  });
  add(section.import, (body) => {
    body.unsigned(1);
    body.name('env');
    body.name('memory');
    body.u8(IMPORT_MEMORY);
    body.u8(memory.shared ? LIMITS_SHARED : LIMITS_UNBOUNDED);
    body.unsigned(1);
    if (memory.shared) body.unsigned(MAX_PAGES);
  });
  add(section.function, (body) => {
    body.unsigned(functions.length);
    functions.forEach((_, i) => {
      body.unsigned(i);
    });
  });
  add(section.export, (body) => {
    body.unsigned(1);
    body.name(exported);
    body.u8(EXPORT_FUNCTION);
    body.unsigned(0);
  });
  add(section.code, (body) => {
    body.unsigned(functions.length);
    for (const fn of functions) body.sized(fn.body);
  });
  return out.view().slice();
}
