import { startBadge } from "./badge.ts";
import { startChat } from "./chat.ts";
import { listening, talking } from "./connections.ts";
import { startDeploy } from "./deploy/deploy.ts";
import { find } from "./find.ts";
import { startJob } from "./job.ts";
import { startMachine } from "./machine.ts";
import { startPlain } from "./plain/plain.ts";
import { startBench } from "./proof/bench.ts";
import { startThemeButton } from "./theme-button.ts";
import { visitor } from "./visitor/visitor.ts";
import { VisitorView } from "./visitor/visitor-view.ts";

startThemeButton();
find("[data-origin]", HTMLElement).textContent = location.origin;
// What follows has something of the visitor's own in it.
await visitor.signIn();
const view = new VisitorView([listening, talking]);
startJob();
startPlain();
await Promise.all([view.read(), startMachine(), startChat(), startBadge(), startDeploy(), startBench()]);
