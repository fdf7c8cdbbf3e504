// Authorizations and their captures at full load: six minutes at 1,050 payments a second.
import { authorize, capture, merchant, options as load } from './lib/payments.js';

export { setup } from './lib/payments.js';
export const options = load({
  rate: 1050,
  seconds: 360,
  vus: [800, 1500],
  thresholds: {
    http_req_duration: ['p(95)<1000'],
    authorize_duration: ['p(95)<500'],
    capture_duration: ['p(95)<600'],
  },
});

export default ({ run }) => {
  const merchantId = merchant();
  const paymentId = authorize(run, merchantId);
  if (paymentId !== null) capture(paymentId, merchantId);
};
