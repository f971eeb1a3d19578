/**
 * A long poll is a poll that the server may hold until there is news: the request says for how long (`waitMs`), and
 * nothing else differs. Rule SES-6.
 */
export { openPoll as openLongPoll } from "./poll.ts";
