/** The instructions of float arithmetic by what they work on: packed f32, one f32, one f64. */
import type { BinaryOp } from '../../kernel/l3.js';
import type { Form } from './instructions.js';
import { I } from './instructions.js';

export type ThreeOperands = Form<readonly ['v', 'v', 'vm']>;
export type ScalarThree = Form<readonly ['x', 'x', 'xm']>;
type FloatOp = Extract<BinaryOp, 'add' | 'sub' | 'mul' | 'div' | 'min' | 'max'>;
type Float32Op = FloatOp | 'scale';

/** Packed f32, by name, since horizontal ops are found here as well. */
export const floatPacked: { readonly [op: string]: ThreeOperands } = {
  add: I.vaddps,
  sub: I.vsubps,
  mul: I.vmulps,
  div: I.vdivps,
  min: I.vminps,
  max: I.vmaxps,
  scale: I.vscalefps,
} satisfies { readonly [K in Float32Op]: ThreeOperands };

/** Packed f64. */
export const doublePacked: { readonly [op: string]: ThreeOperands } = {
  add: I.vaddpd,
  sub: I.vsubpd,
  mul: I.vmulpd,
  div: I.vdivpd,
  min: I.vminpd,
  max: I.vmaxpd,
} satisfies { readonly [K in FloatOp]: ThreeOperands };

interface ScalarForms {
  readonly binary: { readonly [op: string]: ScalarThree };
  readonly sqrt: ScalarThree;
  readonly round: Form<readonly ['x', 'x', 'xm', 'i']>;
  readonly fma231: ScalarThree;
  readonly fma213: ScalarThree;
  readonly fma132: ScalarThree;
  readonly flags: Form<readonly ['x', 'xm']>;
  readonly compare: Form<readonly ['x', 'x', 'xm', 'i']>;
  readonly compareMask: Form<readonly ['k', 'x', 'xm', 'i']>;
  /** Choosing by a mask register, and by the sign bits of a vector. */
  readonly blendMask: ThreeOperands;
  readonly blend: Form<readonly ['v', 'v', 'vm', 'v']>;
  readonly load: Form<readonly ['x', 'm']>;
  readonly store: Form<readonly ['m', 'x']>;
}

export const scalarForms: { readonly [K in 'f32' | 'f64']: ScalarForms } = {
  f32: {
    binary: {
      add: I.vaddss,
      sub: I.vsubss,
      mul: I.vmulss,
      div: I.vdivss,
      min: I.vminss,
      max: I.vmaxss,
      scale: I.vscalefss,
    } satisfies { readonly [K in Float32Op]: ScalarThree },
    sqrt: I.vsqrtss,
    round: I.vroundss,
    fma231: I.vfmadd231ss,
    fma213: I.vfmadd213ss,
    fma132: I.vfmadd132ss,
    flags: I.vucomiss,
    compare: I.vcmpss,
    compareMask: I.vcmpssMask,
    blendMask: I.vblendmps,
    blend: I.vblendvps,
    load: I.vmovssLoad,
    store: I.vmovssStore,
  },
  f64: {
    binary: {
      add: I.vaddsd,
      sub: I.vsubsd,
      mul: I.vmulsd,
      div: I.vdivsd,
      min: I.vminsd,
      max: I.vmaxsd,
    } satisfies { readonly [K in FloatOp]: ScalarThree },
    sqrt: I.vsqrtsd,
    round: I.vroundsd,
    fma231: I.vfmadd231sd,
    fma213: I.vfmadd213sd,
    fma132: I.vfmadd132sd,
    flags: I.vucomisd,
    compare: I.vcmpsd,
    compareMask: I.vcmpsdMask,
    blendMask: I.vblendmpd,
    blend: I.vblendvpd,
    load: I.vmovsdLoad,
    store: I.vmovsdStore,
  },
};
