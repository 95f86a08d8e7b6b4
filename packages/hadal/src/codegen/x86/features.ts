/** What the code generator may use of a processor. */
export interface X86Features {
  /** 'avx512' needs F, BW, DQ and VL (and has FMA, F16C and BMI2); 'avx2' needs AVX2, FMA, F16C and BMI2. */
  readonly level: 'avx512' | 'avx2';
  /** How kernels are called: as on Linux and macOS if not given. Windows has its own way (Microsoft, "x64 calling convention"). */
  readonly convention?: 'system V' | 'windows';
}
