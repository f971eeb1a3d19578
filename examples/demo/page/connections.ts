import { connect } from "@holdfast/client";
import { visitor } from "./visitor/visitor.ts";

const origin = location.origin;

// #region listening
/** Only the server speaks. */
export const listening = connect(origin, { need: "receive", token: visitor.source() });
// #endregion

// #region talking
/** Both sides speak. */
export const talking = connect(origin, { need: "duplex", token: visitor.source() });
// #endregion

for (const client of [listening, talking]) visitor.clients.add(client);
