import { startBadge } from "./badge.ts";
import { startChat } from "./chat.ts";
import { startDeploy } from "./deploy/deploy.ts";
import { find } from "./find.ts";
import { startJob } from "./job.ts";
import { startMachine } from "./machine.ts";
import { startBench } from "./proof/bench.ts";
import { startThemeButton } from "./theme-button.ts";

startThemeButton();
find("[data-origin]", HTMLElement).textContent = location.origin;
startJob();
await Promise.all([startMachine(), startChat(), startBadge(), startDeploy(), startBench()]);
