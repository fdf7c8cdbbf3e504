// A few seconds of authorizations at a gentle rate: enough to see that a platform takes payments.
import { options as load, pay, stepsOf } from './lib/payments.js';

export { setup } from './lib/payments.js';
const steps = stepsOf(['authorize']);
export const options = load({
  rate: 30,
  seconds: 5,
  vus: [20, 60],
  p95: { all: 500, authorize: 500, capture: 600, refund: 700 },
  steps,
});

export default ({ run }) => pay(run, steps);
