// A few seconds of authorizations at a gentle rate: enough to see that a platform takes payments.
import { authorize, merchant, options as load } from './lib/payments.js';

export { setup } from './lib/payments.js';
export const options = load({
  rate: 30,
  seconds: 5,
  vus: [20, 60],
  thresholds: { http_req_duration: ['p(95)<500'], authorize_duration: ['p(95)<500'] },
});

export default ({ run }) => {
  authorize(run, merchant());
};
