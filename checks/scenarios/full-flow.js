// Payments with capture and refund: six minutes at 300 a second, merchants with odd numbers only.
import { authorize, capture, durations, merchant, options as load, refund } from './lib/payments.js';

export { setup } from './lib/payments.js';
export const options = load({
  rate: 300,
  seconds: 360,
  vus: [800, 1500],
  thresholds: {
    http_req_duration: ['p(95)<800'],
    authorize_duration: ['p(95)<500'],
    capture_duration: ['p(95)<600'],
    refund_duration: ['p(95)<700'],
    full_flow_duration: ['p(95)<2800'],
  },
});

export default ({ run }) => {
  const merchantId = merchant(2);
  const startedAt = Date.now();
  const paymentId = authorize(run, merchantId);
  if (paymentId === null || !capture(paymentId, merchantId)) return;
  if (refund(paymentId, merchantId)) durations.full_flow.add(Date.now() - startedAt);
};
