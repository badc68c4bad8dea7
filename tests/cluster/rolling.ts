import { Campaign, type Tally } from "./campaign.ts";

const NODES = 3;
const WORK_MS = 1_500;

/** Under load one node after the other is stopped, as an orchestrator stops it, and started again: nobody may notice. */
export async function runRollingRestart(passes: number, seed: number): Promise<Tally> {
  const campaign = await Campaign.open({ nodeCount: NODES, seed, hasLongWork: false });
  try {
    for (let pass = 1; pass <= passes; pass++) await restartAll(campaign, pass);
    await campaign.drain();
    await campaign.audit();
    campaign.countFigures(passes * NODES, []);
    return campaign.tally;
  } finally {
    await campaign.close();
  }
}

async function restartAll(campaign: Campaign, pass: number): Promise<void> {
  for (const node of campaign.cluster.nodes) {
    campaign.keepBusy();
    await new Promise((resolve) => setTimeout(resolve, WORK_MS));
    const { inFlight } = campaign;
    const startedAt = Date.now();
    const code = await node.stop();
    const stoppedAt = Date.now();
    const faults = code === 0 ? [] : [`it ends with ${code}:\n${node.output}`];
    if (inFlight === 0) faults.push("nothing was in flight");
    if (!(await node.start())) faults.push(`it does not start:\n${node.output}`);
    campaign.count({ name: `pass ${pass}, node ${node.number}`, faults });
    console.log(
      `pass ${pass}: node ${node.number} drained in ${stoppedAt - startedAt} ms with ${inFlight} in flight; ${campaign.progress()}`,
    );
  }
}
