import { connect } from "@holdfast/client";

const origin = location.origin;

// #region listening
/** Only the server speaks. */
export const listening = connect(origin, { need: "receive" });
// #endregion

// #region talking
/** Both sides speak. */
export const talking = connect(origin, { need: "duplex" });
// #endregion
