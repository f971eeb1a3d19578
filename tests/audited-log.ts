import { type AppendResult, MemoryBroker } from "@holdfast/core/broker";
import type { Cursor, Draft } from "@holdfast/protocol";
import { Checker, TruthLog } from "@holdfast/testkit";
import { drawSeed } from "./transports-under-test.ts";

/** A log that writes down whatever it takes, for the audits of those who publish to it and read it. */
export class AuditedLog extends MemoryBroker {
  readonly checker = new Checker({ mode: "every", maxLag: 0 });

  constructor() {
    super({ clock: { now: () => Date.now() }, epochSeed: drawSeed() });
  }

  override async append(channel: string, drafts: readonly Draft[], ifMatch?: Cursor): Promise<AppendResult> {
    const appended = await super.append(channel, drafts, ifMatch);
    let truth = this.checker.log(channel);
    if (truth === undefined) {
      const { epoch, floor } = await this.range(channel);
      truth = new TruthLog(channel, epoch, floor);
      this.checker.began(truth);
    }
    this.checker.appended(truth, drafts, appended.results);
    return appended;
  }
}
