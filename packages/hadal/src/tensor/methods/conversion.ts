/** Methods that change the dtype. */
import type { DType } from '../../base/dtype.js';
import { checkDType, isFloat } from '../../base/dtype.js';
import { TensorBase } from '../base.js';
import type { Tensor } from '../tensor.js';

export abstract class ConversionMethods extends TensorBase {
  /**
   * The same values in another dtype, or this tensor if it has that dtype: float to integer cuts off, integers wrap, anything to bool
   * asks whether it is not zero.
   *
   * @param dtype its name, or a tensor that has it.
   * @throws DTypeError if there is no such dtype.
   */
  to(dtype: DType | Tensor): Tensor {
    const wanted = checkDType(typeof dtype === 'object' && dtype !== null ? dtype.dtype : dtype);
    return wanted === this.dtype ? this.self : this.wrap(this.ops.cast(this.value, wanted));
  }
  typeAs(other: Tensor): Tensor {
    return this.to(other);
  }
  /** As float32. */
  float(): Tensor {
    return this.to('float32');
  }
  /** As float64. */
  double(): Tensor {
    return this.to('float64');
  }
  /** As float16. */
  half(): Tensor {
    return this.to('float16');
  }
  bfloat16(): Tensor {
    return this.to('bfloat16');
  }
  /** As int8. */
  char(): Tensor {
    return this.to('int8');
  }
  /** As int16. */
  short(): Tensor {
    return this.to('int16');
  }
  /** As int32. */
  int(): Tensor {
    return this.to('int32');
  }
  /** As int64. */
  long(): Tensor {
    return this.to('int64');
  }
  /** As uint8. */
  byte(): Tensor {
    return this.to('uint8');
  }
  /** Whether each element is not zero. */
  bool(): Tensor {
    return this.to('bool');
  }

  isFloatingPoint(): boolean {
    return isFloat(this.dtype);
  }
}
