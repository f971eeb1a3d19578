// The few globals that every JavaScript platform has and the ECMAScript library types leave out.
// Neither DOM nor Node types belong in this package.
declare class TextEncoder {
  encode(text?: string): Uint8Array<ArrayBuffer>;
  encodeInto(text: string, into: Uint8Array): { read: number; written: number };
}
declare class TextDecoder {
  constructor(label?: string, options?: { fatal?: boolean; ignoreBOM?: boolean });
  decode(bytes?: Uint8Array, options?: { stream?: boolean }): string;
}
declare function btoa(binary: string): string;
declare function atob(base64: string): string;
