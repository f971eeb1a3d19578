import {
  create,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { ChannelEvent, Client, PublishOptions, PublishResult, SubscribeOptions } from "@holdfast/client";

/** A channel of which every event is one Protocol Buffers message, and names its type. */
export class ProtobufChannel<Schema extends DescMessage> {
  readonly #client: Client;
  readonly #name: string;
  readonly #schema: Schema;

  constructor(client: Client, name: string, schema: Schema) {
    this.#client = client;
    this.#name = name;
    this.#schema = schema;
  }

  /** Resolves once the message is in the log. */
  publish(
    message: MessageInitShape<Schema>,
    options: PublishOptions & { readonly key?: string; readonly id?: string } = {},
  ): Promise<PublishResult> {
    const bytes = toBinary(this.#schema, create(this.#schema, message));
    return this.#client.publish(this.#name, bytes, { ...options, type: this.#schema.typeName });
  }

  /** Each event with its message as `data`; throws a `TypeError` at one that is none of this type. */
  async *read(
    options: Omit<SubscribeOptions, "onEvent"> = {},
  ): AsyncGenerator<ChannelEvent<MessageShape<Schema>>> {
    for await (const event of this.#client.subscribe(this.#name, options)) {
      yield { ...event, data: this.#decode(event) };
    }
  }

  #decode({ data, type, cursor }: ChannelEvent): MessageShape<Schema> {
    const { typeName } = this.#schema;
    if (type === typeName && data instanceof Uint8Array) return fromBinary(this.#schema, data);
    throw new TypeError(`The event at ${cursor} is no ${typeName}, but ${type ?? `a ${typeof data}`}.`);
  }
}
