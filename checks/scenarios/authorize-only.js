// Authorizations at full load: six minutes at 1,050 a second.
import { authorize, merchant, options as load } from './lib/payments.js';

export { setup } from './lib/payments.js';
export const options = load({
  rate: 1050,
  seconds: 360,
  vus: [800, 1500],
  thresholds: { http_req_duration: ['p(95)<1000'], authorize_duration: ['p(95)<500'] },
});

export default ({ run }) => {
  authorize(run, merchant());
};
