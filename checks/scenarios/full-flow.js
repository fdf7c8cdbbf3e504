// Payments with capture and refund: six minutes at 300 a second.
import { options as load, pay, stepsOf } from './lib/payments.js';

export { setup } from './lib/payments.js';
const steps = stepsOf(['authorize', 'capture', 'refund']);
export const options = load({
  rate: 300,
  seconds: 360,
  vus: [800, 1500],
  p95: { all: 800, authorize: 500, capture: 600, refund: 700 },
  steps,
});

export default ({ run }) => pay(run, steps);
