/**
 * Checks an L3 function: every value is defined once and before its use, types fit each op, slots exist, memory access fits
 * the slot's declaration. Throws `InternalError` naming the instruction.
 */
import { InternalError } from '../base/errors.js';
import type { BinaryOp, DotOp, HorizontalOp, Instr, Kind, L3Function, UnaryOp, Value } from './l3.js';
import { kindHasVectors, memKind, operandsOf } from './l3.js';

const numbers: readonly Kind[] = ['index', 'i32', 'i64', 'f32', 'f64'];
const binaryKinds: { readonly [op in BinaryOp]: readonly Kind[] } = {
  add: numbers,
  sub: numbers,
  mul: numbers,
  div: numbers,
  rem: ['index', 'i32', 'i64'],
  min: numbers,
  max: numbers,
  and: ['i32', 'i64', 'mask'],
  or: ['i32', 'i64', 'mask'],
  xor: ['i32', 'i64', 'mask'],
  shl: ['i32', 'i64'],
  shr: ['i32', 'i64'],
  sar: ['i32', 'i64'],
  scale: ['f32'],
};

const unaryKinds: { readonly [op in UnaryOp]: readonly Kind[] } = {
  neg: ['f32', 'f64', 'i32', 'i64'],
  abs: ['f32', 'f64', 'i32', 'i64'],
  sqrt: ['f32', 'f64'],
  floor: ['f32', 'f64'],
  round: ['f32', 'f64'],
  not: ['mask', 'i32', 'i64'],
  half: ['f32'],
};

const horizontalKinds: { readonly [op in HorizontalOp]: readonly Kind[] } = {
  add: ['f32', 'i32'],
  mul: ['f32', 'i32'],
  min: ['f32', 'i32'],
  max: ['f32', 'i32'],
  and: ['mask'],
  or: ['mask'],
};

const dotKinds: { readonly [op in DotOp]: Kind } = { bytes: 'i32', bfloat16: 'f32' };

/** Conversions that L3 has; the second list only on scalars. */
const anyLanes = new Set(['f32>i32', 'i32>f32', 'mask>i32', 'mask>f32']);
const scalarOnly = new Set([
  'i32>i64',
  'i64>i32',
  'f32>i64',
  'i64>f32',
  'mask>i64',
  'index>i32',
  'index>i64',
  'index>f32',
  'i32>index',
  'i64>index',
  'f32>f64',
  'f64>f32',
  'i32>f64',
  'f64>i32',
  'i64>f64',
  'f64>i64',
  'index>f64',
  'mask>f64',
]);

/** Bits that a bitcast keeps; 0 for kinds it is not for. */
const castBits: { readonly [K in Kind]: 0 | 32 | 64 } = {
  index: 0,
  i32: 32,
  i64: 64,
  f32: 32,
  f64: 64,
  mask: 0,
};

/** Highest shift amounts. */
const shiftLimit: { readonly [K in Kind]: number } = {
  index: -1,
  i32: 31,
  i64: 63,
  f32: -1,
  f64: -1,
  mask: -1,
};

