// An Express service with the same trivial rule, one process a worker.
import cluster from "node:cluster";
import express from "express";

const [port, workers] = process.argv.slice(2).map(Number);
if (cluster.isPrimary) {
  for (let n = 0; n < workers; n += 1) cluster.fork();
  process.on("SIGTERM", () => process.exit(0));
} else {
  const app = express();
  app.use(express.json({ limit: "10mb" }));
  app.get("/healthz", (_, answer) => answer.send("ok"));
  app.post("/cds-services/b12-patient-view", (request, answer) => {
    const entries = request.body.prefetch?.b12?.entry ?? [];
    const low = entries.some((entry) => (entry.resource?.valueQuantity?.value ?? 1e9) < 150);
    const summary = low ? "B12 is low" : "B12 is not low";
    answer.json({ cards: [{ summary, indicator: "info", source: { label: "peer" } }] });
  });
  app.listen(port, "127.0.0.1");
}
