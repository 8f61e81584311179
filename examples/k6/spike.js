// A crowd of keyed buyers, for your own front: k6 run -e FRONT=https://shop.test -e SALE=ticket spike.js. README.md has the settings.
import { sleep } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { Counter, Rate } from "k6/metrics";
import { outcome, outcomes, pause } from "./outcome.js";

const front = __ENV.FRONT || "http://127.0.0.1:3005";
const sale = __ENV.SALE || "ticket";
const tries = Number(__ENV.TRIES || 3);
const run = __ENV.RUN || String(Date.now()); // another run has other buyers

const answered = new Counter("spike_answers"); // each answer, by its code
const ended = new Counter("spike_buyers"); // each buyer, by the code of the last answer
const undecided = new Rate("spike_undecided"); // of all answers
const refused = new Rate("spike_refused"); // of all answers: this script, or the front, is wrong

http.setResponseCallback(http.expectedStatuses(201, 202, 409, 410, 425, 429)); // a "no" is an answer: http_req_failed is for the rest

// A threshold for a code shows it in the summary. It cannot fail.
const shown = Object.fromEntries(Object.keys(outcomes).map((code) => [`spike_buyers{code:${code}}`, ["count>=0"]]));

export const options = {
  scenarios: {
    crowd: {
      executor: "constant-arrival-rate", // buyers come whether or not others are answered
      rate: Number(__ENV.RATE || 500),
      timeUnit: "1s",
      duration: __ENV.DURATION || "30s",
      preAllocatedVUs: Number(__ENV.BUYERS || 500),
      maxVUs: 4 * Number(__ENV.BUYERS || 500),
    },
  },
  thresholds: {
    ...shown,
    spike_undecided: ["rate<0.001"],
    spike_refused: ["rate==0"],
    http_req_duration: ["p(99)<500"],
    dropped_iterations: ["count==0"], // else k6 was too slow, and the crowd smaller than it says
  },
};

// One buyer: one key, sent until it is decided, or as often as TRIES says.
export default function () {
  const buyer = `k6-${run}-${exec.scenario.iterationInTest}`;
  const params = { headers: { "Idempotency-Key": `${buyer}-0123456789abcdef`, [__ENV.BUYER_HEADER || "X-Buyer-Id"]: buyer }, timeout: "15s" };
  let code;
  for (let i = 0; i < tries; i++) {
    const answer = http.post(`${front}/v1/sales/${sale}/reservations`, null, params);
    code = outcome(answer.status, answer.body);
    answered.add(1, { code });
    undecided.add(code === "undecided");
    refused.add(code === "refused");
    if (!outcomes[code]) break;
    if (i + 1 < tries) sleep(pause(answer.headers["Retry-After"], answer.body));
  }
  ended.add(1, { code });
}