export function verifyL3(fn: L3Function): void {
  const defined = new Set<number>();

  function fail(instr: Instr, why: string): never {
    throw new InternalError(`L3 ${fn.name}: ${instr.op}: ${why}`);
  }
  function check(instr: Instr, ok: boolean, why: string): void {
    if (!ok) fail(instr, why);
  }
  function define(instr: Instr, v: Value, scope: Set<number>): void {
    check(instr, !defined.has(v.id), `%${v.id} is defined twice`);
    check(
      instr,
      v.type.lanes === 1 || v.type.lanes === fn.lanes,
      `%${v.id} has ${v.type.lanes} lanes, the function ${fn.lanes}`,
    );
    check(
      instr,
      v.type.lanes === 1 || kindHasVectors[v.type.kind] || (fn.wide && v.type.kind !== 'index'),
      `%${v.id}: ${v.type.kind} is scalar only`,
    );
    defined.add(v.id);
    scope.add(v.id);
  }
  function same(instr: Instr, a: Value, b: Value): void {
    check(
      instr,
      a.type.kind === b.type.kind && a.type.lanes === b.type.lanes,
      `%${a.id} and %${b.id} differ in type`,
    );
  }

  function block(instrs: readonly Instr[], outer: ReadonlySet<number>): Set<number> {
    const scope = new Set(outer);
    for (const instr of instrs) {
      for (const v of operandsOf(instr))
        check(instr, scope.has(v.id), `%${v.id} is used before it is defined`);
      if ('result' in instr) define(instr, instr.result, scope);
      switch (instr.op) {
        case 'const':
          check(
            instr,
            (typeof instr.value === 'bigint') === (instr.result.type.kind === 'i64'),
            'bigint is for i64 alone',
          );
          break;
        case 'size':
          check(instr, instr.slot < fn.sizes && instr.result.type.kind === 'index', 'no such size');
          break;
        case 'scalar':
          check(instr, fn.scalars[instr.slot] === instr.result.type.kind, 'no such scalar');
          break;
        case 'unary':
          check(
            instr,
            unaryKinds[instr.fn].includes(instr.a.type.kind),
            `${instr.fn} of ${instr.a.type.kind}`,
          );
          same(instr, instr.a, instr.result);
          break;
        case 'binary':
          check(
            instr,
            binaryKinds[instr.fn].includes(instr.a.type.kind),
            `${instr.fn} of ${instr.a.type.kind}`,
          );
          same(instr, instr.a, instr.b);
          same(instr, instr.a, instr.result);
          if (fn.wide && instr.a.type.lanes > 1 && (instr.fn === 'div' || instr.fn === 'rem'))
            check(instr, instr.a.type.kind !== 'i64', 'is not of i64 lanes');
          break;
        case 'fma':
          check(instr, instr.a.type.kind === 'f32' || instr.a.type.kind === 'f64', 'fma is for f32 and f64');
          for (const v of [instr.b, instr.c, instr.result]) same(instr, instr.a, v);
          break;
        case 'dot': {
          for (const v of [instr.a, instr.b])
            check(
              instr,
              v.type.kind === 'i32' && v.type.lanes === instr.c.type.lanes,
              'takes i32 of equal lanes',
            );
          check(instr, instr.c.type.kind === dotKinds[instr.fn], `${instr.fn} gives ${dotKinds[instr.fn]}`);
          check(instr, instr.c.type.lanes > 1 && !fn.wide, 'is for vectors of functions that are not wide');
          same(instr, instr.c, instr.result);
          break;
        }
        case 'compare':
          same(instr, instr.a, instr.b);
          check(instr, instr.a.type.kind !== 'mask', 'masks are not compared');
          check(
            instr,
            instr.result.type.kind === 'mask' && instr.result.type.lanes === instr.a.type.lanes,
            'gives a mask',
          );
          break;
        case 'select':
          same(instr, instr.a, instr.b);
          same(instr, instr.a, instr.result);
          check(
            instr,
            instr.mask.type.kind === 'mask' && instr.mask.type.lanes === instr.a.type.lanes,
            'needs a mask of equal lanes',
          );
          break;
        case 'shift':
          check(
            instr,
            instr.amount >= 0 && instr.amount <= shiftLimit[instr.a.type.kind],
            `shifts i32 by 0..31 and i64 by 0..63, not ${instr.a.type.kind} by ${instr.amount}`,
          );
          check(instr, instr.fn !== 'rol' || instr.a.type.kind === 'i32', 'turns i32 only');
          same(instr, instr.a, instr.result);
          break;
        case 'convert': {
          const pair = `${instr.a.type.kind}>${instr.result.type.kind}`;
          const scalar = instr.a.type.lanes === 1;
          check(
            instr,
            anyLanes.has(pair) || ((scalar || fn.wide) && scalarOnly.has(pair)),
            `${pair} on ${instr.a.type.lanes} lanes`,
          );
          check(instr, instr.a.type.lanes === instr.result.type.lanes, 'keeps the lanes');
          break;
        }
        case 'bitcast': {
          const bits = castBits[instr.a.type.kind];
          check(
            instr,
            bits !== 0 && bits === castBits[instr.result.type.kind],
            `${instr.a.type.kind} to ${instr.result.type.kind}`,
          );
          check(instr, instr.a.type.lanes === instr.result.type.lanes, 'keeps the lanes');
          break;
        }
        case 'broadcast':
          check(
            instr,
            instr.a.type.lanes === 1 && instr.a.type.kind === instr.result.type.kind,
            'takes a scalar',
          );
          break;
        case 'ramp':
          check(
            instr,
            instr.base.type.kind === 'index' && instr.result.type.kind === 'i32',
            'index to i32 lanes',
          );
          break;
        case 'tail':
          check(
            instr,
            instr.count.type.kind === 'index' && instr.result.type.kind === 'mask',
            'index to mask',
          );
          break;
        case 'horizontal':
          check(instr, !fn.wide || instr.a.type.kind === 'mask', 'is of masks alone in wide functions');
          check(
            instr,
            horizontalKinds[instr.fn].includes(instr.a.type.kind),
            `${instr.fn} of ${instr.a.type.kind}`,
          );
          check(
            instr,
            instr.a.type.kind === instr.result.type.kind && instr.result.type.lanes === 1,
            'gives a scalar',
          );
          break;
        case 'zip':
          check(instr, !fn.wide, 'is not for wide functions');
          check(instr, instr.a.type.kind === 'f32' && instr.a.type.lanes > 1, 'is for f32 vectors');
          same(instr, instr.a, instr.b);
          same(instr, instr.a, instr.result);
          break;
        case 'prefetch': {
          const slot = fn.buffers[instr.buffer];
          const isMeant =
            slot?.mem === instr.mem && slot.access !== (instr.intent === 'load' ? 'write' : 'read');
          check(instr, isMeant, `b${instr.buffer} is not ${instr.mem} memory to ${instr.intent}`);
          check(instr, instr.index.type.kind === 'index', 'is addressed by an index');
          break;
        }
        case 'load':
        case 'store': {
          const slot = fn.buffers[instr.buffer];
          check(
            instr,
            slot !== undefined && slot.mem === instr.mem,
            `b${instr.buffer} is not ${instr.mem} memory`,
          );
          check(
            instr,
            slot.access !== (instr.op === 'load' ? 'write' : 'read'),
            `b${instr.buffer} is ${slot.access}`,
          );
          check(instr, instr.index.type.kind === 'index', 'is addressed by an index');
          const v = instr.op === 'load' ? instr.result : instr.value;
          check(instr, v.type.kind === memKind[instr.mem], `${instr.mem} memory holds ${memKind[instr.mem]}`);
          if (instr.mask) {
            check(
              instr,
              instr.mask.type.kind === 'mask' && instr.mask.type.lanes === v.type.lanes,
              'the mask must have the value’s lanes',
            );
          }
          break;
        }
        case 'loop': {
          check(instr, instr.step > 0, 'steps forward');
          const inner = new Set(scope);
          define(instr, instr.index, inner);
          instr.params.forEach((p, i) => {
            same(instr, p, instr.inits[i]);
            define(instr, p, inner);
          });
          const end = block(instr.body, inner);
          instr.yields.forEach((v, i) => {
            check(instr, end.has(v.id), `%${v.id} is yielded before it is defined`);
            same(instr, v, instr.params[i]);
          });
          instr.results.forEach((r, i) => {
            same(instr, r, instr.params[i]);
            define(instr, r, scope);
          });
          break;
        }
        case 'if':
          check(instr, instr.cond.type.kind === 'mask' && instr.cond.type.lanes === 1, 'needs a scalar mask');
          block(instr.body, scope);
          break;
      }
    }
    return scope;
  }
  block(fn.body, new Set());
}
