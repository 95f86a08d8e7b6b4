/** L3 as text, for `explain`, for tests, and for eyes. */
import type { Instr, L3Function, Value } from './l3.js';

function showType(v: Value): string {
  return v.type.lanes > 1 ? `${v.type.kind}x${v.type.lanes}` : v.type.kind;
}

function name(v: Value): string {
  return `%${v.id}`;
}

function names(values: readonly Value[]): string {
  return values.map(name).join(', ');
}

function address(instr: { buffer: number; index: Value; offset: number; mask?: Value | null }): string {
  const offset = instr.offset === 0 ? '' : instr.offset > 0 ? ` + ${instr.offset}` : ` - ${-instr.offset}`;
  return `b${instr.buffer}[${name(instr.index)}${offset}]${instr.mask ? ` if ${name(instr.mask)}` : ''}`;
}

function printBlock(instrs: readonly Instr[], indent: string, out: string[]): void {
  for (const instr of instrs) {
    const head = 'result' in instr ? `${indent}${name(instr.result)}: ${showType(instr.result)} = ` : indent;
    switch (instr.op) {
      case 'const':
        out.push(`${head}${instr.value}`);
        break;
      case 'size':
      case 'scalar':
        out.push(`${head}${instr.op} ${instr.slot}`);
        break;
      case 'unary':
        out.push(`${head}${instr.fn} ${name(instr.a)}`);
        break;
      case 'binary':
      case 'compare':
        out.push(`${head}${instr.fn} ${name(instr.a)}, ${name(instr.b)}`);
        break;
      case 'fma':
        out.push(`${head}fma ${names([instr.a, instr.b, instr.c])}`);
        break;
      case 'dot':
        out.push(`${head}dot ${instr.fn} ${names([instr.a, instr.b, instr.c])}`);
        break;
      case 'select':
        out.push(`${head}select ${names([instr.mask, instr.a, instr.b])}`);
        break;
      case 'shift':
        out.push(`${head}${instr.fn} ${name(instr.a)}, ${instr.amount}`);
        break;
      case 'convert':
      case 'bitcast':
      case 'broadcast':
        out.push(`${head}${instr.op} ${name(instr.a)}`);
        break;
      case 'ramp':
        out.push(`${head}ramp ${name(instr.base)}`);
        break;
      case 'tail':
        out.push(`${head}tail ${name(instr.count)}`);
        break;
      case 'horizontal':
        out.push(`${head}horizontal ${instr.fn} ${name(instr.a)}`);
        break;
      case 'zip':
        out.push(`${head}zip ${instr.half} ${names([instr.a, instr.b])}`);
        break;
      case 'load':
        out.push(`${head}load ${instr.mem} ${address(instr)}`);
        break;
      case 'store':
        out.push(
          `${head}${instr.streamed ? 'stream' : 'store'} ${instr.mem} ${address(instr)} = ${name(instr.value)}`,
        );
        break;
      case 'prefetch':
        out.push(`${head}prefetch to ${instr.intent} ${instr.mem} ${address(instr)}`);
        break;
      case 'loop': {
        const carried = instr.params.map((p, i) => `${name(p)} = ${name(instr.inits[i])}`).join(', ');
        const results = instr.results.length > 0 ? `${names(instr.results)} = ` : '';
        const range = `${name(instr.index)} in ${name(instr.start)}..${name(instr.end)} by ${instr.step}`;
        out.push(`${indent}${results}for ${range}${carried ? ` with ${carried}` : ''} {`);
        printBlock(instr.body, `${indent}  `, out);
        if (instr.yields.length > 0) out.push(`${indent}  yield ${names(instr.yields)}`);
        out.push(`${indent}}`);
        break;
      }
      case 'if':
        out.push(`${indent}if ${name(instr.cond)}${instr.isRare ? ', rarely' : ''} {`);
        printBlock(instr.body, `${indent}  `, out);
        out.push(`${indent}}`);
        break;
    }
  }
}

/** The whole function, one instruction a line. */
export function printL3(fn: L3Function): string {
  const buffers = fn.buffers.map((b, i) => `b${i}: ${b.access} ${b.mem}`).join(', ');
  const out = [
    `kernel ${fn.name}(${buffers}; ${fn.sizes} sizes; scalars ${fn.scalars.join(', ') || 'none'}) lanes ${fn.lanes} {`,
  ];
  printBlock(fn.body, '  ', out);
  out.push('}');
  return out.join('\n');
}
