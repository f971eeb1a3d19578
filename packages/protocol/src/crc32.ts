/** The polynomial of gzip's CRC-32, with the highest power in the lowest bit. RFC 1952 §8. */
const polynomial = 0xedb88320;

/** 1, in that order of bits. */
const one = 0x80000000 | 0;

/** The product of two polynomials modulo that of the CRC. */
function multiply(a: number, b: number): number {
  let product = 0;
  let left = a;
  let right = b;
  while (left !== 0) {
    if (left < 0) product ^= right;
    left <<= 1;
    right = (right >>> 1) ^ (right & 1 ? polynomial : 0);
  }
  return product;
}

/** What the CRC of something is multiplied by when this many bytes follow it: x^(8·bytes). In time of the logarithm of it. */
export function crc32Shift(bytes: number): number {
  let shift = one;
  // x^8, and then its squares.
  let power = one >>> 8;
  for (let left = bytes; left > 0; left = Math.floor(left / 2)) {
    if (left % 2 === 1) shift = multiply(shift, power);
    power = multiply(power, power);
  }
  return shift;
}

/** The CRC-32 of two pieces of bytes one after the other, of which only the CRCs are known, and the shift of the second. */
export function joinCrc32(first: number, second: number, shiftOfSecond: number): number {
  return (multiply(shiftOfSecond, first | 0) ^ second) >>> 0;
}
