import { connect } from "@holdfast/client";
import { visitor } from "./visitor/visitor.ts";

const origin = location.origin;
const { token } = visitor;

// #region listening
/** Only the server speaks. */
export const listening = connect(origin, { need: "receive", token });
// #endregion

// #region talking
/** Both sides speak. */
export const talking = connect(origin, { need: "duplex", token });
// #endregion

for (const client of [listening, talking]) visitor.clients.add(client);
