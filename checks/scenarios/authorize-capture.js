// Authorizations and their captures at full load: six minutes at 1,050 payments a second.
import { options as load, pay, stepsOf } from './lib/payments.js';

export { setup } from './lib/payments.js';
const steps = stepsOf(['authorize', 'capture']);
export const options = load({
  rate: 1050,
  seconds: 360,
  vus: [800, 1500],
  p95: { all: 1000, authorize: 500, capture: 600, refund: 700 },
  steps,
});

export default ({ run }) => pay(run, steps);
